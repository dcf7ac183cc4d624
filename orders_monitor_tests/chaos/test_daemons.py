"""Daemons that are killed, doubled and made to forget: each decision is one publication, and none is passed by."""

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import pytest

from orders_monitor.core.plan import Plan
from orders_monitor.pipeline import keys
from orders_monitor.pipeline.deciding import Identity, record_decision
from orders_monitor.pipeline.execution import definitions_of
from orders_monitor.pipeline.schedule import publish_job
from orders_monitor.pipeline.sensors import DECISION_TAG, decisions_sensor
from orders_monitor.settings import PROJECT_ROOT
from orders_monitor_tests.attacks.stages import night
from orders_monitor_tests.chaos.rig import Place, printed
from orders_monitor_tests.live import TABLE, processes_of, program, wait_for
from orders_monitor_tests.small_shop import DAY, Shop, csv_of, open_shop, rows_of

pytestmark = pytest.mark.chaos

SEED = 23
KILLS = 4
DAYS = ("2026-06-24", "2026-06-25", "2026-06-26", "2026-06-27")
TWICE = "2026-06-29"


@pytest.fixture(params=["sqlite", "postgresql"])
def place(tmp_path, request) -> Place:
    """An empty home, on either database."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    return Place(tmp_path, url)


@contextmanager
def daemon(place: Place) -> Iterator["subprocess.Popen[bytes]"]:
    """A daemon with its code server, both killed at the end with all that they started."""
    log = (place.home / "daemon.log").open("ab")
    process = subprocess.Popen(
        [program("dagster-daemon"), "run", "-w", "workspace.yaml"],
        cwd=PROJECT_ROOT,
        env={**place.environment, "DAGSTER_HOME": str(PROJECT_ROOT)},
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.close()


def orders(place: Place) -> Shop:
    """The declared table, worked on at a desk: what the nightly run does, without waiting for one."""
    return Shop(table=TABLE, upstream=place.home, instance=dg.DagsterInstance.ephemeral(), settings=place.settings)


def published(place: Place, *days: str) -> dict[str, int]:
    """How many publications each day has, in the journal and in the Delta log; the two agree."""
    with orders(place).desk() as desk:
        recorded = [p for day in days for p in desk.case(day).publications if p.delta_version is not None]
    logged = Counter(commit[:2] for commit in commits_of_orders(place))
    assert {(p.partition, str(p.number)): 1 for p in recorded} == dict(logged)
    return dict(Counter(p.partition for p in recorded))


def commits_of_orders(place: Place) -> list[tuple[str, str, int]]:
    from deltalake import DeltaTable  # noqa: PLC0415 - what a reader does

    entries = DeltaTable(str(place.settings.lake_root / TABLE.name)).history()
    marked = [entry for entry in entries if "orders_monitor.publication" in entry]
    return [(e["orders_monitor.partition"], e["orders_monitor.publication"], int(e["version"])) for e in marked]


def test_a_daemon_killed_between_decision_and_publication(place):
    """However far it had come when it was killed, the next one makes exactly one publication of the decision."""
    chance = random.Random(SEED)  # noqa: S311 - moments, not secrets
    shop, reached, took = orders(place), list[str](), list[float]()
    for day in DAYS[:KILLS]:
        assert "approved" == night(shop, day).status
        with daemon(place):
            time.sleep(chance.uniform(4, 14))
        reached.append(shop.gate(day).status)
        killed_at = time.monotonic()
        with daemon(place):
            wait_for(lambda of=day: shop.gate(of).status == "published", f"{day} is published")
        took.append(time.monotonic() - killed_at)
    wait_for(lambda: not processes_of(place.home), "no process is left behind")
    printed(
        f"daemon killed ({'postgresql' if place.database_url else 'sqlite'})",
        seed=SEED,
        kills=KILLS,
        reached=dict(Counter(reached)),
        slowest=f"{max(took):.0f} s",
    )

    assert dict.fromkeys(DAYS[:KILLS], 1) == published(place, *DAYS)


def test_two_daemons_and_a_lost_cursor(place):
    """Two daemons at once, two nights of one partition at once, and a sensor that forgot all: one plan, one write."""
    shop = orders(place)
    for day in DAYS:
        assert "approved" == night(shop, day).status
    with daemon(place), daemon(place):
        wait_for(lambda: all(shop.gate(day).status == "published" for day in DAYS), "every day is published")
        at_once = [ran(place, "orders-monitor", "run", "--partition", TWICE, "--again") for _ in range(2)]
        said = [process.communicate(timeout=300) for process in at_once]
        wait_for(lambda: shop.gate(TWICE).status == "published", f"{TWICE} is published")
        forget = ran(place, "dagster", "sensor", "cursor", "orders_daily_decisions", "--delete", "-w", "workspace.yaml")
        forgot = forget.communicate(timeout=300)
        assert 0 == forget.returncode, forgot
        time.sleep(45)  # some ticks of both daemons, which read every decision anew
    with shop.desk() as desk:
        plans = {desk.read(TWICE, "plan", Plan).digest, desk.case(TWICE).published.plan_digest}
        decisions = [d.verdict for d in desk.case(TWICE).decisions]
    wait_for(lambda: not processes_of(place.home), "no process is left behind")
    printed(
        f"two daemons ({'postgresql' if place.database_url else 'sqlite'})",
        days=len(DAYS) + 1,
        codes=[process.returncode for process in at_once],
        published=published(place, *DAYS, TWICE),
    )

    assert dict.fromkeys((*DAYS, TWICE), 1) == published(place, *DAYS, TWICE)
    assert (1, ["approve"]) == (len(plans), decisions)
    assert [0, 0] == [process.returncode for process in at_once], said


def ran(place: Place, *words: str) -> "subprocess.Popen[str]":
    """A command at the repository's root, under way."""
    return subprocess.Popen(
        [program(words[0]), *words[1:]],
        cwd=PROJECT_ROOT,
        env={**place.environment, "DAGSTER_HOME": str(PROJECT_ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class Ticks:
    """Dagster's daemon for the decisions sensor: a cursor that may be lost, run keys that are never used twice."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.cursor = shop, None
        self.sensor = decisions_sensor(shop.table, publish_job(shop.table))

    def tick(self) -> list[str]:
        """The runs that a tick launches: each is executed. Their decisions."""
        context = dg.build_sensor_context(
            instance=self.shop.instance, cursor=self.cursor, definitions=definitions_of(self.shop.table)
        )
        result = self.sensor(context)
        self.cursor = result.cursor
        launched = []
        for request in result.run_requests or []:
            done = dg.RunsFilter(tags={"dagster/run_key": request.run_key})
            if not self.shop.instance.get_runs_count(done):
                tags = {**request.tags, "dagster/run_key": request.run_key}
                assert self.shop.job(keys.publish_job(self.shop.table), request.partition_key, tags=tags).success
                launched.append(request.tags[DECISION_TAG])
        return launched


def test_a_legitimate_second_run_is_not_dropped(tmp_path, monkeypatch):
    """Ticks twice over, two sensors and a lost cursor launch a decision once; late data's decision is launched too."""
    monkeypatch.setenv("ORDERS_MONITOR_HOME", str(tmp_path))
    monkeypatch.delenv("ORDERS_MONITOR_DATABASE_URL", raising=False)
    with dg.DagsterInstance.ephemeral() as instance:
        shop = open_shop(tmp_path, instance)
        one, other = Ticks(shop), Ticks(shop)
        launched = []
        for rows in (40, 44, 48):
            shop.arrives(DAY, csv_of(rows_of(DAY, rows)))
            assert shop.night(DAY).success
            assert shop.night(DAY).success
            if shop.gate(DAY).status == "awaiting":
                with shop.desk() as desk:
                    by = Identity("ada", source="test")
                    record_decision(desk, DAY, digest=desk.gate(DAY).digest, verdict="approve", by=by, note="late data")
            launched += [decision for ticks in (one, other, one, Ticks(shop), other) for decision in ticks.tick()]
        with shop.desk() as desk:
            numbers = [p.number for p in desk.case(DAY).publications]
            decisions = [str(d.id) for d in desk.case(DAY).decisions]
    printed("second run", nights=6, ticks=15, launched=len(launched), publications=len(numbers))

    assert decisions == launched
    assert [1, 2, 3] == numbers
