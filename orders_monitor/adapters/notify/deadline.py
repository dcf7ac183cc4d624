"""A time after which a conversation is over, however slowly the other side goes on talking."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def within(seconds: float, connected: Callable[[], socket.socket | None]) -> Iterator[None]:
    """Cut the connection off when the time is up: whoever reads or writes it gets an OSError or an empty answer.

    A timeout of the socket alone ends a single wait: one byte every few seconds would hold it for ever.
    """
    timer = threading.Timer(seconds, _cut, [connected])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cut(connected: Callable[[], socket.socket | None]) -> None:
    found = connected()
    if found is not None:
        with suppress(OSError):
            found.shutdown(socket.SHUT_RDWR)
