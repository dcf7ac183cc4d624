"""Events: what the stages found, in the order in which they said it, each run a chain of hashes."""

import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa

from orders_monitor.adapters.journal import chain, tables
from orders_monitor.adapters.journal.direct import Direct
from orders_monitor.adapters.journal.store import now_text
from orders_monitor.core.errors import StoreUnavailable
from orders_monitor.core.value import Value, canonical_json

_events = tables.events
_COLUMNS = tuple(column.name for column in _events.c if column.name != "id")
_END = "SELECT seq, hash FROM events WHERE run_id = :run_id ORDER BY seq DESC LIMIT 1"
_INSERT = (
    f"INSERT INTO events ({', '.join(_COLUMNS)}) "  # noqa: S608 - our own words
    f"VALUES ({', '.join(f':{name}' for name in _COLUMNS)})"
)
_ID = "SELECT id FROM events WHERE run_id = :run_id AND seq = :seq"


class Event(Value):
    """One recorded fact. `hash` covers everything else here but `id`, and the hash of the run's event before it."""

    id: int
    table: str
    partition: str
    run_id: str
    seq: int
    kind: str
    body: dict[str, Any]
    hash: str
    recorded_at: str


def append(
    transaction: Direct, *, table: str, partition: str, run_id: str, bodies: Sequence[tuple[str, Value]]
) -> list[dict[str, Any]]:
    """Add facts, each with its kind, to their run's chain, and give their rows; the caller holds the run's lock."""
    end = transaction.run(_END, {"run_id": run_id})
    seq, previous = end[0] if end else (0, chain.follows(transaction))
    recorded_at, appended = now_text(), []
    for number, (kind, body) in enumerate(bodies, start=seq + 1):
        text = body_text(body)
        row = {
            "table_name": table,
            "partition_key": partition,
            "run_id": run_id,
            "seq": number,
            "kind": kind,
            "body": text,
            "body_digest": chain.sha256(text),
            "prev_hash": previous,
            "recorded_at": recorded_at,
        }
        row["hash"] = previous = chain.hash_of(row)
        appended.append(row)
    transaction.add(_INSERT, appended)
    return appended


def added(transaction: Direct, row: dict[str, Any]) -> Event:
    """The event that a row was added as."""
    ((event_id,),) = transaction.run(_ID, {"run_id": row["run_id"], "seq": row["seq"]})
    return event_of(SimpleNamespace(id=event_id, **row))


def body_text(body: Value) -> str:
    """The canonical JSON of a value. A float that JSON has no number for (NaN of a column) is written as text."""
    try:
        return canonical_json(body.model_dump(mode="json"))
    except ValueError:
        return canonical_json(json.loads(body.model_dump_json()))


def latest(
    connection: sa.Connection, *, table: str, partition: str, kind: str, until: int | None = None
) -> Event | None:
    """The newest event of that kind; `until` is the id of the last event that is known, in all of these queries."""
    row = connection.execute(
        sa.select(_events)
        .where(_events.c.table_name == table, _events.c.partition_key == partition, _events.c.kind == kind)
        .where(*_known(_events, until))
        .order_by(_events.c.id.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else event_of(row)


def of_run(connection: sa.Connection, run_id: str) -> tuple[Event, ...]:
    """A run's chain, in order."""
    return tuple(event_of(row) for row in _chain(connection, run_id))


def partitions(connection: sa.Connection, table: str) -> tuple[str, ...]:
    """The partitions that have a plan, in order."""
    query = sa.select(_events.c.partition_key).distinct()
    planned = query.where(_events.c.table_name == table, _events.c.kind == "plan")
    return tuple(sorted(connection.scalars(planned)))


def newest_before(
    connection: sa.Connection, *, table: str, kind: str, before: str, count: int, until: int | None = None
) -> tuple[Event, ...]:
    """For each of the last `count` partitions before that one, the newest event of the kind, oldest partition first."""
    newest = (
        sa.select(sa.func.max(_events.c.id))
        .where(_events.c.table_name == table, _events.c.kind == kind, _events.c.partition_key < before)
        .where(*_known(_events, until))
        .group_by(_events.c.partition_key)
    )
    return _last(connection, newest, count)


def newest_published_before(
    connection: sa.Connection, *, table: str, kind: str, before: str, count: int, until: int | None = None
) -> tuple[Event, ...]:
    """The same of what was published: the newest event of the kind that came before the plan of the published bytes."""
    claims, outcomes, plan = tables.publications, tables.outcomes, _events.alias("plan")
    last = (
        sa.select(claims.c.partition_key, sa.func.max(claims.c.number).label("number"))
        .join(
            outcomes,
            (outcomes.c.table_name == claims.c.table_name)
            & (outcomes.c.partition_key == claims.c.partition_key)
            & (outcomes.c.number == claims.c.number),
        )
        .where(claims.c.table_name == table, claims.c.partition_key < before, outcomes.c.outcome == "receipt")
        .where(*recorded_until(outcomes, until))
        .group_by(claims.c.partition_key)
        .order_by(claims.c.partition_key.desc())
        .limit(count)
        .subquery()
    )
    plans = (
        sa.select(last.c.partition_key, sa.func.max(plan.c.id).label("id"))
        .join(claims, (claims.c.partition_key == last.c.partition_key) & (claims.c.number == last.c.number))
        .join(plan, (plan.c.partition_key == last.c.partition_key) & (plan.c.body_digest == claims.c.plan_digest))
        .where(claims.c.table_name == table, plan.c.table_name == table, plan.c.kind == "plan", *_known(plan, until))
        .group_by(last.c.partition_key)
        .subquery()
    )
    newest = (
        sa.select(sa.func.max(_events.c.id))
        .join(plans, (plans.c.partition_key == _events.c.partition_key) & (_events.c.id <= plans.c.id))
        .where(_events.c.table_name == table, _events.c.kind == kind)
        .group_by(_events.c.partition_key)
    )
    return _last(connection, newest, count)


def event_of(row: Any) -> Event:
    """The event of a row."""
    return Event(
        id=row.id,
        table=row.table_name,
        partition=row.partition_key,
        run_id=row.run_id,
        seq=row.seq,
        kind=row.kind,
        body=_body_of(row),
        hash=row.hash,
        recorded_at=row.recorded_at,
    )


def recorded_until(of: sa.TableClause, until: int | None) -> list[sa.ColumnElement[bool]]:
    """Not later than that event: other rows have no place among the events, only a time, written in the same form."""
    if until is None:
        return []
    newest = sa.select(_events.c.recorded_at).where(_events.c.id <= until).order_by(_events.c.id.desc()).limit(1)
    return [of.c.recorded_at <= newest.scalar_subquery()]


def _known(events: Any, until: int | None) -> list[sa.ColumnElement[bool]]:
    return [] if until is None else [events.c.id <= until]


def _body_of(row: Any) -> dict[str, Any]:
    try:
        body = json.loads(row.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        why = f"record {row.seq} of run {row.run_id} was changed after it was written: it cannot be read"
        raise StoreUnavailable(store="journal", why=why)
    return body


def _last(connection: sa.Connection, ids: sa.Select[Any], count: int) -> tuple[Event, ...]:
    rows = connection.execute(
        sa.select(_events).where(_events.c.id.in_(ids)).order_by(_events.c.partition_key.desc()).limit(count)
    )
    return tuple(reversed([event_of(row) for row in rows]))


def _chain(connection: sa.Connection, run_id: str) -> sa.CursorResult[Any]:
    return connection.execute(sa.select(_events).where(_events.c.run_id == run_id).order_by(_events.c.seq))
