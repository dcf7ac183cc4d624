"""Days of 23 and 25 hours, and a clock that is an hour wrong: no false alarm about volume, and the right partition."""

import datetime as dt
import random
from collections.abc import Iterator
from itertools import islice
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator  # the ticks of the daemon, not exported

from orders_monitor.core.calibration import DAYS_MIN
from orders_monitor.core.quality import Quality
from orders_monitor.pipeline.calibration import calibrate
from orders_monitor.pipeline.resources import open_desk
from orders_monitor.pipeline.schedule import nightly_job, nightly_schedule
from orders_monitor_tests.chaos.rig import printed
from orders_monitor_tests.published import publish
from orders_monitor_tests.small_shop import Shop, csv_of, declared, open_shop

pytestmark = pytest.mark.chaos

SEED = 3
BERLIN = ZoneInfo("Europe/Berlin")
AN_HOUR = 40
HOURS = {dt.date(2026, 3, 29): 23, dt.date(2026, 10, 25): 25}
PAST = {"told": 21, "learned": DAYS_MIN + 4}


def hours_of(day: dt.date) -> list[dt.datetime]:
    """The hours of a Berlin day, in UTC: twenty-three, twenty-four or twenty-five."""
    at = dt.datetime.combine(day, dt.time(), BERLIN).astimezone(dt.UTC)
    end = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), BERLIN).astimezone(dt.UTC)
    return [at + dt.timedelta(hours=n) for n in range(int((end - at).total_seconds() // 3600))]


def rows_of(day: dt.date, *, local: bool) -> list[list[str]]:
    """An ordinary day of a shop that never closes: about as many orders in each hour that the day has."""
    chance = random.Random(f"{SEED} {day}")  # noqa: S311 - an upstream, not a secret
    rows = []
    for hour in hours_of(day):
        for _ in range(round(chance.gauss(AN_HOUR, AN_HOUR**0.5))):
            at = hour + dt.timedelta(seconds=chance.randrange(3_600))
            shown = at.astimezone(BERLIN) if local else at
            rows.append(
                [
                    str(day.toordinal() * 10_000 + len(rows)),
                    chance.choice(["paid", "shipped", "cancelled"]),
                    str(chance.randint(1, 4)),
                    f"customer{chance.randrange(500)}@example.com",
                    f"{chance.randint(5, 45)}.50",
                    f"{shown:%Y-%m-%d %H:%M:%S}",
                ]
            )
    return rows


def arrives(shop: Shop, day: dt.date, *, local: bool) -> None:
    shop.arrives(day.isoformat(), csv_of(rows_of(day, local=local)))


@pytest.fixture(params=["told", "learned"])
def how(request) -> str:
    """Whether the declared tolerances judge, or what was learned from the days before."""
    return request.param


@pytest.fixture(params=["local", "utc"])
def clock(request) -> str:
    """In which time the upstream writes its times, none of them with a zone."""
    return request.param


@pytest.fixture(params=list(HOURS), ids=str)
def changes(request) -> dt.date:
    """The day on which the clocks change."""
    return request.param


@pytest.fixture
def shop(tmp_path, monkeypatch, how, clock, changes) -> Iterator[Shop]:
    """A shop in Berlin with an ordinary history up to the day before the clocks change."""
    monkeypatch.setenv("ORDERS_MONITOR_HOME", str(tmp_path))
    monkeypatch.delenv("ORDERS_MONITOR_DATABASE_URL", raising=False)
    past = [changes - dt.timedelta(days=n) for n in range(PAST[how], 0, -1)]
    with dg.DagsterInstance.ephemeral() as instance:
        found = open_shop(tmp_path, instance, partitions={"start": past[0].isoformat(), "timezone": "Europe/Berlin"})
        with open_desk(found.table, run_id="past", settings=found.settings) as desk:
            for day in past:
                arrives(found, day, local=clock == "local")
                publish(desk, day.isoformat(), f"SELECT * FROM read_csv('{found.upstream}/{day}.csv')")
            if how == "learned":
                calibrate(desk)
        yield found


def test_the_days_after_the_clocks_changed_are_ordinary(shop, how, clock, changes):
    """The day of 23 or 25 hours, those after it and one of the settled season: no alarm, and policy publishes them."""
    days = [changes + dt.timedelta(days=n) for n in range(9)]
    seen = {}
    for day in days:
        arrives(shop, day, local=clock == "local")
        assert shop.night(day.isoformat()).success
        shop.publication(day.isoformat())
        with shop.desk() as desk:
            quality = desk.read(day.isoformat(), "quality", Quality)
        seen[day.isoformat()] = [anomaly.sentence for anomaly in quality.anomalies]
    printed("daylight saving", seed=SEED, judged=how, times=clock, days=len(days), hours=HOURS[changes], anomalies=seen)

    assert [HOURS[changes], *[24] * 8] == [len(hours_of(day)) for day in days]
    assert {day: [] for day in seen} == seen
    assert ["published"] * len(days) == [shop.gate(day).status for day in seen]


@pytest.mark.parametrize("skew_h", [-1, 0, 1])
def test_a_clock_that_is_an_hour_wrong_asks_for_a_day_that_is_over(tmp_path, skew_h):
    """An hour fast or slow, over a year with both changes: every day is asked for once, and only when it is over."""
    table = declared(tmp_path, partitions={"start": "2026-01-01", "timezone": "Europe/Berlin"})
    schedule = nightly_schedule(table, nightly_job(table))
    first = dt.datetime(2026, 1, 2, tzinfo=BERLIN)
    asked = []
    for at in islice(schedule_execution_time_iterator(first.timestamp(), table.cron, "Europe/Berlin"), 365):
        answer = schedule(dg.build_schedule_context(scheduled_execution_time=at))
        really = at.astimezone(dt.UTC) - dt.timedelta(hours=skew_h)
        day = dt.date.fromisoformat(answer.partition_key)
        assert really >= dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), BERLIN).astimezone(dt.UTC)
        asked.append((answer.run_key, answer.partition_key))

    days = [(dt.date(2026, 1, 1) + dt.timedelta(days=n)).isoformat() for n in range(365)]
    assert [(f"nightly:{day}", day) for day in days] == asked
