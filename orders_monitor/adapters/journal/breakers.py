"""The breakers' events, only ever added; `core.breaker` says what they add up to."""

from typing import Any, get_args

import sqlalchemy as sa

from orders_monitor.adapters.journal import tables
from orders_monitor.adapters.journal.store import now_text
from orders_monitor.core.breaker import (
    RESETS,
    Admitted,
    Breaker,
    BreakerEvent,
    Closed,
    Refused,
    State,
    Zone,
    admit,
    state_at,
)

_breakers = tables.breakers


def state(connection: sa.Connection, *, table: str, zone: Zone, breaker: Breaker, now_ms: int) -> State:
    """The state of one zone."""
    return state_at(_events(connection, table=table, zone=zone), breaker, now_ms=now_ms)


def states(connection: sa.Connection, *, table: str, breaker: Breaker, now_ms: int) -> dict[Zone, State]:
    """The states of all zones."""
    return {zone: state(connection, table=table, zone=zone, breaker=breaker, now_ms=now_ms) for zone in get_args(Zone)}


def enter(
    connection: sa.Connection, *, table: str, zone: Zone, breaker: Breaker, now_ms: int, probe: str
) -> Admitted | Refused:
    """Let somebody pass, or not; a probe's lease is recorded here. The caller holds the breaker's lock."""
    found = state(connection, table=table, zone=zone, breaker=breaker, now_ms=now_ms)
    answer = admit(found, breaker, now_ms=now_ms, probe=probe)
    if isinstance(answer, Admitted) and answer.probe is not None:
        _append(connection, answer.probe, table=table, zone=zone)
    return answer


def leave(connection: sa.Connection, event: BreakerEvent, *, table: str, zone: Zone, breaker: Breaker) -> None:
    """Record how it went; the caller holds the breaker's lock.

    A success that closes nothing is not recorded: a prober's who lost its lease to another, whose word stands.
    """
    if event.kind == "success":
        events = _events(connection, table=table, zone=zone)
        before, after = (state_at(e, breaker, now_ms=event.at_ms) for e in (events, [*events, event]))
        if isinstance(before, Closed) or not isinstance(after, Closed):
            return
    _append(connection, event, table=table, zone=zone)


def _append(connection: sa.Connection, event: BreakerEvent, *, table: str, zone: Zone) -> None:
    row = {"table_name": table, "zone": zone, "recorded_at": now_text(), **event.model_dump()}
    connection.execute(_breakers.insert().values(row))


def _events(connection: sa.Connection, *, table: str, zone: Zone) -> list[BreakerEvent]:
    """Everything since the breaker was closed last: what was before says nothing any more."""
    mine = (_breakers.c.table_name == table, _breakers.c.zone == zone)
    closed = sa.select(sa.func.max(_breakers.c.id)).where(*mine, _breakers.c.kind.in_(RESETS)).scalar_subquery()
    since = sa.select(_breakers).where(*mine, _breakers.c.id > sa.func.coalesce(closed, 0)).order_by(_breakers.c.id)
    return [_event_of(row) for row in connection.execute(since)]


def _event_of(row: Any) -> BreakerEvent:
    return BreakerEvent(
        kind=row.kind, at_ms=row.at_ms, why=row.why, probe=row.probe, until_ms=row.until_ms, who=row.who
    )
