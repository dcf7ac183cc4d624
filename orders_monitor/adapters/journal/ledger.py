"""The ledger of the agent's spend: rows that reserve, rows that settle, and running totals of every scope they charge.

`core.budget` says what the rows add up to; the totals are changed in the transaction that adds the rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from orders_monitor.adapters.journal import tables
from orders_monitor.adapters.journal.store import now_text
from orders_monitor.core.budget import (
    HOLD,
    Account,
    Fit,
    Key,
    Limits,
    Purchase,
    Reservation,
    RunSpend,
    Scope,
    Settlement,
    room_of,
)

_ledger, _totals = tables.ledger, tables.totals
_AMOUNTS = tuple(RunSpend.model_fields)
_SCOPES = sa.select(_totals).where(sa.tuple_(_totals.c.kind, _totals.c.name, _totals.c.period).in_(sa.bindparam("s")))
_ADD = sa.text(
    f"INSERT INTO budget_totals (kind, name, period, {', '.join(_AMOUNTS)}) "  # noqa: S608 - our own words
    f"VALUES (:kind, :name, :period, {', '.join(f':{amount}' for amount in _AMOUNTS)}) "
    "ON CONFLICT (kind, name, period) DO UPDATE SET "
    + ", ".join(f"{amount} = budget_totals.{amount} + excluded.{amount}" for amount in _AMOUNTS)
)


def locks_of(account: Account) -> tuple[str, ...]:
    """What is locked while an account is charged, from the wide to the narrow; periods share a lock."""
    return tuple(f"ledger {scope.kind} {scope.name}" for scope in account.scopes)


def reserve(
    connection: sa.Connection,
    wanted: Sequence[Purchase],
    *,
    limits: Limits,
    fit: Fit,
    gives_up: Sequence[Key],
    day: str,
) -> tuple[Reservation, ...]:
    """Hold all that is wanted, or nothing; the caller holds the account's locks."""
    for key in gives_up:
        settle(connection, Settlement(run_id=key[0], step=key[1], attempt=key[2], tokens=0, micro_usd=0))
    account = wanted[0].on(day)
    amounts = fit(room_of(account, limits=limits, totals=totals(connection, account.scopes)))
    reservations = tuple(
        Reservation(**dict(purchase), day=day, tokens=amount.tokens, micro_usd=amount.micro_usd)
        for purchase, amount in zip(wanted, amounts, strict=True)
    )
    try:
        _insert(connection, [_row("reserve", r, tokens=r.tokens, micro_usd=r.micro_usd) for r in reservations])
    except sa.exc.IntegrityError as error:
        raise ValueError(f"{wanted[0].key} is reserved already; a repeated send is another attempt") from error
    _add(
        connection,
        account.scopes,
        reserved_tokens=sum(r.tokens for r in reservations),
        reserved_micro_usd=sum(r.micro_usd for r in reservations),
        calls=sum(r.step != HOLD for r in reservations),
    )
    return reservations


def settle(connection: sa.Connection, settlement: Settlement, *, who: str = "", note: str = "") -> bool:
    """Settle a reservation once, in the period in which it was made; the caller holds its account's locks.

    False where it was settled before. A reservation that was never made is a ValueError.
    """
    reservation = reservation_of(connection, settlement.key)
    if is_settled(connection, settlement.key):
        return False
    row = _row("settle", reservation, tokens=settlement.tokens, micro_usd=settlement.micro_usd)
    _insert(connection, [row | {"who": who, "note": note}])
    _add(
        connection,
        reservation.account.scopes,
        reserved_tokens=-reservation.tokens,
        reserved_micro_usd=-reservation.micro_usd,
        spent_tokens=settlement.tokens,
        spent_micro_usd=settlement.micro_usd,
    )
    return True


def reservation_of(connection: sa.Connection, key: Key) -> Reservation:
    """The reservation of that key, which never changes. ValueError where there is none."""
    row = connection.execute(sa.select(_ledger).where(*_named(key), _ledger.c.entry == "reserve")).one_or_none()
    if row is None:
        raise ValueError(f"attempt {key} was never reserved")
    return reservation_of_row(row)


def is_settled(connection: sa.Connection, key: Key) -> bool:
    """Whether it is settled."""
    query = sa.select(_ledger.c.id).where(*_named(key), _ledger.c.entry == "settle")
    return connection.execute(query).one_or_none() is not None


def totals(connection: sa.Connection, scopes: Iterable[Scope]) -> dict[Scope, RunSpend]:
    """The running totals of these scopes; one that was never charged is left out."""
    rows = connection.execute(_SCOPES, {"s": [(scope.kind, scope.name, scope.period) for scope in scopes]})
    return {
        Scope(kind=row.kind, name=row.name, period=row.period): RunSpend(**{a: getattr(row, a) for a in _AMOUNTS})
        for row in rows
    }


def spend(connection: sa.Connection, run_id: str) -> RunSpend:
    """What the run's entries add up to."""
    scope = Scope(kind="run", name=run_id, period="")
    return totals(connection, [scope]).get(scope, RunSpend())


def reservation_of_row(row: Any) -> Reservation:
    """The reservation of a row."""
    return Reservation(
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


def _named(key: Key) -> tuple[sa.ColumnElement[bool], ...]:
    return (_ledger.c.run_id == key[0], _ledger.c.step == key[1], _ledger.c.attempt == key[2])


def _row(entry: str, reservation: Reservation, *, tokens: int, micro_usd: int) -> dict[str, Any]:
    # A settlement repeats whose it is and the day of its reservation, so that a sum needs no join.
    return {
        "entry": entry,
        "run_id": reservation.run_id,
        "step": reservation.step,
        "attempt": reservation.attempt,
        "table_name": reservation.table,
        "partition_key": reservation.partition,
        "team": reservation.team,
        "agent": reservation.agent,
        "model": reservation.model,
        "release": reservation.release,
        "tokens": tokens,
        "micro_usd": micro_usd,
        "recorded_at": now_text(),
        "day": reservation.day,
        "who": "",
        "note": "",
    }


def _insert(connection: sa.Connection, rows: list[dict[str, Any]]) -> None:
    connection.execute(_ledger.insert(), rows)


def _add(connection: sa.Connection, scopes: Iterable[Scope], **amounts: int) -> None:
    changed: Mapping[str, int] = dict.fromkeys(_AMOUNTS, 0) | amounts
    connection.execute(_ADD, [{"kind": s.kind, "name": s.name, "period": s.period, **changed} for s in scopes])
