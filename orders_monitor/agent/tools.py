"""The agent's read-only tools: views of the briefing as JSON, capped in bytes, values of personal columns left out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field, ValidationError

from orders_monitor.agent.briefing import Briefing
from orders_monitor.agent.model import ToolCall, ToolSpec
from orders_monitor.agent.schema import strict_schema
from orders_monitor.agent.workbench import Workbench
from orders_monitor.core.errors import ToolRefused
from orders_monitor.core.expectation import Outcome
from orders_monitor.core.predicate import violated_by
from orders_monitor.core.profile import ColumnProfile
from orders_monitor.core.quality import Signal, drift_id, expectation_id
from orders_monitor.core.release import Release
from orders_monitor.core.value import Value, canonical_json

TEXT_CHARACTERS_MAX = 200
CELL_CHARACTERS_MAX = 64
_SERIOUS_FIRST = ("gate", "warn", "info")
_REPEATED = "you asked this before; the answer has not changed"


class Nothing(Value):
    """No argument."""


class OutcomesAsked(Value):
    """Which expectations."""

    failed_only: bool = Field(description="true: leave out the expectations that passed")


class ColumnsAsked(Value):
    """Which columns."""

    columns: tuple[str, ...] = Field(description="names as landed; an empty list means all columns")


class MetricAsked(Value):
    """Which metric."""

    metric: str = Field(description="rows, duplicate_rows or null_share:<column>")


@dataclass(frozen=True, slots=True)
class Answer:
    """A tool's answer before it is cut to size: `items` under `key`, the ones that matter most first."""

    key: str
    items: Sequence[Mapping[str, Any]]
    head: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool: what the model is told of it, what it takes, and the view it gives."""

    description: str
    arguments: type[Value]
    answer: Callable[[Briefing, Any], Answer]


def _signals(briefing: Briefing, _: Nothing) -> Answer:
    quality = briefing.quality
    ordered = sorted(quality.signals, key=lambda signal: _SERIOUS_FIRST.index(signal.severity))
    head = {"rows": quality.rows, "landing_problem": None if quality.problem is None else _text(quality.problem)}
    return Answer("signals", [_signal(briefing, signal) for signal in ordered], head)


def _signal(briefing: Briefing, signal: Signal) -> dict[str, Any]:
    outcome = next((o for o in briefing.quality.outcomes if expectation_id(o.check_name) == signal.id), None)
    # The sentence of a failed expectation quotes a sample; only our own masking decides what of it leaves.
    sentence = signal.sentence if outcome is None else _masked(briefing, outcome).sentence
    return {
        "id": signal.id,
        "kind": signal.kind,
        "severity": signal.severity,
        "sentence": _text(sentence),
        "explained_by": signal.explained_by,
    }


def _contract_diff(briefing: Briefing, _: Nothing) -> Answer:
    items = []
    for change in briefing.quality.changes:
        column = getattr(change, "column", None)
        promised = None if column is None else briefing.contract.column(column)
        items.append(
            {
                "evidence": drift_id(change),
                "change": change.model_dump(mode="json"),
                "contract_type": None if promised is None else promised.type,
                "contract_unit": None if promised is None else promised.unit,
                "tolerated": change.kind in briefing.contract.tolerate,
            }
        )
    return Answer("changes", items, {"contract_columns": len(briefing.contract.columns)})


def _expectation_outcomes(briefing: Briefing, asked: OutcomesAsked) -> Answer:
    outcomes = sorted(briefing.quality.outcomes, key=lambda outcome: outcome.passed)
    shown = [o for o in outcomes if not (asked.failed_only and o.passed)]
    passed = sum(o.passed for o in outcomes)
    return Answer(
        "outcomes", [_outcome(briefing, o) for o in shown], {"passed": passed, "failed": len(outcomes) - passed}
    )


def _outcome(briefing: Briefing, outcome: Outcome) -> dict[str, Any]:
    masked = _masked(briefing, outcome)
    declared = next((e for e in briefing.expectations if e.check_name == outcome.check_name), None)
    predicate = None if declared is None or outcome.passed else violated_by(declared)
    return {
        "evidence": expectation_id(outcome.check_name),
        "type": outcome.type,
        "column": outcome.column,
        "severity": outcome.severity,
        "passed": outcome.passed,
        "rows": outcome.rows,
        "unexpected": outcome.unexpected,
        "observed": _text(masked.observed),
        "sample": [_cell(cell) for cell in masked.sample],
        "could_not_be_asked": None if masked.raised is None else _text(masked.raised),
        "predicate": None if predicate is None else predicate.model_dump(mode="json"),
    }


def _masked(briefing: Briefing, outcome: Outcome) -> Outcome:
    if briefing.may_show_values_of(outcome.column):
        return outcome.model_copy(update={"sample": tuple(_cell(cell) for cell in outcome.sample)})
    raised = None if outcome.raised is None else "the column could not be read as declared"
    return outcome.model_copy(update={"sample": (), "observed": "values are not shown", "raised": raised})


def _profile(briefing: Briefing, asked: ColumnsAsked) -> Answer:
    profile = briefing.profile
    unknown = next((name for name in asked.columns if profile.column(name) is None), None)
    if unknown is not None:
        raise ToolRefused(tool="profile", why=f"there is no landed column {_cell(unknown)!r}")
    columns = [c for c in profile.columns if not asked.columns or c.name in asked.columns]
    head = {"rows": profile.rows, "duplicate_rows": profile.duplicate_rows}
    return Answer("columns", [_column(briefing, column) for column in columns], head)


def _column(briefing: Briefing, column: ColumnProfile) -> dict[str, Any]:
    promised = briefing.contract.column(column.name)
    numbers = {
        "name": column.name,
        "type": column.type,
        "contract_type": None if promised is None else promised.type,
        "null_share": briefing.profile.null_share(column.name),
        "distinct": column.distinct,
        "lengths": column.lengths,
    }
    if not briefing.may_show_values_of(column.name):
        return {**numbers, "values": "not shown"}
    return {
        **numbers,
        "minimum": column.minimum,
        "maximum": column.maximum,
        "mean": column.mean,
        "deviation": column.deviation,
        "quantiles": column.quantiles,
        "top": [[_cell(value), rows] for value, rows in column.top],
    }


def _metric_history(briefing: Briefing, asked: MetricAsked) -> Answer:
    baseline = next((b for b in briefing.quality.baselines if b.metric == asked.metric), None)
    history = next((h for h in briefing.history if h.metric == asked.metric), None)
    if baseline is None and history is None:
        raise ToolRefused(tool="metric_history", why=f"there is no metric {_cell(asked.metric)!r}")
    latest_first = [] if history is None else history.points[::-1]
    return Answer(
        "points",
        [{"partition": partition, "value": value} for partition, value in latest_first],
        {
            "metric": _cell(asked.metric),
            "baseline": None if baseline is None else baseline.model_dump(mode="json", exclude={"metric"}),
        },
    )


TOOLS: Mapping[str, Tool] = {
    "signals": Tool("Everything that is not clean, with the evidence ids to cite. Ask this first.", Nothing, _signals),
    "contract_diff": Tool(
        "How the landed columns differ from the contract, and the contract's types.", Nothing, _contract_diff
    ),
    "expectation_outcomes": Tool(
        "What every declared expectation said: rows, unexpected rows, and the predicate that names those rows.",
        OutcomesAsked,
        _expectation_outcomes,
    ),
    "profile": Tool("Statistics of landed columns, and how many rows are exact duplicates.", ColumnsAsked, _profile),
    "metric_history": Tool(
        "A metric's usual range and its values on earlier partitions, latest first.", MetricAsked, _metric_history
    ),
}


def specs(release: Release) -> tuple[ToolSpec, ...]:
    """The tools of that release, as the model is told of them. A tool nobody wrote is a KeyError: see `unknown`."""
    return tuple(
        ToolSpec(
            limit.name, TOOLS[limit.name].description, strict_schema(TOOLS[limit.name].arguments.model_json_schema())
        )
        for limit in release.tools
    )


def run(
    call: ToolCall,
    *,
    briefing: Briefing,
    release: Release,
    workbench: Workbench | None = None,  # noqa: ARG001 - the tools that look at rows come with the workbench
    repeated: bool = False,
) -> str:
    """The tool's answer as JSON text, not longer than the release allows. Raises ToolRefused, StoreUnavailable.

    Without a workbench the tools that look at rows are refused.
    """
    tool = TOOLS.get(call.name)
    if tool is None or release.tool(call.name) is None:
        raise ToolRefused(tool=_cell(call.name), why="there is no such tool")
    try:
        arguments = tool.arguments.model_validate(dict(call.arguments))
    except ValidationError as invalid:
        error = invalid.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in error["loc"]) or "arguments"
        raise ToolRefused(tool=call.name, why=_text(f"{place}: {error['msg']}")) from invalid
    answer = tool.answer(briefing, arguments)
    head = {"note": _REPEATED, **answer.head} if repeated else dict(answer.head)
    return _fitted(answer, head, bytes_max=release.guardrails.tool_output_bytes_max)


def _fitted(answer: Answer, head: Mapping[str, Any], *, bytes_max: int) -> str:
    """As many leading items as fit, and how many were left out."""
    room = bytes_max - _size({**head, answer.key: [], "left_out": len(answer.items)})
    kept: list[Mapping[str, Any]] = []
    for item in answer.items:
        room -= _size(item) + 1
        if room < 0:
            break
        kept.append(item)
    return canonical_json({**head, answer.key: kept, "left_out": len(answer.items) - len(kept)})


def _size(body: Any) -> int:
    return len(canonical_json(body).encode())


def _text(text: str) -> str:
    return _cut(text, TEXT_CHARACTERS_MAX)


def _cell(text: str) -> str:
    return _cut(text, CELL_CHARACTERS_MAX)


def _cut(text: str, characters_max: int) -> str:
    return text if len(text) <= characters_max else text[: characters_max - 1] + "…"
