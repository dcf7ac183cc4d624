"""The till alone, without the SDK: what is held, clamped, settled, and given back."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orders_monitor.adapters.claude.till import Till
from orders_monitor.agent.prompts import NO_ROOM, last_word_text
from orders_monitor.core.budget import HOLD, Cap, Reservation, RunScope, RunSpend
from orders_monitor.core.errors import BudgetExhausted, ModelUnavailable
from orders_monitor.core.record import Attempt
from orders_monitor_tests.cases import release
from orders_monitor_tests.fakes import MemoryLedger
from orders_monitor_tests.money import caps

RUN = RunScope(run_id="run", table="orders_daily", partition="2026-11-19", team="orders")
PIN = "claude-sonnet-5-5"
WIDE = 10**8
RELEASE = release()


@dataclass
class Http:
    """A reply as the SDK hands it to its middleware."""

    status_code: int
    content: bytes

    @property
    def http_response(self) -> "Http":
        return self


@dataclass
class Request:
    """A request as the SDK hands it to its middleware."""

    json: dict[str, Any]

    def copy(self, *, body: dict[str, Any]) -> "Request":
        return Request(body)


@dataclass
class Counter:
    """A till, and whoever stands in front of it: each `send` is one attempt of the next step."""

    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    tokens: int = WIDE
    micro_usd: int = WIDE
    finalisation_tokens: int = 16_000

    def __post_init__(self) -> None:
        own = RELEASE
        guardrails = own.guardrails.model_copy(update={"finalisation_tokens": self.finalisation_tokens})
        budget = own.budget.model_copy(update={"run_tokens": WIDE, "run_micro_usd": WIDE})
        self.release = own.model_copy(update={"guardrails": guardrails, "budget": budget})
        limits = caps(WIDE, WIDE, run=Cap(tokens=self.tokens, micro_usd=self.micro_usd))
        self.till = Till(release=self.release, ledger=self.ledger, run=RUN, limits=limits, name="stand-in")
        self.sent: list[dict[str, Any]] = []

    def send(
        self,
        answer: Http | Exception | Callable[[dict[str, Any]], Http] | None = None,
        *,
        words: str = "x",
        more: Sequence[dict[str, Any]] = (),
        last_word: bool = False,
    ) -> None:
        self.till.step, self.till.attempt, self.till.last_word = self.till.step + 1, 1, last_word

        def call_next(request: Request) -> Any:
            self.sent.append(request.json)
            if isinstance(answer, Exception):
                raise answer
            return answer(request.json) if callable(answer) else answer or reply()

        body = {"max_tokens": 4_000, "messages": [{"role": "user", "content": words}, *more]}
        self.till.pay(Request(body), call_next)

    @property
    def spend(self) -> RunSpend:
        """What the ledger says, once the till was asked: the last reply is settled by then."""
        self.till.spend()
        return self.ledger.spend("run")

    @property
    def hold(self) -> tuple[int, int]:
        """What is held back now, in both currencies; nothing where nothing is."""
        settled = {entry.key for entry in self.ledger.entries if not isinstance(entry, Reservation)}
        held = [e for e in self.ledger.entries if isinstance(e, Reservation) and e.step == HOLD]
        return next(((e.tokens, e.micro_usd) for e in held if e.key not in settled), (0, 0))


def reply(usage: object = None, *, model: str = PIN, status: int = 200) -> Http:
    usage = {"input_tokens": 100, "output_tokens": 50} if usage is None else usage
    return Http(status, json.dumps({"model": model, "usage": usage}).encode())


def test_the_first_paid_step_holds_a_last_word_back_and_closing_gives_it_back():
    """One transaction for both; the hold is no call, is priced at worst, stays through the steps, and ends once."""
    counter = Counter()

    counter.send()
    first = counter.hold
    counter.send()

    assert (16_000, 14_000 * 4 + 2_000 * 10) == first == counter.hold
    assert (2, 300) == (counter.spend.calls, counter.spend.spent_tokens)
    counter.till.close()
    counter.till.close()
    assert RunSpend(spent_tokens=300, spent_micro_usd=1_400, calls=2) == counter.spend


def test_a_reply_is_settled_with_the_next_request():
    """One transaction for both, before the room is looked at; until then, and where nothing fits, all of it is held."""
    counter = Counter(tokens=9_500, finalisation_tokens=0)

    counter.send()
    held = counter.ledger.spend("run")
    with pytest.raises(BudgetExhausted):
        counter.send(words="x" * 9_500)
    assert held == counter.ledger.spend("run")
    counter.send(words="x" * 3_000)

    assert (0, 1) == (held.spent_tokens, held.calls)
    assert 4_000 == counter.sent[1]["max_tokens"]
    assert (150, 2) == (counter.ledger.spend("run").spent_tokens, counter.ledger.spend("run").calls)
    counter.till.close()
    assert RunSpend(spent_tokens=300, spent_micro_usd=1_400, calls=2) == counter.ledger.spend("run")


def test_a_release_that_holds_nothing_back_has_no_step_0():
    """With `finalisation_tokens: 0` only requests are reserved."""
    counter = Counter(finalisation_tokens=0)

    counter.send()
    counter.till.close()

    assert [(1, 1)] == [(e.step, e.attempt) for e in counter.ledger.entries if isinstance(e, Reservation)]


def test_the_hold_grows_with_the_prompt():
    """A longer prompt has a longer last word: the old hold is given up for one that covers it."""
    counter = Counter()

    counter.send()
    counter.send(words="x" * 30_000)

    prompt_max = 30_000 + 1_000 + len('{"max_tokens":4000,"messages":[{"content":"","role":"user"}]}')
    said = len(json.dumps(last_word_text(RELEASE)))
    refusals = 180 * RELEASE.guardrails.calls_per_turn_max
    assert prompt_max + 4_000 + 1_000 + said + refusals + 2_000 == counter.hold[0]
    assert [1, 2] == [e.attempt for e in counter.ledger.entries if isinstance(e, Reservation) and e.step == HOLD]


def test_a_last_word_has_the_room_of_its_hold():
    """Where no ordinary step fits any more the last word does, and nothing is held after it."""
    counter = Counter(tokens=22_000)
    counter.send()

    with pytest.raises(BudgetExhausted):
        counter.send(words="x" * 6_000)
    assert 16_000 == counter.hold[0]
    counter.send(words="x" * 6_000, last_word=True)

    assert (0, 0) == counter.hold
    assert [4_000, 4_000] == [body["max_tokens"] for body in counter.sent]
    assert RunSpend(spent_tokens=300, spent_micro_usd=1_400, calls=2) == counter.spend


def test_a_last_word_that_does_not_fit_leaves_the_hold_to_be_given_back():
    """Nothing is sent, and closing still finds what was held."""
    counter = Counter(tokens=22_000)
    counter.send()

    with pytest.raises(BudgetExhausted):
        counter.send(words="x" * 30_000, last_word=True)
    assert 16_000 == counter.hold[0]
    counter.till.close()

    assert 150 == counter.spend.held_tokens


def test_an_execution_that_comes_after_a_dead_one_leaves_alone_what_it_held():
    """Nothing is released blindly: its hold and its last reply stay held, and the new one has another number."""
    counter = Counter()
    counter.send()
    left = counter.ledger.spend("run").reserved_tokens
    again = Till(
        release=counter.release,
        ledger=counter.ledger,
        run=RUN.model_copy(update={"retry": 1}),
        limits=caps(WIDE, WIDE),
        name="stand-in",
    )
    counter.till = again
    counter.send()
    again.close()

    holds = [e.attempt for e in counter.ledger.entries if isinstance(e, Reservation) and e.step == HOLD]
    assert ([1, 1_001], left) == (holds, counter.spend.reserved_tokens)
    assert left > 16_000


@pytest.mark.parametrize(
    "count", ["NaN", "100", -1, 1.0, True, None, 10**10, float("nan"), [1], {"tokens": 1}, "\ud800"]
)
def test_a_count_that_is_none_is_refused_and_the_reservation_stays(count):
    """A text, a fraction, a negative or absurd number, true: not settled, not zero, not believed."""
    counter = Counter(finalisation_tokens=0)

    with pytest.raises(ModelUnavailable, match="does not say what it used") as refused:
        counter.send(reply({"input_tokens": count, "output_tokens": 1}))

    (attempt,) = counter.till.attempts()
    assert "unavailable" == refused.value.reason
    assert RunSpend(
        reserved_tokens=attempt.reserved_tokens, reserved_micro_usd=attempt.reserved_micro_usd, calls=1
    ) == (counter.spend)


@pytest.mark.parametrize(
    "usage",
    [
        {"cache_read_input_tokens": -1},
        {"cache_creation_input_tokens": 5, "cache_creation": {"ephemeral_5m_input_tokens": 4}},
        {"cache_creation": {"ephemeral_1h_input_tokens": 4}},
        {"cache_creation": {"ephemeral_24h_input_tokens": 4}},
    ],
)
def test_cache_counts_that_contradict_each_other_are_refused(usage):
    """What was written to the cache is the sum of its two kinds, or nobody knows what it cost."""
    with pytest.raises(ModelUnavailable, match="does not say what it used"):
        Counter().send(reply({"input_tokens": 1, "output_tokens": 1} | usage))


def test_another_model_is_an_impostor():
    """At whatever price it answers: the reservation stays and the error says which way it is unavailable."""
    counter = Counter()

    with pytest.raises(ModelUnavailable) as refused:
        counter.send(reply(model="claude-opus-5-5"))

    assert ("impostor", 0) == (refused.value.reason, counter.spend.spent_tokens)
    assert ["another model answered"] == [attempt.outcome for attempt in counter.till.attempts()]


@pytest.mark.parametrize(
    ("usage", "unit"),
    [
        ({"input_tokens": 40_000, "output_tokens": 1}, "it billed 40,001 tokens"),
        ({"input_tokens": 0, "output_tokens": 5_000}, "it billed 50,000 micro-USD"),
    ],
)
def test_more_than_was_possible_is_settled_as_it_is_and_said(usage, unit):
    """The invoice may say the same: the truth is written down, and the model is not asked again."""
    counter = Counter()

    with pytest.raises(ModelUnavailable, match=unit) as refused:
        counter.send(reply(usage))

    assert ("overbilled", sum(usage.values())) == (refused.value.reason, counter.spend.spent_tokens)


def test_the_attempts_of_a_step_say_what_was_held_and_what_it_cost():
    """Each is known by its number; one whose outcome is not known has no cost."""
    counter = Counter(finalisation_tokens=0)
    counter.send(reply(status=429))
    held = counter.till.attempts()[0]

    assert (Attempt(**held.model_dump() | {"spent_tokens": 0, "spent_micro_usd": 0, "outcome": "HTTP 429"}),) == (
        counter.till.attempts()
    )
    counter.send(reply(status=504))
    assert [(None, "HTTP 504: what it used is not known")] == [
        (a.spent_tokens, a.outcome) for a in counter.till.attempts()
    ]
    with pytest.raises(TimeoutError):
        counter.send(TimeoutError())
    assert [(None, "no answer")] == [(a.spent_tokens, a.outcome) for a in counter.till.attempts()]
    counter.send()
    assert [(150, 700, "answered")] == [(a.spent_tokens, a.spent_micro_usd, a.outcome) for a in counter.till.attempts()]


def test_the_prompt_tokens_of_a_run_and_the_part_that_was_cached_are_added_up():
    """They come from the replies, beside the ledger's sums; the budget is the smaller of release and table."""
    counter = Counter(tokens=70_000)
    usage = {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 60}
    split = {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10}
    counter.send(reply(usage | {"cache_creation_input_tokens": 30, "cache_creation": split}))
    counter.send(reply(usage | {"cache_creation_input_tokens": 30}))

    spend = counter.till.spend()

    assert (200, 120, 0.6) == (spend.prompt_tokens, spend.cache_read_tokens, spend.cache_share)
    # 10 at 2, 60 at 0.1, then 20 at 2.5 and 10 at 4, or all 30 at 4; 5 of output at 10.
    assert 20 + 6 + 50 + 40 + 50 + 20 + 6 + 120 + 50 == spend.spent_micro_usd
    assert (70_000, WIDE) == (spend.budget_tokens, spend.budget_micro_usd)


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    tokens=st.integers(0, 60_000),
    micro_usd=st.integers(0, 400_000),
    steps=st.lists(st.tuples(st.integers(0, 5_000), st.sampled_from([200, 200, 0, 429, 504])), max_size=6),
)
@example(tokens=53_000, micro_usd=400_000, steps=[(20_000, 200)])  # a long prompt, paid with nothing to spare
def test_no_run_passes_its_budget_and_each_that_began_can_say_a_last_word(tokens, micro_usd, steps):
    """The greediest server bills a token a byte and every token of output: it never gets more than the budget.

    And after each ordinary step that was paid, a last word is paid too: that step's prompt, the longest reply to it,
    and what is said in place of the answers to its calls.
    """
    counter, billed, words = Counter(tokens=tokens, micro_usd=micro_usd), 0, ""
    for size, status in steps:
        words += "x" * size
        try:
            billed += _send_greedily(counter, words, status)
        except BudgetExhausted:
            break
    if counter.sent:
        last = counter.sent[-1]
        more = _left_out(output_tokens=last["max_tokens"])
        billed += _send_greedily(counter, last["messages"][0]["content"], 200, more=more, last_word=True)
    counter.till.close()

    assert billed <= counter.spend.held_tokens <= tokens
    assert counter.spend.held_micro_usd <= micro_usd
    assert (0, 0) == counter.hold


def _left_out(*, output_tokens: int) -> list[dict[str, Any]]:
    """A reply at a token a byte that asks for all that a turn may, and a refusal for each, with our last words."""
    ids = [f"toolu_{n:024}" for n in range(RELEASE.guardrails.calls_per_turn_max)]
    turn = {"role": "assistant", "content": [{"type": "tool_use", "id": each, "input": {}} for each in ids]}
    turn["content"][0]["input"] = {"query": "x" * (output_tokens - len(json.dumps(turn)))}
    refused = [{"type": "tool_result", "tool_use_id": i, "content": NO_ROOM, "is_error": True} for i in ids]
    words = {"type": "text", "text": last_word_text(RELEASE)}
    return [turn, {"role": "user", "content": [*refused, words]}]


def _send_greedily(
    counter: Counter, words: str, status: int, *, more: Sequence[dict[str, Any]] = (), last_word: bool = False
) -> int:
    """What the server billed: all that it could, also where its answer is lost."""
    billed = []

    def answer(body: dict[str, Any]) -> Http:
        # The till counts the bytes of what was asked, before it clamps it.
        prompt = len(json.dumps(body | {"max_tokens": 4_000}, separators=(",", ":"))) + 1_000
        usage = {"input_tokens": 0, "cache_creation_input_tokens": prompt, "output_tokens": body["max_tokens"]}
        billed.append(0 if status == 429 else prompt + body["max_tokens"])
        if status == 0:
            raise TimeoutError
        return reply(usage, status=status)

    with suppress(TimeoutError):
        counter.send(answer, words=words, more=more, last_word=last_word)
    return sum(billed)
