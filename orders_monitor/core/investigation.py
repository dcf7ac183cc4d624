"""What came of asking the agent, or of not asking it."""

from typing import Literal

from orders_monitor.core.plan import Action
from orders_monitor.core.value import Value

Ending = Literal[
    "not_called",
    "answered",
    "budget_exhausted",
    "steps_exhausted",
    "truncated",
    "refused",
    "unavailable",
    "malformed",
]


class Finding(Value):
    """One claim of the agent with the evidence ids that it cites. The claim is prose: no number in it is believed."""

    claim: str
    evidence: tuple[str, ...]


class Spend(Value):
    """What a run's agent used. `reserved_*` is still held (an outcome that is not known yet), `spent_*` is settled."""

    budget_tokens: int
    budget_micro_usd: int
    reserved_tokens: int = 0
    reserved_micro_usd: int = 0
    spent_tokens: int = 0
    spent_micro_usd: int = 0
    calls: int = 0

    @property
    def remaining_tokens(self) -> int:
        """Tokens that may still be reserved."""
        return self.budget_tokens - self.reserved_tokens - self.spent_tokens

    @property
    def remaining_micro_usd(self) -> int:
        """Micro-dollars that may still be reserved."""
        return self.budget_micro_usd - self.reserved_micro_usd - self.spent_micro_usd


class Investigation(Value):
    """How the investigation of a partition ended, what it claims and what it proposes.

    `why` says in one sentence how it ended. Findings and actions here are proposals: the plan stage accepts the ones
    whose evidence holds.
    """

    landed_digest: str
    ending: Ending
    why: str
    release: str
    model: str
    findings: tuple[Finding, ...] = ()
    proposed: tuple[Action, ...] = ()
    tool_calls: tuple[str, ...] = ()
    spend: Spend
