"""profile: every column's statistics in one scan of the landed bytes."""

import dagster as dg

from orders_monitor.core.landing import Landing
from orders_monitor.core.profile import Profile
from orders_monitor.core.schema import ColumnSchema, Schema
from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline import keys, metadata
from orders_monitor.pipeline.resources import Desk, Stores


def profile_asset(table: MonitoredTable) -> dg.AssetsDefinition:
    """The asset `<table>/profile`."""

    @dg.asset(
        key=keys.stage(table, "profile"),
        partitions_def=keys.partitions_of(table),
        deps=[keys.stage(table, "landed")],
        group_name=table.name,
        kinds={"duckdb"},
    )
    def profile(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[None]:
        """Counts, nulls, quantiles and fingerprints of every landed column; no row's values."""
        with stores.at(context, table) as desk:
            scanned = scan(desk, context.partition_key)
        seen = Schema(columns=tuple(ColumnSchema(name=c.name, type=c.type) for c in scanned.columns))
        personal = personal_columns(table, seen)
        return dg.MaterializeResult(metadata=metadata.of_profile(scanned, personal=personal))

    return profile


def scan(desk: Desk, partition: str) -> Profile:
    """Profile the landed bytes."""
    landing = desk.read(partition, "landed", Landing)
    personal = personal_columns(desk.table, landing.landed_schema)
    profile = desk.engine.profile(desk.lake.path(landing.path), personal=personal)
    profile = profile.model_copy(update={"landed_digest": landing.digest})
    desk.record(partition, "profile", profile)
    return profile


def personal_columns(table: MonitoredTable, landed: Schema) -> frozenset[str]:
    """The landed columns whose values no profile shows: the declared ones, however they are spelled, and strangers.

    A stranger is looked at only where it may be a promised column under another name, and none that is personal.
    """
    promised = {column.name.lower(): column.personal for column in table.contract.columns}
    came = {name.lower() for name in landed.names}
    missing = [personal for name, personal in promised.items() if name not in came]
    strangers_are_personal = not missing or any(missing)
    return frozenset(name for name in landed.names if promised.get(name.lower(), strangers_are_personal))
