"""The journal's ledger on both databases: every scope in one transaction, the period of the reservation, no race."""

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from orders_monitor.adapters.journal import migrations
from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.adapters.journal.store import open_store
from orders_monitor.core.budget import HOLD, Amount, Cap, Limits, Purchase, RunSpend, Settlement
from orders_monitor.core.cost import Cost
from orders_monitor.core.errors import BudgetExhausted, OrdersMonitorError, ReconciliationRefused
from orders_monitor.core.plan import Hold
from orders_monitor_tests.money import caps, exactly, purchase

LATE = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
EARLY = datetime(2026, 12, 1, 0, 1, tzinfo=UTC)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = LATE

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/journal.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(url, clock) -> Iterator[Journal]:
    opened = Journal.open(url, clock=clock, durability="normal")
    yield opened
    opened.close()


def reserve(
    journal: Journal, *wanted: Purchase, tokens: int = 1_000, micro_usd: int = 500, limits: Limits | None = None
) -> None:
    amounts = [Amount(tokens=tokens, micro_usd=micro_usd)] * len(wanted)
    journal.reserve(*wanted, limits=limits or caps(3_000, 10_000), fit=exactly(*amounts))


def settle(journal: Journal, step: int, *, tokens: int, micro_usd: int = 1, run_id: str = "run") -> None:
    journal.settle(run_id=run_id, step=step, attempt=1, tokens=tokens, micro_usd=micro_usd)


def totals(journal: Journal, day: str = "2026-11-30") -> list[tuple[str, int, int]]:
    """Of every scope that a purchase of that day is charged to: what is held of its tokens, and its calls."""
    balances = journal.balances(purchase().on(day), caps(0, 0))
    assert all(balance.agrees for balance in balances)
    return [(b.scope.kind, b.total.held_tokens, b.total.calls) for b in balances]


def test_spend_is_the_fold_of_the_ledger(journal):
    """Open reservations are held, settled ones count at their real cost, and another run has its own."""
    reserve(journal, purchase(1))
    reserve(journal, purchase(2))
    settle(journal, 1, tokens=300, micro_usd=120)
    settle(journal, 1, tokens=999, micro_usd=999)

    expected = RunSpend(reserved_tokens=1_000, reserved_micro_usd=500, spent_tokens=300, spent_micro_usd=120, calls=2)
    assert expected == journal.spend("run")
    assert RunSpend() == journal.spend("another")


def test_no_reservation_passes_the_limit(journal):
    """What does not fit is refused and not written; what a settlement frees can be reserved."""
    reserve(journal, purchase(1))
    reserve(journal, purchase(2), tokens=1_500)

    with pytest.raises(BudgetExhausted, match="run run: wanted 501 tokens, 500 remain"):
        reserve(journal, purchase(3), tokens=501)
    with pytest.raises(BudgetExhausted, match="wanted 9,001 micro-USD, 9,000 remain"):
        reserve(journal, purchase(3), tokens=1, micro_usd=9_001)
    settle(journal, 2, tokens=1_000)
    reserve(journal, purchase(3))

    assert 3_000 == journal.spend("run").held_tokens


@pytest.mark.parametrize(
    ("kind", "other", "says"),
    [
        ("pipeline_day", {"run_id": "b", "team": "b"}, "table orders_daily on 2026-11-30"),
        ("agent_month", {"run_id": "b", "team": "b", "table": "b"}, "agent orders_daily in 2026-11"),
        ("team_month", {"run_id": "b", "table": "b"}, "team orders in 2026-11"),
    ],
)
def test_every_scope_is_shared_by_who_it_is_of(journal, kind, other, says):
    """What one run reserved is missing to the next of the same table, agent or team; the refusal names the scope."""
    limits = caps(10_000, 10_000, **{kind: Cap(tokens=1_500, micro_usd=10_000)})
    reserve(journal, purchase(1), limits=limits)

    with pytest.raises(BudgetExhausted, match=f"budget of {says}: wanted 501 tokens, 500 remain"):
        reserve(journal, purchase(1, **other), tokens=501, limits=limits)
    reserve(journal, purchase(1, **other), tokens=500, limits=limits)


def test_what_is_reserved_together_is_reserved_whole_or_not_at_all(journal):
    """A request and what is held back beside it fit together, or neither is written."""
    with pytest.raises(BudgetExhausted):
        reserve(journal, purchase(1), purchase(HOLD), tokens=1_600)
    assert RunSpend() == journal.spend("run")

    reserve(journal, purchase(1), purchase(HOLD), tokens=1_500)

    assert RunSpend(reserved_tokens=3_000, reserved_micro_usd=1_000, calls=1) == journal.spend("run")


def test_what_is_told_with_a_reservation_is_recorded_where_it_is_made(journal):
    """Facts are on the run's chain after the reservation that they came with, and not after one that was refused."""
    told = [("told", Hold(why="first")), ("told", Hold(why="second"))]
    for step, tokens in ((1, 3_001), (1, 1_000), (1, 1_000), (2, 1_000)):
        with suppress(BudgetExhausted, ValueError):
            journal.reserve(
                purchase(step),
                limits=caps(3_000, 10_000),
                fit=exactly(Amount(tokens=tokens, micro_usd=1)),
                bodies=told,
            )
    unsayable = [*told, ("told", Hold(why="\ud800"))]
    with pytest.raises(UnicodeEncodeError):
        journal.reserve(
            purchase(3), limits=caps(3_000, 10_000), fit=exactly(Amount(tokens=1, micro_usd=1)), bodies=unsayable
        )

    assert ["first", "second"] * 2 == [event.body["why"] for event in journal.events_of_run("run")]
    assert 2 == journal.spend("run").calls
    assert () == journal.verify_all()


def test_reservations_that_tell_and_records_wait_for_each_other(journal):
    """Ledger, partition and chain are locked in one order: eight threads that write all three come to an end."""

    def write(number: int) -> None:
        told = [("told", Hold(why=str(number)))]
        if number % 2:
            journal.record_all(table="orders_daily", partition="2026-11-19", run_id="run", bodies=told)
        else:
            fit = exactly(Amount(tokens=1, micro_usd=1))
            journal.reserve(purchase(number + 1), limits=caps(3_000, 10_000), fit=fit, bodies=told)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(32)))

    assert set(map(str, range(32))) == {event.body["why"] for event in journal.events_of_run("run")}
    assert (16, ()) == (journal.spend("run").calls, journal.verify_all())


def test_a_hold_is_given_up_for_what_is_reserved_in_its_place(journal):
    """In one transaction: where the other does not fit the hold stays, and where it does it has the hold's room."""
    reserve(journal, purchase(1), purchase(HOLD), tokens=1_500)
    wanted, limits = purchase(2), caps(3_000, 10_000)

    def instead(tokens: int) -> None:
        fit = exactly(Amount(tokens=tokens, micro_usd=0))
        journal.reserve(
            wanted,
            limits=limits,
            fit=fit,
            settles=[Settlement(run_id="run", step=HOLD, attempt=1, tokens=0, micro_usd=0)],
        )

    with pytest.raises(BudgetExhausted, match="wanted 1,501 tokens, 1,500 remain"):
        instead(1_501)
    assert 1_500 + 1_500 == journal.spend("run").reserved_tokens

    instead(1_500)

    assert RunSpend(reserved_tokens=3_000, reserved_micro_usd=500, calls=2) == journal.spend("run")


def test_the_period_is_the_one_of_the_reservation(journal, clock):
    """Reserved before midnight and settled after: the day and month before are charged, the new ones are not."""
    reserve(journal, purchase(1))
    clock.now = EARLY
    settle(journal, 1, tokens=400)

    charged = [("team_month", 400, 1), ("agent_month", 400, 1), ("pipeline_day", 400, 1), ("run", 400, 1)]
    assert charged == totals(journal)
    assert [(kind, 0, 0) for kind, _, _ in charged[:3]] == totals(journal, "2026-12-01")[:3]


def test_a_hold_of_yesterday_makes_no_room_today(journal, clock):
    """What is given up after midnight is given back to the day that it was taken from."""
    day = caps(10_000, 10_000, pipeline_day=Cap(tokens=1_000, micro_usd=10_000))
    reserve(journal, purchase(HOLD), limits=day)
    clock.now = EARLY

    def instead(tokens: int) -> None:
        fit = exactly(Amount(tokens=tokens, micro_usd=0))
        journal.reserve(
            purchase(1),
            limits=day,
            fit=fit,
            settles=[Settlement(run_id="run", step=HOLD, attempt=1, tokens=0, micro_usd=0)],
        )

    with pytest.raises(BudgetExhausted, match="2026-12-01: wanted 1,001 tokens, 1,000 remain"):
        instead(1_001)
    instead(1_000)

    assert [("pipeline_day", 0, 0)] == totals(journal)[2:3]
    assert [("pipeline_day", 1_000, 1)] == totals(journal, "2026-12-01")[2:3]


def test_the_same_attempt_is_not_reserved_twice(journal):
    """A repeated send is another attempt; a settlement needs its reservation."""
    reserve(journal, purchase(1))

    with pytest.raises(ValueError, match="reserved already"):
        reserve(journal, purchase(1), tokens=1)
    with pytest.raises(ValueError, match="never reserved"):
        settle(journal, 2, tokens=1)
    assert ("run", 1_000, 1) == totals(journal)[3]


def test_many_at_once_never_pass_the_limit(journal):
    """Eight threads of two teams that reserve and settle at the same time get what fits and no more."""

    def buy(number: int) -> Any:
        try:
            return reserve(journal, purchase(number + 1, team=f"team {number % 2}"), limits=caps(3_000, 10**6))
        except OrdersMonitorError as error:
            return error

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(buy, range(8)))

    assert 5 == len([answer for answer in answers if isinstance(answer, BudgetExhausted)])
    assert 3_000 == journal.spend("run").held_tokens


def test_a_reservation_of_unknown_outcome_is_settled_by_a_person_who_says_why(journal, url):
    """Once, for no more than was possible unless it was overbilled; who and why stay with the entry."""
    reserve(journal, purchase(1), purchase(HOLD))
    reserve(journal, purchase(2))
    settle(journal, 2, tokens=1)
    key = purchase(1).key

    def refusal(key=key, tokens=1, who="ada", note="invoice 7", **more: bool) -> str:
        with pytest.raises(ReconciliationRefused) as refused:
            journal.reconcile(key, tokens=tokens, micro_usd=1, who=who, note=note, **more)
        return str(refused.value).removeprefix("run run step ").split(": ", 1)[1]

    assert [(purchase(1).key, True), (purchase(HOLD).key, False)] == [
        (u.reservation.key, u.was_sent) for u in journal.unsettled()
    ]
    assert "say who you are and why" == refusal(note=" ")
    assert "who and note must be plain text" == refusal(note="\0")
    assert "the note has more than 4,000 characters" == refusal(note="x" * 4_000)
    assert refusal(tokens=1_001).startswith("no more than 1,000 tokens and 500 micro-USD was possible")
    assert "it is settled already, or was never reserved" == refusal(purchase(2).key)
    assert "it is settled already, or was never reserved" == refusal(purchase(9).key)
    journal.reconcile(key, tokens=1_001, micro_usd=600, who="ada", note="invoice 7", overbilled=True)
    assert "it is settled already, or was never reserved" == refusal()

    assert [purchase(HOLD).key] == [u.reservation.key for u in journal.unsettled()]
    assert [("run", 1_001 + 1 + 1_000, 2)] == totals(journal)[3:]
    assert [("ada", "invoice 7", 1_001)] == in_sql(url, "SELECT who, note, tokens FROM ledger WHERE who <> ''")


AMOUNTS = st.tuples(st.integers(0, 9), st.integers(0, 9), st.booleans())


@settings(derandomize=True, deadline=None, max_examples=15)
@given(
    entries=st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from("tu"), st.integers(0, 3), AMOUNTS), max_size=8, unique_by=id
    )
)
def test_costs_by_any_key_add_up_to_the_ledger(tmp_path_factory, entries):
    """Whatever was bought by whom: the rows of every report add up to the same totals, to the unit."""
    home = tmp_path_factory.mktemp("ledger")
    journal = Journal.open(f"sqlite:///{home}/journal.db", clock=lambda: LATE, durability="normal")
    runs = set()
    for number, (team, table, step, (tokens, micro_usd, settled)) in enumerate(entries):
        run_id = f"{team} {table} {number}"
        runs.add(run_id)
        reserve(journal, purchase(step, run_id=run_id, team=team, table=table), tokens=tokens, micro_usd=micro_usd)
        if settled:
            settle(journal, step, tokens=tokens // 2, micro_usd=micro_usd // 2, run_id=run_id)
    spends = [journal.spend(run_id) for run_id in runs]

    expected = tuple(sum(getattr(spend, name) for spend in spends) for name in RunSpend.model_fields)
    for by in ("team", "pipeline", "agent", "model", "partition", "release"):
        rows = journal.costs(by)
        assert expected == (
            sum(row.reserved_tokens for row in rows),
            sum(row.reserved_micro_usd for row in rows),
            sum(row.tokens for row in rows),
            sum(row.micro_usd for row in rows),
            sum(row.calls for row in rows),
        )
    journal.close()
    shutil.rmtree(home)


def test_costs_are_of_the_days_that_are_asked_for(journal, clock):
    """Both ends are included; a partition's row names its table; the dearest is first."""
    reserve(journal, purchase(1))
    clock.now = EARLY
    reserve(journal, purchase(2, table="other"))
    settle(journal, 2, tokens=7, micro_usd=8)

    old = Cost(key="2026-11-19", pipeline="orders_daily", calls=1, tokens=0, micro_usd=0, **held(1_000, 500))
    new = Cost(key="2026-11-19", pipeline="other", calls=1, tokens=7, micro_usd=8, **held(0, 0))
    assert (new, old) == journal.costs("partition")
    assert (new,) == journal.costs("partition", since="2026-12-01", until="2026-12-01")
    assert (old,) == journal.costs("partition", until="2026-11-30")
    assert () == journal.costs("team", since="2026-12-02")


def test_an_old_ledger_is_charged_to_the_day_on_which_it_was_reserved(url):
    """Entries of before there were scopes get their day, and their totals are the fold."""
    store = open_store(url)
    older = [migration for migration in migrations.MIGRATIONS if migration.__name__ < "m004"]
    with store.writing() as connection:
        for migration in older:
            migration(connection)
        connection.execute(sa.text("CREATE TABLE migrations (name TEXT PRIMARY KEY, applied_at TEXT NOT NULL)"))
        for migration in older:
            connection.execute(sa.text(f"INSERT INTO migrations VALUES ('{migration.__name__}', 'x')"))
        for entry, step, tokens, at in (
            ("reserve", 1, 1_000, "2026-11-30T23:59:00.000+00:00"),
            ("reserve", 2, 500, "2026-11-30T23:59:30.000+00:00"),
            ("settle", 1, 300, "2026-12-01T00:01:00.000+00:00"),
        ):
            connection.execute(
                sa.text(
                    "INSERT INTO ledger (entry, run_id, step, attempt, table_name, partition_key, team, agent, model, "
                    f"release, tokens, micro_usd, recorded_at) VALUES ('{entry}', 'run', {step}, 1, 'orders_daily', "
                    f"'2026-11-19', 'orders', 'orders_daily', 'stand-in', 'r', {tokens}, 1, '{at}')"
                )
            )
    store.close()
    journal = Journal.open(url)

    assert [(kind, 800, 2) for kind in ("team_month", "agent_month", "pipeline_day", "run")] == totals(journal)
    assert RunSpend(reserved_tokens=500, reserved_micro_usd=1, spent_tokens=300, spent_micro_usd=1, calls=2) == (
        journal.spend("run")
    )
    journal.close()


def test_a_forked_process_has_connections_of_its_own(tmp_path):
    """A child of a fork reserves beside its parent, and neither's transaction is the other's."""
    journal = Journal.open(f"sqlite:///{tmp_path}/journal.db")
    reserve(journal, purchase(1))
    child = os.fork()
    if child == 0:
        reserve(journal, purchase(2))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    reserve(journal, purchase(3))

    assert (0, 3_000) == (status, journal.spend("run").held_tokens)
    journal.close()


def test_a_file_that_was_replaced_is_opened_again(tmp_path):
    """After a backup was put in its place, nothing is written into the file that is gone."""
    path = tmp_path / "journal.db"
    journal = Journal.open(f"sqlite:///{path}")
    other = Journal.open(f"sqlite:///{tmp_path}/backup.db")
    other.close()
    reserve(journal, purchase(1))
    (tmp_path / "backup.db").rename(path)
    for left in ("journal.db-wal", "journal.db-shm"):
        (tmp_path / left).unlink()

    assert RunSpend() == journal.spend("run")
    reserve(journal, purchase(1), tokens=7)
    assert 7 == journal.spend("run").held_tokens
    journal.close()


def held(tokens: int, micro_usd: int) -> dict[str, int]:
    return {"reserved_tokens": tokens, "reserved_micro_usd": micro_usd}


def in_sql(url: str, statement: str) -> list[tuple[Any, ...]]:
    store = open_store(url)
    with store.reading() as connection:
        rows = [tuple(row) for row in connection.execute(sa.text(statement))]
    store.close()
    return rows
