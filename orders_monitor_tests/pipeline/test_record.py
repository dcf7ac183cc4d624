"""What the agent did is in the journal before anything more is paid for, whoever answers and however it ends."""

from collections.abc import Iterator

import httpx2
import pytest

from orders_monitor.adapters.claude.model import open_model
from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.adapters.stand_in.transport import StandIn
from orders_monitor.agent.cached import CachedModel
from orders_monitor.agent.loop import investigate
from orders_monitor.agent.once import Once
from orders_monitor.core.budget import Amount, RunScope
from orders_monitor.core.drift import ColumnRenamed
from orders_monitor.core.errors import BudgetExhausted
from orders_monitor.core.record import Asked
from orders_monitor.core.table import Budget
from orders_monitor.pipeline.record import JournalRecorder
from orders_monitor_tests.cases import briefing, release
from orders_monitor_tests.money import caps, exactly, purchase

RUN = RunScope(run_id="run", table="orders_daily", partition="2026-11-19", team="orders")
ASKED = Asked(step=1, digest="d", request_bytes=1)
RENAMED = briefing(changes=(ColumnRenamed(column="amount", now="total", score=0.97),))


class Looking(httpx2.BaseTransport):
    """The honest stand-in, and what the journal held when each request came: the run's events, and its calls."""

    def __init__(self, journal: Journal) -> None:
        self._journal, self._stand_in = journal, StandIn("honest")
        self.seen: list[tuple[list[str], int]] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append((kinds(self._journal), self._journal.spend("run").calls))
        return self._stand_in.handle_request(request)


@pytest.fixture
def journal(tmp_path) -> Iterator[Journal]:
    opened = Journal.open(f"sqlite:///{tmp_path}/journal.db", durability="normal")
    yield opened
    opened.close()


def kinds(journal: Journal, run_id: str = "run") -> list[str]:
    return [event.kind for event in journal.events_of_run(run_id)]


def conversation(journal: Journal, run: RunScope = RUN, *, once: Once | None = None, **budget: int) -> Looking:
    """The agent about a renamed column, as the pipeline asks it."""
    ours, recorder, transport = release(), JournalRecorder(journal, run), Looking(journal)
    limits = Budget(**({"run_tokens": 120_000, "run_micro_usd": 500_000} | budget)).limits
    model = open_model(
        ours, api_key="offline", transport=transport, ledger=recorder, run=run, limits=limits, recorded_as="stand-in"
    )
    model = model if once is None else CachedModel(model, once, release=ours)
    investigate(RENAMED, model=model, release=ours, workbench=None, recorder=recorder)
    return transport


def test_all_that_happened_is_durable_before_the_next_request_is_sent(journal):
    """Each request finds the record of every step before it, its own question, and its reservation."""
    seen = conversation(journal).seen

    told = kinds(journal)
    assert len(seen) > 1
    for number, (events, calls) in enumerate(seen, start=1):
        assert (told[: len(events)], number) == (events, calls)
        assert (number, "agent_asked") == (events.count("agent_asked"), events[-1])
        assert number - 1 == events.count("agent_answered")
    assert "agent_ended" == told[-1]
    assert () == journal.verify_all()


def test_what_was_answered_from_before_is_recorded_all_the_same(journal):
    """A second run that pays for nothing has the same record, each step once, and no entry in the ledger."""
    once = Once(journal.shelf, lease_s=60.0)
    conversation(journal, once=once)

    transport = conversation(journal, RUN.model_copy(update={"run_id": "again"}), once=once)

    assert kinds(journal) == kinds(journal, "again")
    assert ([], 0) == (transport.seen, journal.spend("again").calls)
    assert all(e.body["cached"] for e in journal.events_of_run("again") if e.kind == "agent_answered")
    assert () == journal.verify_all()


def test_a_budget_that_is_gone_loses_no_event(journal):
    """What waited for a reservation that was refused is recorded once, with the refusal."""
    conversation(journal, run_tokens=100, run_micro_usd=100)

    assert ["agent_asked", "agent_failed", "agent_ended"] == kinds(journal)


def test_what_waits_goes_with_one_reservation_or_stays(journal):
    """Refused it goes on waiting; reserved it is written, and no flush writes it again."""
    recorder, limits = JournalRecorder(journal, RUN), caps(10, 10)
    recorder.add(ASKED)

    with pytest.raises(BudgetExhausted):
        recorder.reserve(purchase(1), limits=limits, fit=exactly(Amount(tokens=11, micro_usd=0)))
    assert [] == kinds(journal)
    recorder.reserve(purchase(1), limits=limits, fit=exactly(Amount(tokens=10, micro_usd=0)))
    recorder.flush()

    assert ["agent_asked"] == kinds(journal)
    assert 10 == recorder.spend("run").reserved_tokens
    recorder.settle(run_id="run", step=1, attempt=1, tokens=3, micro_usd=0)
    assert 3 == journal.spend("run").held_tokens
