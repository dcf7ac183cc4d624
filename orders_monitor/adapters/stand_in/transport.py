"""The stand-in inside the process: an httpx2 transport, so that the real SDK speaks to it without a socket."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from orders_monitor.adapters.stand_in.hostile import Mind
from orders_monitor.adapters.stand_in.service import Service
from orders_monitor.adapters.stand_in.wire import Wire

if TYPE_CHECKING:
    import httpx2
    from httpx2 import BaseTransport
else:
    # httpx2 asks of a transport that it has these methods, not that it is of this class: so that importing the
    # stand-in does not import httpx2.
    BaseTransport = object


class StandIn(BaseTransport):
    """The Messages API in one of the modes: the same conversation gets the same reply, byte for byte.

    `variant` is one of the mode's variants; `mind` another mind than the mode's.
    """

    def __init__(self, mode: str = "honest", *, variant: str | None = None, mind: Mind | None = None) -> None:
        self._service = Service(mode, variant=variant, mind=mind)

    def handle_request(self, request: "httpx2.Request") -> "httpx2.Response":
        """One reply, or the error that the API would give. Raises httpx2.ReadTimeout where there is no answer."""
        import httpx2  # noqa: PLC0415  # whoever sent a request has it already

        headers = {name.lower(): value for name, value in request.headers.items()}
        wire = self._service.answer(request.method, request.url.path, headers, request.read())
        if wire.broken == "silent":
            raise httpx2.ReadTimeout("the stand-in answers nothing", request=request)
        if wire.broken == "cut":
            return httpx2.Response(wire.status, headers=dict(wire.headers), stream=_cut(wire))
        return httpx2.Response(wire.status, headers=dict(wire.headers), content=b"".join(wire.pieces))

    def close(self) -> None:
        """Nothing is open."""


def _cut(wire: Wire) -> "httpx2.SyncByteStream":
    import httpx2  # noqa: PLC0415  # as above

    class Broken(httpx2.SyncByteStream):
        """A body that breaks off, as the network's own does."""

        def __iter__(self) -> Iterator[bytes]:
            yield from wire.pieces
            raise httpx2.RemoteProtocolError("peer closed connection without sending complete message body")

    return Broken()
