"""pulse: while a run's process is at work, it says so in the journal, from a thread of its own."""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from orders_monitor.adapters.journal.heartbeats import Heartbeats
from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.core.errors import OrdersMonitorError
from orders_monitor.core.heartbeat import BEAT_S
from orders_monitor.settings import Settings

_LOG = logging.getLogger(__name__)


@contextmanager
def heartbeats_of(settings: Settings) -> Iterator[Heartbeats]:
    """The heartbeats, in a journal that is opened for this alone. Raises StoreUnavailable."""
    journal = Journal.open(settings.journal_url)
    try:
        yield journal.heartbeats
    finally:
        journal.close()


class Pulse:
    """The heartbeats of one run. A run shorter than half an interval leaves none, and needs none."""

    def __init__(self, run_id: str, settings: Settings, *, every_s: float = BEAT_S) -> None:
        self._run_id, self._settings, self._every_s = run_id, settings, every_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beats, name=f"pulse {run_id[:8]}", daemon=True)

    def start(self) -> "Pulse":
        """Begin."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End, and take the count away: who says good-bye was not killed."""
        self._over.set()
        self._thread.join()

    def _beats(self) -> None:
        if self._over.wait(self._every_s / 2):
            return
        trouble = None
        while not self._over.is_set():
            trouble = self._beaten(trouble)
            self._over.wait(self._every_s)
        self._ended()

    def _beaten(self, trouble: str | None) -> str | None:
        """One beat. A database that is away is no reason to end a run; it is said once."""
        try:
            with heartbeats_of(self._settings) as heartbeats:
                heartbeats.beat(self._run_id, host=socket.gethostname())
        except OrdersMonitorError as error:
            if trouble is None:
                _LOG.warning("run %s cannot say that it is alive: %s", self._run_id[:8], error)
            return str(error)
        return None

    def _ended(self) -> None:
        try:
            with heartbeats_of(self._settings) as heartbeats:
                heartbeats.end(self._run_id)
        except OrdersMonitorError as error:
            _LOG.warning("run %s ended and cannot say so: %s", self._run_id[:8], error)
