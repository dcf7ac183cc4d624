"""Recorded conversations, and how a detector sees them again; `record_traces` records them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orders_monitor.adapters.workbench.canonical import canonical
from orders_monitor.agent import detectors, prompts
from orders_monitor.agent.model import (
    AssistantTurn,
    Digests,
    Message,
    Reply,
    ToolCall,
    ToolResult,
    ToolResults,
    UserText,
)
from orders_monitor.agent.model import reply_of as turn_of
from orders_monitor.agent.moments import Calling, Concluding, Heard, Moment, Sending, Trip, Warn
from orders_monitor.core.record import EVENT, AgentEvent, Answered, ToolAnswered, ToolDenied
from orders_monitor.core.release import Guardrails, Release, ToolLimit
from orders_monitor.core.value import canonical_json
from orders_monitor_tests.cases import release

TRACES = Path(__file__).parent / "traces"


@dataclass(frozen=True)
class Trace:
    """A conversation as it was recorded, under which limits, and which failure modes are in it."""

    name: str
    what: str
    modes: tuple[str, ...]
    ending: str
    guardrails: Guardrails
    tools: tuple[ToolLimit, ...]
    signals: tuple[str, ...]
    events: tuple[AgentEvent, ...]

    @property
    def release(self) -> Release:
        """Today's release with the limits of the recorded one: a trace at a ceiling stays at its ceiling."""
        return release().model_copy(update={"guardrails": self.guardrails, "tools": self.tools})

    def modes_seen(self) -> set[str]:
        """The failure modes that detectors see in it, each detector by itself."""
        watching = detectors.all_of(self.release, question=_question, signals=frozenset(self.signals))
        moments = tuple(moments_of(self.events, release=self.release))
        return {each.mode for each in watching if any(isinstance(each.see(m), Trip | Warn) for m in moments)}

    def write(self) -> None:
        """Keep it beside the tests."""
        body = {
            "what": self.what,
            "modes": self.modes,
            "ending": self.ending,
            "guardrails": self.guardrails.model_dump(mode="json"),
            "tools": [limit.model_dump(mode="json") for limit in self.tools],
            "signals": self.signals,
            "events": [event.model_dump(mode="json") for event in self.events],
        }
        (TRACES / f"{self.name}.json").write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n")


def read_traces() -> list[Trace]:
    """All of them, by name."""
    return [_read(path) for path in sorted(TRACES.glob("*.json"))]


def _read(path: Path) -> Trace:
    body = json.loads(path.read_text())
    return Trace(
        name=path.stem,
        what=body["what"],
        modes=tuple(body["modes"]),
        ending=body["ending"],
        guardrails=Guardrails.model_validate(body["guardrails"]),
        tools=tuple(ToolLimit.model_validate(limit) for limit in body["tools"]),
        signals=tuple(body["signals"]),
        events=tuple(EVENT.validate_python(event) for event in body["events"]),
    )


def moments_of(events: tuple[AgentEvent, ...], *, release: Release) -> Iterator[Moment]:
    """What a detector saw of the conversation, in order; the sizes of the requests are worked out anew."""
    digests, results = Digests(), []
    said: tuple[Message, ...] = (UserText(prompts.NEEDED[1]),)
    waiting: list[ToolCall] = []
    yield Sending(_size(digests, said, release))
    for event in events:
        if isinstance(event, Answered):
            reply = turn_of(event.stop, AssistantTurn(event.turn))
            said, waiting, results = (*said, reply.turn), [*reply.calls], []
            yield from _turn(reply)
        elif isinstance(event, ToolAnswered | ToolDenied):
            call = waiting.pop(0)
            answer = event.answer if isinstance(event, ToolAnswered) else canonical_json({"refused": event.why})
            results.append(ToolResult(call.id, answer, refused=isinstance(event, ToolDenied)))
            yield Heard(call, "", event.refusal) if isinstance(event, ToolDenied) else Heard(call, _as_given(answer))
            if not waiting:
                said = (*said, ToolResults(tuple(results)))
                yield Sending(_size(digests, said, release))


def _turn(reply: Reply) -> Iterator[Moment]:
    if reply.stop == "tool_use":
        yield Calling(reply.calls)
    answer = prompts.read_answer(reply.text) if reply.stop == "end_turn" else ""
    if isinstance(answer, prompts.Answer):
        yield Concluding(answer.cited)


def _as_given(answer: str) -> str:
    """The tool's own answer, without the note that may have gone with it."""
    body = json.loads(answer)
    body.pop("note", None)
    return canonical_json(body)


def _size(digests: Digests, said: tuple[Message, ...], release: Release) -> int:
    return digests.of(prompts.request(said, release=release))[1]


def _question(call: ToolCall) -> str:
    return detectors.question_of(call, canonical=canonical)
