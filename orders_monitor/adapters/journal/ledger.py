"""The ledger of the agent's spend: rows that reserve and rows that settle; `core.budget` says what they add up to."""

from typing import Any

import sqlalchemy as sa

from orders_monitor.adapters.journal import tables
from orders_monitor.adapters.journal.store import now_text
from orders_monitor.core.budget import Reservation, RunSpend, Settlement, require_room, spend_of

_ledger = tables.ledger


def reserve(connection: sa.Connection, reservation: Reservation, *, limit_tokens: int, limit_micro_usd: int) -> None:
    """Hold a reservation within the run's limits; the caller holds the run's lock."""
    entries = _entries(connection, reservation.run_id)
    if any(isinstance(entry, Reservation) and entry.key == reservation.key for entry in entries):
        raise ValueError(f"attempt {reservation.key} is reserved already; a repeated send is another attempt")
    spend = spend_of(reservation.run_id, entries)
    require_room(reservation, spend=spend, limit_tokens=limit_tokens, limit_micro_usd=limit_micro_usd)
    _insert(connection, "reserve", reservation, tokens=reservation.tokens, micro_usd=reservation.micro_usd)


def settle(connection: sa.Connection, settlement: Settlement) -> None:
    """Settle a reservation once; the caller holds the run's lock."""
    entries = _entries(connection, settlement.run_id)
    if any(isinstance(entry, Settlement) and entry.key == settlement.key for entry in entries):
        return
    held = (entry for entry in entries if isinstance(entry, Reservation) and entry.key == settlement.key)
    reservation = next(held, None)
    if reservation is None:
        raise ValueError(f"attempt {settlement.key} was never reserved")
    _insert(connection, "settle", reservation, tokens=settlement.tokens, micro_usd=settlement.micro_usd)


def spend(connection: sa.Connection, run_id: str) -> RunSpend:
    """What the run's entries add up to."""
    return spend_of(run_id, _entries(connection, run_id))


def _entries(connection: sa.Connection, run_id: str) -> list[Reservation | Settlement]:
    rows = connection.execute(sa.select(_ledger).where(_ledger.c.run_id == run_id).order_by(_ledger.c.id))
    return [_entry_of(row) for row in rows]


def _entry_of(row: Any) -> Reservation | Settlement:
    amounts = {"tokens": row.tokens, "micro_usd": row.micro_usd}
    if row.entry == "settle":
        return Settlement(run_id=row.run_id, step=row.step, attempt=row.attempt, **amounts)
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
        **amounts,
    )


def _insert(connection: sa.Connection, entry: str, reservation: Reservation, *, tokens: int, micro_usd: int) -> None:
    # A settlement repeats whose it is, so that a sum by team or agent needs no join.
    row = {
        "entry": entry,
        "table_name": reservation.table,
        "partition_key": reservation.partition,
        "recorded_at": now_text(),
        **reservation.model_dump(exclude={"table", "partition"}),
        "tokens": tokens,
        "micro_usd": micro_usd,
    }
    connection.execute(_ledger.insert().values(row))
