"""What an agent's run leaves behind: one event for everything that was asked, answered, refused, alerted and decided.

The journal keeps them as a chain of hashes. They are the trace that a person reads, and the tape that a replay plays:
a request is kept by its digest, because it can be made again; a reply in full, because it cannot.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from orders_monitor.core.investigation import Ending
from orders_monitor.core.value import Value

Failure = Literal["budget_exhausted", "unavailable", "impostor", "overbilled", "breaker_open"]


class Attempt(Value):
    """One HTTP attempt: what was held for it, and what it cost. `spent_*` is None while its outcome is not known."""

    attempt: int
    reserved_tokens: int
    reserved_micro_usd: int
    spent_tokens: int | None = None
    spent_micro_usd: int | None = None
    outcome: str


class Asked(Value):
    """The model was asked. `digest` is over the whole request; `last_word` where no tool was allowed any more."""

    kind: Literal["asked"] = "asked"
    step: int
    digest: str
    request_bytes: int
    last_word: bool = False


class Answered(Value):
    """The model's turn exactly as it came. `cached` where the same question on the same bytes had been asked before."""

    kind: Literal["answered"] = "answered"
    step: int
    digest: str
    stop: str
    turn: str
    cached: bool = False
    attempts: tuple[Attempt, ...] = ()


class Failed(Value):
    """The model could not be asked, or gave nothing that may be used."""

    kind: Literal["failed"] = "failed"
    step: int
    error: Failure
    why: str
    attempts: tuple[Attempt, ...] = ()


class ToolAnswered(Value):
    """A tool ran. `answer` is what the model was shown; `evidence` is the id under which it can be cited."""

    kind: Literal["tool"] = "tool"
    step: int
    call: str
    evidence: str
    digest: str
    answer: str
    cached: bool = False


class ToolDenied(Value):
    """A tool was not run; `why` is what the model was told.

    `refusal`: the call was a mistake, reached outside of its room, asked for too much, or was never tried.
    """

    kind: Literal["denied"] = "denied"
    step: int
    call: str
    why: str
    refusal: Literal["mistake", "reach", "limit", "untried"] = "mistake"


class Alerted(Value):
    """A detector saw a failure mode."""

    kind: Literal["alert"] = "alert"
    step: int
    mode: str
    why: str


class Ended(Value):
    """How the conversation ended."""

    kind: Literal["ended"] = "ended"
    step: int
    ending: Ending
    why: str


class EvidenceTried(Value):
    """A cited evidence was asked for again by code. `holds` where it is there and says the same."""

    kind: Literal["evidence"] = "evidence"
    evidence: str
    holds: bool
    why: str


class ClaimDropped(Value):
    """A claim of the agent that is not used, and why."""

    kind: Literal["claim_dropped"] = "claim_dropped"
    claim: str
    evidence: tuple[str, ...]
    why: str


AgentEvent = Annotated[
    Asked | Answered | Failed | ToolAnswered | ToolDenied | Alerted | Ended | EvidenceTried | ClaimDropped,
    Field(discriminator="kind"),
]
EVENT: TypeAdapter[AgentEvent] = TypeAdapter(AgentEvent)
# The kind of the journal's event in front of the event's own: `agent_asked`, `agent_tool`, ...
PREFIX = "agent_"
