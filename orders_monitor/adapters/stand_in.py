"""A deterministic stand-in for the model: an httpx2 transport that answers the Messages API inside the process.

It is the offline model, chosen explicitly in the settings, and says so. The same conversation gets the same reply,
byte for byte; its usage is a quarter of the bytes, which is about what real tokens are.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orders_monitor.adapters.stand_in_diagnosis import next_turn
from orders_monitor.core.value import canonical_json

if TYPE_CHECKING:
    import httpx2
    from httpx2 import BaseTransport
else:
    # httpx2 asks of a transport that it has these methods, not that it is of this class: so that importing the
    # stand-in does not import httpx2.
    BaseTransport = object

Json = dict[str, Any]
BYTES_PER_TOKEN = 4
_KNOWN = frozenset({"model", "max_tokens", "system", "messages", "tools", "tool_choice", "output_config", "thinking"})


class _Invalid(Exception):
    """The API would answer 400 with this sentence."""


class StandIn(BaseTransport):
    """Answers `POST /v1/messages`. `mind` gives the content blocks of the next turn from the request's body."""

    def __init__(self, mind: Callable[[Json], list[Json]] = next_turn) -> None:
        self._mind = mind

    def handle_request(self, request: "httpx2.Request") -> "httpx2.Response":
        """One reply, or the error that the API would give."""
        content = request.read()
        if (request.method, request.url.path) != ("POST", "/v1/messages"):
            return _error(404, "not_found_error", "there is nothing at this path")
        if not request.headers.get("authorization") and not request.headers.get("x-api-key"):
            return _error(401, "authentication_error", "a key is needed, any text")
        if not request.headers.get("anthropic-version"):
            return _error(400, "invalid_request_error", "anthropic-version: header is required")
        try:
            body = _checked(content)
        except _Invalid as invalid:
            return _error(400, "invalid_request_error", str(invalid))
        return _response(200, _reply(self._mind(body), body=body, size_bytes=len(content)))

    def close(self) -> None:
        """Nothing is open."""


def _reply(blocks: list[Json], *, body: Json, size_bytes: int) -> Json:
    wanted = _tokens(len(canonical_json(blocks).encode()))
    stop = "tool_use" if any(block["type"] == "tool_use" for block in blocks) else "end_turn"
    if wanted > body["max_tokens"]:
        blocks, wanted, stop = _cut(blocks, body["max_tokens"]), body["max_tokens"], "max_tokens"
    return {
        "id": f"msg_{hashlib.sha256(canonical_json(body).encode()).hexdigest()[:24]}",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": blocks,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {
            "input_tokens": _tokens(size_bytes),
            "output_tokens": wanted,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
        },
    }


def _cut(blocks: Sequence[Json], tokens_max: int) -> list[Json]:
    """What a model that ran out of tokens leaves: the beginning of its text."""
    text = "".join(block.get("text", "") for block in blocks)
    return [{"type": "text", "text": text[: tokens_max * BYTES_PER_TOKEN]}] if text else []


def _checked(content: bytes) -> Json:
    try:
        body = json.loads(content)
    except ValueError as error:
        raise _Invalid("the body is not JSON") from error
    if not isinstance(body, dict):
        raise _Invalid("the body is not an object")
    unknown = next((name for name in body if name not in _KNOWN), None)
    if unknown is not None:
        raise _Invalid(f"{unknown}: Extra inputs are not permitted")
    if not isinstance(body.get("model"), str):
        raise _Invalid("model: Field required")
    if type(body.get("max_tokens")) is not int or body["max_tokens"] < 1:
        raise _Invalid("max_tokens: Input should be a whole number of 1 or more")
    _check_messages(body.get("messages"))
    names = [tool.get("name") for tool in body.get("tools") or ()]
    if len(set(names)) != len(names):
        raise _Invalid("tools: Tool names must be unique")
    return body


def _check_messages(messages: object) -> None:
    if not isinstance(messages, list) or not messages:
        raise _Invalid("messages: at least one message is required")
    open_calls: set[str] = set()
    for number, message in enumerate(messages):
        role = "user" if number % 2 == 0 else "assistant"
        if message.get("role") != role:
            raise _Invalid(f"messages.{number}: roles must alternate, beginning with user")
        blocks = message.get("content")
        blocks = blocks if isinstance(blocks, list) else []
        if role == "user" and _ids(blocks, "tool_result", "tool_use_id") != open_calls:
            raise _Invalid(f"messages.{number}: every `tool_use` must have its `tool_result` in the next message")
        open_calls = _ids(blocks, "tool_use", "id") if role == "assistant" else set()


def _ids(blocks: Sequence[Mapping[str, Any]], kind: str, key: str) -> set[str]:
    return {str(block.get(key)) for block in blocks if block.get("type") == kind}


def _tokens(size_bytes: int) -> int:
    return -(-size_bytes // BYTES_PER_TOKEN)


def _error(status: int, kind: str, message: str) -> "httpx2.Response":
    return _response(status, {"type": "error", "error": {"type": kind, "message": message}})


def _response(status: int, body: Json) -> "httpx2.Response":
    import httpx2  # noqa: PLC0415  # whoever sent a request has it already

    return httpx2.Response(status, json=body, headers={"request-id": "req_stand_in"})
