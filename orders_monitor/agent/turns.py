"""One turn of the model: asked for, written down, and read."""

from typing import Literal

from orders_monitor.agent import prompts
from orders_monitor.agent.minutes import End, Minutes, digest_of_text
from orders_monitor.agent.model import Digests, Model, Reply, Request
from orders_monitor.agent.moments import Concluding, Sending
from orders_monitor.core.errors import BreakerOpen, BudgetExhausted, ModelUnavailable
from orders_monitor.core.record import Answered, Asked, Failed, Failure

Step = Literal["run_tools", "resume", "read_answer", "truncated", "refused"]


class Turns:
    """Asks the model of one conversation, a step at a time."""

    def __init__(self, model: Model, *, minutes: Minutes) -> None:
        self._model, self._minutes = model, minutes
        self._digests = Digests()

    def begin(self, step: int) -> None:
        """A step begins."""
        self._minutes.step = step

    def ask(self, request: Request) -> Reply | End:
        """The model's turn, or the end. Raises StoreUnavailable."""
        minutes, step = self._minutes, self._minutes.step
        digest, size = self._digests.of(request)
        end = minutes.alert(minutes.judge(Sending(size)))
        if end is not None:
            return end
        minutes.note(Asked(step=step, digest=digest, request_bytes=size, last_word=request.last_word is not None))
        try:
            reply = self._model.reply(request, step=step)
        except (BudgetExhausted, ModelUnavailable, BreakerOpen) as failed:
            failure, why = _failure(failed), str(failed)
            minutes.note(Failed(step=step, error=failure, why=why, attempts=self._model.attempts()))
            return End(failure, why)
        minutes.flush()  # nothing waits any more where a request was paid for
        minutes.note(
            Answered(
                step=step,
                digest=digest_of_text(f"{reply.stop}\n{reply.turn.content_json}"),
                stop=reply.stop,
                turn=reply.turn.content_json,
                cached=reply.cached,
                attempts=self._model.attempts(),
            )
        )
        return reply

    def conclude(self, reply: Reply, step: Step) -> End:
        """The end that a turn is in which no tool runs."""
        answer = _answer_in(reply, step)
        if isinstance(answer, End):
            return answer
        said = f"findings: {len(answer.findings)}, proposed actions: {len(answer.proposed)}"
        end = self._minutes.alert(self._minutes.judge(Concluding(answer.cited)))
        return end or End("answered", said, answer.findings, answer.proposed)


def _answer_in(reply: Reply, step: Step) -> prompts.Answer | End:
    match step:
        case "truncated":
            return End("truncated", f"the model's turn was cut off ({reply.stop}); nothing of it is used")
        case "refused":
            return End("refused", "the model refused to answer")
        case "run_tools" if reply.calls:
            return End("malformed", "the model asked for tools where it may have none any more")
        case "run_tools":
            return End("malformed", "the model stopped for tools and named none")
        case "resume":
            return End("malformed", "the model paused where its answer was due")
    answer = prompts.read_answer(reply.text)
    return End("malformed", answer) if isinstance(answer, str) else answer


def _failure(failed: BudgetExhausted | ModelUnavailable | BreakerOpen) -> Failure:
    match failed:
        case BudgetExhausted():
            return "budget_exhausted"
        case ModelUnavailable():
            return failed.reason
        case BreakerOpen():
            return "breaker_open"
