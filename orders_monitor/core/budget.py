"""Reserve before you spend: the ledger's entries, what they add up to, and whether one more may be bought.

An HTTP attempt is reserved at its worst case before it is sent and settled at its real cost after. An attempt whose
outcome is not known (a timeout) is never settled: its reservation stays held. Tokens and integer micro-dollars.
"""

from collections.abc import Iterable
from typing import Protocol

from pydantic import Field

from orders_monitor.core.errors import BudgetExhausted
from orders_monitor.core.value import Value


class RunScope(Value):
    """Who spends. `retry` counts the earlier executions of the same step in the same run, whose entries stay."""

    run_id: str
    table: str
    partition: str
    team: str
    retry: int = Field(default=0, ge=0)


class Reservation(Value):
    """The worst that one HTTP attempt can cost, held before it is sent. Its key is (run_id, step, attempt)."""

    run_id: str
    step: int = Field(ge=1)
    attempt: int = Field(ge=1)
    table: str
    partition: str
    team: str
    agent: str
    model: str
    release: str
    tokens: int = Field(ge=0)
    micro_usd: int = Field(ge=0)

    @property
    def key(self) -> tuple[str, int, int]:
        """What a settlement names."""
        return (self.run_id, self.step, self.attempt)


class Settlement(Value):
    """What a reserved attempt really cost; it takes the place of its reservation."""

    run_id: str
    step: int = Field(ge=1)
    attempt: int = Field(ge=1)
    tokens: int = Field(ge=0)
    micro_usd: int = Field(ge=0)

    @property
    def key(self) -> tuple[str, int, int]:
        """The reservation that it closes."""
        return (self.run_id, self.step, self.attempt)


class RunSpend(Value):
    """The sum of a run's entries. `reserved_*` is still held, `spent_*` is settled, `calls` counts HTTP attempts."""

    reserved_tokens: int = 0
    reserved_micro_usd: int = 0
    spent_tokens: int = 0
    spent_micro_usd: int = 0
    calls: int = 0

    @property
    def held_tokens(self) -> int:
        """Tokens that nobody else may reserve: settled, or still open."""
        return self.reserved_tokens + self.spent_tokens

    @property
    def held_micro_usd(self) -> int:
        """Micro-dollars that nobody else may reserve: settled, or still open."""
        return self.reserved_micro_usd + self.spent_micro_usd


class Ledger(Protocol):
    """Where entries are kept. Several processes may write; each call is one transaction. Raises StoreUnavailable."""

    def reserve(self, reservation: Reservation, *, limit_tokens: int, limit_micro_usd: int) -> None:
        """Hold the reservation, or raise BudgetExhausted if it would pass one of the run's limits.

        The same key twice is a ValueError, never a free second request: a repeated send is another attempt.
        """
        ...

    def settle(self, *, run_id: str, step: int, attempt: int, tokens: int, micro_usd: int) -> None:
        """Replace the reservation with its real cost. The first settlement stays; a repeated one changes nothing.

        A settlement of something that was never reserved is a ValueError.
        """
        ...

    def spend(self, run_id: str) -> RunSpend:
        """What the run's entries add up to; all zero for a run without any."""
        ...


def spend_of(run_id: str, entries: Iterable[Reservation | Settlement]) -> RunSpend:
    """The fold of a ledger's entries, in the order in which they were written, for one run."""
    held: dict[tuple[str, int, int], Reservation] = {}
    settled: dict[tuple[str, int, int], Settlement] = {}
    for entry in entries:
        if entry.run_id != run_id:
            continue
        if isinstance(entry, Reservation):
            held.setdefault(entry.key, entry)
        else:
            settled.setdefault(entry.key, entry)
    unsettled = [reservation for key, reservation in held.items() if key not in settled]
    return RunSpend(
        reserved_tokens=sum(r.tokens for r in unsettled),
        reserved_micro_usd=sum(r.micro_usd for r in unsettled),
        spent_tokens=sum(s.tokens for s in settled.values()),
        spent_micro_usd=sum(s.micro_usd for s in settled.values()),
        calls=len(held),
    )


def require_room(reservation: Reservation, *, spend: RunSpend, limit_tokens: int, limit_micro_usd: int) -> None:
    """Raise BudgetExhausted unless the reservation fits into what the run has left, in both currencies."""
    scope = f"run {reservation.run_id}"
    room_tokens, room_micro_usd = limit_tokens - spend.held_tokens, limit_micro_usd - spend.held_micro_usd
    if reservation.tokens > room_tokens:
        raise BudgetExhausted(scope=scope, wanted=reservation.tokens, remaining=max(0, room_tokens), unit="tokens")
    if reservation.micro_usd > room_micro_usd:
        raise BudgetExhausted(
            scope=scope, wanted=reservation.micro_usd, remaining=max(0, room_micro_usd), unit="micro-USD"
        )
