"""What came of asking the agent, or of not asking it."""

from typing import Literal

from orders_monitor.core.plan import Action
from orders_monitor.core.value import Value

Ending = Literal[
    "not_called",  # clean, or certain to be held: no token was needed
    "answered",
    "finalised",  # the budget or the steps ran out, and what was held back bought one last word: for a person
    "budget_exhausted",
    "steps_exhausted",
    "truncated",
    "refused",
    "malformed",
    "unavailable",
    "breaker_open",
    "impostor",  # another model id than the pinned one answered
    "overbilled",  # a reply billed more than was possible
    "retrieval_thrash",
    "tool_storm",
    "context_bloat",
    "guardrail_bypass",
    "error_propagation",
    "broken",  # an error of ours passed through: the run is red, and there is no investigation
]


class Finding(Value):
    """One claim of the agent with the evidence ids that it cites. The claim is prose: no number in it is believed."""

    claim: str
    evidence: tuple[str, ...]


class Question(Value):
    """A tool call that was answered: under which evidence id it can be cited, and the digest of its answer.

    `arguments` is the call's canonical JSON. The same question asked again must have an answer of the same digest.
    """

    evidence: str
    tool: str
    arguments: str
    answer_digest: str


class Alert(Value):
    """A failure mode that was seen: the name of its entry in `core.failure_modes`, and what was seen."""

    mode: str
    why: str


class Spend(Value):
    """What a run's agent used. `reserved_*` is still held (an outcome that is not known yet), `spent_*` is settled.

    `prompt_tokens` is all that went in, `cache_read_tokens` the part of it that the prompt cache already had.
    """

    budget_tokens: int
    budget_micro_usd: int
    reserved_tokens: int = 0
    reserved_micro_usd: int = 0
    spent_tokens: int = 0
    spent_micro_usd: int = 0
    calls: int = 0
    prompt_tokens: int = 0
    cache_read_tokens: int = 0

    @property
    def cache_share(self) -> float:
        """The share of the prompt tokens that was read from the prompt cache, 0 to 1; 0 where nothing went in."""
        return self.cache_read_tokens / self.prompt_tokens if self.prompt_tokens else 0.0

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
    questions: tuple[Question, ...] = ()
    alerts: tuple[Alert, ...] = ()
    spend: Spend
