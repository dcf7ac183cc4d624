"""The chain of a run's events: each holds the hash of the one before it, the first one the end of another run's chain.

So a change is found where it is, and what was cut off the end of a run by the run that was begun after it.
"""

import hashlib
import json
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from orders_monitor.adapters.journal import tables
from orders_monitor.adapters.journal.direct import Direct
from orders_monitor.core.value import canonical_json

_events, _ledger = tables.events, tables.ledger
_publications, _outcomes = tables.publications, tables.outcomes
ASKED, PUBLISHED = "agent_asked", "published_profile"
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


def follows(transaction: Direct) -> str:
    """What the first event of a run follows: run, number and hash of the journal's newest event."""
    newest = transaction.run("SELECT run_id, seq, hash FROM events ORDER BY id DESC LIMIT 1", {})
    return ":".join(map(str, newest[0])) if newest else _NOTHING


def first_break(connection: sa.Connection, run_id: str) -> Break | None:
    """Where a run's chain is first broken: a changed, missing, moved or inserted event; None for a whole chain."""
    previous: Mapping[Any, Any] | None = None
    chain = connection.execute(sa.select(_events).where(_events.c.run_id == run_id).order_by(_events.c.seq))
    for seq, row in enumerate(chain.mappings(), start=1):
        why = _why_broken(row, seq, previous)
        if why is not None:
            return Break(run_id=run_id, seq=seq, why=why)
        previous = row
    return None


def _why_broken(row: Mapping[Any, Any], seq: int, previous: Mapping[Any, Any] | None) -> str | None:
    if row["seq"] != seq:
        return f"the event is missing, the next one is {row['seq']}"
    if any(isinstance(value, bytes) for value in row.values()):
        return "the event was changed after it was recorded"
    if row["body_digest"] != sha256(row["body"]):
        return f"the body of {row['kind']} is not the one that was recorded"
    if row["hash"] != hash_of(row):
        return "the event was changed after it was recorded"
    if previous is not None and row["prev_hash"] != previous["hash"]:
        return "the event before it is not the one that it was recorded after"
    if previous is not None and row["id"] <= previous["id"]:
        return "the event was moved before the one that it was recorded after"
    return None


@contextmanager
def damaged(connection: sa.Connection) -> Iterator[None]:
    """A text in which a byte was flipped may be UTF-8 no more, and is read all the same: its digest tells."""
    driver: Any = connection.connection.dbapi_connection
    if not isinstance(driver, sqlite3.Connection):
        yield
        return
    driver.text_factory = lambda text: text.decode(errors="replace")
    try:
        yield
    finally:
        driver.text_factory = str


def runs(connection: sa.Connection, *, prefix: str = "") -> tuple[str, ...]:
    """The runs that have events, oldest first, or those of them whose id begins so."""
    query = sa.select(_events.c.run_id).where(_events.c.run_id.startswith(prefix, autoescape=True))
    return tuple(connection.scalars(query.group_by(_events.c.run_id).order_by(sa.func.min(_events.c.id))))


def breaks(connection: sa.Connection) -> tuple[Break, ...]:
    """The first break of every run of the journal that has one."""
    found: dict[str, Break] = {}
    with damaged(connection):
        own = (first_break(connection, run_id) for run_id in runs(connection))
        for each in (*filter(None, own), *cut_off(connection)):
            found.setdefault(each.run_id, each)
    return tuple(found.values())


def break_of(connection: sa.Connection, run_id: str) -> Break | None:
    """The first break of one run."""
    with damaged(connection):
        own = first_break(connection, run_id)
        return own or next((each for each in cut_off(connection, run_id) if each.run_id == run_id), None)


def cut_off(connection: sa.Connection, only: str | None = None) -> Iterator[Break]:
    """What is gone from the end of runs, or of one, as others remember it: runs begun later, the ledger, the receipts.

    The newest run of a journal has only the last two.
    """
    yield from _missed_by_later_runs(connection, only)
    yield from _missed_by_the_ledger(connection, only)
    yield from _missed_by_receipts(connection)


def _missed_by_later_runs(connection: sa.Connection, only: str | None) -> Iterator[Break]:
    first = sa.select(_events.c.run_id, _events.c.prev_hash).where(_events.c.seq == 1).order_by(_events.c.id)
    if only is not None:
        first = first.where(_events.c.prev_hash.startswith(f"{only}:", autoescape=True))
    for later, followed in connection.execute(first).all():
        run_id, seq, digest = _read(followed)
        here = sa.select(_events.c.hash).where(_events.c.run_id == run_id, _events.c.seq == seq)
        there = None if run_id is None else connection.scalar(here)
        if run_id is not None and there != digest:
            what = "is gone" if there is None else "is not the one that was there"
            yield Break(run_id=run_id, seq=seq, why=f"the event {what} when run {later} was begun after it")


def _read(followed: str | bytes) -> tuple[str | None, int, str]:
    if isinstance(followed, bytes):
        return None, 0, ""
    run_id, _, rest = followed.rpartition(":")
    run_id, _, seq = run_id.rpartition(":")
    return (run_id, int(seq), rest) if run_id and re.fullmatch(r"[0-9]{1,18}", seq) else (None, 0, "")


def _missed_by_the_ledger(connection: sa.Connection, only: str | None) -> Iterator[Break]:
    """Steps paid for after the last one recorded. One may be: earlier versions paid first, and told after."""
    paid = sa.select(_ledger.c.run_id, sa.func.max(_ledger.c.step).label("step")).group_by(_ledger.c.run_id)
    paid = paid if only is None else paid.where(_ledger.c.run_id == only)
    for run_id, step in connection.execute(paid).all():
        recorded = connection.execute(
            sa.select(_events.c.seq, _events.c.kind, _events.c.body)
            .where(_events.c.run_id == run_id)
            .order_by(_events.c.seq)
        ).all()
        asked = [_step_of(event.body) for event in recorded if event.kind == ASKED]
        finished = not asked or any(event.kind == "investigation" for event in recorded)
        if not finished and step > max(asked) + 1:
            why = f"the ledger has paid for step {step}, and the record ends at step {max(asked)}"
            yield Break(run_id=run_id, seq=recorded[-1].seq + 1, why=why)


def _step_of(body: str) -> int:
    """The step that was asked; 0 where the body cannot be read: then the chain says so itself."""
    try:
        step = json.loads(body)["step"]
    except (ValueError, KeyError, TypeError):
        return 0
    return step if isinstance(step, int) else 0


def _missed_by_receipts(connection: sa.Connection) -> Iterator[Break]:
    """Each publication that was written has recorded, before its receipt, the profile of what readers then saw."""
    written = (
        sa.select(_publications, _outcomes.c.outcome)
        .join(
            _outcomes,
            (_outcomes.c.table_name == _publications.c.table_name)
            & (_outcomes.c.partition_key == _publications.c.partition_key)
            & (_outcomes.c.number == _publications.c.number),
        )
        .where(_outcomes.c.outcome == "receipt")
        .order_by(_publications.c.id)
    )
    receipts: dict[tuple[str, str], list[str]] = {}
    for row in connection.execute(written):
        receipts.setdefault((row.table_name, row.partition_key), []).append(row.run_id)
    of_kind = sa.select(_events.c.table_name, _events.c.partition_key, sa.func.count().label("recorded"))
    profiles = {
        (row.table_name, row.partition_key): row.recorded
        for row in connection.execute(
            of_kind.where(_events.c.kind == PUBLISHED).group_by(_events.c.table_name, _events.c.partition_key)
        )
    }
    for (table, partition), run_ids in receipts.items():
        if profiles.get((table, partition), 0) < len(run_ids):
            last = connection.scalar(sa.select(sa.func.max(_events.c.seq)).where(_events.c.run_id == run_ids[-1]))
            why = f"{table} {partition} has {len(run_ids)} receipts, and not as many records of what was published"
            yield Break(run_id=run_ids[-1], seq=(last or 0) + 1, why=why)
