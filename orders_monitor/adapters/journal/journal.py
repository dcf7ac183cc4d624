"""The journal: everything that was found, decided, published and spent. State is a fold of rows that are only added.

Each method is one transaction. Each raises StoreUnavailable where the database cannot be reached or written; then
nothing was recorded.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from orders_monitor.adapters.journal import (
    breakers,
    calibrations,
    chain,
    events,
)
from orders_monitor.adapters.journal.cache import CacheShelf, store_of_shelf
from orders_monitor.adapters.journal.cases import Doubt, no_doubt
from orders_monitor.adapters.journal.chain import Break
from orders_monitor.adapters.journal.deciding import Deciding
from orders_monitor.adapters.journal.events import Event
from orders_monitor.adapters.journal.heartbeats import Heartbeats
from orders_monitor.adapters.journal.migrations import migrate
from orders_monitor.adapters.journal.opened import chain_locks
from orders_monitor.adapters.journal.outbox import Outbox
from orders_monitor.adapters.journal.remembered import Remembered
from orders_monitor.adapters.journal.spending import Spending
from orders_monitor.adapters.journal.store import Durability, Store, open_store, utc_now
from orders_monitor.core.breaker import Admitted, Breaker, BreakerEvent, Closed, State, Zone
from orders_monitor.core.breaker import Refused as NotNow
from orders_monitor.core.calibration import Calibration
from orders_monitor.core.value import Value


class Journal(Deciding, Spending, Remembered):
    """An opened journal. Threads may share one; processes open their own. Fulfils `core.budget.Ledger`."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Callable[[], datetime] = utc_now,
        until: int | None = None,
        doubt: Doubt = no_doubt,
    ) -> None:
        super().__init__(store, clock=clock, until=until, doubt=doubt)
        self._shelf_store = store_of_shelf(store)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        clock: Callable[[], datetime] = utc_now,
        durability: Durability = "full",
        doubt: Doubt = no_doubt,
    ) -> "Journal":
        """The journal at a SQLAlchemy URL (SQLite file or PostgreSQL), its tables made or brought up to date.

        `clock` says (in UTC) in which day and month the agent's spend is charged and when a decision is made;
        `durability` what of a SQLite file's last commits a power cut may take: nothing, or with "normal" some;
        `doubt` which decisions count for nothing: every question about a case leaves them out.
        Raises StoreUnavailable, in one sentence that holds no password.
        """
        store = open_store(url, durability=durability)
        try:
            migrate(store)
        except BaseException:
            store.close()
            raise
        return cls(store, clock=clock, doubt=doubt)

    def close(self) -> None:
        """Give the connections back."""
        self._shelf_store.close()
        self._store.close()

    @property
    def shelf(self) -> CacheShelf:
        """What is asked once by all processes: the shared tier of `agent.once.Once`."""
        return CacheShelf(self._shelf_store)

    @property
    def heartbeats(self) -> Heartbeats:
        """Which runs' processes are at work."""
        return Heartbeats(self._shelf_store)

    def outbox(self, environment: str) -> Outbox:
        """What people of an environment are to be told, and what became of it."""
        return Outbox(self._store, environment=environment)

    def as_of(self, event_id: int) -> "Journal":
        """What `latest`, `history` and `cases` said when that event was the newest. To read; its opener closes it."""
        return Journal(self._store, clock=self._clock, until=event_id, doubt=self._doubt)

    def record(self, *, table: str, partition: str, run_id: str, kind: str, body: Value) -> Event:
        """Append a fact to the run's chain."""
        with self._store.direct(*chain_locks(table, partition, run_id)) as transaction:
            (row,) = events.append(transaction, table=table, partition=partition, run_id=run_id, bodies=[(kind, body)])
            return events.added(transaction, row)

    def record_all(self, *, table: str, partition: str, run_id: str, bodies: Sequence[tuple[str, Value]]) -> None:
        """Append several facts, each with its kind, to the run's chain: all of them or none."""
        if bodies:
            with self._store.direct(*chain_locks(table, partition, run_id)) as transaction:
                events.append(transaction, table=table, partition=partition, run_id=run_id, bodies=bodies)

    def latest(self, table: str, partition: str, kind: str) -> Event | None:
        """The newest fact of that kind about a partition."""
        with self._store.reading() as connection:
            return events.latest(connection, table=table, partition=partition, kind=kind, until=self._until)

    def events_of_run(self, run_id: str) -> tuple[Event, ...]:
        """A run's chain, in order."""
        with self._store.reading() as connection:
            return events.of_run(connection, run_id)

    def runs(self, prefix: str = "") -> tuple[str, ...]:
        """The runs that have recorded something, oldest first, or those of them whose id begins so."""
        with self._store.reading() as connection:
            return chain.runs(connection, prefix=prefix)

    def verify(self, run_id: str) -> Break | None:
        """Where a run's record is not what was written; None where it is whole. Of an unknown run nothing is said."""
        with self._store.reading() as connection:
            return chain.break_of(connection, run_id)

    def verify_all(self) -> tuple[Break, ...]:
        """The first break of every run that has one."""
        with self._store.reading() as connection:
            return chain.breaks(connection)

    def partitions(self, table: str) -> tuple[str, ...]:
        """The partitions that have a plan, in order."""
        with self._store.reading() as connection:
            return events.partitions(connection, table)

    def history(
        self, table: str, kind: str, *, before: str, days_max: int, published_only: bool = True
    ) -> tuple[Event, ...]:
        """The newest fact of that kind of each of the last `days_max` partitions before one, oldest first.

        `published_only` leaves partitions out that no reader has seen, and takes the fact from the landing that was
        published: for kinds that are recorded before the plan.
        """
        find = events.newest_published_before if published_only else events.newest_before
        with self._store.reading() as connection:
            return find(connection, table=table, kind=kind, before=before, count=days_max, until=self._until)

    def calibrated(self, calibration: Calibration) -> Calibration:
        """Keep a calibration as its table's next version; what was judged with an earlier one stays as it is."""
        with self._store.writing(f"calibrations {calibration.table}") as connection:
            return calibrations.add(connection, calibration)

    def calibration(self, table: str, version: int | None = None) -> Calibration | None:
        """That version of a table's calibration, or its newest; None where there is no such."""
        with self._store.reading() as connection:
            return calibrations.of_version(connection, table, version)

    def calibrations(self, table: str) -> tuple[tuple[Calibration, str], ...]:
        """Every version, the oldest first, each with the time (UTC) at which it was kept."""
        with self._store.reading() as connection:
            return calibrations.versions(connection, table)

    def enter(self, table: str, zone: Zone, *, breaker: Breaker, now_ms: int, probe: str) -> Admitted | NotNow:
        """Ask a breaker whether somebody called `probe` may pass; one of all that ask a half-open one at once may."""
        with self._store.reading() as connection:
            state = breakers.state(connection, table=table, zone=zone, breaker=breaker, now_ms=now_ms)
        if isinstance(state, Closed):
            return Admitted()
        with self._store.writing(_breaker(table, zone)) as connection:
            return breakers.enter(connection, table=table, zone=zone, breaker=breaker, now_ms=now_ms, probe=probe)

    def leave(self, table: str, zone: Zone, event: BreakerEvent, *, breaker: Breaker) -> None:
        """Record how it went, or that a person closes the breaker."""
        with self._store.writing(_breaker(table, zone)) as connection:
            breakers.leave(connection, event, table=table, zone=zone, breaker=breaker)

    def breakers(self, table: str, *, breaker: Breaker, now_ms: int) -> dict[Zone, State]:
        """The states of all zones of a table."""
        with self._store.reading() as connection:
            return breakers.states(connection, table=table, breaker=breaker, now_ms=now_ms)


def _breaker(table: str, zone: Zone) -> str:
    return f"breaker {zone} {table}"
