"""expiry: what nobody decides in its time is rejected, never approved; running the partition again asks again."""

from datetime import datetime

import dagster as dg

from orders_monitor.core.review import Case, Decision, gate
from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline.resources import Desk, open_desk, said_plainly
from orders_monitor.pipeline.showing import show


def expire_overdue(desk: Desk) -> tuple[Decision, ...]:
    """Reject every case of the table whose time to decide is over, by the journal's clock. The rejections it made."""
    cases, now = desk.journal.cases(desk.table.name, environment=desk.settings.environment), desk.journal.now()
    made = (
        desk.journal.expire(case.table, case.partition, environment=case.environment)
        for case in cases
        if _waits_too_long(case, now)
    )
    return tuple(decision for decision in made if decision is not None)


def expiry_sensor(table: MonitoredTable) -> dg.SensorDefinition:
    """Rejects what is overdue, and shows it on the candidate's check. A decision that comes late finds the same."""

    @dg.sensor(
        name=f"{table.name}_expiry",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Rejects what nobody decided in its time.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        with said_plainly(), open_desk(table, run_id="expiry") as desk:
            expired = expire_overdue(desk)
            for decision in expired:
                show(context.instance, desk.gate(decision.partition), table, desk.settings.ui_url)
        named = ", ".join(decision.partition for decision in expired)
        return dg.SensorResult(
            skip_reason=f"rejected: {named}" if expired else "nothing waits longer than it may",
        )

    return sensor


def _waits_too_long(case: Case, now: datetime) -> bool:
    return case.asked_for.is_over(now) and gate(case).waits
