"""The failure modes of an agent, each seen by one detector: before a call runs or a request is sent, wherever it can.

A detector sees the moments of one conversation in their order and knows nothing else. A turn's calls are seen together
before the first of them runs, so that parallel calls cannot slip past a ceiling. `core.failure_modes` says of each mode
what it costs and what to do.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from orders_monitor.agent.briefing import Briefing
from orders_monitor.agent.model import ToolCall
from orders_monitor.agent.moments import (
    Calling,
    Concluding,
    Heard,
    Moment,
    Refuse,
    Remark,
    Sending,
    Trip,
    Verdict,
    Warn,
)
from orders_monitor.agent.workbench import Workbench
from orders_monitor.core.clamp import PROMPT_OVERHEAD_TOKENS
from orders_monitor.core.release import Release

Mode = Literal["guardrail_bypass", "tool_storm", "retrieval_thrash", "context_bloat", "error_propagation"]
# A call's question: equal where two calls ask the same.
Question = Callable[[ToolCall], str]

ASKED_BEFORE = "you asked this before; the answer has not changed"
NO_NEWS = "another question had this same answer: it tells you nothing new"
# Below so many calls nobody says that they outran their answers.
OUTRUN_CALLS_MIN = 8
# A request that doubles is bloat only once it is that part of what it may be.
BLOAT_SHARE_MIN = 0.25
_NAME_CHARACTERS_MAX = 60
_NOT_ITS_BUSINESS = re.compile(r"approv|review|budget|publish|release|reconcile|merge|grant", re.IGNORECASE)


class Detector(Protocol):
    """Sees the moments of one conversation."""

    mode: Mode

    def see(self, moment: Moment) -> Verdict | None:
        """What there is to say about the moment, after all that were seen before."""
        ...


def watching(briefing: Briefing, *, release: Release, workbench: Workbench | None) -> tuple[Detector, ...]:
    """All detectors for the conversation about that case. A call is read for its meaning once."""
    canonical = None if workbench is None else workbench.canonical
    known: dict[str, str] = {}

    def question(call: ToolCall) -> str:
        sentence = call.sentence
        if sentence not in known:
            known[sentence] = question_of(call, canonical=canonical)
        return known[sentence]

    signals = frozenset(signal.id for signal in briefing.quality.signals)
    return all_of(release, question=question, signals=signals)


def all_of(release: Release, *, question: Question, signals: frozenset[str]) -> tuple[Detector, ...]:
    """One of each, for one conversation, the gravest first. `signals` are the evidence ids that code found itself."""
    return (
        GuardrailBypass(release),
        ToolStorm(release),
        RetrievalThrash(release, question=question),
        ContextBloat(release),
        ErrorPropagation(release, signals=signals),
    )


def question_of(call: ToolCall, *, canonical: Callable[[str], str | None] | None = None) -> str:
    """A query's question is its meaning; any other call's is its name and its arguments in canonical JSON."""
    sql = call.arguments.get("query")
    meaning = canonical(sql) if call.name == "sql" and canonical is not None and isinstance(sql, str) else None
    return call.sentence if meaning is None else f"{call.name}: {meaning}"


class GuardrailBypass:
    """A call of something that the release does not have, or that reaches out of its room."""

    mode: Mode = "guardrail_bypass"

    def __init__(self, release: Release) -> None:
        self._tools = frozenset(limit.name for limit in release.tools)

    def see(self, moment: Moment) -> Verdict | None:
        """Judged by name before anything runs; a query's reach is known once the workbench refused it."""
        if isinstance(moment, Heard) and moment.refusal == "reach":
            return Trip(f"{moment.call.name} was to reach outside of the partition's room, and did not run")
        stranger = None
        if isinstance(moment, Calling):
            stranger = next((call.name for call in moment.calls if call.name not in self._tools), None)
        if stranger is None:
            return None
        named = repr(stranger[:_NAME_CHARACTERS_MAX])
        if _NOT_ITS_BUSINESS.search(stranger):
            return Trip(f"it called {named}: approvals, budgets and publishing are not its business")
        return Trip(f"it called {named}, which its release does not have")


class ToolStorm:
    """More calls than a turn, a run or a tool may have, or more than are ever answered. What was refused counts too."""

    mode: Mode = "tool_storm"

    def __init__(self, release: Release) -> None:
        self._guardrails = release.guardrails
        self._ceilings = {limit.name: limit.calls_max for limit in release.tools}
        self._asked, self._answered, self._excesses = 0, 0, 0
        self._run: Counter[str] = Counter()

    def see(self, moment: Moment) -> Verdict | None:
        """Past a tool's ceiling the first batch is refused as a whole; every other ceiling, and the second, ends it."""
        if isinstance(moment, Heard):
            self._answered += moment.refusal is None
        return self._judged(moment.calls) if isinstance(moment, Calling) else None

    def _judged(self, calls: Sequence[ToolCall]) -> Verdict | None:
        self._asked += len(calls)
        if len(calls) > self._guardrails.calls_per_turn_max:
            return Trip(f"{len(calls):,} calls in one turn, {self._guardrails.calls_per_turn_max:,} are allowed")
        if self._asked > self._guardrails.calls_max:
            return Trip(
                f"{self._asked:,} tool calls were asked for, {self._guardrails.calls_max:,} are allowed in a run"
            )
        before = self._asked - len(calls)
        if before >= OUTRUN_CALLS_MIN and before > 2 * self._answered:
            return Trip(f"{before:,} calls were asked for and {self._answered:,} answered, and it asks on")
        return self._within_ceilings(calls)

    def _within_ceilings(self, calls: Sequence[ToolCall]) -> Verdict | None:
        run = self._run + Counter(call.name for call in calls)
        above = next((call.name for call in calls if run[call.name] > self._ceilings.get(call.name, run.total())), None)
        if above is None:
            self._run = run
            return None
        self._excesses += 1
        may = f"{above} may be called {self._ceilings[above]:,} times in a run"
        if self._excesses > 1:
            return Trip(f"{may}, and it passed a ceiling again after it was told")
        return Refuse(
            f"{may} and this would be call {run[above]:,}: none of these calls was run, answer from what you have"
        )


class RetrievalThrash:
    """The same question again, other questions with the same answer, or turn after turn of empty answers."""

    mode: Mode = "retrieval_thrash"

    def __init__(self, release: Release, *, question: Question) -> None:
        self._guardrails, self._question = release.guardrails, question
        self._asked: Counter[str] = Counter()
        self._answers: dict[str, set[str]] = {}
        self._turn: list[bool] = []
        self._empty_turns = 0

    def see(self, moment: Moment) -> Verdict | None:
        """Questions are counted before they run; answers as they come; empty turns before the next request."""
        match moment:
            case Calling(calls):
                return self._counted(calls)
            case Heard(call, text, None):
                return self._news(call, text)
            case Sending():
                return self._turned()
        return None

    def _counted(self, calls: Sequence[ToolCall]) -> Verdict | None:
        asked = [(call, self._question(call)) for call in calls]
        self._asked.update(question for _, question in asked)
        most = self._guardrails.repeats_max
        again = next(((call, self._asked[q]) for call, q in asked if self._asked[q] > most), None)
        return None if again is None else Trip(f"{again[0].name} was asked the same question {again[1]} times")

    def _news(self, call: ToolCall, text: str) -> Verdict | None:
        self._turn.append(_is_empty(text))
        question = self._question(call)
        body = text.replace(call.evidence, "").encode(errors="surrogatepass")
        asking = self._answers.setdefault(f"{call.name}:{hashlib.sha256(body).hexdigest()}", set())
        asking.add(question)
        if len(asking) > self._guardrails.repeats_max:
            return Trip(f"{len(asking)} questions to {call.name} had the very same answer")
        if self._asked[question] > 1:
            return Remark(ASKED_BEFORE)
        return Remark(NO_NEWS) if len(asking) > 1 else None

    def _turned(self) -> Verdict | None:
        if self._turn:
            self._empty_turns = self._empty_turns + 1 if all(self._turn) else 0
            self._turn.clear()
        if self._empty_turns < self._guardrails.empty_answers_max:
            return None
        return Trip(f"{self._empty_turns} turns in a row asked only for what is empty")


class ContextBloat:
    """A conversation that grows past what a request may be, or into a dearer price."""

    mode: Mode = "context_bloat"

    def __init__(self, release: Release) -> None:
        self._bytes_max = release.guardrails.request_bytes_max
        self._result_max = int(self._bytes_max * release.guardrails.result_share_max)
        self._cliff = None if release.price.long_prompt is None else release.price.long_prompt.above_tokens
        self._last, self._doubled = 0, 0

    def see(self, moment: Moment) -> Verdict | None:
        """A request before it is sent, an answer before it is part of one."""
        if isinstance(moment, Heard):
            size = len(moment.text.encode(errors="surrogatepass"))
            if size > self._result_max:
                return Trip(f"{moment.call.name} answered with {size:,} bytes, {self._result_max:,} are allowed")
        return self._grown(moment.request_bytes) if isinstance(moment, Sending) else None

    def _grown(self, size: int) -> Verdict | None:
        self._doubled = self._doubled + 1 if 0 < 2 * self._last <= size else 0
        self._last = size
        if size > self._bytes_max:
            return Trip(f"the request would have {size:,} bytes, {self._bytes_max:,} are allowed")
        if self._cliff is not None and size + PROMPT_OVERHEAD_TOKENS > self._cliff:
            return Trip(f"the request may have more than {self._cliff:,} tokens, above which every token costs more")
        if self._doubled > 1 and size > self._bytes_max * BLOAT_SHARE_MIN:
            return Trip(f"the request doubled twice in a row, to {size:,} bytes")
        return None


class ErrorPropagation:
    """Refusals and made-up evidence that it goes on from, as if they were answers."""

    mode: Mode = "error_propagation"

    def __init__(self, release: Release, *, signals: frozenset[str]) -> None:
        self._refusals_max, self._signals = release.guardrails.refusals_max, signals
        self._turn: list[bool] = []
        self._refused_turns = 0
        self._refused: set[str] = set()
        self._given: list[str] = []

    def see(self, moment: Moment) -> Verdict | None:
        """Refused turns before the next request; what an answer cites once it is there."""
        match moment:
            case Heard(call, text, refusal):
                self._hear(call, text, refused=refusal is not None, tried=refusal != "untried")
            case Sending():
                return self._turned()
            case Concluding(cited):
                return self._concluded(cited)
        return None

    def _hear(self, call: ToolCall, text: str, *, refused: bool, tried: bool) -> None:
        if tried:
            self._turn.append(refused)
        if refused:
            self._refused.add(call.evidence)
        else:
            self._refused.discard(call.evidence)
            self._given += (call.evidence, text)

    def _turned(self) -> Verdict | None:
        if self._turn:
            self._refused_turns = self._refused_turns + 1 if all(self._turn) else 0
            self._turn.clear()
        if self._refused_turns < self._refusals_max:
            return None
        return Trip(f"{self._refused_turns} turns in a row asked only for what was refused")

    def _concluded(self, cited: frozenset[str]) -> Verdict | None:
        refused = next((name for name in sorted(cited) if name in self._refused), None)
        if refused is not None:
            return Trip(f"its answer cites {refused}, a call that was refused")
        unknown = next((name for name in sorted(cited) if not self._is_given(name)), None)
        return (
            None if unknown is None else Warn(f"its answer cites {unknown[:_NAME_CHARACTERS_MAX]!r}, which nobody gave")
        )

    def _is_given(self, name: str) -> bool:
        written = json.dumps(name, ensure_ascii=False)
        return name in self._signals or any(name == given or written in given for given in self._given)


def _is_empty(text: str) -> bool:
    """Whether an answer has rows or other parts, and nothing in them."""
    if "[]" not in text:
        return False
    body = json.loads(text)
    rows = body.get("rows")
    if isinstance(rows, list):
        return not rows
    parts = [part for part in body.values() if isinstance(part, list | dict)]
    return bool(parts) and not any(parts)
