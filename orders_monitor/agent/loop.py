"""The conversation with the model: bounded, with a typed ending whatever the model does.

Only ToolRefused reaches the model. BudgetExhausted and ModelUnavailable end the conversation as values; every other
error is ours and ends the run red.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from orders_monitor.agent import detectors, prompts, tools
from orders_monitor.agent.briefing import Briefing
from orders_monitor.agent.model import Message, Model, Reply, StopReason, ToolCall, ToolResult, ToolResults, UserText
from orders_monitor.agent.record import UNTRACED, Cache, Recorder, Tracer
from orders_monitor.agent.workbench import Workbench
from orders_monitor.core.errors import BudgetExhausted, ModelUnavailable, ToolRefused
from orders_monitor.core.investigation import Ending, Finding, Investigation
from orders_monitor.core.plan import Action
from orders_monitor.core.release import Release
from orders_monitor.core.value import canonical_json

Step = Literal["run_tools", "resume", "read_answer", "truncated", "refused"]
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


@dataclass(frozen=True, slots=True)
class _End:
    ending: Ending
    why: str
    findings: tuple[Finding, ...] = ()
    proposed: tuple[Action, ...] = ()


def investigate(
    briefing: Briefing,
    *,
    model: Model,
    release: Release,
    workbench: Workbench | None,
    recorder: Recorder,
    tracer: Tracer = UNTRACED,
    cache: Cache | None = None,
) -> Investigation:
    """Ask the model what happened to a partition and what to do. Raises ReleaseInvalid, StoreUnavailable."""
    del workbench, recorder, tracer, cache
    prompts.require_usable(release)
    end, asked = _converse(briefing, model=model, release=release)
    return Investigation(
        landed_digest=briefing.quality.landed_digest,
        ending=end.ending,
        why=end.why,
        release=release.label,
        model=model.name,
        findings=end.findings,
        proposed=end.proposed,
        tool_calls=tuple(call.sentence[:CALL_CHARACTERS_MAX] for call in asked),
        spend=model.spend(),
    )


def _converse(briefing: Briefing, *, model: Model, release: Release) -> tuple[_End, tuple[ToolCall, ...]]:
    messages: tuple[Message, ...] = (UserText(prompts.task_text(briefing, release)),)
    asked: tuple[ToolCall, ...] = ()
    for step in range(1, release.guardrails.steps_max + 1):
        try:
            reply = model.reply(prompts.request(messages, release=release), step=step)
        except BudgetExhausted as exhausted:
            return _End("budget_exhausted", str(exhausted)), asked
        except ModelUnavailable as unavailable:
            return _End("unavailable", str(unavailable)), asked
        following = STEPS[reply.stop]
        if following == "resume":
            messages = (*messages, reply.turn)
            continue
        if following != "run_tools" or not reply.calls:
            return _last_word(reply, following), asked
        verdict = detectors.judge(reply.calls, asked=asked, release=release)
        asked = (*asked, *reply.calls)
        if isinstance(verdict, detectors.Trip):
            return _End("steps_exhausted", verdict.why), asked
        results = tuple(_result(call, verdict, briefing=briefing, release=release) for call in reply.calls)
        messages = (*messages, reply.turn, ToolResults(results))
    return _End("steps_exhausted", f"no answer after {release.guardrails.steps_max} steps"), asked


def _last_word(reply: Reply, following: Step) -> _End:
    if following == "truncated":
        return _End("truncated", f"the model's turn was cut off ({reply.stop}); nothing of it is used")
    if following == "refused":
        return _End("refused", "the model refused to answer")
    if following == "run_tools":
        return _End("malformed", "the model stopped for tools and named none")
    answer = prompts.read_answer(reply.text)
    if isinstance(answer, str):
        return _End("malformed", answer)
    said = f"findings: {len(answer.findings)}, proposed actions: {len(answer.proposed)}"
    return _End("answered", said, answer.findings, answer.proposed)


def _result(
    call: ToolCall, verdict: detectors.Run | detectors.Refuse, *, briefing: Briefing, release: Release
) -> ToolResult:
    if isinstance(verdict, detectors.Refuse):
        return _refusal(call, verdict.why)
    try:
        text = tools.run(call, briefing=briefing, release=release, repeated=call.id in verdict.repeated)
    except ToolRefused as refused:
        return _refusal(call, refused.why)
    return ToolResult(call.id, text)


def _refusal(call: ToolCall, why: str) -> ToolResult:
    return ToolResult(call.id, canonical_json({"refused": why}), refused=True)
