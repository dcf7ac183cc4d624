"""The message around a turn's content blocks: stop reason, usage, prompt cache; all of it follows from the request.

A token is four bytes, which is about what real ones are. What an earlier request of the same conversation had sent is
read from the prompt cache: that is everything before the last assistant turn, because it led to that turn.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from orders_monitor.adapters.stand_in.checks import breakpoints
from orders_monitor.adapters.stand_in.wire import Json
from orders_monitor.core.value import canonical_json

BYTES_PER_TOKEN = 4
CACHED_TOKENS_MIN = 1_024  # a shorter prompt is not cached, and nobody says so


def message(blocks: Sequence[Json], *, body: Json) -> Json:
    """The API's message with this content, cut to `max_tokens`."""
    stop, ended_by = "tool_use" if any(block["type"] == "tool_use" for block in blocks) else "end_turn", None
    kept, mark = _until_stop_sequence(blocks, body.get("stop_sequences", []))
    if mark is not None:
        stop, ended_by = "stop_sequence", mark
    wanted = tokens_of(kept)
    if wanted > body["max_tokens"]:
        kept, wanted, stop, ended_by = _cut(kept, body["max_tokens"]), body["max_tokens"], "max_tokens", None
    return {
        "id": f"msg_{hashlib.sha256(canonical_json(body).encode()).hexdigest()[:24]}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": list(kept),
        "stop_reason": stop,
        "stop_sequence": ended_by,
        "stop_details": None,
        "usage": {**prompt_usage(body), "output_tokens": wanted, "service_tier": "standard"},
    }


def prompt_usage(body: Json) -> Json:
    """What the prompt costs: the usage of a reply without its output."""
    total, read, written = prompt_tokens(body), 0, 0
    marks = breakpoints(body)
    if marks and total >= CACHED_TOKENS_MIN:
        read = _read_tokens(body)
        written = total - read
    longest = "1h" if any(mark.get("ttl") == "1h" for mark in marks) else "5m"
    return {
        "input_tokens": total - read - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": written if longest == "5m" else 0,
            "ephemeral_1h_input_tokens": written if longest == "1h" else 0,
        },
    }


def prompt_tokens(body: Json) -> int:
    """All that goes in: what `count_tokens` counts."""
    return tokens_of({name: body.get(name) for name in ("system", "tools", "output_config", "messages")})


def tokens_of(part: Any) -> int:
    """A quarter of the bytes of its canonical JSON, rounded up."""
    return -(-len(canonical_json(part).encode()) // BYTES_PER_TOKEN)


def _read_tokens(body: Json) -> int:
    """What the request before this one sent; another `tool_choice` spoils what was cached of its messages."""
    turns = [number for number, message in enumerate(body["messages"]) if message["role"] == "assistant"]
    if not turns:
        return 0
    spoilt = body.get("tool_choice", {}).get("type", "auto") != "auto"
    before = prompt_tokens({**body, "messages": [] if spoilt else body["messages"][: turns[-1]]})
    return before if before >= CACHED_TOKENS_MIN else 0


def _until_stop_sequence(blocks: Sequence[Json], marks: Sequence[str]) -> tuple[Sequence[Json], str | None]:
    for number, block in enumerate(blocks):
        found = [(block["text"].index(mark), mark) for mark in marks if mark in block.get("text", "")]
        if found:
            place, mark = min(found)
            return (*blocks[:number], {**block, "text": block["text"][:place]}), mark
    return blocks, None


def _cut(blocks: Sequence[Json], tokens_max: int) -> Sequence[Json]:
    """What a model that ran out of tokens leaves: the beginning of its text."""
    text = "".join(block.get("text", "") for block in blocks)
    return [{"type": "text", "text": text[: tokens_max * BYTES_PER_TOKEN]}] if text else []


def permitted(blocks: Sequence[Json], *, body: Mapping[str, Any]) -> list[Json]:
    """The blocks that the request's `tool_choice` lets through: the API holds every model to it."""
    choice = body.get("tool_choice") or {"type": "auto"}
    calls = [block for block in blocks if block["type"] == "tool_use"]
    rest = [block for block in blocks if block["type"] != "tool_use"]
    if choice["type"] == "none":
        return rest
    return [*rest, *(calls[:1] if choice.get("disable_parallel_tool_use") else calls)]
