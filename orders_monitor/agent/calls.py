"""A turn's tool calls: judged together before the first of them runs, then answered one by one."""

from orders_monitor.agent import tools
from orders_monitor.agent.briefing import Briefing
from orders_monitor.agent.minutes import End, Minutes, digest_of_text
from orders_monitor.agent.model import ToolCall, ToolResult, ToolResults
from orders_monitor.agent.moments import Calling, Heard, Refusal, Refuse, Remark, Trip
from orders_monitor.agent.record import Cache, Tracer
from orders_monitor.agent.workbench import Workbench
from orders_monitor.core.errors import ToolRefused
from orders_monitor.core.investigation import Question
from orders_monitor.core.record import ToolAnswered, ToolDenied
from orders_monitor.core.release import Release
from orders_monitor.core.value import canonical_json, digest_of

_OVER = "the conversation ended before it ran"


class Calls:
    """Answers the calls of one conversation, each question once. `asked` is everything that was asked for."""

    def __init__(  # what the tools stand on, each by its name
        self,
        briefing: Briefing,
        *,
        release: Release,
        workbench: Workbench | None,
        cache: Cache | None,
        minutes: Minutes,
        tracer: Tracer,
    ) -> None:
        self._briefing, self._release, self._workbench = briefing, release, workbench
        self._cache, self._minutes, self._tracer = cache, minutes, tracer
        # The answers follow from the release and from all that code found out about these bytes and their history.
        self._case = "" if cache is None else f"{briefing.quality.landed_digest} {release.digest} {digest_of(briefing)}"
        self._known: dict[str, str] = {}
        self.asked: tuple[ToolCall, ...] = ()
        self.questions: dict[str, Question] = {}

    def answer(self, calls: tuple[ToolCall, ...]) -> ToolResults | End:
        """The answers to a turn's calls, or the end of the conversation. Raises StoreUnavailable."""
        self.asked += calls
        judged = self._minutes.judge(Calling(calls))
        if judged is not None and isinstance(judged.verdict, Trip | Refuse):
            denied = tuple(self._deny(call, judged.verdict.why, "untried") for call in calls)
            return self._minutes.alert(judged) or _results(denied)
        answered: list[ToolResult | End] = []
        for call in calls:
            if answered and isinstance(answered[-1], End):
                self._deny(call, _OVER, "untried")
                continue
            with self._tracer.span(
                f"agent.tool {call.name}",
                {"step": self._minutes.step, "operation": "execute_tool", "tool": call.name},
            ):
                answered.append(self._answered(call))
        return _results(tuple(answered))

    def _answered(self, call: ToolCall) -> ToolResult | End:
        try:
            text, cached = self._text(call)
        except ToolRefused as refused:
            return self._deny(call, refused.why, refused.kind)
        self._known[call.sentence] = text
        judged = self._minutes.judge(Heard(call, text))
        remark = judged.verdict.text if judged is not None and isinstance(judged.verdict, Remark) else None
        shown = text if remark is None else _with_note(text, remark)
        digest = digest_of_text(text)
        self.questions[call.evidence] = Question(
            evidence=call.evidence, tool=call.name, arguments=canonical_json(dict(call.arguments)), answer_digest=digest
        )
        self._minutes.note(
            ToolAnswered(
                step=self._minutes.step,
                call=call.sentence,
                evidence=call.evidence,
                digest=digest,
                answer=shown,
                cached=cached,
            )
        )
        return self._minutes.alert(judged) or ToolResult(call.id, shown)

    def _text(self, call: ToolCall) -> tuple[str, bool]:
        """The tool's answer, and whether it was known from before."""
        known = self._known.get(call.sentence)
        if known is not None:
            return known, True
        if self._cache is None:
            return self._run(call), False
        return self._cache.once(f"tool {digest_of([self._case, call.sentence])}", lambda: self._run(call))

    def _run(self, call: ToolCall) -> str:
        return tools.run(call, briefing=self._briefing, release=self._release, workbench=self._workbench)

    def _deny(self, call: ToolCall, why: str, refusal: Refusal) -> ToolResult | End:
        self._minutes.note(ToolDenied(step=self._minutes.step, call=call.sentence, why=why, refusal=refusal))
        judged = self._minutes.judge(Heard(call, "", refusal))
        return self._minutes.alert(judged) or ToolResult(call.id, canonical_json({"refused": why}), refused=True)


def _results(answered: tuple[ToolResult | End, ...]) -> ToolResults | End:
    end = next((each for each in answered if isinstance(each, End)), None)
    return end or ToolResults(tuple(each for each in answered if isinstance(each, ToolResult)))


def _with_note(text: str, note: str) -> str:
    """The answer, a JSON object, with our words in front."""
    return f'{{"note":{canonical_json(note)},{text[1:]}'
