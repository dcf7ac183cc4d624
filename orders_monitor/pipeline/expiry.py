"""expiry: what nobody decides in its time is rejected, never approved; running the partition again asks again."""

from datetime import datetime

import dagster as dg

from orders_monitor.core.review import Case, Decision, gate
from orders_monitor.core.table import MonitoredTable
from orders_monitor.core.times import parsed
from orders_monitor.pipeline.resources import Desk, open_desk, said_plainly
from orders_monitor.pipeline.sensors import LOOK_AGAIN, Looked
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
        known = Looked.model_validate_json(context.cursor) if context.cursor else Looked()
        with said_plainly(), open_desk(table, run_id="expiry") as desk:
            newest, now = desk.journal.newest(), desk.journal.now()
            quiet = known.is_quiet(newest, now)
            expired = () if quiet else expire_overdue(desk)
            for decision in expired:
                show(context.instance, desk.gate(decision.partition), table, desk.settings.ui_url)
            looked = known if quiet else Looked(newest=newest, next_at=_next_at(desk, now).isoformat())
        names = ", ".join(decision.partition for decision in expired)
        return dg.SensorResult(
            skip_reason=f"rejected: {names}" if expired else "nothing waits longer than it may",
            cursor=looked.model_dump_json(),
        )

    return sensor


def _next_at(desk: Desk, now: datetime) -> datetime:
    """When the next time to decide is over: until then a tick needs no look at a year of cases."""
    cases = desk.journal.cases(desk.table.name, environment=desk.settings.environment)
    deadlines = (case.asked_for.deadline for case in cases if gate(case).waits)
    return min((now + LOOK_AGAIN, *(parsed(deadline) for deadline in deadlines if deadline)))


def _waits_too_long(case: Case, now: datetime) -> bool:
    return case.asked_for.is_over(now) and gate(case).waits
