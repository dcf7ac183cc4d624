"""What the loop asks of any model, and what it gets. Nothing here knows HTTP or an SDK."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol, cast, get_args

from orders_monitor.core.investigation import Spend
from orders_monitor.core.record import Attempt
from orders_monitor.core.value import canonical_json

StopReason = Literal[
    "end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal", "model_context_window_exceeded"
]


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as the model is told of it. `input_schema` is strict: every property required, nothing else allowed."""

    name: str
    description: str
    input_schema: Mapping[str, Any]


@dataclass(frozen=True)
class ToolCall:
    """A tool that the model asks for. `arguments` are its words: not checked yet."""

    id: str
    name: str
    arguments: Mapping[str, Any]

    @cached_property
    def sentence(self) -> str:
        """The call in one canonical line; two equal questions have equal lines."""
        return f"{self.name}({canonical_json(dict(self.arguments))})"

    @cached_property
    def evidence(self) -> str:
        """The id under which the answer to this call can be cited."""
        asked = hashlib.sha256(self.sentence.encode(errors="surrogatepass")).hexdigest()
        return f"{self.name}:{asked[:12]}"


@dataclass(frozen=True, slots=True)
class UserText:
    """Our words."""

    text: str


@dataclass(frozen=True, slots=True)
class AssistantTurn:
    """The model's turn exactly as it came, as JSON: it goes back unread (thinking blocks are signed)."""

    content_json: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    """JSON text for one call; `refused` where the tool was not run."""

    call_id: str
    text: str
    refused: bool = False


@dataclass(frozen=True, slots=True)
class ToolResults:
    """The answers to all calls of the turn before."""

    results: tuple[ToolResult, ...]


Message = UserText | AssistantTurn | ToolResults


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The whole conversation so far: the model keeps no state."""

    system: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...]
    answer_schema: Mapping[str, Any]
    output_tokens_max: int
    last_word: str | None = None  # no tool may be called any more; these words of ours close the last message


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One turn of the model. `cached` where the same request had been answered before: nothing was sent."""

    stop: StopReason
    text: str
    calls: tuple[ToolCall, ...]
    turn: AssistantTurn
    cached: bool = False


def reply_of(stop: object, turn: AssistantTurn, *, cached: bool = False) -> Reply:
    """The reply that a turn is, fresh from the wire or from what was written down of it.

    Nothing of it is believed before it is looked at. Raises ValueError with the sentence of what is wrong with it.
    """
    if stop not in get_args(StopReason):
        raise ValueError(f"it stopped for a reason that nobody knows: {str(stop)[:40]!r}")
    content = _content_of(turn)
    calls = [block for block in content if block.get("type") == "tool_use"]
    if not all(_is_call(block) for block in calls):
        raise ValueError("it called a tool without id, name or arguments")
    if len({block["id"] for block in calls}) != len(calls):
        raise ValueError("it called two tools under one id")
    return Reply(
        stop=cast("StopReason", stop),
        text="".join(str(block.get("text", "")) for block in content if block.get("type") == "text"),
        calls=tuple(ToolCall(call["id"], call["name"], call["input"]) for call in calls),
        turn=turn,
        cached=cached,
    )


def _content_of(turn: AssistantTurn) -> list[dict[str, Any]]:
    try:
        content = json.loads(turn.content_json)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        raise ValueError("its reply holds no content")
    return content


def _is_call(block: Mapping[str, object]) -> bool:
    named = isinstance(block.get("id"), str) and isinstance(block.get("name"), str)
    return named and isinstance(block.get("input"), dict)


class Digests:
    """Digests and sizes of one conversation's requests. What the last request said already is not read again."""

    def __init__(self) -> None:
        self._head: tuple[Request, str, int] | None = None
        self._said: list[tuple[Message, str, int]] = []

    def of(self, request: Request) -> tuple[str, int]:
        """SHA-256 over everything that the request says, and how many bytes that is."""
        head, size = self._of_head(request)
        said = self._of_messages(request.messages)
        body = canonical_json([head, [digest for digest, _ in said], request.last_word])
        size += sum(bytes_ for _, bytes_ in said) + len((request.last_word or "").encode())
        return hashlib.sha256(body.encode(errors="surrogatepass")).hexdigest(), size

    def _of_head(self, request: Request) -> tuple[str, int]:
        if self._head is None or not _same_head(self._head[0], request):
            body = [
                request.system,
                [[tool.name, tool.description, dict(tool.input_schema)] for tool in request.tools],
                dict(request.answer_schema),
                request.output_tokens_max,
            ]
            self._head = (request, *_digest(canonical_json(body)))
        return self._head[1:]

    def _of_messages(self, messages: tuple[Message, ...]) -> list[tuple[str, int]]:
        same = 0
        for (before, _, _), now in zip(self._said, messages, strict=False):
            if before is not now:
                break
            same += 1
        self._said[same:] = [(message, *_digest(_text_of(message))) for message in messages[same:]]
        return [(digest, size) for _, digest, size in self._said]


def _same_head(before: Request, now: Request) -> bool:
    return (
        before.tools is now.tools
        and before.answer_schema is now.answer_schema
        and (before.system, before.output_tokens_max) == (now.system, now.output_tokens_max)
    )


def _text_of(message: Message) -> str:
    match message:
        case UserText(text):
            return canonical_json(["user", text])
        case AssistantTurn(content_json):
            return canonical_json(["assistant", content_json])
        case ToolResults(results):
            return canonical_json(["results", [[r.call_id, r.text, r.refused] for r in results]])


def _digest(text: str) -> tuple[str, int]:
    body = text.encode(errors="surrogatepass")
    return hashlib.sha256(body).hexdigest(), len(body)


class Model(Protocol):
    """One model within one budget, for one run. It is closed when the conversation is over."""

    @property
    def name(self) -> str:
        """How the model is written down: the pinned id, or `stand-in`."""
        ...

    def reply(self, request: Request, *, step: int) -> Reply:
        """The next turn. `step` counts from 1. Raises BudgetExhausted, ModelUnavailable, StoreUnavailable."""
        ...

    def attempts(self) -> tuple[Attempt, ...]:
        """The HTTP attempts of the last step, in order; none where its reply came from the cache or the tape."""
        ...

    def spend(self) -> Spend:
        """What the run has used by now, from the ledger. Raises StoreUnavailable."""
        ...

    def close(self) -> None:
        """Give back what was held back for the last word. Raises StoreUnavailable."""
        ...
