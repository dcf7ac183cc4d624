"""Judged before a tool runs: a turn's calls at once, so that parallel calls cannot slip past a ceiling together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from orders_monitor.agent.model import ToolCall
from orders_monitor.core.release import Release

REPEATS_MAX = 2


@dataclass(frozen=True, slots=True)
class Run:
    """The calls may run; those whose question was asked before are named by their ids."""

    repeated: frozenset[str]


@dataclass(frozen=True, slots=True)
class Refuse:
    """None of the calls runs; the model reads why and may still answer."""

    why: str


@dataclass(frozen=True, slots=True)
class Trip:
    """The conversation goes in circles: it ends here."""

    why: str


def judge(calls: Sequence[ToolCall], *, asked: Sequence[ToolCall], release: Release) -> Run | Refuse | Trip:
    """What becomes of a turn's calls, given everything asked before (refused calls count: a storm is a storm)."""
    calls_max = release.guardrails.calls_max
    if len(asked) + len(calls) > calls_max:
        return Trip(f"{len(asked) + len(calls):,} tool calls were asked for, {calls_max:,} are allowed in a run")
    questions = Counter(call.sentence for call in (*asked, *calls))
    thrice = next((call for call in calls if questions[call.sentence] > REPEATS_MAX), None)
    if thrice is not None:
        return Trip(f"{thrice.name} was asked the same question {questions[thrice.sentence]} times")
    names = Counter(call.name for call in (*asked, *calls))
    for limit in release.tools:
        if names[limit.name] > limit.calls_max and any(call.name == limit.name for call in calls):
            return Refuse(
                f"{limit.name} may be called {limit.calls_max} times in a run and this would be call "
                f"{names[limit.name]}: none of these calls was run, answer from what you have"
            )
    return Run(_repeated(calls, asked=asked))


def _repeated(calls: Sequence[ToolCall], *, asked: Sequence[ToolCall]) -> frozenset[str]:
    seen = {call.sentence for call in asked}
    repeated: set[str] = set()
    for call in calls:
        if call.sentence in seen:
            repeated.add(call.id)
        seen.add(call.sentence)
    return frozenset(repeated)
