from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from orders_monitor.core.budget import (
    HOLD,
    Account,
    Amount,
    Cap,
    Limits,
    Reservation,
    Room,
    RunSpend,
    Scope,
    Settlement,
    require_room,
    room_of,
)
from orders_monitor.core.errors import BudgetExhausted
from orders_monitor_tests.fakes import MemoryLedger
from orders_monitor_tests.money import DAY, caps, exactly, held_of, purchase, spend_of, totals_of

TEAM = Scope(kind="team_month", name="orders", period="2026-11")
AGENT = Scope(kind="agent_month", name="orders_daily", period="2026-11")
TABLE = Scope(kind="pipeline_day", name="orders_daily", period=DAY)
RUN = Scope(kind="run", name="run", period="")


def reservation(step: int = 1, *, tokens: int = 100, micro_usd: int = 500, run_id: str = "run") -> Reservation:
    return Reservation(**purchase(step, run_id=run_id).model_dump(), day=DAY, tokens=tokens, micro_usd=micro_usd)


def settlement(step: int = 1, *, tokens: int = 40, micro_usd: int = 200, run_id: str = "run") -> Settlement:
    return Settlement(run_id=run_id, step=step, attempt=1, tokens=tokens, micro_usd=micro_usd)


def room(tokens: int, micro_usd: int) -> Room:
    return Room(tokens=tokens, tokens_of=RUN, micro_usd=micro_usd, micro_usd_of=TEAM)


def test_nothing_was_spent_before_the_first_entry():
    """A run without entries has spent nothing."""
    assert RunSpend() == spend_of("run", [])


def test_an_open_reservation_is_held_and_a_settled_one_is_spent():
    """A settlement takes the place of its reservation; an attempt without one stays held at its worst case."""
    entries = [reservation(1), reservation(2), settlement(1), reservation(1, run_id="another")]

    expected = RunSpend(reserved_tokens=100, reserved_micro_usd=500, spent_tokens=40, spent_micro_usd=200, calls=2)
    assert expected == spend_of("run", entries)


def test_the_first_settlement_stays():
    """A settlement that comes again, with other figures, changes nothing."""
    entries = [reservation(), settlement(tokens=40), settlement(tokens=1)]

    assert RunSpend(spent_tokens=40, spent_micro_usd=200, calls=1) == spend_of("run", entries)


def test_what_is_held_back_is_no_call():
    """Step 0 holds money and was never sent."""
    assert RunSpend(reserved_tokens=100, reserved_micro_usd=500) == spend_of("run", [reservation(HOLD)])


def test_every_scope_is_charged_in_the_period_of_the_reservation():
    """A reservation counts for its run, its table's day, and the month of its agent and of its team."""
    totals = totals_of([reservation(), reservation(run_id="another")])

    one, two = RunSpend(reserved_tokens=100, reserved_micro_usd=500, calls=1), reservation()
    both = RunSpend(reserved_tokens=200, reserved_micro_usd=1_000, calls=2)
    another = replace(RUN, name="another")
    assert {TEAM: both, AGENT: both, TABLE: both, RUN: one, another: one} == totals
    assert (TEAM, AGENT, TABLE, RUN) == two.account.scopes


def test_the_room_is_the_smallest_remainder_and_says_whose_it_is():
    """Each currency has its own tightest scope; where two have as little left the narrower one is named."""
    limits = Limits(
        run=Cap(tokens=100, micro_usd=100),
        pipeline_day=Cap(tokens=100, micro_usd=90),
        agent_month=Cap(tokens=1_000, micro_usd=95),
        team_month=Cap(tokens=110, micro_usd=1_000),
    )
    account = Account(run_id="run", table="orders_daily", team="orders", agent="orders_daily", day=DAY)
    spent = {TEAM: RunSpend(spent_tokens=30, reserved_tokens=5), AGENT: RunSpend(spent_micro_usd=200)}

    assert Room(tokens=100, tokens_of=RUN, micro_usd=90, micro_usd_of=TABLE) == room_of(account, limits=limits, held={})
    assert Room(tokens=75, tokens_of=TEAM, micro_usd=0, micro_usd_of=AGENT) == room_of(
        account, limits=limits, held=held_of(account, spent)
    )


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ((61, 0), "budget of run run: wanted 61 tokens, 60 remain"),
        ((0, 801), "budget of team orders in 2026-11: wanted 801 micro-USD, 800 remain"),
    ],
)
def test_what_passes_a_limit_is_refused_in_either_currency(wanted, says):
    """One token or one micro-dollar too much is too much, and the error says how much was left, and where."""
    one, other = Amount(tokens=0, micro_usd=0), Amount(tokens=wanted[0], micro_usd=wanted[1])

    with pytest.raises(BudgetExhausted) as refused:
        require_room(room(60, 800), one, other)

    assert says == str(refused.value)


def test_what_exactly_fits_is_allowed():
    """A budget can be used to its last token and micro-dollar."""
    assert None is require_room(room(60, 800), Amount(tokens=20, micro_usd=400), Amount(tokens=40, micro_usd=400))


def test_a_release_makes_a_run_smaller_and_never_larger():
    """The smaller of the table's and the release's run budget counts, in each currency; other scopes stay."""
    limits = caps(1_000, 1_000)

    assert Cap(tokens=10, micro_usd=1_000) == limits.within_run(Cap(tokens=10, micro_usd=2_000)).run
    assert limits.team_month == limits.within_run(Cap(tokens=10, micro_usd=2_000)).team_month


class LedgerMachine(RuleBasedStateMachine):
    """Any order of reserving, settling, settling again and never settling, against a model of two dictionaries."""

    keys = Bundle("keys")
    limits = caps(1_000, 5_000)

    def __init__(self) -> None:
        super().__init__()
        self.ledger = MemoryLedger(day=DAY)
        self.held: dict[int, tuple[int, int]] = {}
        self.spent: dict[int, tuple[int, int]] = {}

    def _total(self, currency: int) -> int:
        return sum(amounts[currency] for amounts in (*self.held.values(), *self.spent.values()))

    @rule(target=keys, tokens=st.integers(0, 400), micro_usd=st.integers(0, 2_000))
    def reserve(self, tokens, micro_usd):
        step = len(self.held) + len(self.spent) + 1
        fits = self._total(0) + tokens <= 1_000 and self._total(1) + micro_usd <= 5_000
        fit = exactly(Amount(tokens=tokens, micro_usd=micro_usd))
        try:
            self.ledger.reserve(purchase(step), limits=self.limits, fit=fit)
        except BudgetExhausted:
            assert not fits
            return multiple()
        assert fits
        self.held[step] = (tokens, micro_usd)
        return step

    @rule(step=keys, share=st.floats(0, 1))
    def settle(self, step, share):
        tokens, micro_usd = (int(amount * share) for amount in self.held.get(step, (0, 0)))
        self.ledger.settle(run_id="run", step=step, attempt=1, tokens=tokens, micro_usd=micro_usd)
        if step in self.held:
            del self.held[step]
            self.spent[step] = (tokens, micro_usd)

    @rule(step=keys)
    def reserving_again_is_refused(self, step):
        with pytest.raises(ValueError, match="before"):
            self.ledger.reserve(purchase(step), limits=self.limits, fit=exactly(Amount(tokens=0, micro_usd=0)))

    @invariant()
    def the_fold_is_the_model_and_within_the_limits(self):
        spend = self.ledger.spend("run")
        expected = RunSpend(
            reserved_tokens=sum(tokens for tokens, _ in self.held.values()),
            reserved_micro_usd=sum(micro_usd for _, micro_usd in self.held.values()),
            spent_tokens=sum(tokens for tokens, _ in self.spent.values()),
            spent_micro_usd=sum(micro_usd for _, micro_usd in self.spent.values()),
            calls=len(self.held) + len(self.spent),
        )
        assert expected == spend
        assert spend.held_tokens <= 1_000
        assert spend.held_micro_usd <= 5_000


LedgerMachine.TestCase.settings = settings(max_examples=30, stateful_step_count=25, derandomize=True, deadline=None)
TestLedger = LedgerMachine.TestCase
