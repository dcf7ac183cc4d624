import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from orders_monitor.core.budget import Reservation, RunSpend, Settlement, require_room, spend_of
from orders_monitor.core.errors import BudgetExhausted
from orders_monitor_tests.fakes import MemoryLedger

LIMIT_TOKENS = 1_000
LIMIT_MICRO_USD = 5_000


def reservation(step: int = 1, *, tokens: int = 100, micro_usd: int = 500, run_id: str = "run") -> Reservation:
    return Reservation(
        run_id=run_id,
        step=step,
        attempt=1,
        table="orders_daily",
        partition="2026-11-19",
        team="orders",
        agent="orders_daily",
        model="stand-in",
        release="orders_daily@1.0.0",
        tokens=tokens,
        micro_usd=micro_usd,
    )


def settlement(step: int = 1, *, tokens: int = 40, micro_usd: int = 200, run_id: str = "run") -> Settlement:
    return Settlement(run_id=run_id, step=step, attempt=1, tokens=tokens, micro_usd=micro_usd)


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


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (reservation(tokens=61, micro_usd=0), "budget of run run: wanted 61 tokens, 60 remain"),
        (reservation(tokens=0, micro_usd=801), "budget of run run: wanted 801 micro-USD, 800 remain"),
    ],
)
def test_what_passes_a_limit_is_refused_in_either_currency(wanted, says):
    """One token or one micro-dollar too much is too much, and the error says how much was left."""
    spend = RunSpend(reserved_tokens=30, reserved_micro_usd=100, spent_tokens=10, spent_micro_usd=100)

    with pytest.raises(BudgetExhausted) as refused:
        require_room(wanted, spend=spend, limit_tokens=100, limit_micro_usd=1_000)

    assert says == str(refused.value)


def test_what_exactly_fits_is_allowed():
    """A budget can be used to its last token and micro-dollar."""
    spend = RunSpend(reserved_tokens=30, spent_tokens=10, spent_micro_usd=200)

    exact = reservation(tokens=60, micro_usd=800)

    assert None is require_room(exact, spend=spend, limit_tokens=100, limit_micro_usd=1_000)


def test_a_budget_that_was_overdrawn_has_nothing_left():
    """Remaining is never written as a negative number."""
    with pytest.raises(BudgetExhausted, match="0 remain"):
        require_room(reservation(), spend=RunSpend(spent_tokens=200), limit_tokens=100, limit_micro_usd=1_000)


class LedgerMachine(RuleBasedStateMachine):
    """Any order of reserving, settling, settling again and never settling, against a model of two dictionaries."""

    keys = Bundle("keys")

    def __init__(self) -> None:
        super().__init__()
        self.ledger = MemoryLedger()
        self.held: dict[int, tuple[int, int]] = {}
        self.spent: dict[int, tuple[int, int]] = {}

    def _total(self, currency: int) -> int:
        return sum(amounts[currency] for amounts in (*self.held.values(), *self.spent.values()))

    @rule(target=keys, tokens=st.integers(0, 400), micro_usd=st.integers(0, 2_000))
    def reserve(self, tokens, micro_usd):
        step = len(self.held) + len(self.spent) + 1
        fits = self._total(0) + tokens <= LIMIT_TOKENS and self._total(1) + micro_usd <= LIMIT_MICRO_USD
        wanted = reservation(step, tokens=tokens, micro_usd=micro_usd)
        try:
            self.ledger.reserve(wanted, limit_tokens=LIMIT_TOKENS, limit_micro_usd=LIMIT_MICRO_USD)
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
            self.ledger.reserve(reservation(step), limit_tokens=LIMIT_TOKENS, limit_micro_usd=LIMIT_MICRO_USD)

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
        assert spend.held_tokens <= LIMIT_TOKENS
        assert spend.held_micro_usd <= LIMIT_MICRO_USD


LedgerMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, derandomize=True, deadline=None)
TestLedger = LedgerMachine.TestCase
