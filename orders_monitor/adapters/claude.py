"""The Messages API through the anthropic SDK, with every HTTP attempt paid from the ledger before it is sent.

The SDK costs 1.7 s of CPU to import: it is imported when a model is opened, and not before.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast, get_args

from pydantic import ValidationError

from orders_monitor.agent.model import (
    AssistantTurn,
    Message,
    Model,
    Reply,
    Request,
    StopReason,
    ToolCall,
    ToolResults,
    UserText,
)
from orders_monitor.core.budget import Ledger, Reservation, RunScope
from orders_monitor.core.errors import BudgetExhausted, ModelUnavailable
from orders_monitor.core.investigation import Spend
from orders_monitor.core.price import Usage
from orders_monitor.core.release import Release
from orders_monitor.core.table import Budget
from orders_monitor.core.value import canonical_json

if TYPE_CHECKING:
    import anthropic
    import httpx2
    from anthropic import APIResponse
    from anthropic.types import Message as SdkMessage

PUBLIC_API = "https://api.anthropic.com"
ATTEMPTS_MAX = 3
RETRY_AFTER_S_MAX = 4.0
# What the API adds to a prompt for tools and a structured answer, that is not in our bytes. Generous on purpose.
PROMPT_OVERHEAD_TOKENS = 1_000
_RETRYABLE = frozenset({429, 500, 503, 529})
# A gateway that gave up does not know what the model did behind it: such a reply may have been billed.
_OUTCOME_UNKNOWN = frozenset({408, 502, 504})


@dataclass(frozen=True, slots=True)
class _Retry:
    """The attempt failed before any output; another may follow after that many seconds."""

    after_s: float
    why: str


def open_model(
    release: Release,
    *,
    api_key: str,
    transport: "httpx2.BaseTransport | None",
    ledger: Ledger,
    run: RunScope,
    limits: Budget,
    recorded_as: str | None = None,
    base_url: str = PUBLIC_API,
    sleep: Callable[[float], None] = time.sleep,
) -> Model:
    """The release's pinned model for one run, within the run's limits.

    `transport` None is the network; a stand-in is another transport, and then `recorded_as` says so wherever the
    model is written down. No environment variable chooses key or address. Nothing is sent before the first reply.
    """
    import anthropic  # noqa: PLC0415  # 1.7 s of CPU, only for who asks the model
    import httpx2  # noqa: PLC0415  # comes with anthropic

    timeout_s = float(release.guardrails.reply_timeout_s)
    till = _Till(release=release, ledger=ledger, run=run, limits=limits, name=recorded_as or release.model)
    client = anthropic.Anthropic(
        api_key=api_key,
        base_url=base_url,
        max_retries=0,  # the SDK retries timeouts, unpaid, and obeys a retry-after of a day
        timeout=timeout_s,
        http_client=httpx2.Client(transport=transport, timeout=timeout_s),
        middleware=[till.pay],
        open_telemetry=False,
    )
    return _Claude(client=client, till=till, release=release, sleep=sleep)


class _Till:
    """Pays for HTTP attempts: reserves the worst case before, settles the real cost after."""

    def __init__(self, *, release: Release, ledger: Ledger, run: RunScope, limits: Budget, name: str) -> None:
        self._release, self._ledger, self._run, self._limits = release, ledger, run, limits
        self.name = name
        self.step, self.attempt = 0, 0
        self._last: tuple[list[Any], int, int] | None = None

    def spend(self) -> Spend:
        return Spend(
            budget_tokens=self._limits.run_tokens,
            budget_micro_usd=self._limits.run_micro_usd,
            **self._ledger.spend(self._run.run_id).model_dump(),
        )

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
        return ModelUnavailable(model=self.name, why=why)


class _Claude:
    """The model behind the SDK, turned into the loop's values."""

    def __init__(
        self, *, client: "anthropic.Anthropic", till: _Till, release: Release, sleep: Callable[[float], None]
    ) -> None:
        self._client, self._till, self._release, self._sleep = client, till, release, sleep

    @property
    def name(self) -> str:
        return self._till.name

    def spend(self) -> Spend:
        return self._till.spend()

    def reply(self, request: Request, *, step: int) -> Reply:
        self._till.step = step
        for attempt in range(1, ATTEMPTS_MAX + 1):
            self._till.attempt = attempt
            outcome = self._attempt(request)
            if isinstance(outcome, Reply):
                return outcome
            if attempt == ATTEMPTS_MAX or outcome.after_s > RETRY_AFTER_S_MAX:
                raise self._till.unavailable(outcome.why)
            self._sleep(outcome.after_s)
        raise AssertionError  # the last attempt returned or raised

    def _attempt(self, request: Request) -> Reply | _Retry:
        import anthropic  # noqa: PLC0415  # open_model imported it already

        try:
            message = self._client.messages.create(**_wire(request, model=self._release.model))
        except anthropic.APITimeoutError as error:
            raise self._till.unavailable(
                "no answer in time; what it used is not known, the reservation stays"
            ) from error
        except anthropic.APIStatusError as error:
            return self._failed(error)
        except anthropic.APIError as error:
            why = f"the connection failed ({type(error.__cause__ or error).__name__}); the reservation stays"
            raise self._till.unavailable(why) from error
        return self._read(message)

    def _failed(self, error: "anthropic.APIStatusError") -> _Retry:
        why = f"HTTP {error.status_code}: {error.type or 'error'}"
        final = error.response.headers.get("x-should-retry") == "false"
        if error.status_code not in _RETRYABLE or final:
            raise self._till.unavailable(why) from error
        after_s = _retry_after_s(error.response.headers.get("retry-after"), attempt=self._till.attempt)
        return _Retry(after_s, f"{why}; it asks to wait {after_s:,.0f} s")

    def _read(self, message: "SdkMessage") -> Reply:
        # The SDK builds its classes from whatever came; nothing of it is believed before it is looked at.
        said = message.to_dict(warnings=False)
        content, stop = said.get("content"), said.get("stop_reason")
        if stop not in get_args(StopReason):
            raise self._till.unavailable(f"it stopped for a reason that nobody knows: {str(stop)[:40]!r}")
        if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
            raise self._till.unavailable("its reply holds no content")
        try:
            content_json = canonical_json(content)
            content_json.encode()
        except ValueError as error:
            raise self._till.unavailable("its reply holds what JSON cannot say") from error
        calls = [block for block in content if block.get("type") == "tool_use"]
        if not all(_is_call(block) for block in calls):
            raise self._till.unavailable("it called a tool without id, name or arguments")
        return Reply(
            stop=cast("StopReason", stop),
            text="".join(str(block.get("text", "")) for block in content if block.get("type") == "text"),
            calls=tuple(ToolCall(call["id"], call["name"], call["input"]) for call in calls),
            turn=AssistantTurn(content_json),
        )


def _wire(request: Request, *, model: str) -> dict[str, Any]:
    return {
        "model": model,
        "max_tokens": request.output_tokens_max,
        "system": request.system,
        "messages": [_message(message) for message in request.messages],
        "tools": [
            {"name": t.name, "description": t.description, "input_schema": dict(t.input_schema), "strict": True}
            for t in request.tools
        ],
        "output_config": {"format": {"type": "json_schema", "schema": dict(request.answer_schema)}},
    }


def _message(message: Message) -> dict[str, Any]:
    match message:
        case UserText(text):
            return {"role": "user", "content": text}
        case AssistantTurn(content_json):
            return {"role": "assistant", "content": json.loads(content_json)}
        case ToolResults(results):
            blocks = [
                {"type": "tool_result", "tool_use_id": r.call_id, "content": r.text, "is_error": r.refused}
                for r in results
            ]
            return {"role": "user", "content": blocks}


def _is_call(block: Mapping[str, object]) -> bool:
    named = isinstance(block.get("id"), str) and isinstance(block.get("name"), str)
    return named and isinstance(block.get("input"), dict)


def _json_object(content: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(content)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _usage_of(body: object) -> Usage | None:
    """The usage as whole numbers of zero or more, or None. The SDK passes on whatever the reply says."""
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
    return usage if written == _or_zero(body.get("cache_creation_input_tokens")) else None


def _or_zero(count: object) -> object:
    return 0 if count is None else count


def _retry_after_s(header: str | None, *, attempt: int) -> float:
    """Seconds to wait: what the server says; 1, 2, ... where it says nothing; a day where it says no number."""
    if header is None:
        return float(attempt)
    return float(header) if header.isdecimal() and len(header) < 10 else 86_400.0  # noqa: PLR2004  # digits of 30 years


def _bytes(body: Mapping[str, Any]) -> int:
    return len(canonical_json(body).encode())
