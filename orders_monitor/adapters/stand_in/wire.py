"""What goes over the wire, whoever carries it: a status, headers, and a body in pieces that may break off."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]

STAND_IN_HEADER = "x-orders-monitor-stand-in"
KINDS: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """One HTTP response. `broken`: the connection is cut before the last piece, or nothing is ever answered."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: Sequence[bytes] = ()
    broken: Literal["cut", "silent"] | None = None

    @property
    def size_bytes(self) -> int:
        """The bytes of the whole body, also of one that will be cut."""
        return sum(len(piece) for piece in self.pieces)


class Refused(Exception):
    """The API answers with an error instead of a message."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        self.status, self.headers, self.details = status, dict(headers or {}), details
        super().__init__(message)


class Silent(Exception):
    """The API takes the request and never answers."""


def of_json(status: int, body: Json, headers: Mapping[str, str]) -> Wire:
    """A response with a JSON body in one piece."""
    return Wire(status=status, headers={**headers, "content-type": "application/json"}, pieces=(_bytes(body),))


def of_refusal(refused: Refused, headers: Mapping[str, str]) -> Wire:
    """The API's error body."""
    error: Json = {"type": KINDS[refused.status], "message": str(refused)}
    if refused.details is not None:
        error["details"] = dict(refused.details)
    body = {"type": "error", "error": error, "request_id": headers["request-id"]}
    return of_json(refused.status, body, {**headers, **refused.headers})


def of_events(events: Sequence[Json], headers: Mapping[str, str]) -> Wire:
    """A stream of server-sent events, a piece each."""
    pieces = tuple(b"event: " + event["type"].encode() + b"\ndata: " + _bytes(event) + b"\n\n" for event in events)
    return Wire(status=200, headers={**headers, "content-type": "text/event-stream; charset=utf-8"}, pieces=pieces)


def cut(wire: Wire) -> Wire:
    """The same response, with the connection cut in the middle of the body."""
    body = b"".join(wire.pieces)
    headers = {**wire.headers, "content-length": str(len(body))}
    return Wire(status=wire.status, headers=headers, pieces=(body[: len(body) // 2],), broken="cut")


def request_id(method: str, path: str, content: bytes) -> str:
    """An id that follows from the request: the same request has the same one."""
    return f"req_stand_in_{hashlib.sha256(method.encode() + path.encode() + content).hexdigest()[:20]}"


def _bytes(body: Json) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
