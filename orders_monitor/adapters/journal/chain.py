"""The chain of a run's events: each holds the hash of the one before it, the first one the end of another run's chain.

So a change is found where it is, and what was cut off the end of a run by the run that was begun after it.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from orders_monitor.adapters.journal import tables
from orders_monitor.core.value import canonical_json

_events, _ledger, _publications = tables.events, tables.ledger, tables.publications
_COVERED = ("table_name", "partition_key", "run_id", "seq", "kind", "body", "prev_hash", "recorded_at")
# Before the first event of a journal, and before the first one of every run of journals that were begun earlier.
_NOTHING = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """Where a run's record is not what was written, and what shows it."""

    run_id: str
    seq: int
    why: str


def sha256(text: str) -> str:
    """The digest of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def hash_of(row: Mapping[Any, Any]) -> str:
    """The hash of an event's row."""
    return sha256(canonical_json({name: row[name] for name in _COVERED}))


def follows(connection: sa.Connection) -> str:
    """What the first event of a run follows: run, number and hash of the journal's newest event."""
    newest = connection.execute(
        sa.select(_events.c.run_id, _events.c.seq, _events.c.hash).order_by(_events.c.id.desc()).limit(1)
    ).one_or_none()
    return _NOTHING if newest is None else f"{newest.run_id}:{newest.seq}:{newest.hash}"


def first_break(connection: sa.Connection, run_id: str) -> Break | None:
    """Where a run's chain is first broken: a changed, missing, moved or inserted event; None for a whole chain."""
    previous = None
    chain = connection.execute(sa.select(_events).where(_events.c.run_id == run_id).order_by(_events.c.seq))
    for seq, row in enumerate(chain.mappings(), start=1):
        why = _why_broken(row, seq, previous)
        if why is not None:
            return Break(run_id=run_id, seq=seq, why=why)
        previous = row["hash"]
    return None


def _why_broken(row: Mapping[Any, Any], seq: int, previous: str | None) -> str | None:
    if row["seq"] != seq:
        return f"the event is missing, the next one is {row['seq']}"
    if row["body_digest"] != sha256(row["body"]):
        return f"the body of {row['kind']} is not the one that was recorded"
    if row["hash"] != hash_of(row):
        return "the event was changed after it was recorded"
    if seq > 1 and row["prev_hash"] != previous:
        return "the event before it is not the one that it was recorded after"
    return None


def runs(connection: sa.Connection) -> tuple[str, ...]:
    """The runs that have events, oldest first."""
    query = sa.select(_events.c.run_id).group_by(_events.c.run_id).order_by(sa.func.min(_events.c.id))
    return tuple(connection.scalars(query))


def cut_off(connection: sa.Connection) -> Iterator[Break]:
    """What is gone from the end of runs, as others remember it: later runs, publications and the ledger.

    One break a run. Nobody remembers the end of the newest run before it published or another one began.
    """
    first = sa.select(_events.c.run_id, _events.c.prev_hash).where(_events.c.seq == 1).order_by(_events.c.id)
    found: dict[str, Break] = {}
    for later, followed in connection.execute(first):
        if followed == _NOTHING:
            continue
        run_id, seq, digest = followed.rsplit(":", 2)
        there = connection.scalar(
            sa.select(_events.c.hash).where(_events.c.run_id == run_id, _events.c.seq == int(seq))
        )
        if there != digest and run_id not in found:
            why = f"run {later} was begun after it and remembers another event here"
            found[run_id] = Break(run_id=run_id, seq=int(seq), why=why if there else f"{why}; it is gone")
    yield from found.values()
