"""The breaker around what may fail: who passes, and what is told of how it went."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from orders_monitor.core.breaker import BreakerEvent, Closed, HalfOpen, Kind, Refused, State, Zone
from orders_monitor.core.errors import BreakerOpen, OrdersMonitorError
from orders_monitor.core.times import said
from orders_monitor.pipeline.resources import Desk

Clock = Callable[[], int]


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Passage:
    """One admission to a zone. Whoever was admitted says how it went, once."""

    desk: Desk
    zone: Zone
    probe: str
    clock: Clock

    def failed(self, why: str) -> None:
        """The zone failed. A run that tries its step again fails once: or one mistake in a path would open the zone."""
        if self.probe or not self.desk.retry:
            self._leave("failure", why)

    def tripped(self, why: str) -> None:
        """The zone did what it must never do: nobody waits for a third time."""
        self._leave("trip", why)

    def succeeded(self) -> None:
        """The zone works. Told of a probe only: while the breaker is closed there is nothing to close."""
        if self.probe:
            self._leave("success")

    def learnt_nothing(self) -> None:
        """It ended for a reason that says nothing of the zone: the next probe may come at once."""
        if self.probe:
            self._leave("release")

    def _leave(self, kind: Kind, why: str = "") -> None:
        event = BreakerEvent(kind=kind, at_ms=self.clock(), why=why, probe=self.probe)
        self.desk.journal.leave(self.desk.table.name, self.zone, event, breaker=self.desk.table.breaker)


def enter(desk: Desk, zone: Zone, *, clock: Clock = now_ms) -> Passage:
    """Pass into a zone. Raises BreakerOpen, StoreUnavailable."""
    name = f"{desk.run_id}-{uuid.uuid4().hex[:12]}"
    answer = desk.journal.enter(desk.table.name, zone, breaker=desk.table.breaker, now_ms=clock(), probe=name)
    if isinstance(answer, Refused):
        raise BreakerOpen(zone=zone, table=desk.table.name, until_ms=answer.until_ms, why=answer.why)
    return Passage(desk, zone, "" if answer.probe is None else name, clock)


@contextmanager
def guarded(desk: Desk, zone: Zone, failure: type[OrdersMonitorError], *, clock: Clock = now_ms) -> Iterator[None]:
    """Do something in a zone; that error is its failure, and any other says nothing of it. Raises BreakerOpen."""
    passage = enter(desk, zone, clock=clock)
    try:
        yield
    except failure as error:
        passage.failed(str(error))
        raise
    except BaseException:
        passage.learnt_nothing()
        raise
    passage.succeeded()


def close(desk: Desk, zone: Zone, *, who: str, note: str, clock: Clock = now_ms) -> None:
    """A person's word that the zone works again; what failed before weighs no more."""
    event = BreakerEvent(kind="close", at_ms=clock(), why=note, who=who)
    desk.journal.leave(desk.table.name, zone, event, breaker=desk.table.breaker)


def states(desk: Desk, *, clock: Clock = now_ms) -> dict[Zone, State]:
    """Every zone's state now."""
    return desk.journal.breakers(desk.table.name, breaker=desk.table.breaker, now_ms=clock())


def sentence(state: State) -> str:
    """The state in one line."""
    match state:
        case Closed(failures=0):
            return "closed"
        case Closed(failures=failures):
            return f"closed; recent failures: {failures}"
        case HalfOpen(lease=None, why=why):
            return f"half-open: the next to come tries ({why})"
        case HalfOpen(why=why):
            return f"half-open: somebody tries now ({why})"
        case _:
            return f"open until {said(state.until_ms)} ({state.why})"
