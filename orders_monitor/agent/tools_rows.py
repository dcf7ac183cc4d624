"""The two tools that look at rows, both through the workbench: masked, counted, cut."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from orders_monitor.agent.tool import Answer, Case, cell, size, text
from orders_monitor.agent.tools_case import columns_of
from orders_monitor.agent.workbench import Cell, Facet, QueryRefused, Repeated, Workbench
from orders_monitor.core.errors import ToolRefused
from orders_monitor.core.expectation import UNIQUE, UNIQUE_TOGETHER, Expectation, Outcome
from orders_monitor.core.predicate import Predicate, violated_by
from orders_monitor.core.quality import expectation_id
from orders_monitor.core.value import Value

DISTINCT_MAX = 50


class SqlAsked(Value):
    """Which rows, in SQL."""

    query: str = Field(description="one SELECT over landed and history, in DuckDB's SQL; WITH may stand before it")


class FlaggedAsked(Value):
    """Which expectation."""

    expectation: str = Field(description="the evidence id of an expectation that failed, as `signals` gives it")


def sql(case: Case, asked: SqlAsked) -> Answer:
    """The rows of one SELECT."""
    found = _bench(case, "sql").query(asked.query)
    if isinstance(found, QueryRefused):
        raise ToolRefused(tool="sql", why=text(found.why), kind=found.kind)
    columns = [_shown(column) for column in found.columns]
    # Names may be long too: they get at most a third of the room.
    named = len(columns)
    while named and size(columns[:named]) > case.guardrails.tool_output_bytes_max // 3:
        named -= 1
    cut = [text(said) for said in found.cut]
    if named < len(columns):
        cut.append(f"only the first {named} of {len(columns)} columns are shown")
    rows = [[_shown(value) for value in row[:named]] for row in found.rows]
    return Answer("rows", rows, {"columns": columns[:named]}, cut)


def flagged_rows(case: Case, asked: FlaggedAsked) -> Answer:
    """How many rows break a failed expectation, and where they are."""
    outcome, declared = _failed(case, asked.expectation)
    where = _where(outcome, declared)
    if where is None:
        raise ToolRefused(tool="flagged_rows", why="no single row breaks that expectation: it is about all of them")
    found = _bench(case, "flagged_rows").flagged(where, columns=_columns(case, columns_of(outcome, declared)))
    if isinstance(found, QueryRefused):
        raise ToolRefused(tool="flagged_rows", why=text(found.why), kind=found.kind)
    head = {
        "expectation": expectation_id(outcome.check_name),
        "rows": found.of,
        "flagged": found.rows,
        "share": None if found.of == 0 else found.rows / found.of,
    }
    return Answer("facets", [_facet(facet) for facet in found.facets], head)


def _bench(case: Case, tool: str) -> Workbench:
    if case.workbench is None:
        raise ToolRefused(tool=tool, why="the rows of this partition cannot be looked at")
    return case.workbench


def _failed(case: Case, asked: str) -> tuple[Outcome, Expectation]:
    outcomes = {expectation_id(o.check_name): o for o in case.briefing.quality.outcomes if not o.passed}
    outcome = outcomes.get(asked) or outcomes.get(expectation_id(asked))
    declared = {e.check_name: e for e in case.briefing.expectations}
    if outcome is None or outcome.check_name not in declared:
        raise ToolRefused(tool="flagged_rows", why=f"there is no failed expectation {cell(asked)!r}")
    return outcome, declared[outcome.check_name]


def _where(outcome: Outcome, declared: Expectation) -> Predicate | Repeated | None:
    if declared.type in (UNIQUE, UNIQUE_TOGETHER) and not declared.kwargs.get("row_condition"):
        return Repeated(tuple(columns_of(outcome, declared)))
    return violated_by(declared)


def _columns(case: Case, about: Sequence[str]) -> tuple[str, ...]:
    """What tells best where rows are: the expectation's columns, the key, a few with few values, a few with times."""
    contract, profile = case.briefing.contract, case.briefing.profile
    promised = [found for column in contract.columns if (found := profile.column(column.name)) is not None]
    few = [c.name for c in promised if 0 < c.distinct <= DISTINCT_MAX and case.may_show(c.name)]
    timed = [c.name for c in promised if c.type.startswith("TIMESTAMP") and case.may_show(c.name)]
    landed = [name for name in about if profile.column(name) is not None]
    key = [name for name in contract.key if profile.column(name) is not None]
    return tuple(dict.fromkeys([*landed[:3], *timed[:1], *key[:3], *few[:4], *timed[1:2]]))


def _facet(facet: Facet) -> dict[str, Any]:
    return {
        "column": cell(facet.column),
        "distinct": facet.distinct,
        "minimum": _shown(facet.minimum),
        "maximum": _shown(facet.maximum),
        "top": [[_shown(value), flagged, rows] for value, flagged, rows in facet.top],
        "hours": [[_shown(value), flagged, rows] for value, flagged, rows in facet.hours],
    }


def _shown(value: Cell) -> Cell:
    return cell(value) if isinstance(value, str) else value
