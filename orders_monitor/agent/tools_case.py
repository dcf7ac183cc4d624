"""What code found out about the partition: signals, changes, outcomes, statistics and metrics. No row is looked at."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from orders_monitor.agent.tool import NOT_SHOWN, Answer, Case, ColumnsAsked, Nothing, cell, text
from orders_monitor.core.errors import ToolRefused
from orders_monitor.core.expectation import Expectation, Outcome
from orders_monitor.core.predicate import violated_by
from orders_monitor.core.profile import ColumnProfile
from orders_monitor.core.quality import Signal, drift_id, expectation_id
from orders_monitor.core.value import Value

SUSPECTED_MAX = 8
_SERIOUS_FIRST = ("gate", "warn", "info")


class OutcomesAsked(Value):
    """Which expectations."""

    failed_only: bool = Field(description="true: leave out the expectations that passed")


class MetricAsked(Value):
    """Which metric."""

    metric: str = Field(description="rows, duplicate_rows, null_share:<column>, or what follows `anomaly:` in an id")


def signals(case: Case, _: Nothing) -> Answer:
    """Everything that is not clean, the serious first, and where it is known [what held before, rows that break it]."""
    quality = case.briefing.quality
    ordered = sorted(quality.signals, key=lambda signal: _SERIOUS_FIRST.index(signal.severity))
    head: dict[str, Any] = {
        "rows": quality.rows,
        "landing_problem": None if quality.problem is None else text(quality.problem),
    }
    if case.briefing.suspected:
        shown = case.briefing.suspected[:SUSPECTED_MAX]
        head["suspected_rows"] = [[text(suspected.says), suspected.rows] for suspected in shown]
    return Answer("signals", [_signal(case, signal) for signal in ordered], head)


def _signal(case: Case, signal: Signal) -> dict[str, Any]:
    outcome = next((o for o in case.briefing.quality.outcomes if expectation_id(o.check_name) == signal.id), None)
    # The sentence of a failed expectation quotes a sample; only our own masking decides what of it leaves.
    sentence = signal.sentence if outcome is None else _masked(case, outcome).sentence
    return {
        "id": signal.id,
        "kind": signal.kind,
        "severity": signal.severity,
        "sentence": text(sentence),
        "explained_by": signal.explained_by,
    }


def contract_diff(case: Case, _: Nothing) -> Answer:
    """How the landed columns differ from the contract."""
    contract = case.briefing.contract
    items = []
    for change in case.briefing.quality.changes:
        column = getattr(change, "column", None)
        promised = None if column is None else contract.column(column)
        items.append(
            {
                "evidence": drift_id(change),
                "change": change.model_dump(mode="json"),
                "contract_type": None if promised is None else promised.type,
                "contract_unit": None if promised is None else promised.unit,
                "tolerated": change.kind in contract.tolerate,
            }
        )
    return Answer("changes", items, {"contract_columns": len(contract.columns)})


def expectation_outcomes(case: Case, asked: OutcomesAsked) -> Answer:
    """What every declared expectation said, the failed first."""
    outcomes = sorted(case.briefing.quality.outcomes, key=lambda outcome: outcome.passed)
    shown = [o for o in outcomes if not (asked.failed_only and o.passed)]
    passed = sum(o.passed for o in outcomes)
    return Answer("outcomes", [_outcome(case, o) for o in shown], {"passed": passed, "failed": len(outcomes) - passed})


def _outcome(case: Case, outcome: Outcome) -> dict[str, Any]:
    masked = _masked(case, outcome)
    declared = _declared(case, outcome)
    predicate = None if declared is None or outcome.passed else violated_by(declared)
    return {
        "evidence": expectation_id(outcome.check_name),
        "type": outcome.type,
        "column": outcome.column,
        "severity": outcome.severity,
        "passed": outcome.passed,
        "rows": outcome.rows,
        "unexpected": outcome.unexpected,
        "observed": text(masked.observed),
        "sample": [cell(value) for value in masked.sample],
        "could_not_be_asked": None if masked.raised is None else text(masked.raised),
        "predicate": None if predicate is None else predicate.model_dump(mode="json"),
    }


def _declared(case: Case, outcome: Outcome) -> Expectation | None:
    return next((e for e in case.briefing.expectations if e.check_name == outcome.check_name), None)


def _masked(case: Case, outcome: Outcome) -> Outcome:
    if all(case.may_show(column) for column in columns_of(outcome, _declared(case, outcome))):
        return outcome.model_copy(update={"sample": tuple(cell(value) for value in outcome.sample)})
    raised = None if outcome.raised is None else "the column could not be read as declared"
    return outcome.model_copy(update={"sample": (), "observed": "values are not shown", "raised": raised})


def columns_of(outcome: Outcome, declared: Expectation | None) -> Sequence[str]:
    """Every column that an expectation is about."""
    own = [] if outcome.column is None else [outcome.column]
    return list(dict.fromkeys([*own, *(() if declared is None else declared.columns)]))


def profile(case: Case, asked: ColumnsAsked) -> Answer:
    """Statistics of the landed columns."""
    found = case.briefing.profile
    unknown = next((name for name in asked.columns if found.column(name) is None), None)
    if unknown is not None:
        raise ToolRefused(tool="profile", why=f"there is no landed column {cell(unknown)!r}")
    columns = [c for c in found.columns if not asked.columns or c.name in asked.columns]
    head = {"rows": found.rows, "duplicate_rows": found.duplicate_rows}
    return Answer("columns", [_column(case, column) for column in columns], head)


def _column(case: Case, column: ColumnProfile) -> dict[str, Any]:
    promised = case.briefing.contract.column(column.name)
    numbers = {
        "name": column.name,
        "type": column.type,
        "contract_type": None if promised is None else promised.type,
        "null_share": case.briefing.profile.null_share(column.name),
        "distinct": column.distinct,
        "lengths": column.lengths,
    }
    if not case.may_show(column.name):
        return {**numbers, "values": NOT_SHOWN}
    return {
        **numbers,
        "minimum": column.minimum,
        "maximum": column.maximum,
        "mean": column.mean,
        "deviation": column.deviation,
        "quantiles": column.quantiles,
        "top": [[cell(value), rows] for value, rows in column.top],
    }


def metric_history(case: Case, asked: MetricAsked) -> Answer:
    """A metric's usual range and its past, latest first."""
    baseline = case.briefing.quality.baseline(asked.metric)
    history = next((h for h in case.briefing.history if h.metric == asked.metric), None)
    if baseline is None and history is None:
        raise ToolRefused(tool="metric_history", why=f"there is no metric {cell(asked.metric)!r}")
    latest_first = [] if history is None else history.points[::-1]
    return Answer(
        "points",
        [{"partition": cell(partition), "value": value} for partition, value in latest_first],
        {
            "metric": cell(asked.metric),
            "baseline": None if baseline is None else baseline.model_dump(mode="json", exclude={"metric"}),
        },
    )
