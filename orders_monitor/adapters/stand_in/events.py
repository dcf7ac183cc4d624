"""A message as the events in which the API streams it."""

import json
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from orders_monitor.adapters.stand_in.wire import Json

DELTA_CHARACTERS = 40
# What the whole message says of a block, and its first event says without content.
_EMPTY: Mapping[str, Mapping[str, Any]] = {"text": {"text": ""}, "tool_use": {"input": {}}}


def of_message(message: Json) -> list[Json]:
    """The events, in their order."""
    opened = {**message, "content": [], "stop_reason": None, "stop_sequence": None, "stop_details": None}
    usage = message.get("usage")
    if isinstance(usage, dict):
        opened["usage"] = {**usage, "output_tokens": 1}
    delta = {name: message.get(name) for name in ("stop_reason", "stop_sequence", "stop_details")}
    return [
        {"type": "message_start", "message": opened},
        {"type": "ping"},
        *(event for index, block in enumerate(message["content"]) for event in _block(index, block)),
        {"type": "message_delta", "delta": delta, "usage": usage},
        {"type": "message_stop"},
    ]


def _block(index: int, block: Json) -> Iterator[Json]:
    yield {"type": "content_block_start", "index": index, "content_block": {**block, **_EMPTY[block["type"]]}}
    for delta in _deltas(block):
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def _deltas(block: Json) -> Iterator[Json]:
    if block["type"] == "text":
        yield from ({"type": "text_delta", "text": part} for part in _parts(block["text"]))
    else:
        written = json.dumps(block["input"])
        yield from ({"type": "input_json_delta", "partial_json": part} for part in ("", *_parts(written)))


def _parts(text: str) -> Iterator[str]:
    for start in count(0, DELTA_CHARACTERS):
        if start >= len(text):
            return
        yield text[start : start + DELTA_CHARACTERS]
