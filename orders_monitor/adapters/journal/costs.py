"""Reading the ledger: a scope's total and its fold, what is not settled, what was spent under which key."""

from typing import Any

import sqlalchemy as sa

from orders_monitor.adapters.journal import tables
from orders_monitor.core.budget import HOLD, Key, Reservation, RunSpend, Scope
from orders_monitor.core.cost import Cost, CostBy, Unsettled

_totals = tables.totals
_r, _s = tables.ledger.alias("r"), tables.ledger.alias("s")
_settled = (_s.c.entry == "settle") & (_s.c.run_id == _r.c.run_id)
_entries = _r.outerjoin(_s, _settled & (_s.c.step == _r.c.step) & (_s.c.attempt == _r.c.attempt))
_KEYS = {
    "team": (_r.c.team,),
    "pipeline": (_r.c.table_name,),
    "agent": (_r.c.agent,),
    "model": (_r.c.model,),
    "partition": (_r.c.partition_key, _r.c.table_name),
    "release": (_r.c.release,),
}


def total_of(connection: sa.Connection, scope: Scope) -> RunSpend:
    """The running total of a scope; all zero for one that was never charged."""
    query = sa.select(*(_totals.c[name] for name in RunSpend.model_fields)).where(
        _totals.c.kind == scope.kind, _totals.c.name == scope.name, _totals.c.period == scope.period
    )
    row = connection.execute(query).mappings().one_or_none()
    return RunSpend() if row is None else RunSpend(**row)


def fold_of(connection: sa.Connection, scope: Scope) -> RunSpend:
    """What the entries of a scope add up to, entry by entry."""
    query = sa.select(*_sums()).select_from(_entries).where(_r.c.entry == "reserve", *_charged(scope))
    row = connection.execute(query).mappings().one()
    return RunSpend(**{name: int(amount or 0) for name, amount in row.items()})


def unsettled(connection: sa.Connection, key: Key | None = None) -> tuple[Unsettled, ...]:
    """The reservations without a settlement (or that one of them), the oldest first."""
    query = sa.select(_r).select_from(_entries).where(_r.c.entry == "reserve", _s.c.id.is_(None)).order_by(_r.c.id)
    if key is not None:
        query = query.where(_r.c.run_id == key[0], _r.c.step == key[1], _r.c.attempt == key[2])
    return tuple(_unsettled_of(row) for row in connection.execute(query))


def report(connection: sa.Connection, by: CostBy, *, since: str | None, until: str | None) -> tuple[Cost, ...]:
    """What was spent and is reserved under each key, by the day of reservation (both ends included); dearest first."""
    keys = _KEYS[by]
    query = sa.select(*keys, *_sums()).select_from(_entries).where(_r.c.entry == "reserve").group_by(*keys)
    query = query if since is None else query.where(_r.c.day >= since)
    query = query if until is None else query.where(_r.c.day <= until)
    costs = [_cost_of(row, by) for row in connection.execute(query)]
    return tuple(sorted(costs, key=lambda cost: (-cost.micro_usd, cost.pipeline or "", cost.key)))


def _sums() -> tuple[sa.ColumnElement[Any], ...]:
    is_open = _s.c.id.is_(None)
    return (
        sa.func.sum(sa.case((is_open, _r.c.tokens), else_=0)).label("reserved_tokens"),
        sa.func.sum(sa.case((is_open, _r.c.micro_usd), else_=0)).label("reserved_micro_usd"),
        sa.func.sum(sa.func.coalesce(_s.c.tokens, 0)).label("spent_tokens"),
        sa.func.sum(sa.func.coalesce(_s.c.micro_usd, 0)).label("spent_micro_usd"),
        sa.func.sum(sa.case((_r.c.step == HOLD, 0), else_=1)).label("calls"),
    )


def _charged(scope: Scope) -> tuple[sa.ColumnElement[bool], ...]:
    month = sa.func.substr(_r.c.day, 1, len("2026-11"))
    match scope.kind:
        case "run":
            return (_r.c.run_id == scope.name,)
        case "pipeline_day":
            return (_r.c.table_name == scope.name, _r.c.day == scope.period)
        case "agent_month":
            return (_r.c.agent == scope.name, month == scope.period)
        case "team_month":
            return (_r.c.team == scope.name, month == scope.period)


def _cost_of(row: Any, by: CostBy) -> Cost:
    return Cost(
        key=row[0],
        pipeline=row.table_name if by == "partition" else None,
        calls=int(row.calls),
        tokens=int(row.spent_tokens),
        micro_usd=int(row.spent_micro_usd),
        reserved_tokens=int(row.reserved_tokens),
        reserved_micro_usd=int(row.reserved_micro_usd),
    )


def _unsettled_of(row: Any) -> Unsettled:
    reservation = Reservation(
        run_id=row.run_id,
        step=row.step,
        attempt=row.attempt,
        table=row.table_name,
        partition=row.partition_key,
        team=row.team,
        agent=row.agent,
        model=row.model,
        release=row.release,
        day=row.day,
        tokens=row.tokens,
        micro_usd=row.micro_usd,
    )
    return Unsettled(reservation=reservation, since=row.recorded_at)
