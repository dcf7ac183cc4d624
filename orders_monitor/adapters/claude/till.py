"""The till: what one HTTP attempt may cost is reserved before it is sent, what it cost is settled after.

It is the SDK's middleware and knows nothing else of the SDK.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from orders_monitor.adapters.claude.bill import reply_of, usage_of
from orders_monitor.core.budget import HOLD, Key, Ledger, Limits, Purchase, Reservation, RunScope, Settlement
from orders_monitor.core.clamp import PROMPT_OVERHEAD_TOKENS, Order
from orders_monitor.core.errors import ModelUnavailable
from orders_monitor.core.investigation import Spend
from orders_monitor.core.price import Usage
from orders_monitor.core.record import Attempt
from orders_monitor.core.release import Release
from orders_monitor.core.value import canonical_json

if TYPE_CHECKING:
    from anthropic import APIResponse

ATTEMPTS_MAX = 3
# What takes the place of an answer that a last word has no room for.
REFUSAL_BYTES_MAX = 180
ANSWERED = "answered"  # an outcome that may be settled with the next request: what it cost is below what is held
# A gateway that gave up does not know what the model did behind it: such a reply may have been billed.
_OUTCOME_UNKNOWN = frozenset({408, 502, 504})
# More than a run can hold back one after the other: the holds of an earlier execution keep their numbers.
_HOLDS_MAX = 1_000


class _Last(NamedTuple):
    """What was counted last: these messages, beside that head, in a request of that size; and what it used."""

    head: dict[str, Any]
    messages: list[Any]
    size: int
    usage: Usage


class _Stands(NamedTuple):
    """How an attempt stands."""

    reservation: Reservation
    outcome: str
    tokens: int | None
    micro_usd: int | None

    @property
    def attempt(self) -> Attempt:
        """As it is written down."""
        return Attempt(
            attempt=self.reservation.attempt,
            reserved_tokens=self.reservation.tokens,
            reserved_micro_usd=self.reservation.micro_usd,
            spent_tokens=self.tokens,
            spent_micro_usd=self.micro_usd,
            outcome=self.outcome,
        )


class Till:
    """Pays for the HTTP attempts of one run. `step`, `attempt` and `last_word` say what is sent next; the caller does.

    From the first paid step on enough is held back for a last word. A request with `last_word` gives the hold up for
    itself; `close` gives it back. An ordinary request is only sent where the hold covers a last word after it.
    `answer` is the last reply that was paid for, as it came. Until the next request or `close` settles it, its
    reservation is held: the ledger says more than was spent, and never less.
    """

    def __init__(self, *, release: Release, ledger: Ledger, run: RunScope, limits: Limits, name: str) -> None:
        self._release, self._ledger, self._run = release, ledger, run
        self._limits = limits.within_run(release.budget.cap)
        self._label = release.label  # a digest over the whole release: not once for each attempt
        self._growth_tokens = _growth_tokens(release)
        self.name = name
        self.step, self.attempt, self.last_word = 0, 0, False
        self.answer: Mapping[str, Any] = {}
        self._attempts: dict[Key, _Stands] = {}
        self._hold: Reservation | None = None
        self._holds = 0
        self._due: tuple[Settlement, ...] = ()
        self._prompt_tokens, self._cache_read_tokens = 0, 0
        self._last: _Last | None = None

    def spend(self) -> Spend:
        """The run's spend against its budget, from the ledger."""
        self._settle_due()
        return Spend(
            budget_tokens=self._limits.run.tokens,
            budget_micro_usd=self._limits.run.micro_usd,
            prompt_tokens=self._prompt_tokens,
            cache_read_tokens=self._cache_read_tokens,
            **self._ledger.spend(self._run.run_id).model_dump(),
        )

    def attempts(self) -> tuple[Attempt, ...]:
        """The HTTP attempts of the step that `step` names."""
        return tuple(each.attempt for each in self._attempts.values() if each.reservation.step == self.step)

    def close(self) -> None:
        """Settle the last reply, give back what is held for a last word; again nothing. Raises StoreUnavailable."""
        if self._hold is not None:
            self._due = (*self._due, _settlement(self._hold, tokens=0, micro_usd=0))
            self._hold = None
        self._settle_due()

    def pay(self, request: Any, call_next: Callable[[Any], "APIResponse[Any]"]) -> "APIResponse[Any]":
        """The SDK's middleware: it runs around each single HTTP attempt, and its errors reach the caller."""
        asked = cast("Mapping[str, Any]", request.json)
        size, prompt_max = self._bounds(asked)
        reservation = self._reserve(prompt_max, wanted=int(asked["max_tokens"]))
        affordable = reservation.tokens - prompt_max
        self._say(reservation, "no answer")
        if affordable != asked["max_tokens"]:  # a copy is a deep one: as expensive as the rest of the step
            request = request.copy(body={**asked, "max_tokens": affordable})
        response = call_next(request)  # a timeout raises here: the reservation stays
        if response.status_code in _OUTCOME_UNKNOWN:
            self._say(reservation, f"HTTP {response.status_code}: what it used is not known")
        elif response.status_code >= 400:  # noqa: PLR2004  # where HTTP's errors begin
            self._settle(reservation, Usage(input_tokens=0, output_tokens=0), f"HTTP {response.status_code}")
        else:
            usage = self._settle_reply(reservation, response)
            self._last = _Last(_head(asked), list(asked["messages"]), size, usage)
        return response

    def unavailable(
        self, why: str, reason: Literal["unavailable", "impostor", "overbilled"] = "unavailable"
    ) -> ModelUnavailable:
        """The error that says why this model's reply is not used."""
        return ModelUnavailable(model=self.name, why=why, reason=reason)

    def _bounds(self, body: Mapping[str, Any]) -> tuple[int, int]:
        """The bytes of a request, and a sound upper bound of its tokens: a token has at least one byte.

        What was measured or counted before is not measured or bounded again.
        """
        last, messages = self._last, body["messages"]
        if last is None or messages[: len(last.messages)] != last.messages:
            size = _bytes(body)
            return size, size + PROMPT_OVERHEAD_TOKENS
        new = messages[len(last.messages) :]
        sizes = [_bytes(message) for message in new]
        size = last.size + sum(sizes) + len(sizes) if _head(body) == last.head else _bytes(body)
        added = max(0, size - last.size)
        if new and new[0].get("role") == "assistant":
            # Read again, a reply is no more tokens than it was when it was written.
            added -= max(0, sizes[0] - last.usage.output_tokens)
        return size, min(size, last.usage.prompt_tokens + max(0, added)) + PROMPT_OVERHEAD_TOKENS

    def _reserve(self, prompt_max: int, *, wanted: int) -> Reservation:
        """One transaction: the request as long as it can be paid, and what is held back for a last word after it."""
        guardrails = self._release.guardrails
        order = Order(
            price=self._release.price,
            prompt_tokens_max=prompt_max,
            output_tokens_wanted=wanted,
            output_tokens_min=guardrails.output_tokens_min,
            finalisation_tokens=0 if self.last_word else guardrails.finalisation_tokens,
            growth_tokens=self._growth_tokens,
        )
        _, *hold = order.amounts(wanted)
        if self._hold is not None and hold and _covers(self._hold, hold[0].tokens, hold[0].micro_usd):
            order, hold = replace(order, finalisation_tokens=0), []
        purchases = [self._purchase(self.step, self._run.retry * ATTEMPTS_MAX + self.attempt)]
        if hold:
            purchases.append(self._purchase(HOLD, self._run.retry * _HOLDS_MAX + self._holds + 1))
        settles = self._due
        if gives_up := self._hold is not None and (bool(hold) or self.last_word):
            settles = (*settles, _settlement(self._hold, tokens=0, micro_usd=0))
        reservation, *held = self._ledger.reserve(*purchases, limits=self._limits, fit=order.fit, settles=settles)
        self._due = ()
        if held or gives_up:
            self._hold, self._holds = (held[0] if held else None), self._holds + len(held)
        return reservation

    def _purchase(self, step: int, attempt: int) -> Purchase:
        return Purchase(
            run_id=self._run.run_id,
            step=step,
            attempt=attempt,
            table=self._run.table,
            partition=self._run.partition,
            team=self._run.team,
            agent=self._release.agent,
            model=self.name,
            release=self._label,
        )

    def _settle_reply(self, reservation: Reservation, response: "APIResponse[Any]") -> Usage:
        """Settle with the reply's usage. Where that cannot be believed the reservation stays: ModelUnavailable."""
        reply = reply_of(response.http_response.content)
        if reply is None:
            self._say(reservation, "its reply is not JSON")
            raise self.unavailable("its reply is not JSON; the reservation stays")
        answered_by = str(reply.get("model"))[:80]
        if answered_by != self._release.model:
            self._say(reservation, "another model answered")
            why = f"{answered_by!r} answered in its place, at whatever price; the reservation stays"
            raise self.unavailable(why, "impostor")
        usage = usage_of(reply.get("usage"))
        if usage is None:
            self._say(reservation, "its reply does not say what it used")
            raise self.unavailable("its reply does not say what it used; the reservation stays")
        cost = self._settle(reservation, usage, ANSWERED)
        self._prompt_tokens += usage.prompt_tokens
        self._cache_read_tokens += usage.cache_read_tokens
        if usage.tokens > reservation.tokens:
            why = f"it billed {usage.tokens:,} tokens where {reservation.tokens:,} were possible"
            raise self.unavailable(why, "overbilled")
        if cost > reservation.micro_usd:
            why = f"it billed {cost:,} micro-USD where {reservation.micro_usd:,} were possible"
            raise self.unavailable(why, "overbilled")
        self.answer = reply
        return usage

    def _settle(self, reservation: Reservation, usage: Usage, outcome: str) -> int:
        cost = self._release.price.cost_of(usage)
        self._due = (*self._due, _settlement(reservation, tokens=usage.tokens, micro_usd=cost))
        if outcome != ANSWERED or not _covers(reservation, usage.tokens, cost):
            self._settle_due()
        self._say(reservation, outcome, tokens=usage.tokens, micro_usd=cost)
        return cost

    def _settle_due(self) -> None:
        for each in self._due:
            self._ledger.settle(**vars(each))
        self._due = ()

    def _say(
        self, reservation: Reservation, outcome: str, *, tokens: int | None = None, micro_usd: int | None = None
    ) -> None:
        """Write down how the attempt stands; the last word on it counts."""
        self._attempts[reservation.key] = _Stands(reservation, outcome, tokens, micro_usd)


def _growth_tokens(release: Release) -> int:
    """How much longer a last word's prompt can be than the one before it with its reply: our words, and refusals."""
    words = release.prompt("last_word")
    said = 0 if words is None else len(canonical_json(words.text).encode())
    return PROMPT_OVERHEAD_TOKENS + said + REFUSAL_BYTES_MAX * release.guardrails.calls_per_turn_max


def _settlement(of: Reservation, *, tokens: int, micro_usd: int) -> Settlement:
    return Settlement(run_id=of.run_id, step=of.step, attempt=of.attempt, tokens=tokens, micro_usd=micro_usd)


def _covers(hold: Reservation, tokens: int, micro_usd: int) -> bool:
    return hold.tokens >= tokens and hold.micro_usd >= micro_usd


def _head(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in body.items() if name != "messages"}


def _bytes(body: Mapping[str, Any]) -> int:
    return len(canonical_json(body).encode())
