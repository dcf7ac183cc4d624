"""late: `late_data` looks whether the source of the last partitions has changed since they landed, from metadata.

A change is a new landing, a new plan and, since it would overwrite what readers see, a person's decision.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (  # what define_asset_job returns, not exported
    UnresolvedAssetJobDefinition,
)
from pydantic import Field

from orders_monitor.core.landing import Landing
from orders_monitor.core.table import MonitoredTable
from orders_monitor.core.value import Value
from orders_monitor.pipeline import keys, traces
from orders_monitor.pipeline.resources import Desk, open_desk, said_plainly
from orders_monitor.pipeline.sensors import Clock, clock

RUNS_A_TICK = 5
RUNS_A_CHANGE = 3
RETRY_AFTER = timedelta(minutes=1)
CHANGE_TAG = "orders_monitor/late_data"
# These are on their way to being published or are not planned to the end: they are looked at again after that.
UNDER_WAY = ("no_plan", "unvalidated", "approved")


class LateCursor(Value):
    """What the sensor remembers: the changed partitions of the last tick, each with the version that it had then."""

    changed: dict[str, str] = Field(default_factory=dict)


class Change(Value):
    """A partition whose source is not what it was when it landed; `landed` is that landing's event."""

    partition: str
    version: str
    landed: int


def late_data_sensor(
    table: MonitoredTable, job: UnresolvedAssetJobDefinition, *, now: Clock = clock
) -> dg.SensorDefinition:
    """One nightly run for each change of an already landed partition of the last `late_days`.

    A version counts once it was seen in two ticks: a file that is still being written is not landed half.
    """

    @dg.sensor(
        name=f"{table.name}_late_data",
        job=job,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        known = LateCursor.model_validate_json(context.cursor) if context.cursor else LateCursor()
        with said_plainly(), open_desk(table, run_id="late_data") as desk:
            last = keys.complete_partitions(table, now())[::-1][: table.late_days]
            changes = changed(desk, last[::-1])
        settled = [change for change in changes if known.changed.get(change.partition) == change.version]
        answers = [_landing_again(change, _runs(context.instance, table, change), now()) for change in settled]
        requests = [answer for answer in answers if isinstance(answer, dg.RunRequest)][:RUNS_A_TICK]
        said = [answer for answer in answers if isinstance(answer, str)]
        said += [f"{c.partition}: changed just now" for c in changes if c not in settled]
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=None if requests else "; ".join(said) or f"nothing of {table.late_days} days has changed",
            cursor=LateCursor(changed={c.partition: c.version for c in changes}).model_dump_json(),
        )

    return sensor


def changed(desk: Desk, partitions: Sequence[str]) -> list[Change]:
    """Those of the partitions whose source has changed since they landed, oldest first. Raises SourceUnavailable."""
    found = []
    for partition in partitions:
        event = desk.journal.latest(desk.table.name, partition, "landed")
        if event is None or desk.gate(partition).status in UNDER_WAY:
            continue
        version = desk.source.version(partition)
        if version is not None and version != Landing.model_validate(event.body).source_version:
            found.append(Change(partition=partition, version=version, landed=event.id))
    return found


def _runs(instance: dg.DagsterInstance, table: MonitoredTable, change: Change) -> Sequence[dg.RunRecord]:
    """The runs that were launched for the change, newest first."""
    tags = {CHANGE_TAG: _key(change)}
    return instance.get_run_records(dg.RunsFilter(job_name=keys.nightly_job(table), tags=tags))


def _landing_again(change: Change, runs: Sequence[dg.RunRecord], now: datetime) -> dg.RunRequest | str:
    """The run that lands the partition again, or the sentence of why there is none to launch.

    A run that has landed it left a newer landing, and so no change: what ended is tried again, after a while.
    """
    if runs:
        run = runs[0].dagster_run
        if not run.is_finished:
            return f"{change.partition}: run {run.run_id[:8]} lands it"
        if len(runs) >= RUNS_A_CHANGE:
            return f"{change.partition}: {len(runs)} runs could not land it, the last one {run.run_id[:8]}"
        if now < runs[0].update_timestamp + RETRY_AFTER * 2 ** (len(runs) - 1):
            return f"{change.partition}: run {run.run_id[:8]} could not land it; it is tried again"
    run_key = f"late:{_key(change)}:{len(runs) + 1}"
    return dg.RunRequest(
        run_key=run_key,
        partition_key=change.partition,
        tags={"orders_monitor/trigger": "late_data", CHANGE_TAG: _key(change), **traces.begun_by(run_key)},
    )


def _key(change: Change) -> str:
    return f"{change.partition}:{change.landed}:{change.version}"
