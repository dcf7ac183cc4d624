"""The heartbeats of runs: a count for each run whose process is at work. A run that ended has none.

With the cache, the one part of the journal whose rows change and go again: nothing about data or decisions is in it.
"""

from datetime import timedelta

import sqlalchemy as sa

from orders_monitor.adapters.journal.store import Store, utc_now
from orders_monitor.core.times import recorded

# What a killed process left is of no use once its run was ended, by whomever.
FORGOTTEN_AFTER = timedelta(days=7)
_BEAT = """
    INSERT INTO heartbeats (run_id, beats, host, recorded_at) VALUES (:run_id, 1, :host, :now)
    ON CONFLICT (run_id) DO UPDATE SET beats = heartbeats.beats + 1, host = :host, recorded_at = :now"""


class Heartbeats:
    """The counts. Each method is one transaction and raises StoreUnavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def beat(self, run_id: str, *, host: str) -> None:
        """Count up: the run's process is alive on that host."""
        now = utc_now()
        forgotten = {"before": recorded(now - FORGOTTEN_AFTER)}
        with self._store.direct(f"heartbeat {run_id}") as transaction:
            transaction.run(_BEAT, {"run_id": run_id, "host": host, "now": recorded(now)})
            transaction.run("DELETE FROM heartbeats WHERE recorded_at < :before", forgotten)

    def count(self, run_id: str) -> int | None:
        """The run's count now; None where it never beat, or has ended."""
        query = sa.text("SELECT beats FROM heartbeats WHERE run_id = :run_id")
        with self._store.reading() as connection:
            return connection.execute(query, {"run_id": run_id}).scalar()

    def host(self, run_id: str) -> str | None:
        """Where its process was at the last beat."""
        query = sa.text("SELECT host FROM heartbeats WHERE run_id = :run_id")
        with self._store.reading() as connection:
            return connection.execute(query, {"run_id": run_id}).scalar()

    def end(self, run_id: str) -> None:
        """The run's process has finished its work and says so."""
        with self._store.direct(f"heartbeat {run_id}") as transaction:
            transaction.run("DELETE FROM heartbeats WHERE run_id = :run_id", {"run_id": run_id})
