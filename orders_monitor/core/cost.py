"""What the ledger says: costs by a key, the balance of a scope against its cap, and what is not settled yet."""

from typing import Literal

from pydantic import Field

from orders_monitor.core.budget import HOLD, Cap, Key, Reservation, RunSpend, Scope
from orders_monitor.core.errors import ReconciliationRefused
from orders_monitor.core.value import Value

CostBy = Literal["team", "pipeline", "agent", "model", "partition", "release"]
WORDS_CHARACTERS_MAX = 4_000


class Cost(Value):
    """What was spent under one key, and what is still reserved. `pipeline` is the table where keys are partitions."""

    key: str
    pipeline: str | None = None
    calls: int = Field(ge=0)
    tokens: int = Field(ge=0)
    micro_usd: int = Field(ge=0)
    reserved_tokens: int = Field(ge=0)
    reserved_micro_usd: int = Field(ge=0)


class Balance(Value):
    """A scope's running totals against its cap, and whether they are what its entries add up to."""

    scope: Scope
    cap: Cap
    total: RunSpend
    folded: RunSpend

    @property
    def remaining_tokens(self) -> int:
        """Tokens that may still be reserved."""
        return max(0, self.cap.tokens - self.total.held_tokens)

    @property
    def remaining_micro_usd(self) -> int:
        """Micro-dollars that may still be reserved."""
        return max(0, self.cap.micro_usd - self.total.held_micro_usd)

    @property
    def agrees(self) -> bool:
        """Whether the totals are the fold of the entries."""
        return self.total == self.folded


class Unsettled(Value):
    """A reservation without a settlement, and since when (ISO, UTC): an attempt on its way, or of unknown outcome."""

    reservation: Reservation
    since: str

    @property
    def was_sent(self) -> bool:
        """Whether anything may have been sent for it; what is held back for a last word never was."""
        return self.reservation.step != HOLD


def require_signed(key: Key, *, who: str, note: str) -> None:
    """Raise ReconciliationRefused unless somebody says who they are and why, in text that can be kept."""
    words = f"{who}{note}"
    if not who.strip() or not note.strip():
        raise ReconciliationRefused(key=key, why="say who you are and why")
    if len(words) > WORDS_CHARACTERS_MAX:
        raise ReconciliationRefused(key=key, why=f"the note has more than {WORDS_CHARACTERS_MAX:,} characters")
    if "\0" in words or any("\ud800" <= character <= "\udfff" for character in words):
        raise ReconciliationRefused(key=key, why="who and note must be plain text")


def why_not_reconciled(unsettled: Unsettled | None, *, tokens: int, micro_usd: int, overbilled: bool) -> str | None:
    """One sentence on why a reservation cannot be settled by hand at that cost; None where it can."""
    if unsettled is None:
        return "it is settled already, or was never reserved"
    held = unsettled.reservation
    if not overbilled and (tokens > held.tokens or micro_usd > held.micro_usd):
        most = f"{held.tokens:,} tokens and {held.micro_usd:,} micro-USD"
        return f"no more than {most} was possible; say that it was overbilled if the invoice does"
    return None
