"""verifying: whether lake, Delta log and journal say the same, and how to mend what differs."""

import shlex
from collections.abc import Iterator
from datetime import datetime

from orders_monitor.adapters.delta.log import DeltaLog
from orders_monitor.adapters.journal.feedback import review_chain
from orders_monitor.core.candidate import Candidate
from orders_monitor.core.command import command
from orders_monitor.core.feedback import DECIDED, Decided
from orders_monitor.core.publication import Claimed
from orders_monitor.core.retention import Recorded
from orders_monitor.core.review import Publication
from orders_monitor.core.value import Value
from orders_monitor.pipeline.resources import Desk
from orders_monitor.pipeline.tidying import recorded_of, since_of

# What Delta itself commits on the way to a table, and what changes no row.
_NO_ROWS = ("CREATE TABLE", "SET TBLPROPERTIES", "ADD COLUMN", "OPTIMIZE", "VACUUM START", "VACUUM END")
NO_COMMAND = "readers do not see it; that version can be restored no more"


class Difference(Value):
    """Something that is not as it should be: where, what, and the command (or first step) that mends it."""

    partition: str
    sentence: str
    mend: str


class Verified(Value):
    """What was looked at, and what differs. `notes` are what a person should know and nothing has to be mended for."""

    table: str
    partitions: int
    files: int
    size_bytes: int
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]


class Verifier:
    """One look at everything, or at one partition. Raises StoreUnavailable where a store cannot be read at all."""

    def __init__(self, desk: Desk, *, now: datetime, partition: str | None = None) -> None:
        self._desk, self._partition = desk, partition
        log = DeltaLog(desk.settings.lake_root)
        self._commits, self._listed = log.commits(desk.table.name), log.files(desk.table.name)
        self._recorded = recorded_of(desk, partition)
        self._since = since_of(now, desk.table.retention.keep_days)
        self._seen: dict[str, int] = {}
        self._lost: list[str] = []  # commits that are gone, and that nothing has to be mended for

    def verified(self) -> Verified:
        """Look."""
        found = [difference for key, recorded in self._recorded.items() for difference in self._of(key, recorded)]
        found += [*self._answers(), *self._past_the_gate(), *self._chains()]
        return Verified(
            table=self._desk.table.name,
            partitions=len(self._recorded),
            files=len(self._seen),
            size_bytes=sum(self._seen.values()),
            differences=tuple(found),
            notes=tuple(self._notes()),
        )

    def _of(self, key: str, recorded: Recorded) -> Iterator[Difference]:
        yield from self._receipts(key, recorded)
        yield from self._current(key, recorded)
        kept = recorded.restorable(keep_versions=self._desk.table.retention.keep_versions, since=self._since)
        for publication in kept:
            mend = self._again(key) if publication == kept[-1] else NO_COMMAND
            yield from self._made_of(publication, recorded, mend=mend)
        for _, landing in recorded.landings[-1:]:
            yield from self._file(key, landing.path, landing.digest, rows=landing.rows, mend=self._again(key))
        for _, candidate in recorded.candidates[-1:]:
            yield from self._files_of(key, candidate, mend=self._again(key))

    def _receipts(self, key: str, recorded: Recorded) -> Iterator[Difference]:
        """Every receipt is a commit with its marks, every commit has a receipt."""
        known = {(c.number, c.digest): c.version for c in self._commits if c.partition == key and c.number}
        newest = max((c for c in recorded.claims if c.is_written), key=lambda c: c.publication.number, default=None)
        for claimed in recorded.claims:
            publication = claimed.publication
            version = known.pop((str(publication.number), publication.digest), None)
            sentence = _of_receipt(claimed, version)
            if sentence is not None and claimed.is_written and version is None and claimed != newest:
                self._lost.append(f"{key}: {sentence}; readers see a later one")
            elif sentence is not None:
                lost = self._restore(key, recorded) if claimed.is_written else self._again(key)
                mend = self._typed("publish", key) if claimed.is_open else lost
                yield Difference(partition=key, sentence=sentence, mend=mend)
        for (number, _), version in known.items():
            sentence = f"version {version} says that it is publication {number}, and the journal knows no such claim"
            yield Difference(partition=key, sentence=sentence, mend=self._restore(key, recorded))

    def _current(self, key: str, recorded: Recorded) -> Iterator[Difference]:
        """Readers see the newest publication, with as many rows as were approved."""
        written = [c.publication for c in recorded.claims if c.is_written]
        newest = max(written, key=lambda p: p.number, default=None)
        listed = {each.path: each for each in self._listed if each.partition == key}
        if set(listed) != ({newest.path} if newest is not None else set()):
            seen = ", ".join(sorted(listed)) or "no file"
            wanted = "nothing" if newest is None else f"{newest.path} (version {newest.delta_version})"
            sentence = f"readers see {seen}, and what was published is {wanted}"
            yield Difference(partition=key, sentence=sentence, mend=self._restore(key, recorded))
        elif newest is not None and listed[newest.path].rows not in (None, newest.rows):
            sentence = f"the log says {listed[newest.path].rows} rows of {newest.path}, and {newest.rows} were approved"
            yield Difference(partition=key, sentence=sentence, mend=self._restore(key, recorded))

    def _made_of(self, publication: Publication, recorded: Recorded, *, mend: str) -> Iterator[Difference]:
        """A version that can be given back: its candidate is recorded, and every file of it is what it was."""
        key = publication.partition
        made = [
            c for _, c in recorded.candidates if (c.plan_digest, c.path) == (publication.plan_digest, publication.path)
        ]
        if not made:
            sentence = f"the journal has no candidate of version {publication.delta_version}"
            yield Difference(partition=key, sentence=sentence, mend=mend)
            return
        if made[-1].rows != publication.rows:
            sentence = (
                f"version {publication.delta_version} has {publication.rows} rows, and its candidate {made[-1].rows}"
            )
            yield Difference(partition=key, sentence=sentence, mend=mend)
        yield from self._files_of(key, made[-1], mend=mend)
        for _, landing in recorded.landings:
            if landing.digest == made[-1].landed_digest:
                yield from self._file(key, landing.path, landing.digest, rows=landing.rows, mend=mend)

    def _files_of(self, key: str, candidate: Candidate, *, mend: str) -> Iterator[Difference]:
        yield from self._file(key, candidate.path, candidate.digest, rows=candidate.rows, mend=mend)
        if candidate.quarantine_path is not None:
            digest, rows = candidate.quarantine_digest or "", candidate.quarantined_rows
            yield from self._file(key, candidate.quarantine_path, digest, rows=rows, mend=mend)

    def _file(self, key: str, path: str, digest: str, *, rows: int, mend: str) -> Iterator[Difference]:
        """The file is there, its bytes are those that were recorded, and it has as many rows. Looked at once."""
        if path in self._seen:
            return
        place = self._desk.lake.path(path)
        self._seen[path] = place.stat().st_size if place.is_file() else 0
        if not place.is_file():
            yield Difference(partition=key, sentence=f"{path} is gone", mend=mend)
        elif self._desk.lake.digest(path) != digest:
            yield Difference(
                partition=key, sentence=f"{path} was changed", mend=f"rm -f {shlex.quote(str(place))}; {mend}"
            )
        elif self._desk.engine.rows(place) != rows:
            sentence = f"{path} has {self._desk.engine.rows(place)} rows, and {rows} were counted"
            yield Difference(partition=key, sentence=sentence, mend=mend)

    def _answers(self) -> Iterator[Difference]:
        """Every decision is what was recorded of it, and every publication has the approval that allowed it."""
        journal, table = self._desk.journal, self._desk.table.name
        rows = {d.id: d for d in journal.all_decisions(table, partition=self._partition)}
        recorded = journal.records(table, (DECIDED,), partition=self._partition)
        made = {then.id: then for then in (Decided.model_validate(event.body).decision for event in recorded)}
        for then in made.values():
            if rows.get(then.id) != then:
                now = "is gone" if then.id not in rows else "is not what it was"
                sentence = f"decision {then.id}, {then.verdict} by {then.reviewer}, {now}"
                yield Difference(partition=then.partition, sentence=sentence, mend=self._told(then.partition))
        for key, each in self._recorded.items():
            for publication in (c.publication for c in each.claims if c.is_written):
                answer = made.get(publication.decision_id) or rows.get(publication.decision_id)
                if answer is None or (answer.verdict, answer.digest) != ("approve", publication.digest):
                    sentence = f"publication {publication.number} names decision {publication.decision_id}, no approval"
                    yield Difference(partition=key, sentence=f"{sentence} of it", mend=self._told(key))

    def _past_the_gate(self) -> Iterator[Difference]:
        """Files of partitions that nobody published."""
        for listed in self._listed:
            if self._partition is None and listed.partition not in self._recorded:
                sentence = f"readers see {listed.path}, and nobody published it"
                yield Difference(partition=listed.partition, sentence=sentence, mend=self._again(listed.partition))

    def _chains(self) -> Iterator[Difference]:
        """The record of every run is what was written."""
        if self._partition is None:
            broken = self._desk.journal.verify_all()
        else:
            events = self._desk.journal.records(self._desk.table.name, ("plan", DECIDED), partition=self._partition)
            found = (self._desk.journal.verify(run_id) for run_id in dict.fromkeys(e.run_id for e in events))
            broken = tuple(filter(None, found))
        for each in broken:
            sentence = f"run {each.run_id}, event {each.seq}: {each.why}"
            yield Difference(
                partition=self._partition or "",
                sentence=sentence,
                mend=f"orders-monitor trace show {shlex.quote(each.run_id)}",
            )

    def _notes(self) -> Iterator[str]:
        """What another tool committed, whatever became of it, and the decisions that count for nothing."""
        yield from self._lost
        for commit in self._commits if self._partition is None else ():
            if not commit.partition and commit.operation not in _NO_ROWS:
                yield f"version {commit.version} ({commit.operation}) was written past the gate"
        desk, table, partition = self._desk, self._desk.table.name, self._partition
        here = desk.settings.environment
        cases = desk.journal.cases(table, environment=here) if partition is None else (desk.case(partition),)
        counted = {decision.id for case in cases for decision in case.decisions}
        for decision in desk.journal.all_decisions(table, partition=partition):
            if decision.id not in counted:
                who = f"{decision.verdict} by {decision.reviewer} ({decision.source})"
                yield f"{decision.partition}: decision {decision.id}, {who}, counts for nothing"

    def _restore(self, key: str, recorded: Recorded) -> str:
        written = [c.publication for c in recorded.claims if c.is_written]
        newest = max(written, key=lambda p: p.number, default=None)
        if newest is None:
            return self._again(key)
        return self._typed("restore", newest.partition, "--to", str(newest.delta_version))

    def _told(self, partition: str) -> str:
        """What people did about the partition, as it was recorded: from it, or from a backup, the row is put back."""
        return f"orders-monitor trace show {shlex.quote(review_chain(self._desk.table.name, partition))}"

    def _again(self, partition: str) -> str:
        return self._typed("run", "--partition", partition, "--again")

    def _typed(self, *words: str) -> str:
        return command(self._desk.table.name, *words)


def _of_receipt(claimed: Claimed, version: int | None) -> str | None:
    publication = claimed.publication
    which = f"publication {publication.number}"
    if claimed.is_open:
        written = "it is not written" if version is None else f"it is written as version {version}"
        return f"{which} has no receipt ({written})"
    if publication.voided:
        return None if version is None else f"{which} was given up, and is written as version {version}"
    if version is None:
        return f"{which} has a receipt for version {publication.delta_version}, and the log has no such commit"
    if version != publication.delta_version:
        return f"{which} has a receipt for version {publication.delta_version}, and is written as version {version}"
    return None
