"""What a detector sees of a conversation, and what it may say about it."""

from dataclasses import dataclass
from typing import Literal

from orders_monitor.agent.model import ToolCall

Refusal = Literal["mistake", "reach", "limit", "untried"]


@dataclass(frozen=True, slots=True)
class Sending:
    """A request is about to be sent: everything that the turn before asked for is answered."""

    request_bytes: int


@dataclass(frozen=True, slots=True)
class Calling:
    """A turn asks for these calls, together; none of them has run."""

    calls: tuple[ToolCall, ...]


@dataclass(frozen=True, slots=True)
class Heard:
    """A call was answered with that text, or refused."""

    call: ToolCall
    text: str
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class Concluding:
    """The answer came, and cites that evidence."""

    cited: frozenset[str]


Moment = Sending | Calling | Heard | Concluding


@dataclass(frozen=True, slots=True)
class Trip:
    """The conversation ends here."""

    why: str


@dataclass(frozen=True, slots=True)
class Warn:
    """It went wrong and is over by itself: a person should know."""

    why: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """None of the turn's calls runs; the model reads why and may still answer."""

    why: str


@dataclass(frozen=True, slots=True)
class Remark:
    """Words that go to the model with the answer."""

    text: str


Verdict = Trip | Warn | Refuse | Remark
