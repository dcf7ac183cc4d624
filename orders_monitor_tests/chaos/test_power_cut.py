"""A power cut takes every process of a running location at once; after a new start every partition is finished."""

import datetime as dt
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from deltalake import DeltaTable

from orders_monitor.pipeline.resources import open_desk
from orders_monitor.settings import read_settings
from orders_monitor_tests.chaos.rig import printed
from orders_monitor_tests.live import NOTHING_RUNS, TABLE, Location, free_port, processes_of, wait_for

pytestmark = pytest.mark.chaos

SEED = 11
WITHIN_S = 300
ENDED = ("published", "awaiting", "held")
ROUNDS = 3
AT_ONCE = 3
FIRST = dt.date(2026, 6, 1)


@pytest.fixture(params=["sqlite", "postgresql"])
def location(tmp_path, request) -> Iterator[Location]:
    """A running location without history, on either database."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    running = Location(home=tmp_path, port=free_port(), log=tmp_path / "dagster.log", database_url=url)
    running.start()
    yield running
    cut(running)


def cut(location: Location, sign: int = signal.SIGKILL) -> None:
    """Every process of the location, none asked."""
    location.kill()
    wait_for(lambda: not processes_of(location.home), f"nothing is left after signal {sign}")


def days_of(number: int) -> list[str]:
    return [(FIRST + dt.timedelta(days=number * AT_ONCE + n)).isoformat() for n in range(AT_ONCE)]


def begun(location: Location, days: list[str], kind: str) -> bool:
    """Whether one of the partitions has come so far."""
    with open_desk(TABLE, run_id="test", settings=read_settings(location.environment)) as desk:
        return any(desk.journal.latest(TABLE.name, day, kind) for day in days)


def unfinished(location: Location, days: list[str]) -> list[str]:
    """The partitions that are not at an end, and the runs of them that are under way or only look so."""
    gates = [f"{day} {location.gate(day).status}" for day in days if location.gate(day).status not in ENDED]
    runs = [run for day in days for run in location.runs(partition=day) if run["status"] not in NOTHING_RUNS]
    return gates + [f"run {run['runId'][:8]} {run['status']}" for run in runs]


def commits(home: Path) -> dict[str, int]:
    """How often each publication is in the log of the published table."""
    folder = home / "lake" / TABLE.name
    if not DeltaTable.is_deltatable(str(folder)):
        return {}
    marks = [
        f"{entry['orders_monitor.partition']} {entry['orders_monitor.publication']}"
        for entry in DeltaTable(str(folder)).history()
        if "orders_monitor.publication" in entry
    ]
    return {mark: marks.count(mark) for mark in marks}


def test_what_a_power_cut_interrupts_is_finished_within_five_minutes(location):
    """Nights and publications are cut at a random moment; orphaned runs are ended, and no partition stays behind."""
    moments = random.Random(SEED)  # noqa: S311 - moments, not secrets
    took, orphans = [], 0
    for number in range(ROUNDS):
        days = days_of(number)
        for day in days:
            location.launch("orders_daily_nightly", day)
        reached = moments.choice(["landed", "quality", "candidate"])
        wait_for(lambda at=reached, of=days: begun(location, of, at), f"a night has {reached}")
        time.sleep(moments.uniform(0, 3))
        cut(location)
        cut_at = time.monotonic()
        location.start()
        orphans += sum(run["status"] == "STARTED" for day in days for run in location.runs(partition=day))
        wait_for(lambda of=days: not unfinished(location, of), "every partition and run is at an end")
        took.append(time.monotonic() - cut_at)

    with open_desk(TABLE, run_id="test", settings=read_settings(location.environment)) as desk:
        days = [day for number in range(ROUNDS) for day in days_of(number)]
        written = [p for day in days for p in desk.case(day).publications if p.delta_version is not None]
    expected = {f"{p.partition} {p.number}": 1 for p in written}
    slowest = f"slowest {max(took):.0f} s"
    printed("power cut", seed=SEED, times=ROUNDS, orphans=orphans, slowest=slowest, published=len(written))

    assert expected == commits(location.home)
    assert max(took) < WITHIN_S
    assert orphans > 0
