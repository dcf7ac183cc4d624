"""landed: the source's partition as found, in one immutable file named by its content."""

import dagster as dg

from orders_monitor.core.errors import SourceUnavailable, StoreUnavailable
from orders_monitor.core.landing import Landing
from orders_monitor.core.source import Fetched, Unreadable
from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline import keys, metadata
from orders_monitor.pipeline.breaker import guarded
from orders_monitor.pipeline.resources import Desk, Stores


def landed_asset(table: MonitoredTable) -> dg.AssetsDefinition:
    """The asset `<table>/landed`."""

    @dg.asset(
        key=keys.stage(table, "landed"),
        partitions_def=keys.partitions_of(table),
        deps=[keys.source(table)],
        group_name=table.name,
        kinds={"parquet"},
        retry_policy=dg.RetryPolicy(max_retries=2, delay=1, backoff=dg.Backoff.EXPONENTIAL),
    )
    def landed(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[None]:
        """The partition as the source has it: nothing is repaired here, and nothing is ever rewritten."""
        with stores.at(context, table) as desk:
            landing = land(desk, context.partition_key)
        return dg.MaterializeResult(
            metadata=metadata.of_landing(landing, table), data_version=dg.DataVersion(landing.digest)
        )

    return landed


def land(desk: Desk, partition: str) -> Landing:
    """Fetch and keep the partition. What the source lacks or garbled becomes an empty landing with its `problem`."""
    with desk.lake.scratch() as scratch:
        file = scratch / "landed.parquet"
        with guarded(desk, "source", SourceUnavailable):
            # Asked before the rows: what changes while they are copied is another version at the next look.
            version = desk.source.version(partition)
            answer = desk.source.fetch(partition, file)
        if not isinstance(answer, Fetched):
            desk.engine.empty(desk.table.contract, file)
        schema, rows = desk.engine.schema(file), desk.engine.rows(file)
        with guarded(desk, "warehouse", StoreUnavailable):
            kept = desk.lake.keep(file, table=desk.table.name, partition=partition, stage="landed")
    landing = Landing(
        table=desk.table.name,
        partition=partition,
        path=kept.path,
        digest=kept.digest,
        rows=rows,
        landed_schema=schema,
        problem=None if isinstance(answer, Fetched) else answer.why,
        unreadable=isinstance(answer, Unreadable),
        totals=answer.totals if isinstance(answer, Fetched) else (),
        source_version=version,
    )
    desk.record(partition, "landed", landing)
    return landing
