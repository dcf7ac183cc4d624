"""The ledger of the agent's spend: rows that reserve, rows that settle, and running totals of every scope they charge.

`costs` says what the rows add up to; the totals are changed in the transaction that adds the rows. Every step of
the agent comes by here twice: plain statements, as few as can be.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from orders_monitor.adapters.journal.direct import Direct
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
    ScopeKind,
    Settlement,
    month_of,
    room_of,
)

_WHO = ("table_name", "partition_key", "team", "agent", "model", "release")
_COLUMNS = ("entry", "run_id", "step", "attempt", *_WHO, "tokens", "micro_usd", "recorded_at", "day", "who", "note")
_AMOUNTS = tuple(RunSpend.model_fields)
_THIS = "run_id = :run_id AND step = :step AND attempt = :attempt AND entry = 'reserve'"
# One row for each scope of an account, from the wide to the narrow as `Account.scopes`.
_KINDS = (
    ("team_month", "team", ":month"),
    ("agent_month", "agent", ":month"),
    ("pipeline_day", "table", ":day"),
    ("run", "run_id", "''"),
)
# The words of these statements are all ours; what is not ours is a parameter.
_RESERVE = (
    f"INSERT INTO ledger ({', '.join(_COLUMNS)}) "  # noqa: S608 - our own words
    f"VALUES ('reserve', {', '.join(f':{c}' for c in _COLUMNS[1:-2])}, '', '')"
    " ON CONFLICT (run_id, step, attempt, entry) DO NOTHING"
)
_SETTLE = (
    f"INSERT INTO ledger ({', '.join(_COLUMNS)}) SELECT 'settle', run_id, step, attempt, {', '.join(_WHO)}, "  # noqa: S608 - our own words
    f":tokens, :micro_usd, :recorded_at, day, :who, :note FROM ledger WHERE {_THIS}"
    " ON CONFLICT (run_id, step, attempt, entry) DO NOTHING"
)
_RESERVATION = f"SELECT team, agent, table_name, day, tokens, micro_usd FROM ledger WHERE {_THIS}"  # noqa: S608 - our own words
_TOTAL = f"SELECT {', '.join(_AMOUNTS)} FROM budget_totals WHERE kind = 'run' AND name = :run_id AND period = ''"  # noqa: S608 - our own words
_NOTHING: Mapping[str, int] = dict.fromkeys(_AMOUNTS, 0)
_HELD = (  # noqa: S608 - our own words
    "SELECT kind, reserved_tokens + spent_tokens, reserved_micro_usd + spent_micro_usd FROM budget_totals WHERE "
) + " OR ".join(f"(kind = '{kind}' AND name = :{name} AND period = {period})" for kind, name, period in _KINDS)
_ADD = (
    f"INSERT INTO budget_totals (kind, name, period, {', '.join(_AMOUNTS)}) VALUES "  # noqa: S608 - our own words
    + ", ".join(f"('{k}', :{name}, {period}, {', '.join(f':{a}' for a in _AMOUNTS)})" for k, name, period in _KINDS)
    + " ON CONFLICT (kind, name, period) DO UPDATE SET "
    + ", ".join(f"{amount} = budget_totals.{amount} + excluded.{amount}" for amount in _AMOUNTS)
)


def locks_of(account: Account) -> tuple[str, ...]:
    """What is locked while an account is charged, from the wide to the narrow; periods share a lock."""
    return _locks_of(vars(account))


def _locks_of(scopes: Mapping[str, str]) -> tuple[str, ...]:
    return (
        f"ledger team {scopes['team']}",
        f"ledger agent {scopes['agent']}",
        f"ledger table {scopes['table']}",
        f"ledger run {scopes['run_id']}",
    )


def reserve(
    transaction: Direct,
    wanted: Sequence[Purchase],
    *,
    limits: Limits,
    fit: Fit,
    settles: Sequence[Settlement],
    day: str,
) -> tuple[Reservation, ...]:
    """Hold all that is wanted, or nothing; the caller holds the account's locks."""
    account = wanted[0].on(day)
    scopes = _scopes(account)
    change = _settle_within(transaction, settles, scopes)
    amounts = fit(room_of(account, limits=limits, held=_held(transaction, scopes, change)))
    reservations = tuple(
        Reservation(**vars(purchase), day=day, tokens=amount.tokens, micro_usd=amount.micro_usd)
        for purchase, amount in zip(wanted, amounts, strict=True)
    )
    recorded_at = now_text()
    for reservation in reservations:
        if not transaction.change(_RESERVE, _row(reservation, recorded_at)):
            raise ValueError(f"attempt {reservation.key} is reserved already; a repeated send is another attempt")
    _add(
        transaction,
        scopes,
        {
            **change,
            "reserved_tokens": change["reserved_tokens"] + sum(r.tokens for r in reservations),
            "reserved_micro_usd": change["reserved_micro_usd"] + sum(r.micro_usd for r in reservations),
            "calls": sum(r.step != HOLD for r in reservations),
        },
    )
    return reservations


def spend_of(transaction: Direct, run_id: str) -> RunSpend:
    """The running total of a run; all zero for one that was never charged."""
    found = transaction.run(_TOTAL, {"run_id": run_id})
    return RunSpend(**dict(zip(_AMOUNTS, found[0], strict=True))) if found else RunSpend()


def settle(transaction: Direct, settlement: Settlement, *, who: str = "", note: str = "") -> bool:
    """Settle a reservation once, in the period in which it was made, whenever that was.

    False where it was settled before. A reservation that was never made is a ValueError.
    """
    charged = _charge(transaction, settlement, who=who, note=note)
    if charged is not None:
        _add(transaction, *charged)
    return charged is not None


def _settle_within(transaction: Direct, settles: Sequence[Settlement], scopes: Mapping[str, str]) -> Mapping[str, int]:
    """Settle; how the totals of these scopes are still to be changed for it. Others are changed at once."""
    change = _NOTHING
    for settlement in settles:
        charged = _charge(transaction, settlement)
        if charged is not None and charged[0] == scopes:
            change = {amount: change[amount] + charged[1].get(amount, 0) for amount in _AMOUNTS}
        elif charged is not None:
            _add(transaction, *charged)
    return change


def _charge(
    transaction: Direct, settlement: Settlement, *, who: str = "", note: str = ""
) -> tuple[dict[str, str], dict[str, int]] | None:
    """Write a settlement: the scopes that it is charged to and what to add to their totals. None for a repeated one."""
    team, agent, table, day, tokens, micro_usd = _reserved(transaction, settlement.key)
    scopes = {"team": team, "agent": agent, "table": table, "run_id": settlement.run_id, "day": day}
    transaction.lock(*_locks_of(scopes))
    parameters = vars(settlement) | {"recorded_at": now_text(), "who": who, "note": note}
    if not transaction.change(_SETTLE, parameters):
        return None
    return scopes | {"month": month_of(day)}, {
        "reserved_tokens": -tokens,
        "reserved_micro_usd": -micro_usd,
        "spent_tokens": settlement.tokens,
        "spent_micro_usd": settlement.micro_usd,
    }


def _reserved(transaction: Direct, key: Key) -> tuple[Any, ...]:
    """What a reservation says that never changes. ValueError where there is none."""
    run_id, step, attempt = key
    found = transaction.run(_RESERVATION, {"run_id": run_id, "step": step, "attempt": attempt})
    if not found:
        raise ValueError(f"attempt {key} was never reserved")
    return found[0]


def _held(
    transaction: Direct, scopes: Mapping[str, str], change: Mapping[str, int]
) -> dict[ScopeKind, tuple[int, int]]:
    """What is held of each scope once its total is changed so."""
    more_tokens = change["reserved_tokens"] + change["spent_tokens"]
    more_micro_usd = change["reserved_micro_usd"] + change["spent_micro_usd"]
    return {
        kind: (tokens + more_tokens, micro_usd + more_micro_usd)
        for kind, tokens, micro_usd in transaction.run(_HELD, scopes)
    }


def _row(reservation: Reservation, recorded_at: str) -> dict[str, Any]:
    row = dict(vars(reservation))
    row |= {"table_name": row.pop("table"), "partition_key": row.pop("partition"), "recorded_at": recorded_at}
    return row


def _scopes(account: Account) -> dict[str, str]:
    return vars(account) | {"month": account.month}


def _add(transaction: Direct, scopes: Mapping[str, str], amounts: Mapping[str, int]) -> None:
    transaction.change(_ADD, {**_NOTHING, **scopes, **amounts})
