"""The till: what one HTTP attempt may cost is reserved before it is sent, what it cost is settled after.

It is the SDK's middleware and knows nothing else of the SDK.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from orders_monitor.core.budget import Ledger, Reservation, RunScope
from orders_monitor.core.errors import BudgetExhausted, ModelUnavailable
from orders_monitor.core.investigation import Spend
from orders_monitor.core.price import Usage
from orders_monitor.core.record import Attempt
from orders_monitor.core.release import Release
from orders_monitor.core.table import Budget
from orders_monitor.core.value import canonical_json

if TYPE_CHECKING:
    from anthropic import APIResponse

ATTEMPTS_MAX = 3
# What the API adds to a prompt for tools and a structured answer, that is not in our bytes. Generous on purpose.
PROMPT_OVERHEAD_TOKENS = 1_000
# No reply bills this many, and the ledger's 64 bits hold their price.
_TOKENS_MAX = 10**9
_DEPTH_MAX = 100
# A gateway that gave up does not know what the model did behind it: such a reply may have been billed.
_OUTCOME_UNKNOWN = frozenset({408, 502, 504})


class Till:
    """Pays for the HTTP attempts of one run. `step` and `attempt` name the next one; the caller sets them."""

    def __init__(self, *, release: Release, ledger: Ledger, run: RunScope, limits: Budget, name: str) -> None:
        self._release, self._ledger, self._run, self._limits = release, ledger, run, limits
        self.name = name
        self.step, self.attempt = 0, 0
        self._last: tuple[list[Any], int, int] | None = None

    def spend(self) -> Spend:
        """The run's spend against its limits, from the ledger."""
        return Spend(
            budget_tokens=self._limits.run_tokens,
            budget_micro_usd=self._limits.run_micro_usd,
            **self._ledger.spend(self._run.run_id).model_dump(),
        )

    def attempts(self) -> tuple[Attempt, ...]:
        """The HTTP attempts of the last step."""
        return ()

    def pay(self, request: Any, call_next: Callable[[Any], "APIResponse[Any]"]) -> "APIResponse[Any]":
        """The SDK's middleware: it runs around each single HTTP attempt, and its errors reach the caller."""
        body = dict(cast("Mapping[str, Any]", request.json))
        prompt_max = self._prompt_tokens_max(body)
        body["max_tokens"] = self._affordable_output(prompt_max, wanted=int(body["max_tokens"]))
        reservation = self._reserve(prompt_max, output_max=body["max_tokens"])
        response = call_next(request.copy(body=body))  # a timeout raises here: the reservation stays
        if response.status_code in _OUTCOME_UNKNOWN:
            return response
        if response.status_code >= 400:  # noqa: PLR2004  # where HTTP's errors begin
            self._settle(reservation, Usage(input_tokens=0, output_tokens=0))
            return response
        self._settle_reply(reservation, response, body)
        return response

    def _prompt_tokens_max(self, body: Mapping[str, Any]) -> int:
        """A sound upper bound: a token has at least one byte. What was counted before need not be bounded again."""
        size = _bytes(body)
        bound = size + PROMPT_OVERHEAD_TOKENS
        if self._last is not None:
            messages, last_size, last_prompt_tokens = self._last
            if body["messages"][: len(messages)] == messages:
                bound = min(bound, last_prompt_tokens + max(0, size - last_size) + PROMPT_OVERHEAD_TOKENS)
        return bound

    def _affordable_output(self, prompt_max: int, *, wanted: int) -> int:
        spend, price = self.spend(), self._release.price
        least = self._release.guardrails.output_tokens_min
        by_tokens = spend.remaining_tokens - prompt_max
        if by_tokens < least:
            raise self._exhausted(prompt_max + least, spend.remaining_tokens, "tokens")
        by_money = price.output_tokens_within(spend.remaining_micro_usd, prompt_tokens_max=prompt_max)
        if by_money < least:
            cost = price.worst_cost_of(prompt_tokens_max=prompt_max, output_tokens_max=least)
            raise self._exhausted(cost, spend.remaining_micro_usd, "micro-USD")
        return min(wanted, by_tokens, by_money)

    def _exhausted(self, wanted: int, remaining: int, unit: str) -> BudgetExhausted:
        return BudgetExhausted(scope=f"run {self._run.run_id}", wanted=wanted, remaining=max(0, remaining), unit=unit)

    def _reserve(self, prompt_max: int, *, output_max: int) -> Reservation:
        run, price = self._run, self._release.price
        reservation = Reservation(
            run_id=run.run_id,
            step=self.step,
            attempt=run.retry * ATTEMPTS_MAX + self.attempt,
            table=run.table,
            partition=run.partition,
            team=run.team,
            agent=self._release.agent,
            model=self.name,
            release=self._release.label,
            tokens=prompt_max + output_max,
            micro_usd=price.worst_cost_of(prompt_tokens_max=prompt_max, output_tokens_max=output_max),
        )
        self._ledger.reserve(
            reservation, limit_tokens=self._limits.run_tokens, limit_micro_usd=self._limits.run_micro_usd
        )
        return reservation

    def _settle_reply(self, reservation: Reservation, response: "APIResponse[Any]", body: Mapping[str, Any]) -> None:
        """Settle with the reply's usage. Where that cannot be believed the reservation stays: ModelUnavailable."""
        reply = _json_object(response.http_response.content)
        if reply is None:
            raise self.unavailable("its reply is not JSON; the reservation stays")
        answered_by = str(reply.get("model"))[:80]
        if answered_by != self._release.model:
            raise self.unavailable(f"{answered_by!r} answered in its place, at whatever price; the reservation stays")
        usage = _usage_of(reply.get("usage"))
        if usage is None:
            raise self.unavailable("its reply does not say what it used; the reservation stays")
        self._settle(reservation, usage)
        if usage.tokens > reservation.tokens:
            why = f"it billed {usage.tokens:,} tokens where {reservation.tokens:,} were possible"
            raise self.unavailable(why)
        self._last = (list(body["messages"]), _bytes(body), usage.prompt_tokens)

    def _settle(self, reservation: Reservation, usage: Usage) -> None:
        self._ledger.settle(
            run_id=reservation.run_id,
            step=reservation.step,
            attempt=reservation.attempt,
            tokens=usage.tokens,
            micro_usd=self._release.price.cost_of(usage),
        )

    def unavailable(self, why: str) -> ModelUnavailable:
        """The error that says why this model's reply is not used."""
        return ModelUnavailable(model=self.name, why=why)


def _json_object(content: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) and not _is_deep(body) else None


def _is_deep(body: object) -> bool:
    """Whether it is nested deeper than any reply is: whoever walks it afterwards would run out of stack."""
    level = [body]
    for _ in range(_DEPTH_MAX):
        level = [part for each in level for part in _parts(each)]
    return bool(level)


def _parts(body: object) -> Iterable[object]:
    if isinstance(body, dict):
        return body.values()
    return body if isinstance(body, list) else ()


def _usage_of(body: object) -> Usage | None:
    """The usage as whole numbers that can be, or None. The SDK passes on whatever the reply says."""
    if not isinstance(body, dict):
        return None
    split = body.get("cache_creation")
    if not isinstance(split, dict):  # a write of unknown kind is priced as the dearer one
        split = {"ephemeral_1h_input_tokens": body.get("cache_creation_input_tokens")}
    try:
        usage = Usage.model_validate(
            {
                "input_tokens": body.get("input_tokens"),
                "output_tokens": body.get("output_tokens"),
                "cache_read_tokens": _or_zero(body.get("cache_read_input_tokens")),
                "cache_write_5m_tokens": _or_zero(split.get("ephemeral_5m_input_tokens")),
                "cache_write_1h_tokens": _or_zero(split.get("ephemeral_1h_input_tokens")),
            },
            strict=True,
        )
    except ValidationError:
        return None
    written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    possible = usage.tokens <= _TOKENS_MAX
    return usage if possible and written == _or_zero(body.get("cache_creation_input_tokens")) else None


def _or_zero(count: object) -> object:
    return 0 if count is None else count


def _bytes(body: Mapping[str, Any]) -> int:
    return len(canonical_json(body).encode())
