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
    costs,
    decisions,
    events,
    ledger,
    publications,
)
from orders_monitor.adapters.journal.cache import CacheShelf, store_of_shelf
from orders_monitor.adapters.journal.cases import case_of, cases_of
from orders_monitor.adapters.journal.chain import Break
from orders_monitor.adapters.journal.events import Event
from orders_monitor.adapters.journal.heartbeats import Heartbeats
from orders_monitor.adapters.journal.migrations import migrate
from orders_monitor.adapters.journal.store import Durability, Store, open_store, utc_now
from orders_monitor.core.breaker import Admitted, Breaker, BreakerEvent, Closed, State, Zone
from orders_monitor.core.breaker import Refused as NotNow
from orders_monitor.core.budget import Account, Fit, Key, Limits, Purchase, Reservation, RunSpend, Settlement
from orders_monitor.core.calibration import Calibration
from orders_monitor.core.cost import Balance, Cost, CostBy, Unsettled, require_signed, why_not_reconciled
from orders_monitor.core.errors import ReconciliationRefused
from orders_monitor.core.publication import Step
from orders_monitor.core.review import Case, Decision, Publication, Verdict
from orders_monitor.core.value import Value


class Journal:
    """An opened journal. Threads may share one; processes open their own. Fulfils `core.budget.Ledger`."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime] = utc_now, until: int | None = None) -> None:
        self._store, self._clock, self._until = store, clock, until
        self._shelf_store = store_of_shelf(store)

    @classmethod
    def open(cls, url: str, *, clock: Callable[[], datetime] = utc_now, durability: Durability = "full") -> "Journal":
        """The journal at a SQLAlchemy URL (SQLite file or PostgreSQL), its tables made or brought up to date.

        `clock` says (in UTC) in which day and month the agent's spend is charged; `durability` what of a SQLite
        file's last commits a power cut may take: nothing, or with "normal" some.
        Raises StoreUnavailable, in one sentence that holds no password.
        """
        store = open_store(url, durability=durability)
        try:
            migrate(store)
        except BaseException:
            store.close()
            raise
        return cls(store, clock=clock)

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

    def as_of(self, event_id: int) -> "Journal":
        """What `latest`, `history` and `cases` said when that event was the newest. To read; its opener closes it."""
        return Journal(self._store, clock=self._clock, until=event_id)

    def record(self, *, table: str, partition: str, run_id: str, kind: str, body: Value) -> Event:
        """Append a fact to the run's chain."""
        with self._store.direct(*_chain(table, partition, run_id)) as transaction:
            (row,) = events.append(transaction, table=table, partition=partition, run_id=run_id, bodies=[(kind, body)])
            return events.added(transaction, row)

    def record_all(self, *, table: str, partition: str, run_id: str, bodies: Sequence[tuple[str, Value]]) -> None:
        """Append several facts, each with its kind, to the run's chain: all of them or none."""
        if bodies:
            with self._store.direct(*_chain(table, partition, run_id)) as transaction:
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

    def case(self, table: str, partition: str, *, environment: str) -> Case:
        """All that the gate asks about a partition."""
        with self._store.reading() as connection:
            return case_of(connection, table=table, partition=partition, environment=environment)

    def cases(self, table: str, *, environment: str) -> tuple[Case, ...]:
        """The cases of all partitions of which anything is known, in order, in three queries."""
        with self._store.reading() as connection:
            return cases_of(connection, table=table, environment=environment, until=self._until)

    def decide(
        self,
        *,
        table: str,
        partition: str,
        environment: str,
        digest: str,
        verdict: Verdict,
        reviewer: str,
        note: str,
        source: str,
    ) -> Decision:
        """Record the first decision on what waits now; `digest` names it by 12 characters or more.

        Raises ReviewRefused where nothing waits, where something else waits, or where it is decided already.
        """
        decisions.require_well_formed(
            table=table, partition=partition, digest=digest, reviewer=reviewer, note=note, source=source
        )
        # One decision of a table at a time: ids must become visible in their order, or a reader that remembers the
        # last id it saw (`decisions_after`) would pass one by.
        with self._store.writing(f"decisions {table}", _partition(table, partition)) as connection:
            return decisions.decide(
                connection,
                table=table,
                partition=partition,
                environment=environment,
                digest=digest,
                verdict=verdict,
                reviewer=reviewer,
                note=note,
                source=source,
            )

    def decisions_after(self, table: str, decision_id: int) -> tuple[Decision, ...]:
        """The table's decisions with a greater id, in order."""
        with self._store.reading() as connection:
            return decisions.after(connection, table=table, decision_id=decision_id)

    def last_decision_id(self, table: str) -> int:
        """The id of the table's newest decision; 0 before the first."""
        with self._store.reading() as connection:
            return decisions.last_id(connection, table)

    def claim(self, *, table: str, partition: str, environment: str, run_id: str) -> Step:
        """Ask the gate and claim the publication in one transaction: the lock on the door.

        A Claimable is claimed, by this run alone, when it is returned. Any other step leaves the journal as it was.
        """
        with self._store.writing(_partition(table, partition)) as connection:
            return publications.claim(
                connection, table=table, partition=partition, environment=environment, run_id=run_id
            )

    def receipt(self, publication: Publication, *, delta_version: int) -> Publication:
        """Record that a claim was written as that version of the Delta table; again changes nothing.

        Raises PublicationRefused for a claim that was given up, or written as another version.
        """
        with self._store.writing(_partition(publication.table, publication.partition)) as connection:
            return publications.receipt(connection, publication, delta_version=delta_version)

    def void(self, publication: Publication) -> Publication:
        """Give up an open claim that was never written; again changes nothing. Raises PublicationRefused if it was."""
        with self._store.writing(_partition(publication.table, publication.partition)) as connection:
            return publications.void(connection, publication)

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
                transaction.lock(*_chain(**whose))
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


def _chain(table: str, partition: str, run_id: str) -> tuple[str, str]:
    return _partition(table, partition), f"chain {run_id}"


def _partition(table: str, partition: str) -> str:
    return f"partition {table} {partition}"
