"""One incident and not thirty messages: what is not well now, folded with what was noted before.

A partition that waits is one incident until it waits no more, whatever its plan becomes. Partitions with equal causes
are one; so are the same causes again within a week (a schema change over several nights), and a new level that goes on
since a partition of the incident. Notes are only added; an incident is their fold.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal

from orders_monitor.core.times import parsed
from orders_monitor.core.value import Value, digest_of

TroubleKind = Literal["case", "held", "failed"]
NoteKind = Literal["opened", "joined", "acknowledged", "settled"]
AGAIN_WITHIN = timedelta(days=7)


class Trouble(Value):
    """One thing that is not well now: a partition that waits (`case`) or is `held`, or something of ours that `failed`.

    `about` is the partition, or the breaker's zone. `causes` are what makes two of them one incident; `since` are
    partitions that began it; `modes` whose it is; `at` since when (UTC ISO text), `deadline` until when or empty.
    """

    table: str
    kind: TroubleKind
    about: str
    causes: tuple[str, ...] = ()
    since: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    at: str
    deadline: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether something of ours is broken, and not the data odd."""
        return self.kind == "failed"

    @property
    def group(self) -> str:
        """What equal troubles of several tables have in common."""
        return digest_of([self.is_ours, *sorted(self.causes)] if self.causes else [self.table, self.about])[:16]


class Note(Value):
    """What is noted of an incident, once: that it opened, who joined it, who takes care, that it is over."""

    incident: str
    kind: NoteKind
    at: str
    trouble: Trouble | None = None
    who: str = ""
    note: str = ""


class Incident(Value):
    """The fold of an incident's notes. `rounds` counts its openings; `acknowledged` is who takes care, or empty.

    `members` are what it was about since it opened last, `ever` since it opened first; `asked_at` is since when the
    first of the members waited, and `last_at` when the newest note was made (UTC ISO texts).
    """

    key: str
    trouble: Trouble
    members: tuple[str, ...]
    ever: tuple[str, ...]
    rounds: int
    asked_at: str
    last_at: str
    acknowledged: str = ""
    settled: bool = False

    def takes(self, trouble: Trouble, *, now: datetime) -> bool:
        """Whether that trouble is this incident going on."""
        if (trouble.table, trouble.is_ours) != (self.trouble.table, self.trouble.is_ours):
            return False
        if trouble.about in self.members and not self.settled:
            return True
        if not trouble.causes or not set(trouble.causes) <= set(self.trouble.causes):
            return False
        return bool(set(trouble.since) & set(self.ever)) or now - parsed(self.last_at) <= AGAIN_WITHIN

    def living(self, troubles: Iterable[Trouble]) -> tuple[Trouble, ...]:
        """Those of the troubles that are this incident, the longest waiting first."""
        mine = (each for each in troubles if self._is_of(each))
        return tuple(sorted(mine, key=lambda each: (parsed(each.at), each.about)))

    def _is_of(self, trouble: Trouble) -> bool:
        same = (trouble.table, trouble.is_ours) == (self.trouble.table, self.trouble.is_ours)
        return same and trouble.about in self.members


def fold(notes: Iterable[Note], incidents: Iterable[Incident] = ()) -> tuple[Incident, ...]:
    """Every incident, in the order in which they opened first; `incidents` are those that were known before."""
    found = {each.key: each for each in incidents}
    for note in notes:
        known = found.get(note.incident)
        if note.kind in ("opened", "joined") and note.trouble is not None:
            found[note.incident] = _grown(known, note, note.trouble)
        elif known is not None and note.kind == "acknowledged":
            found[note.incident] = known.model_copy(update={"acknowledged": note.who or "somebody"})
        elif known is not None and note.kind == "settled":
            found[note.incident] = known.model_copy(update={"settled": True, "last_at": note.at})
    return tuple(found.values())


def follow(incidents: Sequence[Incident], troubles: Sequence[Trouble], *, now: datetime) -> tuple[Note, ...]:
    """What is to be noted now: the troubles of one table against its incidents."""
    at, notes, known = now.isoformat(timespec="seconds"), [], {each.key: each for each in incidents}
    for trouble in sorted(troubles, key=lambda each: (each.about, each.kind)):
        home = _home(known.values(), trouble, now=now)
        if home is not None and not home.settled and trouble.about in home.members:
            continue
        key = _key(trouble) if home is None else home.key
        kind: NoteKind = "opened" if home is None or home.settled else "joined"
        note = Note(incident=key, kind=kind, at=at, trouble=trouble)
        known[key] = _grown(known.get(key), note, trouble)
        notes.append(note)
    over = [each for each in known.values() if not each.settled and not each.living(troubles)]
    return (*notes, *(Note(incident=each.key, kind="settled", at=at) for each in over))


def _home(incidents: Iterable[Incident], trouble: Trouble, *, now: datetime) -> Incident | None:
    """The incident that goes on with this trouble: an open one before one that was settled, the newest of those."""
    taking = [each for each in incidents if each.takes(trouble, now=now)]
    return max(taking, key=lambda each: (not each.settled, trouble.about in each.members, each.last_at), default=None)


def _grown(known: Incident | None, note: Note, trouble: Trouble) -> Incident:
    if known is None:
        own = (trouble.about,)
        return Incident(
            key=note.incident,
            trouble=trouble,
            members=own,
            ever=own,
            rounds=1,
            asked_at=trouble.at,
            last_at=note.at,
        )
    opened = note.kind == "opened"
    grown: dict[str, object] = {
        "members": _with(() if opened else known.members, trouble.about),
        "ever": _with(known.ever, trouble.about),
        "last_at": note.at,
    }
    if opened:
        grown |= {"rounds": known.rounds + 1, "asked_at": trouble.at, "settled": False, "acknowledged": ""}
    return known.model_copy(update=grown)


def _with(members: tuple[str, ...], about: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*members, about)))


def _key(trouble: Trouble) -> str:
    """A name that a person can type: the table, what it began with, and eight characters of what it is."""
    what = [trouble.table, trouble.is_ours, trouble.about, trouble.at, *sorted(trouble.causes)]
    return f"{trouble.table}:{trouble.about}:{digest_of(what)[:8]}"
