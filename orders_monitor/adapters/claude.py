"""The Messages API through the anthropic SDK, with every HTTP attempt paid from the ledger before it is sent.

The SDK costs 1.7 s of CPU to import: it is imported when a model is opened, and not before.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast, get_args

from orders_monitor.adapters.till import ATTEMPTS_MAX, Till
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
from orders_monitor.core.budget import Ledger, RunScope
from orders_monitor.core.investigation import Spend
from orders_monitor.core.record import Attempt
from orders_monitor.core.release import Release
from orders_monitor.core.table import Budget
from orders_monitor.core.value import canonical_json

if TYPE_CHECKING:
    import anthropic
    import httpx2
    from anthropic.types import Message as SdkMessage

PUBLIC_API = "https://api.anthropic.com"
RETRY_AFTER_S_MAX = 4.0
_RETRYABLE = frozenset({429, 500, 503, 529})


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
    till = Till(release=release, ledger=ledger, run=run, limits=limits, name=recorded_as or release.model)
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


class _Claude:
    """The model behind the SDK, turned into the loop's values."""

    def __init__(
        self, *, client: "anthropic.Anthropic", till: Till, release: Release, sleep: Callable[[float], None]
    ) -> None:
        self._client, self._till, self._release, self._sleep = client, till, release, sleep

    @property
    def name(self) -> str:
        return self._till.name

    def spend(self) -> Spend:
        return self._till.spend()

    def attempts(self) -> tuple[Attempt, ...]:
        return self._till.attempts()

    def close(self) -> None:
        self._client.close()

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


def _retry_after_s(header: str | None, *, attempt: int) -> float:
    """Seconds to wait: what the server says; 1, 2, ... where it says nothing; a day where it says no number."""
    if header is None:
        return float(attempt)
    return float(header) if header.isdecimal() and len(header) < 10 else 86_400.0  # noqa: PLR2004  # digits of 30 years
