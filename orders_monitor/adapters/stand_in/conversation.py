"""A request's body as a mind reads it: what was asked before, what came back, and what may still be asked."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orders_monitor.adapters.stand_in.wire import Json
from orders_monitor.core.value import canonical_json

Question = tuple[str, Json]


@dataclass(frozen=True, slots=True)
class Heard:
    """A question of an earlier turn and what came back; an empty answer where it was refused."""

    name: str
    arguments: Json
    answer: Json
    refused: bool = False

    @property
    def evidence(self) -> str:
        """The id under which the answer is cited: what it says itself, else the one that it would have."""
        return str(self.answer.get("evidence") or evidence_id(self.name, self.arguments))


def evidence_id(name: str, arguments: Json) -> str:
    """The evidence id of a tool's answer."""
    sentence = f"{name}({canonical_json(arguments)})"
    return f"{name}:{hashlib.sha256(sentence.encode()).hexdigest()[:12]}"


def heard(body: Json) -> list[Heard]:
    """Every question of the conversation with its answer, in order."""
    blocks = _blocks(body["messages"])
    results = {block["tool_use_id"]: block for block in blocks if block["type"] == "tool_result"}
    return [_heard(block, results[block["id"]]) for block in blocks if block["type"] == "tool_use"]


def turns(body: Json) -> int:
    """How often the model spoke before."""
    return sum(message["role"] == "assistant" for message in body["messages"])


def offered(body: Json) -> dict[str, Json]:
    """The tools that may be called now, with their input schemas; none for the last word."""
    if (body.get("tool_choice") or {}).get("type") == "none":
        return {}
    return {tool["name"]: tool["input_schema"] for tool in body.get("tools") or ()}


def shown(body: Json) -> list[str]:
    """Every text that tools gave back, answers and refusals: whatever strangers wrote is in one of these."""
    return [_text(block.get("content", "")) for block in _blocks(body["messages"]) if block["type"] == "tool_result"]


def ask(questions: Sequence[Question], body: Json, *, aloud: str = "") -> list[Json]:
    """The content blocks of a turn that asks them all at once. `aloud` is said before."""
    asked = sum(block["type"] == "tool_use" for block in _blocks(body["messages"]))
    said: list[Json] = [{"type": "text", "text": aloud}] if aloud else []
    return said + [
        {"type": "tool_use", "id": f"toolu_stand_in_{number}", "name": name, "input": arguments}
        for number, (name, arguments) in enumerate(questions, start=asked + 1)
    ]


def say(answer: Any) -> list[Json]:
    """The content blocks of a turn that answers."""
    return [{"type": "text", "text": canonical_json(answer)}]


def _blocks(messages: Sequence[Json]) -> list[Json]:
    return [block for m in messages if isinstance(m["content"], list) for block in m["content"]]


def _heard(call: Json, result: Json) -> Heard:
    refused = bool(result.get("is_error"))
    answer = {} if refused else _object(_text(result.get("content", "")))
    return Heard(call["name"], call["input"], answer, refused)


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(block["text"] for block in content)


def _object(text: str) -> Json:
    try:
        body = json.loads(text)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
