"""The journal's part in which the agent's spend is reserved, settled and added up."""

from collections.abc import Sequence

from orders_monitor.adapters.journal import costs, events, ledger
from orders_monitor.adapters.journal.opened import Opened, chain_locks
from orders_monitor.core.budget import Account, Fit, Key, Limits, Purchase, Reservation, RunSpend, Settlement
from orders_monitor.core.cost import Balance, Cost, CostBy, Unsettled, require_signed, why_not_reconciled
from orders_monitor.core.errors import ReconciliationRefused
from orders_monitor.core.value import Value


class Spending(Opened):
    """Reservations, settlements and what they add up to. Fulfils `core.budget.Ledger`."""

    def reserve(
        self,
        *wanted: Purchase,
        limits: Limits,
        fit: Fit,
        settles: Sequence[Settlement] = (),
        bodies: Sequence[tuple[str, Value]] = (),
    ) -> tuple[Reservation, ...]:
        """Hold what is wanted within every scope's limits. Raises BudgetExhausted; ValueError for a repeated key.

        `bodies` are facts, each with its kind, that are appended to the run's chain in the same transaction.
        """
        day, first = self._clock().date().isoformat(), wanted[0]
        with self._store.direct(*ledger.locks_of(first.on(day))) as transaction:
            reserved = ledger.reserve(transaction, wanted, limits=limits, fit=fit, settles=settles, day=day)
            if bodies:  # locked after the ledger, here and everywhere
                whose = {"table": first.table, "partition": first.partition, "run_id": first.run_id}
                transaction.lock(*chain_locks(**whose))
                events.append(transaction, **whose, bodies=bodies)
            return reserved

    def settle(self, *, run_id: str, step: int, attempt: int, tokens: int, micro_usd: int) -> None:
        """Replace a reservation with its real cost, once. Raises ValueError for one that was never made."""
        settlement = Settlement(run_id=run_id, step=step, attempt=attempt, tokens=tokens, micro_usd=micro_usd)
        with self._store.direct() as transaction:
            ledger.settle(transaction, settlement)

    def spend(self, run_id: str) -> RunSpend:
        """What the run's entries add up to, in tokens and micro-dollars."""
        with self._store.looking() as transaction:
            return ledger.spend_of(transaction, run_id)

    def balances(self, account: Account, limits: Limits) -> tuple[Balance, ...]:
        """Every scope of an account against its cap: its running total, and the fold of its entries beside it."""
        with self._store.reading() as connection:
            return tuple(
                Balance(
                    scope=scope,
                    cap=limits.cap(scope.kind),
                    total=costs.total_of(connection, scope),
                    folded=costs.fold_of(connection, scope),
                )
                for scope in account.scopes
            )

    def unsettled(self) -> tuple[Unsettled, ...]:
        """The reservations without a settlement, the oldest first: on their way, or of unknown outcome."""
        with self._store.reading() as connection:
            return costs.unsettled(connection)

    def reconcile(
        self, key: Key, *, tokens: int, micro_usd: int, who: str, note: str, overbilled: bool = False
    ) -> Reservation:
        """Settle by hand what was of unknown outcome, with who did and why. Raises ReconciliationRefused."""
        require_signed(key, who=who, note=note)
        run_id, step, attempt = key
        settlement = Settlement(run_id=run_id, step=step, attempt=attempt, tokens=tokens, micro_usd=micro_usd)
        with self._store.reading() as connection:
            found = next(iter(costs.unsettled(connection, key)), None)
        why = why_not_reconciled(found, tokens=tokens, micro_usd=micro_usd, overbilled=overbilled)
        if found is None or why is not None:
            raise ReconciliationRefused(key=key, why=why or "")
        with self._store.direct() as transaction:
            if not ledger.settle(transaction, settlement, who=who.strip(), note=note):
                raise ReconciliationRefused(key=key, why="it was settled in this moment")
        return found.reservation

    def costs(self, by: CostBy, *, since: str | None = None, until: str | None = None) -> tuple[Cost, ...]:
        """What was spent and is reserved under each key, reserved from `since` to `until` (UTC days, both included)."""
        with self._store.reading() as connection:
            return costs.report(connection, by, since=since, until=until)
