"""showing: the gate's answer on the check of the UI, after decisions that are made outside of a checking run.

Dagster keeps one evaluation of a check, a partition and a run, and what no run reports has the empty run: told so, the
second decision on a partition fails on a constraint, after it was recorded. So each answer has a run id of its own.
"""

import dagster as dg

from orders_monitor.core.review import Gate
from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline.review import evaluation_of


def show(instance: dg.DagsterInstance, gate: Gate, table: MonitoredTable, ui_url: str) -> None:
    """Report what the gate says now. Told the same again, the same stays."""
    about = gate.status if gate.decision is None else str(gate.decision.id)
    event = dg.DagsterEvent(
        event_type_value=dg.DagsterEventType.ASSET_CHECK_EVALUATION.value,
        event_specific_data=evaluation_of(gate, table, instance, ui_url),
        job_name=f"{table.name}_review",
    )
    run_id = "-".join(["review", table.name, gate.partition, (gate.digest or "none")[:12], about])
    instance.report_dagster_event(event, run_id=run_id)
