"""tidying: the files of the lake that nothing needs any more are removed; killed anywhere, less of them are gone.

The files are listed before the journal is read, and each is removed only if nobody wanted it since: a night beside it
loses nothing.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from orders_monitor.adapters.delta.log import Commit, DeltaLog
from orders_monitor.adapters.lake import Stored
from orders_monitor.core.candidate import Candidate
from orders_monitor.core.errors import StoreUnavailable
from orders_monitor.core.landing import Landing
from orders_monitor.core.measures import Memory
from orders_monitor.core.publication import Claimed
from orders_monitor.core.retention import Recorded
from orders_monitor.core.times import recorded
from orders_monitor.pipeline.resources import Desk

# Longer than any run lives (`dagster.yaml`): what a run has written and not recorded yet is younger.
GRACE = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tidied:
    """What was removed (or would be, of a dry run), and what is left."""

    files: tuple[Stored, ...]
    scratches: tuple[Stored, ...]
    kept: int

    @property
    def freed_bytes(self) -> int:
        """How much that is."""
        return sum(each.size_bytes for each in (*self.files, *self.scratches))


def vacuum(desk: Desk, *, now: datetime, keep_days: int | None = None, dry_run: bool = False) -> Tidied:
    """Remove what the declared retention does not keep; `keep_days` replaces the declared one for this time.

    Raises StoreUnavailable, also where the journal is not this lake's; then no more is removed than was.
    """
    stored = desk.lake.stored(desk.table.name)
    needed = needed_files(desk, now=now, keep_days=keep_days)
    before_s = (now - GRACE).timestamp()
    old = [file for file in stored if file.path not in needed and file.modified_s < before_s]
    scratches = desk.lake.scratches(before_s=before_s)
    if dry_run:
        return Tidied(files=tuple(old), scratches=scratches, kept=len(stored) - len(old))
    removed = tuple(f for f in old if desk.lake.remove(f.path, unless_since_s=before_s) is not None)
    for scratch in scratches:
        desk.lake.sweep(scratch)
    return Tidied(files=removed, scratches=scratches, kept=len(stored) - len(removed))


def needed_files(desk: Desk, *, now: datetime, keep_days: int | None = None) -> frozenset[str]:
    """The paths of the files that something needs: what was recorded, and what the Delta log says that is current."""
    retention = desk.table.retention
    since = since_of(now, retention.keep_days if keep_days is None else keep_days)
    log, recorded = DeltaLog(desk.settings.lake_root), recorded_of(desk)
    _require_its_journal(desk, log.commits(desk.table.name), recorded)
    current = frozenset(listed.path for listed in log.files(desk.table.name))
    each_needed = (r.needed(keep_versions=retention.keep_versions, since=since) for r in recorded.values())
    return current.union(*each_needed)


def _require_its_journal(desk: Desk, commits: Sequence[Commit], recorded: Mapping[str, Recorded]) -> None:
    """To another journal, or to one that was put back from a backup, files are strange that this lake needs.

    Raises StoreUnavailable.
    """
    claims = ((key, c.publication) for key, each in recorded.items() for c in each.claims)
    known = {(key, str(publication.number), publication.digest) for key, publication in claims}
    strange = next((c for c in commits if c.number and (c.partition, c.number, c.digest) not in known), None)
    if strange is None and (recorded or not desk.lake.stored(desk.table.name)):
        return
    what = "it knows none of the files" if strange is None else f"it does not know version {strange.version}"
    raise StoreUnavailable(store="journal", why=f"{what}: is it the one of this lake, and whole? nothing was removed")


def since_of(now: datetime, days: int) -> str:
    """The time so many days ago, as records have it."""
    return recorded(now - timedelta(days=days))


def recorded_of(desk: Desk, partition: str | None = None) -> dict[str, Recorded]:
    """Everything that was recorded of files, by partition."""
    table = desk.table.name
    landings: defaultdict[str, list[tuple[str, Landing]]] = defaultdict(list)
    candidates: defaultdict[str, list[tuple[str, Candidate]]] = defaultdict(list)
    memories: defaultdict[str, list[tuple[str, Memory]]] = defaultdict(list)
    claims: defaultdict[str, list[Claimed]] = defaultdict(list)
    for event in desk.journal.records(table, ("landed", "candidate", "memory"), partition=partition):
        match event.kind:
            case "landed":
                landings[event.partition].append((event.recorded_at, Landing.model_validate(event.body)))
            case "candidate":
                candidates[event.partition].append((event.recorded_at, Candidate.model_validate(event.body)))
            case _:
                memories[event.partition].append((event.recorded_at, Memory.model_validate(event.body)))
    for claimed in desk.journal.claims(table, partition=partition):
        claims[claimed.publication.partition].append(claimed)
    return {
        key: Recorded(landings=landings[key], candidates=candidates[key], memories=memories[key], claims=claims[key])
        for key in sorted({*landings, *candidates, *memories, *claims})
    }
