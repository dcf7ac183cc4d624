"""The ledger under crashes between any two of its statements, against a model that is a dictionary."""

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.core.budget import (
    HOLD,
    Amount,
    Cap,
    Key,
    Purchase,
    Reservation,
    RunSpend,
    Scope,
    Settlement,
    room_of,
)
from orders_monitor.core.errors import BudgetExhausted
from orders_monitor.core.plan import Hold
from orders_monitor_tests.money import caps, exactly, held_of, purchase, totals_of

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
LIMITS = caps(1_500, 9_000, run=Cap(tokens=700, micro_usd=9_000), pipeline_day=Cap(tokens=900, micro_usd=4_000))
CRASHES = st.one_of(st.none(), st.integers(0, 18))
TOLD = [("told", Hold(why="what happened before"))] * 2


class Crashed(Exception):
    """The process ends here."""


@dataclass
class Crash:
    """After how many more statements the process ends, and whether its transaction was committed by then."""

    after: int | None = None
    committed: bool = False

    def on(self, done: str = "") -> None:
        self.committed = self.committed or done == "COMMIT"
        if self.after is not None:
            if self.after == 0:
                raise Crashed
            self.after -= 1


class LedgerUnderCrashes(RuleBasedStateMachine):
    """Reserve, hold, give up, settle, settle again, let days pass, and crash anywhere; then open it again and look.

    What was told with a reservation is there where the reservation is, and nowhere else.
    """

    keys = Bundle("keys")

    open: Callable[[], Journal]  # each database has its own

    @initialize()
    def begin(self) -> None:
        self.crash, self.now, self.number = Crash(), NOON, 0
        self.reserved: dict[Key, Reservation] = {}
        self.settled: dict[Key, Settlement] = {}
        self.told = 0
        self.journal = self.open()

    def teardown(self) -> None:
        self.journal.close()

    def entries(self) -> list[Reservation | Settlement]:
        return [*self.reserved.values(), *self.settled.values()]

    def happens(self, crash_after: int | None, what: Callable[[], Any]) -> bool:
        """Whether it was committed. After a crash the journal is opened again, as by the next process."""
        self.crash.after, self.crash.committed = crash_after, False
        try:
            what()
        except Crashed:
            self.crash.after = None
            self.journal.close()
            self.journal = self.open()
            return self.crash.committed
        finally:
            self.crash.after = None
        return True

    def buy(self, wanted: list[Purchase], amounts: list[Amount], settles: list[Settlement], crash: int | None) -> bool:
        day = f"{self.now:%Y-%m-%d}"
        settled = {each.key: each for each in settles if each.key not in self.settled}
        totals = totals_of([*self.entries(), *settled.values()])
        fit = exactly(*amounts)
        try:
            fit(room_of(wanted[0].on(day), limits=LIMITS, held=held_of(wanted[0].on(day), totals)))
        except BudgetExhausted as expected:
            with pytest.raises(BudgetExhausted, match=str(expected)):
                self.journal.reserve(*wanted, limits=LIMITS, fit=fit, settles=settles, bodies=TOLD)
            return False
        if not self.happens(
            crash, lambda: self.journal.reserve(*wanted, limits=LIMITS, fit=fit, settles=settles, bodies=TOLD)
        ):
            return False
        self.told += len(TOLD)
        self.settled |= settled
        for each, amount in zip(wanted, amounts, strict=True):
            self.reserved[each.key] = Reservation(**each.model_dump(), day=day, **asdict(amount))
        return True

    @rule(
        target=keys,
        run=st.sampled_from("ab"),
        table=st.sampled_from("tu"),
        tokens=st.integers(0, 300),
        hold=st.one_of(st.none(), st.integers(0, 300)),
        crash=CRASHES,
    )
    def reserve(self, run, table, tokens, hold, crash):
        self.number += 1
        wanted, amounts = [purchase(self.number, run_id=run + table, table=table)], [_amount(tokens)]
        if hold is not None:
            wanted.append(purchase(HOLD, attempt=self.number, run_id=run + table, table=table))
            amounts.append(_amount(hold))
        return multiple(*(each.key for each in wanted)) if self.buy(wanted, amounts, [], crash) else multiple()

    @rule(target=keys, key=keys, share=st.floats(0, 1), tokens=st.integers(0, 500), crash=CRASHES)
    def settle_and_reserve(self, key, share, tokens, crash):
        self.number += 1
        held = self.reserved[key]
        wanted = [purchase(self.number, run_id=held.run_id, table=held.table)]
        share = 0 if key[1] == HOLD else share  # a hold is given up
        cost = _settlement(key, int(held.tokens * share), int(held.micro_usd * share))
        return wanted[0].key if self.buy(wanted, [_amount(tokens)], [cost], crash) else multiple()

    @rule(key=keys, share=st.floats(0, 1), crash=CRASHES)
    def settle(self, key, share, crash):
        held = self.reserved[key]
        cost = _settlement(key, int(held.tokens * share), int(held.micro_usd * share))
        if self.happens(crash, lambda: self.journal.settle(**cost.model_dump())):
            self.settled.setdefault(key, cost)

    @rule(key=keys)
    def reserving_again_is_refused(self, key):
        held = self.reserved[key]
        again = Purchase(**held.model_dump(exclude={"day", "tokens", "micro_usd"}))
        with pytest.raises(ValueError, match="reserved already"):
            self.journal.reserve(again, limits=caps(10**9, 10**9), fit=exactly(_amount(0)), bodies=TOLD)

    @rule(hours=st.sampled_from([1, 12, 24, 48]))
    def time_passes(self, hours):
        self.now += timedelta(hours=hours)

    @invariant()
    def totals_are_the_fold_and_the_model_and_no_cap_is_passed(self):
        with self.journal._store.reading() as connection:  # noqa: SLF001 - rows as they are, by no code under test
            rows = connection.execute(sa.text("SELECT * FROM ledger ORDER BY id")).mappings().all()
            totals = connection.execute(sa.text("SELECT * FROM budget_totals")).mappings().all()
            told = connection.scalar(sa.text("SELECT count(*) FROM events"))
        kept = {
            Scope(kind=row["kind"], name=row["name"], period=row["period"]): RunSpend(
                **{amount: row[amount] for amount in RunSpend.model_fields}
            )
            for row in totals
        }
        assert self.told == told
        assert () == self.journal.verify_all()
        model = totals_of(self.entries())
        assert {"reserve": len(self.reserved), "settle": len(self.settled)} == {
            entry: sum(row["entry"] == entry for row in rows) for entry in ("reserve", "settle")
        }
        assert model == kept
        assert model == totals_of([_entry(row) for row in rows])
        for scope, total in kept.items():
            assert total.held_tokens <= LIMITS.cap(scope.kind).tokens
            assert total.held_micro_usd <= LIMITS.cap(scope.kind).micro_usd


class OnSqlite(LedgerUnderCrashes):
    """A file; the process may also end between COMMIT and the caller's next line."""

    def __init__(self) -> None:
        super().__init__()
        self.home = tempfile.mkdtemp(prefix="orders-monitor-ledger-")

    def open(self) -> Journal:
        crash = self.crash

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
                crash.on()
                cursor = super().execute(sql, *parameters)
                crash.on(sql)
                return cursor

            def executemany(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
                crash.on()
                cursor = super().executemany(sql, *parameters)
                crash.on()
                return cursor

        journal = Journal.open(f"sqlite:///{self.home}/journal.db", clock=lambda: self.now, durability="normal")
        engine = journal._store.engine  # noqa: SLF001 - no public way to crash
        engine.dispose()
        sa.event.listen(engine, "do_connect", lambda _, __, ___, parameters: parameters.update(factory=Connection))
        return journal

    def teardown(self) -> None:
        super().teardown()
        shutil.rmtree(self.home)


class OnPostgres(LedgerUnderCrashes):
    """A server; the process may end before any statement, the commit included."""

    url = ""

    def open(self) -> Journal:
        journal = Journal.open(self.url, clock=lambda: self.now)
        engine = journal._store.engine  # noqa: SLF001 - no public way to crash
        sa.event.listen(engine, "before_cursor_execute", lambda *_: self.crash.on())
        sa.event.listen(engine, "commit", lambda _: self.crash.on())
        return journal

    def teardown(self) -> None:
        with self.journal._store.writing() as connection:  # noqa: SLF001 - a journal forgets nothing, a test may
            connection.execute(sa.text("TRUNCATE ledger, budget_totals, events"))
        super().teardown()


def _amount(tokens: int) -> Amount:
    return Amount(tokens=tokens, micro_usd=3 * tokens)


def _entry(row: Mapping[str, Any]) -> Reservation | Settlement:
    named = {name: row[name] for name in ("run_id", "step", "attempt", "tokens", "micro_usd")}
    if row["entry"] == "settle":
        return Settlement(**named)
    who = {name: row[name] for name in ("team", "agent", "model", "release", "day")}
    return Reservation(**named, **who, table=row["table_name"], partition=row["partition_key"])


def _settlement(key: Key, tokens: int, micro_usd: int) -> Settlement:
    return Settlement(run_id=key[0], step=key[1], attempt=key[2], tokens=tokens, micro_usd=micro_usd)


SMALL = settings(max_examples=8, stateful_step_count=25, derandomize=True, deadline=None)
OnSqlite.TestCase.settings = SMALL
TestLedgerOnSqlite = OnSqlite.TestCase


@pytest.mark.slow
def test_the_ledger_on_sqlite_for_long():
    """The same machine with many more stories."""
    run_state_machine_as_test(OnSqlite, settings=settings(SMALL, max_examples=150, stateful_step_count=50))


@pytest.mark.slow
def test_the_ledger_on_postgresql(postgres_url):
    """The same machine on a server."""
    machine = type("OnThisServer", (OnPostgres,), {"url": postgres_url})
    run_state_machine_as_test(machine, settings=settings(SMALL, max_examples=60, stateful_step_count=30))
