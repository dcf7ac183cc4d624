"""What every part of the journal works with: the database, the clock, and what is in doubt."""

from collections.abc import Callable
from datetime import datetime

from orders_monitor.adapters.journal.cases import Doubt, no_doubt
from orders_monitor.adapters.journal.store import Store, utc_now


class Opened:
    """An opened database. `until` is the id of the last event that is known, where the journal is read as it was."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Callable[[], datetime] = utc_now,
        until: int | None = None,
        doubt: Doubt = no_doubt,
    ) -> None:
        self._store, self._clock, self._until, self._doubt = store, clock, until, doubt

    def now(self) -> datetime:
        """The journal's time, in UTC: by it decisions are made and deadlines end."""
        return self._clock()


def partition_lock(table: str, partition: str) -> str:
    """The lock of what is about one partition."""
    return f"partition {table} {partition}"


def chain_locks(table: str, partition: str, run_id: str) -> tuple[str, str]:
    """The locks of a run's chain about one partition."""
    return partition_lock(table, partition), f"chain {run_id}"
