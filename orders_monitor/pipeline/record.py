"""record: the agent's events go into the journal, on the chain of the run that they happened in."""

from collections.abc import Sequence

from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.core.budget import Fit, Limits, Purchase, Reservation, RunScope, RunSpend, Settlement
from orders_monitor.core.record import PREFIX, AgentEvent


class JournalRecorder:
    """Keeps the events of one conversation, and is the ledger that its model reserves in.

    So what waits is written in the transaction of the next reservation: a commit costs more than all the rest of it,
    and nothing is sent that was paid for and not written down. Fulfils `agent.record.Recorder` and
    `core.budget.Ledger`.
    """

    def __init__(self, journal: Journal, run: RunScope) -> None:
        self._journal, self._run = journal, run
        self._waiting: list[tuple[str, AgentEvent]] = []

    def add(self, event: AgentEvent) -> None:
        """Keep an event in memory until the next reservation, or the next `flush`."""
        self._waiting.append((f"{PREFIX}{event.kind}", event))

    def flush(self) -> None:
        """Write what waits, in one transaction; where that fails it goes on waiting. Raises StoreUnavailable."""
        run = self._run
        self._journal.record_all(table=run.table, partition=run.partition, run_id=run.run_id, bodies=self._waiting)
        self._waiting.clear()

    def reserve(
        self, *wanted: Purchase, limits: Limits, fit: Fit, settles: Sequence[Settlement] = ()
    ) -> tuple[Reservation, ...]:
        """Hold what is wanted and write what waits, both or neither. Raises BudgetExhausted, StoreUnavailable."""
        reservations = self._journal.reserve(*wanted, limits=limits, fit=fit, settles=settles, bodies=self._waiting)
        self._waiting.clear()
        return reservations

    def settle(self, *, run_id: str, step: int, attempt: int, tokens: int, micro_usd: int) -> None:
        """The journal's own."""
        self._journal.settle(run_id=run_id, step=step, attempt=attempt, tokens=tokens, micro_usd=micro_usd)

    def spend(self, run_id: str) -> RunSpend:
        """The journal's own."""
        return self._journal.spend(run_id)
