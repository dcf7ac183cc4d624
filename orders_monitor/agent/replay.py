"""A recorded conversation played again: the model's turns come from the record, everything else is done anew."""

from collections.abc import Sequence
from itertools import pairwise

from orders_monitor.agent.model import AssistantTurn, Digests, Reply, Request, reply_of
from orders_monitor.core.errors import (
    BreakerOpen,
    BudgetExhausted,
    ModelUnavailable,
    OrdersMonitorError,
    ReplayDiverged,
)
from orders_monitor.core.investigation import Spend
from orders_monitor.core.record import AgentEvent, Answered, Asked, Attempt, Failed

_SHOWN = 12


class ReplayModel:
    """A Model that says what the record says, as long as it is asked what it was asked. Nothing is sent or paid.

    `events` are those of one run in their order; where its step was executed again, the last conversation is played.
    `spend` is what the run used then.
    """

    def __init__(self, events: Sequence[AgentEvent], *, name: str, spend: Spend) -> None:
        self.name, self._spend = name, spend
        self._tape = _last_conversation(events)
        self._played = 0
        self._attempts: tuple[Attempt, ...] = ()
        self._digests = Digests()

    def reply(self, request: Request, *, step: int) -> Reply:
        """The recorded turn, or the recorded error. Raises ReplayDiverged where something else was asked then."""
        asked, said = self._next(step)
        digest, size = self._digests.of(request)
        if (asked.step, asked.last_word) != (step, request.last_word is not None):
            raise ReplayDiverged(step=step, what=f"then it was step {asked.step}{_word(asked.last_word)}")
        if asked.digest != digest:
            was = f"{asked.digest[:_SHOWN]} ({asked.request_bytes:,} bytes)"
            raise ReplayDiverged(step=step, what=f"the request is {digest[:_SHOWN]} ({size:,} bytes) and was {was}")
        self._attempts = said.attempts
        if isinstance(said, Failed):
            raise _failed(said, model=self.name)
        try:
            return reply_of(said.stop, AssistantTurn(said.turn), cached=said.cached)
        except ValueError as error:
            raise ReplayDiverged(step=step, what=f"the recorded turn cannot be read: {error}") from error

    def attempts(self) -> tuple[Attempt, ...]:
        """The recorded attempts of the last step."""
        return self._attempts

    def spend(self) -> Spend:
        """What the run used then."""
        return self._spend

    def close(self) -> None:
        """Nothing is held."""

    def require_played_out(self) -> None:
        """Raise ReplayDiverged if the record goes on where the replay ended."""
        if self._played < len(self._tape):
            asked, _ = self._tape[self._played]
            raise ReplayDiverged(step=asked.step, what="the replay ended, and then the conversation went on")

    def _next(self, step: int) -> tuple[Asked, Answered | Failed]:
        if self._played == len(self._tape):
            raise ReplayDiverged(step=step, what="then nothing more was asked")
        self._played += 1
        return self._tape[self._played - 1]


def _last_conversation(events: Sequence[AgentEvent]) -> tuple[tuple[Asked, Answered | Failed], ...]:
    """What was asked with what came of it. A question without either was lost in a crash, and nothing came after it."""
    spoken = [event for event in events if isinstance(event, Asked | Answered | Failed)]
    starts = [place for place, event in enumerate(spoken) if isinstance(event, Asked) and event.step == 1]
    last = spoken[starts[-1] :] if starts else []
    return tuple(
        (asked, said)
        for asked, said in pairwise(last)
        if isinstance(asked, Asked) and isinstance(said, Answered | Failed)
    )


def _failed(said: Failed, *, model: str) -> OrdersMonitorError:
    """The recorded error, saying the recorded sentence."""
    error: OrdersMonitorError
    match said.error:
        case "budget_exhausted":
            error = BudgetExhausted(scope="the recorded run", wanted=0, remaining=0, unit="tokens")
        case "breaker_open":
            error = BreakerOpen(zone="model", table="the recorded run's", until_ms=0, why=said.why)
        case _:
            error = ModelUnavailable(model=model, why=said.why, reason=said.error)
    error.args = (said.why,)
    return error


def _word(last: bool) -> str:
    return ", a last word" if last else ", and no last word"
