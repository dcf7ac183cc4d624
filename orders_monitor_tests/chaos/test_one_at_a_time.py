"""The running location: runs of one partition come one after another, and other partitions do not wait for them."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from dagster import DagsterInstance, RunsFilter

from orders_monitor.pipeline.coordinator import PARTITION_TAG
from orders_monitor_tests.chaos.rig import printed
from orders_monitor_tests.live import REPOSITORY, Location, free_port, processes_of, wait_for

pytestmark = pytest.mark.chaos

DAY, OTHER = "2026-06-27", "2026-06-26"
NIGHTLY = {"partitionSetName": "orders_daily_nightly_partition_set", "repositorySelector": REPOSITORY}


@pytest.fixture
def location(tmp_path) -> Iterator[Location]:
    """The location, running, with nothing run yet."""
    running = Location(home=tmp_path, port=free_port(), log=tmp_path / "dagster.log")
    running.start()
    yield running
    running.kill()
    wait_for(lambda: not processes_of(tmp_path), "no process is left behind")


def spans(location: Location, monkeypatch, day: str) -> list[tuple[float, float]]:
    """When each run of a partition began and ended, in their order."""
    monkeypatch.setenv("ORDERS_MONITOR_HOME", str(location.home))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with DagsterInstance.from_config(".") as instance:
        records = instance.get_run_records(RunsFilter(tags={PARTITION_TAG: f"orders_daily/{day}"}))
    return sorted((float(record.start_time or 0), float(record.end_time or 0)) for record in records)


def test_backfills_of_one_partition_come_one_after_another(location, monkeypatch):
    """Three backfills of one day and one of another: the day's runs never overlap, the other waits for none of them."""
    for _ in range(3):
        location.backfill([DAY], selector=NIGHTLY)
    location.backfill([OTHER], selector=NIGHTLY)
    wait_for(lambda: location.gate(OTHER).status == "published", f"{OTHER} is published")
    wait_for(lambda: _all_ended(spans(location, monkeypatch, DAY)), f"three nights and a publication of {DAY}")
    day, other = spans(location, monkeypatch, DAY), spans(location, monkeypatch, OTHER)

    printed("one at a time", runs=len(day), span_s=round(day[-1][1] - day[0][0], 1))
    assert all(ended <= begun for (_, ended), (begun, _) in pairwise(day))
    assert other[0][0] < day[-1][0]
    assert "published" == location.gate(DAY).status


def _all_ended(runs: list[tuple[float, float]]) -> bool:
    return len(runs) >= 4 and all(ended for _, ended in runs)
