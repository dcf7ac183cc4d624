"""Which files of a partition are still needed, by everything that was recorded of it; what is not named here may go.

A file is kept where readers may see it, where it waits for somebody, where it can be given back, where a later night
compares with it, and where a record is young enough to be replayed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import Field

from orders_monitor.core.candidate import Candidate
from orders_monitor.core.landing import Landing
from orders_monitor.core.measures import Memory
from orders_monitor.core.publication import Claimed
from orders_monitor.core.review import Publication
from orders_monitor.core.value import Value

# A hundred years: what is longer than the calendar is no time.
DAYS_MAX = 36_500


class Retention(Value):
    """How far a table can go back.

    To the newest `keep_versions` of each partition, today's included, and to all that readers saw in the last
    `keep_days` days. What was recorded in these days can be replayed too.
    """

    keep_versions: int = Field(default=5, ge=1)
    keep_days: int = Field(default=90, ge=1, le=DAYS_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What was recorded of one partition, each in its order and with its time (UTC, ISO text)."""

    landings: Sequence[tuple[str, Landing]] = ()
    candidates: Sequence[tuple[str, Candidate]] = ()
    memories: Sequence[tuple[str, Memory]] = ()
    claims: Sequence[Claimed] = ()

    def needed(self, *, keep_versions: int, since: str) -> frozenset[str]:
        """The paths of the files that are needed; `since` is the time (UTC, ISO text) from which all is kept."""
        kept = set(self._kept(keep_versions, since))
        return frozenset(
            [
                *self._young(since),
                *self._newest(),
                *(p.path for p in kept),
                *(c.publication.path for c in self.claims if c.is_open),
                *(path for publication in kept for path in self._made_of(publication)),
            ]
        )

    def restorable(self, *, keep_versions: int, since: str) -> tuple[Publication, ...]:
        """The publications that can be given back, today's included, oldest first."""
        return tuple(sorted(self._kept(keep_versions, since), key=lambda p: p.number))

    def _kept(self, keep_versions: int, since: str) -> Iterator[Publication]:
        """The newest so many different files that readers were given, and those that they saw later than `since`."""
        written = [claimed for claimed in self.claims if claimed.is_written]
        newest: list[str] = []
        replaced_at: str | None = None
        for claimed in sorted(written, key=lambda c: -c.publication.number):
            path = claimed.publication.path
            if path not in newest:
                newest.append(path)
            if newest.index(path) < keep_versions or replaced_at is None or replaced_at >= since:
                yield claimed.publication
            replaced_at = claimed.ended_at

    def _young(self, since: str) -> Iterator[str]:
        yield from (landing.path for at, landing in self.landings if at >= since)
        yield from (memory.path for at, memory in self.memories if at >= since)
        for at, candidate in self.candidates:
            if at >= since:
                yield from _files_of(candidate)

    def _newest(self) -> Iterator[str]:
        """What waits, what was approved, and what later partitions are compared with."""
        yield from (landing.path for _, landing in self.landings[-1:])
        yield from (memory.path for _, memory in self.memories[-1:])
        for _, candidate in self.candidates[-1:]:
            yield from _files_of(candidate)
            yield from self._landed_as(candidate)

    def _made_of(self, publication: Publication) -> Iterator[str]:
        """What a publication was made of: with it, giving it back is as if it had never been replaced."""
        for _, candidate in self.candidates:
            if (candidate.plan_digest, candidate.path) == (publication.plan_digest, publication.path):
                yield from _files_of(candidate)
                yield from self._landed_as(candidate)

    def _landed_as(self, candidate: Candidate) -> Iterator[str]:
        yield from (landing.path for _, landing in self.landings if landing.digest == candidate.landed_digest)


def _files_of(candidate: Candidate) -> Iterator[str]:
    yield candidate.path
    if candidate.quarantine_path is not None:
        yield candidate.quarantine_path
