"""A reply that comes in drops, or without end, is given up: a read timeout bounds the wait for each piece only."""

import time
from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2

Hooks = dict[str, list[Callable[..., None]]]
REPLY_BYTES_MAX = 8_000_000


def give_up_late(*, timeout_s: float, clock: Callable[[], float] = time.monotonic) -> Hooks:
    """The event hooks of an HTTP client: each whole exchange ends within the timeout, each body within its bytes."""
    began = 0.0

    def asked(_: "httpx2.Request") -> None:
        nonlocal began
        began = clock()

    def answered(response: "httpx2.Response") -> None:
        response.stream = _bounded(response, until_s=began + timeout_s, clock=clock)

    return {"request": [asked], "response": [answered]}


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
