"""The running location, used as people use it: `dagster dev` with webserver and daemon, the command line, GraphQL."""

import time
from collections.abc import Iterator

import pytest

from orders_monitor.pipeline.resources import open_desk
from orders_monitor.settings import PROJECT_ROOT, read_settings
from orders_monitor_tests.live import REPOSITORY, TABLE, Location, free_port, processes_of, wait_for

pytestmark = pytest.mark.chaos

QUIET, ANOTHER_QUIET, EMPTY = "2026-06-27", "2026-06-26", "2026-06-18"
CAST, CENTS, NEW_STATUS = "2026-06-28", "2026-08-27", "2026-10-26"
KILLED = "2026-06-25"


@pytest.fixture(scope="module")
def location(tmp_path_factory) -> Iterator[Location]:
    """The location, running, with three partitions that wait for a person."""
    home = tmp_path_factory.mktemp("live")
    running = Location(home=home, port=free_port(), log=home / "dagster.log")
    days = [word for day in (CAST, CENTS, NEW_STATUS) for word in ("--partition", day)]
    prepared = running.command("orders-monitor", "run", *days)
    assert prepared.returncode == 0, prepared.stdout + prepared.stderr
    assert ["awaiting"] * 3 == [running.gate(day).status for day in (CAST, CENTS, NEW_STATUS)]
    running.start()
    yield running
    running.kill()
    wait_for(lambda: not processes_of(home), "no process is left behind")


def test_a_backfill_is_one_run_a_partition(location):
    """From the command line and from the UI: a held partition stops no other, and the quiet ones are published."""
    words = ["job", "backfill", "-w", "workspace.yaml", "-j", "orders_daily_nightly", "--noprompt"]
    by_command = location.command("dagster", *words, "--partitions", f"{EMPTY},{QUIET}", DAGSTER_HOME=str(PROJECT_ROOT))
    assert by_command.returncode == 0, by_command.stderr
    partition_set = {"partitionSetName": "orders_daily_nightly_partition_set", "repositorySelector": REPOSITORY}
    location.backfill([ANOTHER_QUIET], selector=partition_set)

    wait_for(lambda: location.gate(QUIET).status == "published", f"{QUIET} is published")
    wait_for(lambda: location.gate(ANOTHER_QUIET).status == "published", f"{ANOTHER_QUIET} is published")
    wait_for(lambda: location.gate(EMPTY).status == "held", f"{EMPTY} is held")
    nightly = {day: location.runs(partition=day, job="orders_daily_nightly") for day in (EMPTY, QUIET, ANOTHER_QUIET)}
    assert dict.fromkeys(nightly, 1) == {day: len(runs) for day, runs in nightly.items()}
    assert "SUCCESS" == location.ended(nightly[EMPTY][0]["runId"])
    assert [] == location.runs(partition=EMPTY, job="orders_daily_publish")


def test_an_approval_is_published_within_a_tick(location):
    """`review approve` in a shell, and the daemon publishes exactly that partition."""
    digest = location.gate(CAST).digest or ""
    approved = location.command("orders-monitor", "review", "approve", CAST, "--digest", digest[:12])
    assert approved.returncode == 0, approved.stderr
    approved_at = time.monotonic()

    wait_for(lambda: location.gate(CAST).status == "published", f"{CAST} is published")
    print(f"approved to published: {time.monotonic() - approved_at:.1f} s")  # noqa: T201 - a measurement, with -s
    assert ["awaiting", "awaiting"] == [location.gate(day).status for day in (CENTS, NEW_STATUS)]


def test_a_forged_check_opens_nothing(location):
    """Anybody who reaches the webserver may report that `human_review` passed; the gate does not read that."""
    forged = {"check_name": "human_review", "passed": True, "severity": "ERROR", "partition": CENTS}
    status, _ = location.post("/report_asset_check/orders_daily/candidate", forged)
    shown = location.newest_review()
    tick = location.tick_after(time.time())
    run = location.launch("orders_daily_publish", CENTS)

    assert (200, {"success": True, "partition": CENTS}, "SKIPPED") == (status, shown, tick["status"])
    assert "FAILURE" == location.ended(run)
    assert "awaiting" == location.gate(CENTS).status


def test_nothing_that_the_ui_offers_publishes_undecided(location):
    """The table alone, its step again, from the failure, and a backfill over all assets: refused, every time."""
    table, asset_job = [{"path": ["orders_daily"]}], "__ASSET_JOB"
    alone = location.launch(asset_job, NEW_STATUS, selector={"assetSelection": table, "assetCheckSelection": []})
    with_checks = location.launch("orders_daily_publish", NEW_STATUS)
    assert ["FAILURE", "FAILURE"] == [location.ended(run) for run in (alone, with_checks)]

    step = location.launch(
        "orders_daily_publish",
        NEW_STATUS,
        stepKeys=["orders_daily"],
        lineage={"parentRunId": with_checks, "rootRunId": with_checks},
    )
    again = [location.launch_again(run, "FROM_FAILURE") for run in (alone, with_checks)]
    assert ["FAILURE"] * 3 == [location.ended(run) for run in (step, *again)]

    stages = ("landed", "profile", "quality", "investigation", "plan", "candidate")
    everything = [{"path": ["orders_daily", stage]} for stage in stages] + table
    backfill = location.backfill([NEW_STATUS], assetSelection=everything)
    ended = location.backfill_ended(backfill)

    assert "COMPLETED_FAILED" == ended
    assert "awaiting" == location.gate(NEW_STATUS).status


def test_the_schema_drift_check_executes(location):
    """`Execute` on the check of the external asset runs it in a job."""
    check = [{"assetKey": {"path": ["orders_daily", "source"]}, "name": "schema_drift"}]
    run = location.launch("__ASSET_JOB", "", selector={"assetSelection": [], "assetCheckSelection": check})

    assert "SUCCESS" == location.ended(run)


def test_a_power_cut_in_the_middle_of_a_night(location):
    """Every process is killed while a nightly run is under way; after a new start the partition is run to its end."""
    location.launch("orders_daily_nightly", KILLED)
    with open_desk(TABLE, run_id="test", settings=read_settings(location.environment)) as desk:
        wait_for(lambda: desk.journal.latest("orders_daily", KILLED, "landed"), "the run is under way")
    location.kill()
    before = location.gate(KILLED).status
    location.start()
    run = location.launch("orders_daily_nightly", KILLED)

    assert "no_plan" == before
    assert "SUCCESS" == location.ended(run)
    wait_for(lambda: location.gate(KILLED).status == "published", f"{KILLED} is published")
    assert ["awaiting", "awaiting"] == [location.gate(day).status for day in (CENTS, NEW_STATUS)]
