"""schedule: the nightly job of the last complete partition. The partition key is the only clock that a stage sees."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (  # what define_asset_job returns, not exported
    UnresolvedAssetJobDefinition,
)

from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline import keys, traces

PUBLISH_RUN_MAX_S = 600
TABLE_TAG = "orders_monitor/table"
# Of the runs that wait for one partition: a publication first, then the night; a backfill has no priority, which is 0.
PUBLISH_FIRST, NIGHTLY_SECOND = {"dagster/priority": "20"}, {"dagster/priority": "10"}


def nightly_job(table: MonitoredTable) -> UnresolvedAssetJobDefinition:
    """Everything up to the candidate and its checks. Publication is never in it: a decision launches that."""
    stages = dg.AssetSelection.assets(*(keys.stage(table, name) for name in keys.STAGES))
    return dg.define_asset_job(
        keys.nightly_job(table),
        selection=stages,
        description="landed to candidate and its checks, for one partition; also the job to backfill.",
        tags={TABLE_TAG: table.name, "orders_monitor/team": table.owners.team},
    )


def publish_job(table: MonitoredTable) -> UnresolvedAssetJobDefinition:
    """The publication and the two checks that block it."""
    candidate = keys.stage(table, "candidate")
    blocking = (dg.AssetCheckKey(candidate, name) for name in (keys.QUALITY_GATE, keys.HUMAN_REVIEW))
    return dg.define_asset_job(
        keys.publish_job(table),
        selection=dg.AssetSelection.assets(keys.published(table)) | dg.AssetSelection.checks(*blocking),
        description="Publish one decided partition. Without a decision it is refused.",
        tags={
            TABLE_TAG: table.name,
            "orders_monitor/team": table.owners.team,
            # A publication that hangs holds the pool of one; after this it is called failed.
            "dagster/max_runtime": str(PUBLISH_RUN_MAX_S),
            **PUBLISH_FIRST,
        },
    )


def nightly_schedule(table: MonitoredTable, job: UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """The nightly schedule: at the declared cron, in the table's time zone, for the last complete partition."""

    @dg.schedule(
        name=f"{table.name}_nightly_schedule",
        job=job,
        cron_schedule=table.cron,
        execution_timezone=table.partitions.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    def schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        complete = keys.complete_partitions(table, context.scheduled_execution_time)
        if not complete:
            return dg.SkipReason(f"no partition is complete yet; the first one is {table.partitions.start}")
        run_key = f"nightly:{complete[-1]}"
        tags = {**NIGHTLY_SECOND, **traces.begun_by(f"{table.name}:{run_key}")}
        return dg.RunRequest(run_key=run_key, partition_key=complete[-1], tags=tags)

    return schedule
