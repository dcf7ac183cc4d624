"""The stand-in behind a socket on this machine: for trying the whole thing as it is with a real endpoint."""

import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from orders_monitor.adapters.stand_in.checks import REQUEST_BYTES_MAX
from orders_monitor.adapters.stand_in.service import Service
from orders_monitor.adapters.stand_in.wire import Wire

LOOPBACK = "127.0.0.1"
SILENCE_S_MAX = 600.0
LENGTH_DIGITS_MAX = 12


class StandInServer(ThreadingHTTPServer):
    """Serves one stand-in. Port 0 is any free one; `url` says which. Raises OSError where the port is taken."""

    daemon_threads = True

    def __init__(self, service: Service, *, port: int, host: str = LOOPBACK) -> None:
        self.service = service
        super().__init__((host, port), _Handler)

    @property
    def url(self) -> str:
        """What to set ORDERS_MONITOR_MODEL_URL to."""
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news; anything else is."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection: bytes in, the service's answer out."""

    protocol_version = "HTTP/1.1"
    server: StandInServer

    def do_POST(self) -> None:
        """The API's paths."""
        length = self.headers.get("content-length", "")
        size_bytes = int(length) if length.isdecimal() and len(length) <= LENGTH_DIGITS_MAX else 0
        if size_bytes > REQUEST_BYTES_MAX or str(size_bytes) != length:
            self.close_connection = True  # what is left unread must not be read as the next request
        content = self.rfile.read(min(size_bytes, REQUEST_BYTES_MAX + 1))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._send(self.server.service.answer(self.command, self.path.partition("?")[0], headers, content))

    do_GET = do_PUT = do_DELETE = do_POST  # noqa: N815  # as above

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Nothing: a request's path is no news, and its body is nobody's business."""

    def _send(self, wire: Wire) -> None:
        if wire.broken == "silent":
            self._say_nothing()
            return
        self.send_response(wire.status)
        for name, value in wire.headers.items():
            self.send_header(name, value)
        if "content-length" not in wire.headers:
            self.send_header("content-length", str(wire.size_bytes))
        self.end_headers()
        for piece in wire.pieces:
            self.wfile.write(piece)
        if wire.broken == "cut":
            self.close_connection = True

    def _say_nothing(self) -> None:
        """Until the client goes away, or ten minutes later."""
        self.close_connection = True
        self.connection.settimeout(SILENCE_S_MAX)
        with suppress(TimeoutError, ConnectionError):
            self.connection.recv(1)
