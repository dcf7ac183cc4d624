"""Late data: a source that changes after its partition was published is landed again, once, and a person decides."""

import os
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from orders_monitor.core.table import Partitions
from orders_monitor.pipeline.execution import definitions_of
from orders_monitor.pipeline.late import RUNS_A_CHANGE, changed, late_data_sensor
from orders_monitor.pipeline.schedule import nightly_job
from orders_monitor_tests.attacks.stages import night, published
from orders_monitor_tests.restorable import generation, restored
from orders_monitor_tests.small_shop import DAY, DAY_BEFORE, Shop, csv_of, rows_of

AFTER = datetime(2026, 3, 5, 3, tzinfo=UTC)


class Ticks:
    """The daemon's ticks of the sensor of a shop: its cursor, and the run keys that were launched."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.cursor = shop, None

    def __call__(self, at: datetime = AFTER) -> tuple[list[dg.RunRequest], str | None]:
        sensor = late_data_sensor(self.shop.table, nightly_job(self.shop.table), now=lambda: at)
        context = dg.build_sensor_context(
            instance=self.shop.instance, cursor=self.cursor, definitions=definitions_of(self.shop.table)
        )
        result = sensor(context)
        self.cursor = result.cursor
        said = result.skip_reason
        return list(result.run_requests or []), said.skip_message if isinstance(said, dg.SkipReason) else said


def rewritten(shop: Shop, count: int, *, at_s: int, day: str = DAY) -> None:
    """The upstream writes its file of the day again, at that time."""
    shop.arrives(day, csv_of(rows_of(day, count)))
    os.utime(shop.upstream / f"{day}.csv", (at_s, at_s))


def test_a_change_is_one_run_once_it_is_at_rest(shop):
    """A source that is still being written is not landed; at rest it is one run, whose key names the version."""
    generation(shop, 40)
    ticks = Ticks(shop)
    quiet = ticks()
    rewritten(shop, 41, at_s=2_000_000_000)
    first = ticks()
    rewritten(shop, 44, at_s=2_000_000_001)
    second, third = ticks(), ticks()
    night(shop, DAY)

    assert ([], "nothing of 7 days has changed") == quiet
    assert [([], f"{DAY}: changed just now")] * 2 == [first, second]
    assert [(DAY, "late_data")] == [(r.partition_key, r.tags["orders_monitor/trigger"]) for r in third[0]]
    assert third[0][0].run_key.startswith(f"late:{DAY}:")
    assert ([], "nothing of 7 days has changed") == ticks()


def test_late_data_is_a_persons_decision(shop):
    """Landed again it would overwrite what readers see: it waits, whatever the policy lets through."""
    first = generation(shop, 40)
    rewritten(shop, 41, at_s=2_000_000_000)
    waits = night(shop, DAY)
    with shop.desk() as desk:
        case = desk.case(DAY)

    assert ("awaiting", "human", first.number) == (waits.status, case.asked_for.route, case.published.number)
    assert "overwrite: human" in case.asked_for.reasons


@pytest.mark.slow
def test_a_file_that_was_only_touched_makes_no_case(shop):
    """The same rows under another time are landed, and are published already."""
    first = generation(shop, 40)
    rewritten(shop, 40, at_s=2_000_000_000)
    with shop.desk() as desk:
        (change,) = changed(desk, [DAY])

    assert (DAY, "published") == (change.partition, night(shop, DAY).status)
    assert first == published(shop, DAY)
    with shop.desk() as desk:
        assert [] == changed(desk, [DAY])


@pytest.mark.slow
def test_a_file_that_came_after_its_night_is_landed(shop):
    """A partition of which nothing was there is landed once something is: nobody has to remember it."""
    assert "held" == night(shop, DAY).status
    shop.arrives(DAY, csv_of(rows_of(DAY, 40)))
    with shop.desk() as desk:
        assert [DAY] == [change.partition for change in changed(desk, [DAY_BEFORE, DAY])]
    assert "approved" == night(shop, DAY).status


@pytest.mark.slow
def test_a_restore_is_no_late_data(shop):
    """Going back to older bytes changes nothing of the source."""
    first = generation(shop, 40)
    generation(shop, 42)
    restored(shop, first.delta_version)
    with shop.desk() as desk:
        assert [] == changed(desk, [DAY])


@pytest.mark.slow
def test_what_could_not_be_landed_is_tried_again_and_then_named(shop):
    """A run that ended without a landing is launched again after a while, at most three times for one change."""
    generation(shop, 40)
    rewritten(shop, 41, at_s=2_000_000_000)
    # Dagster writes the runs' times by its own clock: the day stays among the last ones, whatever that says.
    ended = shop.table.model_copy(update={"partitions": Partitions(start=date(2026, 3, 1), end=date(2026, 3, 4))})
    ticks = Ticks(replace(shop, table=ended))
    ticks()
    keys = []
    at = datetime.now(UTC)
    for number in range(RUNS_A_CHANGE):
        (request,), _ = ticks(at + timedelta(hours=number))
        keys.append(request.run_key)
        failed = dg.DagsterRun(
            job_name="small_shop_nightly", tags=dict(request.tags), status=dg.DagsterRunStatus.FAILURE
        )
        shop.instance.run_storage.add_run(failed)
        assert "it is tried again" in (ticks(at)[1] or "") or number == RUNS_A_CHANGE - 1
    last = ticks(at + timedelta(days=1))

    assert RUNS_A_CHANGE == len(set(keys))
    assert ([], True) == (last[0], "3 runs could not land it" in (last[1] or ""))
