"""Many partitions and many tables: each partition is a run of its own, and no table sees another."""

from collections.abc import Iterator
from dataclasses import replace

import dagster as dg
import pytest

from orders_monitor.pipeline import keys
from orders_monitor.pipeline.execution import definitions_of
from orders_monitor.pipeline.monitor import build_table_monitor
from orders_monitor.pipeline.resources import Stores
from orders_monitor_tests.small_shop import Shop, csv_of, declared, failure_of, open_shop, rows_of

QUIET, HELD, WAITING, ABSENT = "2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04"
DAYS = [QUIET, HELD, WAITING, ABSENT]
RANGE = {"dagster/asset_partition_range_start": QUIET, "dagster/asset_partition_range_end": WAITING}


def arrive(shop: Shop) -> None:
    """A quiet day, an empty file, numbers that came as text, and a day whose file is not there."""
    shop.arrives(QUIET, csv_of(rows_of(QUIET)))
    shop.arrives(HELD, csv_of([]))
    shop.arrives(WAITING, csv_of([[*row[:2], f"{row[2]}.0", *row[3:]] for row in rows_of(WAITING)]))


def test_one_partition_stops_no_other(shop):
    """A backfill's runs each end by themselves: the one that is held is not red, and the next is approved."""
    arrive(shop)
    succeeded = [shop.night(day).success for day in (ABSENT, QUIET)]

    assert [True, True] == succeeded
    assert ["approved", "no_plan", "no_plan", "held"] == [shop.gate(day).status for day in DAYS]


@pytest.mark.slow
@pytest.mark.parametrize("order", [DAYS, DAYS[::-1]], ids=["forwards", "backwards"])
def test_partitions_may_run_in_any_order(shop, order):
    """What a partition's own verdict is does not depend on whether its neighbours ran before it; none is red."""
    arrive(shop)
    succeeded = [shop.night(day).success for day in order]

    assert [True] * 4 == succeeded
    assert ["approved", "held", "awaiting", "held"] == [shop.gate(day).status for day in DAYS]


def test_every_asset_is_one_run_a_partition(shop):
    """No asset has a backfill policy: Dagster then launches a run for each partition, and check results are theirs."""
    graph = definitions_of(shop.table).resolve_asset_graph()
    policies = {key.to_user_string(): graph.get(key).backfill_policy for key in graph.executable_asset_keys}

    assert dict.fromkeys(["small_shop", *(f"small_shop/{stage}" for stage in keys.STAGES)]) == policies


@pytest.mark.parametrize("job", [pytest.param(keys.nightly_job, marks=pytest.mark.slow), keys.publish_job])
def test_a_run_over_a_range_is_refused(shop, job):
    """Somebody who forces one run over many partitions is told to choose one; nothing is recorded or published."""
    arrive(shop)
    shop.night(QUIET)
    result = (
        definitions_of(shop.table)
        .resolve_job_def(job(shop.table))
        .execute_in_process(instance=shop.instance, tags=RANGE, raise_on_error=False)
    )

    assert not result.success
    assert failure_of(result).startswith("small_shop runs one partition a run: choose a partition")
    assert ["approved", "no_plan", "no_plan"] == [shop.gate(day).status for day in DAYS[:3]]


@pytest.fixture
def shops(tmp_path, monkeypatch) -> Iterator[tuple[Shop, Shop]]:
    """Two tables with one home: the small shop and its neighbour, each with an upstream of its own."""
    monkeypatch.setenv("ORDERS_MONITOR_HOME", str(tmp_path))
    monkeypatch.delenv("ORDERS_MONITOR_DATABASE_URL", raising=False)
    with dg.DagsterInstance.ephemeral() as instance:
        small = open_shop(tmp_path, instance)
        upstream = tmp_path / "other_upstream"
        upstream.mkdir()
        yield small, replace(small, table=declared(upstream, name="other_shop"), upstream=upstream)


def both(shops: tuple[Shop, Shop]) -> dg.Definitions:
    """One code location with both tables."""
    monitors = [build_table_monitor(shop.table) for shop in shops]
    return dg.Definitions.merge(*monitors, dg.Definitions(resources={"stores": Stores()}))


def test_two_tables_share_no_name(shops):
    """Assets, checks, jobs, schedules and sensors of two tables live in one code location, each under its own name."""
    repository = both(shops).get_repository_def()
    graph = repository.asset_graph
    named = {
        "assets": {key.to_user_string() for key in graph.get_all_asset_keys()},
        "checks": {f"{key.asset_key.to_user_string()}:{key.name}" for key in graph.asset_check_keys},
        "jobs": {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")},
        "schedules": {schedule.name for schedule in repository.schedule_defs},
        "sensors": {sensor.name for sensor in repository.sensor_defs},
        "ops": {name for asset in graph.assets_defs if asset.is_executable for name in [asset.op.name]},
    }
    of_small = {kind: {name for name in names if name.startswith("small_shop")} for kind, names in named.items()}
    of_other = {kind: {name.replace("small_shop", "other_shop") for name in names} for kind, names in of_small.items()}

    assert named == {kind: names | of_other[kind] for kind, names in of_small.items()}
    assert {"assets": 8, "checks": 11, "jobs": 3, "schedules": 1, "sensors": 5} == {
        kind: len(names) for kind, names in of_small.items() if kind != "ops"
    }


def test_a_job_of_one_table_touches_nothing_of_the_other(shops):
    """The selection of each table's jobs is of that table only."""
    definitions = both(shops)
    for shop in shops:
        for name in (keys.nightly_job(shop.table), keys.publish_job(shop.table)):
            layer = definitions.resolve_job_def(name).asset_layer
            assert {shop.table.name} == {key.path[0] for key in layer.selected_asset_keys}


@pytest.mark.slow
def test_two_tables_do_not_see_each_other(shops):
    """The same partition of two tables: one is approved and published, the other waits as it did."""
    small, other = shops
    small.arrives(QUIET, csv_of(rows_of(QUIET)))
    other.arrives(QUIET, csv_of([[*row[:2], f"{row[2]}.0", *row[3:]] for row in rows_of(QUIET)]))
    definitions = both(shops)
    for shop in shops:
        definitions.resolve_job_def(keys.nightly_job(shop.table)).execute_in_process(
            instance=shop.instance, partition_key=QUIET
        )
    result = definitions.resolve_job_def(keys.publish_job(small.table)).execute_in_process(
        instance=small.instance, partition_key=QUIET
    )

    assert result.success
    assert ["published", "awaiting"] == [shop.gate(QUIET).status for shop in shops]
    with other.desk() as desk:
        assert () == desk.journal.decisions_after("other_shop", 0)
