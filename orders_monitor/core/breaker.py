"""The breaker: after a few failures in a short time a zone is left alone for a while, and then tried by one alone.

It knows failures and nothing else: what anything cost is the budget's matter, and an exhausted budget is no failure.
One breaker for each zone of each table; its state is a fold of the events that were recorded, at the time of asking.

    Closed --3 failures in 5 minutes, or a trip--> Open --the time is up--> HalfOpen --the probe succeeds--> Closed
                                                    ^-------------the probe fails---------|
"""

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from orders_monitor.core.value import Value

# What fails together: the model's service, the upstream, the files of the lake, the published table's log, and each
# channel by which people are told: a dead webhook must not keep the mail to the next level back.
Zone = Literal["model", "source", "warehouse", "publish", "notify_webhook", "notify_email"]
# release: a probe that ended without having shown anything. close: a person's word.
Kind = Literal["failure", "trip", "probe", "success", "release", "close"]
RESETS: tuple[Kind, ...] = ("success", "close")


class Breaker(Value):
    """As declared: so many failures within the window open it; after `open_s` one probe may try, for its lease."""

    failures_max: int = Field(default=3, ge=1, le=1_000)
    window_s: int = Field(default=300, ge=1, le=86_400)
    open_s: int = Field(default=300, ge=1, le=86_400)
    probe_lease_s: int = Field(default=600, ge=1, le=86_400)


class BreakerEvent(Value):
    """One recorded event, at milliseconds since 1970. `probe` names who tried; `until_ms` is the end of its lease."""

    kind: Kind
    at_ms: int
    why: str = ""
    probe: str = ""
    until_ms: int = 0
    who: str = ""


class Closed(Value):
    """Everybody may pass. `failures` counts those that still weigh."""

    kind: Literal["closed"] = "closed"
    failures: int = 0


class Open(Value):
    """Nobody may pass before `until_ms`."""

    kind: Literal["open"] = "open"
    until_ms: int
    why: str


class HalfOpen(Value):
    """One probe may try. While `lease` holds, it is somebody's; a prober that died loses it at its end."""

    kind: Literal["half_open"] = "half_open"
    why: str
    lease: BreakerEvent | None = None


State = Closed | Open | HalfOpen


class Admitted(Value):
    """Go on. `probe` is the event to record first where this is the one try; None where the breaker is closed."""

    probe: BreakerEvent | None = None


class Refused(Value):
    """Do not try before `until_ms`."""

    until_ms: int
    why: str


def state_at(events: Iterable[BreakerEvent], breaker: Breaker, *, now_ms: int) -> State:
    """The state of one zone of one table, from its events in the order in which they were recorded."""
    failures: list[int] = []
    opened: Open | None = None
    lease: BreakerEvent | None = None
    for event in events:
        if event.kind == "probe":
            lease = event
        elif event.kind == "release":
            lease = None if _is_of(lease, event) else lease
        elif event.kind == "close" or (event.kind == "success" and _is_of(lease, event)):
            failures, opened, lease = [], None, None
        elif event.kind == "trip" or (event.kind == "failure" and _is_of(lease, event)):
            opened, lease = _opened(event, breaker), None
        elif event.kind == "failure" and opened is None:
            failures = [*_weighing(failures, breaker, now_ms=event.at_ms), event.at_ms]
            opened = _opened(event, breaker) if len(failures) >= breaker.failures_max else None
    if opened is None:
        return Closed(failures=len(_weighing(failures, breaker, now_ms=now_ms)))
    if _is_on(opened.until_ms, breaker.open_s, now_ms=now_ms):
        return opened
    held = lease is not None and _is_on(lease.until_ms, breaker.probe_lease_s, now_ms=now_ms)
    return HalfOpen(why=opened.why, lease=lease if held else None)


def admit(state: State, breaker: Breaker, *, now_ms: int, probe: str) -> Admitted | Refused:
    """Whether somebody called `probe` may pass now."""
    if isinstance(state, Closed):
        return Admitted()
    if isinstance(state, Open):
        return Refused(until_ms=state.until_ms, why=state.why)
    if state.lease is not None:
        return Refused(until_ms=state.lease.until_ms, why=f"{state.why}; somebody else is trying")
    until_ms = now_ms + 1_000 * breaker.probe_lease_s
    return Admitted(probe=BreakerEvent(kind="probe", at_ms=now_ms, probe=probe, until_ms=until_ms))


def _is_of(lease: BreakerEvent | None, event: BreakerEvent) -> bool:
    """Whether the event is the newest prober's. Another's says nothing: it began before, or has lost its lease."""
    return lease is not None and lease.probe == event.probe


def _is_on(until_ms: int, for_s: int, *, now_ms: int) -> bool:
    """Whether that time is still to come. What ends much later than it can was recorded by a clock that was wrong."""
    return now_ms < until_ms <= now_ms + 2_000 * for_s


def _opened(event: BreakerEvent, breaker: Breaker) -> Open:
    return Open(until_ms=event.at_ms + 1_000 * breaker.open_s, why=event.why)


def _weighing(failures: list[int], breaker: Breaker, *, now_ms: int) -> list[int]:
    """The failures within the window that ends now, its first millisecond included; a clock may have gone back."""
    return [at_ms for at_ms in failures if abs(now_ms - at_ms) <= 1_000 * breaker.window_s]
