"""Where the table comes from, and what happened to it before."""

from typing import Any

from orders_monitor.agent.briefing import PastIncident
from orders_monitor.agent.tool import Answer, Case, ColumnsAsked, Nothing, cell, text
from orders_monitor.agent.tools_case import columns_of
from orders_monitor.core.drift import ColumnRenamed
from orders_monitor.core.errors import ToolRefused
from orders_monitor.core.quality import drift_id, expectation_id

LISTED_MAX = 10


def lineage(case: Case, asked: ColumnsAsked) -> Answer:
    """What the table is made from, and of each promised column: where it comes from and which expectations ask it."""
    names = [column.name for column in case.briefing.contract.columns]
    unknown = next((name for name in asked.columns if name not in names), None)
    if unknown is not None:
        raise ToolRefused(tool="lineage", why=f"there is no promised column {cell(unknown)!r}")
    declared = case.briefing.lineage
    head: dict[str, Any] = {"table": case.briefing.table, "key": list(case.briefing.contract.key)[:LISTED_MAX]}
    if declared is not None:
        head |= {
            "source": text(declared.source),
            "stages": [cell(stage) for stage in declared.stages[: 2 * LISTED_MAX]],
            "team": cell(declared.team),
        }
    return Answer(
        "columns", [_column(case, name) for name in names if not asked.columns or name in asked.columns], head
    )


def _column(case: Case, name: str) -> dict[str, Any]:
    changes = [change for change in case.briefing.quality.changes if getattr(change, "column", None) == name]
    renamed = next((change.now for change in changes if isinstance(change, ColumnRenamed)), None)
    landed = name if case.briefing.profile.column(name) is not None else None
    declared = () if case.briefing.lineage is None else case.briefing.lineage.columns
    at_source = next((source for source, promised in declared if promised == name), renamed or name)
    return {
        "column": cell(name),
        "at_source": cell(at_source),
        "landed_as": cell(renamed) if renamed is not None else landed and cell(landed),
        "changes": [drift_id(change) for change in changes],
        "asked_by": [
            expectation_id(outcome.check_name)
            for outcome in case.briefing.quality.outcomes
            if name in columns_of(outcome, _expectation(case, outcome.check_name))
        ][:LISTED_MAX],
    }


def _expectation(case: Case, check_name: str) -> Any:
    return next((e for e in case.briefing.expectations if e.check_name == check_name), None)


def past_incidents(case: Case, _: Nothing) -> Answer:
    """Earlier partitions that were not clean, latest first, and what was decided."""
    latest_first = sorted(case.briefing.incidents, key=lambda incident: incident.partition, reverse=True)
    return Answer("incidents", [_incident(incident) for incident in latest_first], {"known": len(latest_first)})


def _incident(incident: PastIncident) -> dict[str, Any]:
    return {
        "partition": cell(incident.partition),
        "signals": [cell(signal) for signal in incident.signals[:LISTED_MAX]],
        "actions": [cell(action) for action in incident.actions[:LISTED_MAX]],
        "unexplained": [cell(signal) for signal in incident.unexplained[:LISTED_MAX]],
        "decision": incident.decision,
        "reviewer": cell(incident.reviewer),
        "note": text(incident.note),
        "published": incident.published,
    }
