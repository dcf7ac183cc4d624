"""A reply that comes in drops, or without end, is given up: a read timeout bounds the wait for each piece only."""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

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
    import httpx2  # noqa: PLC0415  # whoever has a response has it already

    pieces, request = response.stream, response.request

    class Bounded(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            size = 0
            for piece in pieces:  # type: ignore[union-attr]  # a sync client's stream is one
                size += len(piece)
                if size > REPLY_BYTES_MAX:
                    raise httpx2.RemoteProtocolError("the reply is too large", request=request)
                if clock() > until_s:
                    raise httpx2.ReadTimeout("the reply comes in drops", request=request)
                yield piece

        def close(self) -> None:
            pieces.close()  # type: ignore[union-attr]  # a sync client's stream is one

    return Bounded()
