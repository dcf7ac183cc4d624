"""Hand-written fakes, typed by the protocols that they stand for."""

from collections.abc import Callable, Sequence

from orders_monitor.agent.model import Reply, Request
from orders_monitor.core.budget import Reservation, RunSpend, Settlement, require_room, spend_of
from orders_monitor.core.errors import OrdersMonitorError
from orders_monitor.core.investigation import Spend
from orders_monitor.core.record import Attempt


class MemoryLedger:
    """A Ledger in a list. One process, nothing survives."""

    def __init__(self) -> None:
        self.entries: list[Reservation | Settlement] = []

    def reserve(self, reservation: Reservation, *, limit_tokens: int, limit_micro_usd: int) -> None:
        if any(isinstance(e, Reservation) and e.key == reservation.key for e in self.entries):
            raise ValueError(f"{reservation.key} was reserved before")
        spend = self.spend(reservation.run_id)
        require_room(reservation, spend=spend, limit_tokens=limit_tokens, limit_micro_usd=limit_micro_usd)
        self.entries.append(reservation)

    def settle(self, *, run_id: str, step: int, attempt: int, tokens: int, micro_usd: int) -> None:
        settlement = Settlement(run_id=run_id, step=step, attempt=attempt, tokens=tokens, micro_usd=micro_usd)
        if not any(isinstance(e, Reservation) and e.key == settlement.key for e in self.entries):
            raise ValueError(f"{settlement.key} was never reserved")
        if not any(isinstance(e, Settlement) and e.key == settlement.key for e in self.entries):
            self.entries.append(settlement)

    def spend(self, run_id: str) -> RunSpend:
        return spend_of(run_id, self.entries)


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
