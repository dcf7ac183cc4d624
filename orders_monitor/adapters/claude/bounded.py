"""A reply that comes in drops, or without end, is given up: a read timeout bounds the wait for each piece only."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2

Hooks = dict[str, list[Callable[..., None]]]
REPLY_BYTES_MAX = 8_000_000
_OPENED = ("connect_tcp.complete", "start_tls.complete")
_HEADERS_BEGIN = "receive_response_headers.started"
_HEADERS_ENDED = ("receive_response_headers.complete", "receive_response_headers.failed")
_GRACE_S = 1.0  # who sends nothing at all meets the read timeout first, and is told as that


def give_up_late(*, timeout_s: float, clock: Callable[[], float] = time.monotonic) -> Hooks:
    """The event hooks of an HTTP client: each whole exchange ends within the timeout, each body within its bytes.

    For a client that sends one request at a time, and asks for `identity`: a few bytes that are compressed may be
    gigabytes, and are not read.
    """
    began, beginning = 0.0, _Beginning()

    def asked(request: "httpx2.Request") -> None:
        nonlocal began
        began = clock()
        beginning.until_s = time.monotonic() + timeout_s + _GRACE_S
        request.extensions["trace"] = beginning.trace

    def answered(response: "httpx2.Response") -> None:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise _compressed(response)
        response.stream = _bounded(response, until_s=began + timeout_s, clock=clock)

    return {"request": [asked], "response": [answered]}


class _Beginning:
    """Cuts the connection of who has not come to the end of its headers in time: drops of them wake nobody else."""

    def __init__(self) -> None:
        self.until_s = 0.0
        self._socket: socket.socket | None = None
        self._timer: threading.Timer | None = None

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """What the connection says of itself: the client's `trace` extension."""
        _, _, what = event.partition(".")  # behind the protocol's name
        if what in _OPENED:
            self._socket = info["return_value"].get_extra_info("socket")
        elif what in _HEADERS_ENDED and self._timer is not None:
            self._timer.cancel()
            self._timer = None
        elif what == _HEADERS_BEGIN and self._socket is not None:
            self._timer = threading.Timer(max(0.0, self.until_s - time.monotonic()), _cut, [self._socket])
            self._timer.daemon = True
            self._timer.start()


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):  # it is gone already
        # Not an SSLSocket's own, which would take the session from whoever reads of it now.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _compressed(response: "httpx2.Response") -> Exception:
    import httpx2  # noqa: PLC0415  # whoever has a response has it already

    return httpx2.RemoteProtocolError("the reply is compressed, and that was not asked for", request=response.request)


def _bounded(response: "httpx2.Response", *, until_s: float, clock: Callable[[], float]) -> "httpx2.SyncByteStream":
    stream: httpx2.SyncByteStream = _Bounded()(response.stream, response.request, until_s, clock)
    return stream


@cache
def _Bounded() -> Any:  # noqa: N802 - a class, made once
    import httpx2  # noqa: PLC0415  # whoever has a response has it already

    class Bounded(httpx2.SyncByteStream):
        def __init__(self, pieces: Any, request: httpx2.Request, until_s: float, clock: Callable[[], float]) -> None:
            self._pieces, self._request, self._until_s, self._clock = pieces, request, until_s, clock

        def __iter__(self) -> Iterator[bytes]:
            size = 0
            for piece in self._pieces:
                size += len(piece)
                if size > REPLY_BYTES_MAX:
                    raise httpx2.RemoteProtocolError("the reply is too large", request=self._request)
                if self._clock() > self._until_s:
                    raise httpx2.ReadTimeout("the reply comes in drops", request=self._request)
                yield piece

        def close(self) -> None:
            self._pieces.close()

    return Bounded
