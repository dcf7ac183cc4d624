"""What the tests of the budget share: purchases, caps, and the plain model of a ledger for the real one to keep to."""

from collections.abc import Iterable, Mapping, Sequence

from orders_monitor.core.budget import (
    HOLD,
    Account,
    Amount,
    Cap,
    Fit,
    Key,
    Limits,
    Purchase,
    Reservation,
    Room,
    RunSpend,
    Scope,
    ScopeKind,
    Settlement,
    require_room,
)

DAY = "2026-11-20"


def purchase(  # the parts that a test varies
    step: int = 1, *, attempt: int = 1, run_id: str = "run", table: str = "orders_daily", team: str = "orders"
) -> Purchase:
    """An attempt of a run on a partition of orders_daily."""
    return Purchase(
        run_id=run_id,
        step=step,
        attempt=attempt,
        table=table,
        partition="2026-11-19",
        team=team,
        agent="orders_daily",
        model="stand-in",
        release="orders_daily@1.0.0",
    )


def caps(tokens: int, micro_usd: int, **others: Cap) -> Limits:
    """The same cap on every scope, unless one is given its own."""
    cap = Cap(tokens=tokens, micro_usd=micro_usd)
    every = {"run": cap, "pipeline_day": cap, "agent_month": cap, "team_month": cap}
    return Limits(**{**every, **others})


def exactly(*amounts: Amount) -> Fit:
    """The fit of amounts that are not clamped: all of them, or BudgetExhausted."""

    def fit(room: Room) -> Sequence[Amount]:
        require_room(room, *amounts)
        return amounts

    return fit


def held_of(account: Account, totals: Mapping[Scope, RunSpend]) -> dict[ScopeKind, tuple[int, int]]:
    """What totals say is held of an account's scopes."""
    found = {scope.kind: totals[scope] for scope in account.scopes if scope in totals}
    return {kind: (total.held_tokens, total.held_micro_usd) for kind, total in found.items()}


def totals_of(entries: Iterable[Reservation | Settlement]) -> dict[Scope, RunSpend]:
    """The fold of a ledger's entries, in the order in which they were written, for every scope that they charge."""
    held: dict[Key, Reservation] = {}
    settled: dict[Key, Settlement] = {}
    for entry in entries:
        if isinstance(entry, Reservation):
            held.setdefault(entry.key, entry)
        else:
            settled.setdefault(entry.key, entry)
    totals: dict[Scope, RunSpend] = {}
    for key, reservation in held.items():
        share = _share(reservation, settled.get(key))
        for scope in reservation.account.scopes:
            totals[scope] = _plus(totals.get(scope, RunSpend()), share)
    return totals


def spend_of(run_id: str, entries: Iterable[Reservation | Settlement]) -> RunSpend:
    """The fold of a ledger's entries for one run."""
    return totals_of(entries).get(Scope(kind="run", name=run_id, period=""), RunSpend())


def _plus(one: RunSpend, other: RunSpend) -> RunSpend:
    """Both together."""
    return RunSpend(**{name: getattr(one, name) + getattr(other, name) for name in RunSpend.model_fields})


def _share(reservation: Reservation, settlement: Settlement | None) -> RunSpend:
    calls = 0 if reservation.step == HOLD else 1
    if settlement is None:
        return RunSpend(reserved_tokens=reservation.tokens, reserved_micro_usd=reservation.micro_usd, calls=calls)
    return RunSpend(spent_tokens=settlement.tokens, spent_micro_usd=settlement.micro_usd, calls=calls)
