"""The names of one table's assets, checks, jobs and sensors: one word a stage, the same everywhere."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import dagster as dg

from orders_monitor.core.table import MonitoredTable

STAGES = ("landed", "profile", "quality", "investigation", "plan", "candidate")
QUALITY_GATE = "quality_gate"
HUMAN_REVIEW = "human_review"
SCHEMA_DRIFT = "schema_drift"
BUDGET = "budget"


def source(table: MonitoredTable) -> dg.AssetKey:
    """The upstream, which somebody else writes."""
    return dg.AssetKey([table.name, "source"])


def stage(table: MonitoredTable, name: str) -> dg.AssetKey:
    """The asset of a stage."""
    return dg.AssetKey([table.name, name])


def published(table: MonitoredTable) -> dg.AssetKey:
    """The table that readers read."""
    return dg.AssetKey([table.name])


def nightly_job(table: MonitoredTable) -> str:
    """Everything up to the candidate and its checks; never the publication."""
    return f"{table.name}_nightly"


def publish_job(table: MonitoredTable) -> str:
    """The publication and the two blocking checks."""
    return f"{table.name}_publish"


def review_job(table: MonitoredTable) -> str:
    """The decision of a person, from the Launchpad."""
    return f"{table.name}_review"


def partitions_of(table: MonitoredTable) -> dg.DailyPartitionsDefinition:
    """The daily partitions as declared, with their explicit time zone."""
    declared = table.partitions
    return dg.DailyPartitionsDefinition(
        start_date=declared.start.isoformat(),
        # Dagster's end is the first day that is no partition any more.
        end_date=None if declared.end is None else (declared.end + timedelta(days=1)).isoformat(),
        timezone=declared.timezone,
    )


def complete_partitions(table: MonitoredTable, at: datetime) -> list[str]:
    """The partitions whose day is over at that moment, oldest first."""
    return list(partitions_of(table).get_partition_keys(current_time=at))


@contextmanager
def known_to_be_a_preview() -> Iterator[None]:
    """Partitioned checks may change in another line of Dagster; this one is pinned, and their tests would tell."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.PreviewWarning)
        yield
