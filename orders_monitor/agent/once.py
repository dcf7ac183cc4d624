"""The same question on the same bytes is asked once: by threads here, and by every process that shares the shelf.

Two tiers: a few megabytes of memory, and a shelf that all processes share. Who is the first to ask holds a lease while
it finds out; the others wait. A lease ends by itself, so that a process that died is not waited for for ever. What
fails is not kept, and whoever waited asks again.
"""

import hashlib
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from orders_monitor.core.errors import StoreUnavailable

MEMORY_BYTES_MAX = 16_000_000
ENTRY_BYTES_MAX = 1_000_000
_PAUSE_S_MIN, _PAUSE_S_MAX = 0.005, 0.25


@dataclass(frozen=True, slots=True)
class Kept:
    """It is known."""

    body: str


@dataclass(frozen=True, slots=True)
class Held:
    """Somebody is finding out, and has until then (milliseconds since 1970) to say so."""

    until_ms: int


class Shelf(Protocol):
    """What all processes share. Addresses are 64 hexadecimal characters. Each method raises StoreUnavailable."""

    def look(self, address: str, *, now_ms: int) -> Kept | Held | None:
        """What is there now; None where nothing is and nobody is finding out. What was changed since is not there."""
        ...

    def take(self, address: str, *, holder: str, now_ms: int, until_ms: int) -> Kept | Held | None:
        """The same, and where it is None the holder has the lease from now on."""
        ...

    def keep(self, address: str, body: str, *, holder: str, now_ms: int) -> None:
        """Keep the body where nothing is kept yet, and end the holder's lease."""
        ...

    def give_up(self, address: str, *, holder: str) -> None:
        """End the holder's lease; nothing is kept."""
        ...


class Memory:
    """The bodies that were used last, so many bytes of them. Threads may share one."""

    def __init__(self, bytes_max: int = MEMORY_BYTES_MAX) -> None:
        self._bytes_max, self._lock = bytes_max, threading.Lock()
        self._bodies: OrderedDict[str, tuple[str, int]] = OrderedDict()
        self.size_bytes = 0

    def get(self, address: str) -> str | None:
        """The body, which is thereby the last one to be forgotten."""
        with self._lock:
            if address not in self._bodies:
                return None
            self._bodies.move_to_end(address)
            return self._bodies[address][0]

    def put(self, address: str, body: str, size: int) -> None:
        """Remember it, and forget what was used longest ago."""
        if size > self._bytes_max:
            return
        with self._lock:
            _, before = self._bodies.pop(address, ("", 0))
            self._bodies[address] = (body, size)
            self.size_bytes += size - before
            while self.size_bytes > self._bytes_max:
                _, (_, forgotten) = self._bodies.popitem(last=False)
                self.size_bytes -= forgotten


class _Flight:
    """One finding out in this process; the threads that wait for it read `body` after `done`, None where it failed."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.body: str | None = None


class Once:
    """A `Cache`. `lease_s` is longer than any finding out takes; clocks are wall clocks, which processes share."""

    def __init__(
        self,
        shelf: Shelf,
        *,
        lease_s: float,
        memory: Memory | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._shelf, self._lease_ms = shelf, int(lease_s * 1_000)
        self._memory, self._clock, self._sleep = memory or Memory(), clock, sleep
        self._flights: dict[str, _Flight] = {}
        self._lock = threading.Lock()

    def once(self, key: str, make: Callable[[], str]) -> tuple[str, bool]:
        """What is kept under the key, and True; or what `make` makes now, kept from then on, and False.

        An error of `make` passes through, and nothing is kept. Raises StoreUnavailable.
        """
        address = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()
        while True:
            known = self._memory.get(address)
            if known is not None:
                return known, True
            with self._lock:
                flight, mine = self._flights.get(address), address not in self._flights
                if flight is None:
                    flight = self._flights[address] = _Flight()
            if mine:
                return self._fly(flight, address, make)
            flight.done.wait()
            if flight.body is not None:
                return flight.body, True

    def _fly(self, flight: _Flight, address: str, make: Callable[[], str]) -> tuple[str, bool]:
        try:
            flight.body, known = self._shared(address, make)
            return flight.body, known
        finally:
            with self._lock:
                del self._flights[address]
            flight.done.set()

    def _shared(self, address: str, make: Callable[[], str]) -> tuple[str, bool]:
        holder = uuid.uuid4().hex
        found = self._waited_for(address, holder)
        if found is not None:
            self._memory.put(address, found, len(found.encode()))
            return found, True
        try:
            body = make()
        except BaseException:
            # Where the shelf cannot be reached now, the lease ends by itself; that is not what went wrong.
            with suppress(StoreUnavailable):
                self._shelf.give_up(address, holder=holder)
            raise
        size = _size_bytes(body)
        if size is None:
            self._shelf.give_up(address, holder=holder)
        else:
            self._shelf.keep(address, body, holder=holder, now_ms=self._now_ms())
            self._memory.put(address, body, size)
        return body, False

    def _waited_for(self, address: str, holder: str) -> str | None:
        """What somebody else found out; None with the lease in our hands.

        Nobody is waited for longer than a lease takes: one that is said to last longer is of a clock that was wrong.
        """
        pause_s, waited_s, until_ms = _PAUSE_S_MIN, 0.0, 0
        while True:
            now_ms = self._now_ms()
            found = self._shelf.look(address, now_ms=now_ms)
            if found is None:
                found = self._shelf.take(address, holder=holder, now_ms=now_ms, until_ms=now_ms + self._lease_ms)
            if not isinstance(found, Held):
                return None if found is None else found.body
            if found.until_ms != until_ms:
                waited_s, until_ms = 0.0, found.until_ms
            if 1_000 * waited_s > self._lease_ms:
                return None
            self._sleep(min(pause_s, max(0.0, (found.until_ms - now_ms) / 1_000)))
            waited_s, pause_s = waited_s + pause_s, min(2 * pause_s, _PAUSE_S_MAX)

    def _now_ms(self) -> int:
        return int(self._clock() * 1_000)


def _size_bytes(body: str) -> int | None:
    """Its size; None for what is not kept: too large, or a text that UTF-8 cannot say."""
    try:
        size = len(body.encode())
    except UnicodeEncodeError:
        return None
    return size if size <= ENTRY_BYTES_MAX else None
