"""One run at a time works on a partition of a table, whoever asked for it; other partitions wait for nobody."""

import os
from datetime import UTC, datetime

import dagster as dg
import pytest
from dagster._core.remote_origin import (  # whence a queued run is from; not exported
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.run_coordinator import SubmitRunContext  # what a coordinator is given; not exported
from dagster._utils.tags import TagConcurrencyLimitsCounter  # how Dagster's daemon reads the limits; not exported

from orders_monitor.pipeline.coordinator import PARTITION_TAG, PartitionCoordinator, partition_of
from orders_monitor.pipeline.execution import definitions_of
from orders_monitor.pipeline.instance import open_instance
from orders_monitor.pipeline.schedule import TABLE_TAG, nightly_job, nightly_schedule
from orders_monitor_tests.small_shop import DAY, DAY_BEFORE, declared

LOCATION = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("orders_monitor"), "__repository__")
NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)


@pytest.fixture
def instance(tmp_path, monkeypatch):
    """The instance of this repository's dagster.yaml, in a home of its own."""
    for name in [name for name in os.environ if name.startswith(("DAGSTER_", "ORDERS_MONITOR_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ORDERS_MONITOR_HOME", str(tmp_path / "home"))
    with open_instance() as opened:
        yield opened


def queued(instance: dg.DagsterInstance, definition: dg.JobDefinition, day: str, **tags: str) -> dg.DagsterRun:
    """A run that somebody asked for, as it lies in the queue."""
    made = instance.create_run_for_job(
        definition,
        tags={**definition.tags, "dagster/partition": day, **tags},
        remote_job_origin=RemoteJobOrigin(LOCATION, definition.name),
    )
    instance.run_coordinator.submit_run(SubmitRunContext(made, workspace=None))
    return instance.get_run_by_id(made.run_id)


@pytest.mark.slow
def test_runs_of_one_partition_come_one_after_another(instance, tmp_path):
    """By the limits of dagster.yaml a second run of a partition waits; another day's and another table's do not."""
    definitions = definitions_of(declared(tmp_path))
    nightly, publish = (definitions.resolve_job_def(f"small_shop_{job}") for job in ("nightly", "publish"))
    running = queued(instance, nightly, DAY)
    limits = instance.get_concurrency_config().run_queue_config.tag_concurrency_limits
    counter = TagConcurrencyLimitsCounter(limits, [running])
    asked = [
        queued(instance, nightly, DAY, **{"dagster/backfill": "b1"}),
        queued(instance, publish, DAY),
        queued(instance, nightly, DAY_BEFORE, **{"dagster/backfill": "b1"}),
        queued(instance, nightly, DAY, **{TABLE_TAG: "other_shop"}),
    ]

    assert isinstance(instance.run_coordinator, PartitionCoordinator)
    assert [
        (f"small_shop/{DAY}", True),
        (f"small_shop/{DAY}", True),
        (f"small_shop/{DAY_BEFORE}", False),
        (f"other_shop/{DAY}", False),
    ] == [(run.tags.get(PARTITION_TAG), counter.is_blocked(run)) for run in asked]


@pytest.mark.parametrize(
    ("selection", "tagged"),
    [
        ([["small_shop", "landed"], ["small_shop", "plan"]], f"small_shop/{DAY}"),
        ([["small_shop"]], f"small_shop/{DAY}"),
        ([["small_shop"], ["other_shop"]], None),
        ([["somebody", "elses"]], None),
    ],
)
def test_what_somebody_materializes_in_the_ui_is_tagged_too(selection, tagged):
    """Assets that are launched without a job of ours are known by their keys."""
    keys_selected = frozenset(dg.AssetKey(path) for path in selection)
    run = dg.DagsterRun(job_name="__ASSET_JOB", tags={"dagster/partition": DAY}, asset_selection=keys_selected)
    assert tagged == partition_of(run)


@pytest.mark.parametrize(
    ("job", "tags"),
    [("small_shop_nightly", {TABLE_TAG: "small_shop"}), ("small_shop_review", {"dagster/partition": DAY})],
)
def test_who_works_on_no_partition_waits_for_nobody(job, tags):
    """A run over no single partition is refused by its stages; a decision writes nothing but itself."""
    assert None is partition_of(dg.DagsterRun(job_name=job, tags=tags))


def test_the_night_goes_before_a_backfill_and_a_publication_before_both(tmp_path):
    """The priorities by which Dagster orders what waits."""
    table = declared(tmp_path)
    definitions = definitions_of(table)
    night = nightly_schedule(table, nightly_job(table))(dg.build_schedule_context(scheduled_execution_time=NOON))
    jobs = (definitions.resolve_job_def(name) for name in ("small_shop_publish", "small_shop_nightly"))

    assert ["20", None] == [job.tags.get("dagster/priority") for job in jobs]
    assert "10" == night.tags["dagster/priority"]
