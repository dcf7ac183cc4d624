"""Hand-written fakes, typed by the protocols that they stand for."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

from orders_monitor.agent.model import Reply, Request
from orders_monitor.agent.record import Attributes
from orders_monitor.core.budget import (
    Fit,
    Key,
    Limits,
    Purchase,
    Reservation,
    RunSpend,
    Settlement,
    room_of,
)
from orders_monitor.core.errors import OrdersMonitorError
from orders_monitor.core.investigation import Spend
from orders_monitor.core.record import AgentEvent, Attempt
from orders_monitor_tests.money import held_of, spend_of, totals_of


class MemoryLedger:
    """A Ledger in a list. One process, nothing survives. `day` is its clock."""

    def __init__(self, day: str = "2026-11-20") -> None:
        self.entries: list[Reservation | Settlement] = []
        self.day = day

    def reserve(
        self, *wanted: Purchase, limits: Limits, fit: Fit, settles: Sequence[Settlement] = ()
    ) -> tuple[Reservation, ...]:
        if any(self._reservation(purchase.key) for purchase in wanted):
            raise ValueError(f"{[purchase.key for purchase in wanted]} was reserved before")
        settled = [each for each in settles if self._is_new(each)]
        totals = totals_of([*self.entries, *settled])
        account = wanted[0].on(self.day)
        amounts = fit(room_of(account, limits=limits, held=held_of(account, totals)))
        reservations = tuple(
            Reservation(**purchase.model_dump(), day=self.day, tokens=amount.tokens, micro_usd=amount.micro_usd)
            for purchase, amount in zip(wanted, amounts, strict=True)
        )
        self.entries += [*settled, *reservations]
        return reservations

    def settle(self, *, run_id: str, step: int, attempt: int, tokens: int, micro_usd: int) -> None:
        settlement = Settlement(run_id=run_id, step=step, attempt=attempt, tokens=tokens, micro_usd=micro_usd)
        if self._is_new(settlement):
            self.entries.append(settlement)

    def spend(self, run_id: str) -> RunSpend:
        return spend_of(run_id, self.entries)

    def _reservation(self, key: Key) -> Reservation | None:
        return next((e for e in self.entries if isinstance(e, Reservation) and e.key == key), None)

    def _is_new(self, settlement: Settlement) -> bool:
        if self._reservation(settlement.key) is None:
            raise ValueError(f"{settlement.key} was never reserved")
        return not any(isinstance(e, Settlement) and e.key == settlement.key for e in self.entries)


class ScriptedModel:
    """A Model that says what it was told to, in order, and keeps what it was asked. A scripted error is raised."""

    name = "scripted"

    def __init__(self, *script: Reply | OrdersMonitorError | Callable[[Request], Reply]) -> None:
        self._script: Sequence[Reply | OrdersMonitorError | Callable[[Request], Reply]] = script
        self.requests: list[Request] = []
        self.closed = False

    def reply(self, request: Request, *, step: int) -> Reply:
        self.requests.append(request)
        # A script that is over goes on saying its last line: loops must end by themselves.
        line = self._script[min(step, len(self._script)) - 1]
        if isinstance(line, OrdersMonitorError):
            raise line
        return line(request) if callable(line) else line

    def attempts(self) -> tuple[Attempt, ...]:
        return ()

    def close(self) -> None:
        self.closed = True

    def spend(self) -> Spend:
        return Spend(budget_tokens=0, budget_micro_usd=0, calls=len(self.requests))


class ListRecorder:
    """A Recorder in a list, which keeps how many events were there at each flush."""

    def __init__(self) -> None:
        self.events: list[AgentEvent] = []
        self.flushed: list[int] = []

    def add(self, event: AgentEvent) -> None:
        self.events.append(event)

    def flush(self) -> None:
        self.flushed.append(len(self.events))


class ListTracer:
    """A Tracer that keeps the names and attributes of the spans, in the order in which they were opened."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, Attributes]] = []

    def span(self, name: str, attributes: Attributes) -> AbstractContextManager[None]:
        self.spans.append((name, attributes))
        return nullcontext()
