"""The schedule: at two in the table's own night, the partition whose day is over, whatever daylight saving does."""

from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator  # the ticks of the daemon, not exported

from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline.schedule import nightly_job, nightly_schedule, publish_job
from orders_monitor_tests.small_shop import declared

NEW_YORK, BERLIN = ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin")


@pytest.fixture
def table(tmp_path, request) -> MonitoredTable:
    """A table whose days begin in the time zone of the parameter."""
    return declared(tmp_path, partitions={"start": "2026-03-01", "timezone": getattr(request, "param", "UTC")})


def tick(table: MonitoredTable, at: datetime) -> tuple[str | None, str | None] | str | None:
    """The run key and the partition of a tick, or why there is none."""
    schedule = nightly_schedule(table, nightly_job(table))
    answer = schedule(dg.build_schedule_context(scheduled_execution_time=at))
    if isinstance(answer, dg.SkipReason):
        return answer.skip_message
    assert isinstance(answer, dg.RunRequest)
    return answer.run_key, answer.partition_key


def test_at_two_it_is_yesterday(table):
    """The nightly run is of the day that ended two hours ago, under a run key that says so."""
    assert ("nightly:2026-03-04", "2026-03-04") == tick(table, datetime(2026, 3, 5, 2, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("table", "at", "expected"),
    [
        # Two o'clock in Berlin is yesterday evening in New York and past midnight in UTC.
        ("Europe/Berlin", datetime(2026, 3, 5, 2, 0, tzinfo=BERLIN), "2026-03-04"),
        ("America/New_York", datetime(2026, 3, 5, 2, 0, tzinfo=NEW_YORK), "2026-03-04"),
        ("America/New_York", datetime(2026, 3, 5, 4, 59, tzinfo=UTC), "2026-03-03"),
        ("America/New_York", datetime(2026, 3, 5, 5, 0, tzinfo=UTC), "2026-03-04"),
        # The clock jumps from two to three: the night has an hour less, and no partition less.
        ("Europe/Berlin", datetime(2026, 3, 29, 3, 0, tzinfo=BERLIN), "2026-03-28"),
        ("Europe/Berlin", datetime(2026, 3, 30, 2, 0, tzinfo=BERLIN), "2026-03-29"),
        # Two o'clock comes twice; both are the same partition, and so the same run key.
        ("Europe/Berlin", datetime(2026, 10, 25, 2, 0, tzinfo=BERLIN, fold=0), "2026-10-24"),
        ("Europe/Berlin", datetime(2026, 10, 25, 2, 0, tzinfo=BERLIN, fold=1), "2026-10-24"),
        ("Europe/Berlin", datetime(2026, 10, 26, 2, 0, tzinfo=BERLIN), "2026-10-25"),
    ],
    indirect=["table"],
)
def test_the_day_is_the_tables_own(table, at, expected):
    """The partition is the last whole day of the table's time zone, also around daylight saving."""
    assert (f"nightly:{expected}", expected) == tick(table, at)


@pytest.mark.slow
@pytest.mark.parametrize("table", ["Europe/Berlin", "America/New_York"], indirect=True)
def test_a_year_of_nights_is_every_partition_once(table):
    """The ticks that Dagster's daemon makes of the cron ask for every partition of a year, none of them twice."""
    first_tick = datetime(2026, 3, 2, 0, 0, tzinfo=ZoneInfo(table.partitions.timezone))
    ticks = schedule_execution_time_iterator(first_tick.timestamp(), table.cron, table.partitions.timezone)
    asked = [tick(table, at) for at in islice(ticks, 365)]

    days = [(date(2026, 3, 1) + timedelta(days=n)).isoformat() for n in range(365)]
    assert [(f"nightly:{day}", day) for day in days] == asked


def test_before_the_first_day_is_over_nothing_runs(table):
    """On the declared first day there is no partition yet; the night after it has one."""
    none_yet = "no partition is complete yet; the first one is 2026-03-01"

    assert none_yet == tick(table, datetime(2026, 2, 1, 2, 0, tzinfo=UTC))
    assert none_yet == tick(table, datetime(2026, 3, 1, 2, 0, tzinfo=UTC))
    assert ("nightly:2026-03-01", "2026-03-01") == tick(table, datetime(2026, 3, 2, 2, 0, tzinfo=UTC))


def test_it_runs_as_declared(tmp_path):
    """Cron and time zone are the declaration's, and the schedule is on without anybody turning it on."""
    table = declared(tmp_path, cron="30 3 * * *", partitions={"start": "2026-03-01", "timezone": "Europe/Berlin"})
    schedule = nightly_schedule(table, nightly_job(table))

    assert ("small_shop_nightly_schedule", "30 3 * * *", "Europe/Berlin", "small_shop_nightly") == (
        schedule.name,
        schedule.cron_schedule,
        schedule.execution_timezone,
        schedule.job_name,
    )
    assert dg.DefaultScheduleStatus.RUNNING is schedule.default_status


def test_a_publication_that_a_power_cut_ended_is_called_failed_soon(table):
    """Dagster's monitor ends a publish run after ten minutes, so that its place in the pool of one is free again."""
    tags = publish_job(table).tags or {}

    assert "600" == tags["dagster/max_runtime"]
