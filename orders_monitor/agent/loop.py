"""The conversation with the model: bounded, written down, with a typed ending whatever the model does.

Only ToolRefused reaches the model. A budget that is gone, a model that is unavailable and an open breaker end the
conversation as values; every other error is ours and ends the run red, after the record says so.
"""

from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import replace

from orders_monitor.agent import detectors, prompts
from orders_monitor.agent.briefing import Briefing
from orders_monitor.agent.calls import Calls
from orders_monitor.agent.minutes import End, Minutes
from orders_monitor.agent.model import Message, Model, StopReason, UserText
from orders_monitor.agent.record import UNTRACED, Cache, Recorder, Tracer
from orders_monitor.agent.turns import Step, Turns
from orders_monitor.agent.workbench import Workbench
from orders_monitor.core.errors import OrdersMonitorError
from orders_monitor.core.investigation import Investigation
from orders_monitor.core.release import Release

CALL_CHARACTERS_MAX = 300

# Every stop reason maps to exactly one step; a test holds the table against the SDK's own list. Tools run on
# `tool_use` alone: calls in a turn that was cut off or refused were never confirmed by the model.
STEPS: Mapping[StopReason, Step] = {
    "tool_use": "run_tools",
    "pause_turn": "resume",
    "end_turn": "read_answer",
    "max_tokens": "truncated",
    "model_context_window_exceeded": "truncated",
    "stop_sequence": "truncated",  # we set none, so something else cut the turn
    "refusal": "refused",
}


def investigate(  # what one conversation needs, each by its name
    briefing: Briefing,
    *,
    model: Model,
    release: Release,
    workbench: Workbench | None,
    recorder: Recorder,
    tracer: Tracer = UNTRACED,
    cache: Cache | None = None,
) -> Investigation:
    """Ask the model what happened to a partition and what to do; closes it. Raises ReleaseInvalid, StoreUnavailable."""
    minutes = Minutes(recorder, detectors.watching(briefing, release=release, workbench=workbench))
    calls = Calls(briefing, release=release, workbench=workbench, cache=cache, minutes=minutes, tracer=tracer)
    with closing(model):
        try:
            prompts.require_usable(release)
            first = UserText(prompts.task_text(briefing, release))
            turns = Turns(model, minutes=minutes)
            end = _Conversation(first, turns=turns, calls=calls, release=release).hold()
        except BaseException as ours:
            with suppress(OrdersMonitorError):  # then the first error is the one to tell
                minutes.end(End("broken", f"an error of ours ended it: {type(ours).__name__}"))
            raise
        minutes.end(end)
    return Investigation(
        landed_digest=briefing.quality.landed_digest,
        ending=end.ending,
        why=end.why,
        release=release.label,
        model=model.name,
        findings=end.findings,
        proposed=end.proposed,
        tool_calls=tuple(call.sentence[:CALL_CHARACTERS_MAX] for call in calls.asked),
        questions=tuple(calls.questions.values()),
        alerts=minutes.alerts,
        spend=model.spend(),
    )


class _Conversation:
    """One conversation: at most `steps_max` replies, and one last word."""

    def __init__(self, first: Message, *, turns: Turns, calls: Calls, release: Release) -> None:
        self._turns, self._calls, self._release = turns, calls, release
        self._said = prompts.request((first,), release=release)

    def hold(self) -> End:
        steps_max = self._release.guardrails.steps_max
        for step in range(1, steps_max + 1):
            self._turns.begin(step)
            end = self._take_step()
            if end is not None:
                break
        else:
            end = End("steps_exhausted", f"no answer after {steps_max} steps")
        # Where nothing was answered there is nothing to conclude from, and a last word would be bought for nothing.
        if end.ending not in ("budget_exhausted", "steps_exhausted") or not self._calls.questions:
            return end
        self._turns.begin(step + 1)
        return self._last_word(end)

    def _take_step(self) -> End | None:
        """Ask once and do what follows; None where the conversation goes on."""
        reply = self._turns.ask(self._said)
        if isinstance(reply, End):
            return reply
        following = STEPS[reply.stop]
        said: tuple[Message, ...] = (reply.turn,)
        if following == "run_tools" and reply.calls:
            results = self._calls.answer(reply.calls)
            if isinstance(results, End):
                return results
            said = (reply.turn, results)
        elif following != "resume":
            return self._turns.conclude(reply, following)
        self._said = replace(self._said, messages=(*self._said.messages, *said))
        return None

    def _last_word(self, cause: End) -> End:
        """What can be said with what is known, for a person. Where nothing can, the cause stays the ending.

        Enough is held back for the words that led to the last answers, and not for those answers themselves.
        """
        request = replace(self._said, last_word=prompts.last_word_text(self._release))
        reply = self._turns.ask(request)
        shorter = prompts.without_last_answers(request)
        if shorter is not None and isinstance(reply, End) and reply.ending == "budget_exhausted":
            reply = self._turns.ask(shorter)
        end = reply if isinstance(reply, End) else self._turns.conclude(reply, STEPS[reply.stop])
        if end.ending == "answered":
            return replace(end, ending="finalised", why=f"{cause.why}; its last word: {end.why}")
        if end.ending in ("budget_exhausted", "truncated", "refused", "malformed"):
            return replace(cause, why=f"{cause.why}; no last word: {end.why}")
        return end
