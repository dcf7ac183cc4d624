"""coordinator: Dagster's run queue, told of each run which partition of which table it works on.

By that tag `dagster.yaml` lets one run at a time into a partition, whoever asked for it: the schedule, a sensor, a
backfill, or somebody who materializes assets in the UI. Of two that wait, the one of the higher priority goes first.
"""

import dagster as dg
from dagster._core.run_coordinator import SubmitRunContext  # what a coordinator is given; not exported
from dagster._core.storage.tags import PARTITION_NAME_TAG  # Dagster's own name of its tag

from orders_monitor.pipeline import keys
from orders_monitor.pipeline.schedule import TABLE_TAG

PARTITION_TAG = "orders_monitor/partition"


class PartitionCoordinator(dg.QueuedRunCoordinator):
    """Queues as Dagster's own does, and tags."""

    def submit_run(self, context: SubmitRunContext) -> dg.DagsterRun:
        """Tag the run, and queue it."""
        partition = partition_of(context.dagster_run)
        if partition is not None:
            self._instance.add_run_tags(context.dagster_run.run_id, {PARTITION_TAG: partition})
        return super().submit_run(context)


def partition_of(run: dg.DagsterRun) -> str | None:
    """`<table>/<partition>`, of a run that materializes one partition of one monitored table; None of another.

    A decision from the Launchpad is none of these: it waits for nobody.
    """
    partition = run.tags.get(PARTITION_NAME_TAG)
    selected = {key.path[0] for key in run.asset_selection or () if _is_ours(key)}
    tables = {run.tags[TABLE_TAG]} if TABLE_TAG in run.tags else selected
    return f"{tables.pop()}/{partition}" if partition is not None and len(tables) == 1 else None


def _is_ours(key: dg.AssetKey) -> bool:
    return len(key.path) == 1 or (len(key.path) == 2 and key.path[1] in keys.STAGES)  # noqa: PLR2004 - table and stage
