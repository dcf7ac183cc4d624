"""The launcher's answer to Dagster's monitor: alive, or gone; and the run that says which."""

import threading

import dagster as dg
import pytest
from dagster._core.launcher import WorkerStatus

from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.pipeline import keys
from orders_monitor.pipeline.launcher import WatchingLauncher
from orders_monitor.pipeline.pulse import Pulse
from orders_monitor.pipeline.resources import RETRY_TAG
from orders_monitor.pipeline.schedule import TABLE_TAG
from orders_monitor.settings import read_settings
from orders_monitor_tests.small_shop import DAY, csv_of, failure_of, rows_of

OURS = dg.DagsterRun(job_name="small_shop_nightly", run_id="r1", tags={TABLE_TAG: "small_shop"})
OTHERS = dg.DagsterRun(job_name="something", run_id="r2")


class Patient(WatchingLauncher):
    """A launcher that is asked every fifteen seconds of its own clock."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def now_s(self) -> float:
        self.asked += 1
        return 15.0 * self.asked


@pytest.fixture(params=["sqlite", "postgresql"])
def journal(tmp_path, monkeypatch, request) -> Journal:
    monkeypatch.setenv("ORDERS_MONITOR_HOME", str(tmp_path))
    monkeypatch.delenv("ORDERS_MONITOR_DATABASE_URL", raising=False)
    if request.param == "postgresql":
        monkeypatch.setenv("ORDERS_MONITOR_DATABASE_URL", request.getfixturevalue("postgres_url"))
    opened = Journal.open(read_settings().journal_url)
    yield opened
    opened.close()


def answers(launcher: Patient, run: dg.DagsterRun, times: int) -> list[WorkerStatus]:
    return [launcher.check_run_worker_health(run).status for _ in range(times)]


def test_a_run_that_beats_is_alive_and_one_that_stopped_is_gone(journal):
    """Dagster's monitor is told that the process is gone after a minute without a beat, and on which host it was."""
    launcher = Patient()
    alive = []
    for _ in range(6):
        journal.heartbeats.beat("r1", host="one")
        alive += answers(launcher, OURS, 1)
    gone = answers(launcher, OURS, 4)

    assert launcher.supports_check_run_worker_health
    assert [WorkerStatus.RUNNING] * 6 == alive
    assert [WorkerStatus.RUNNING] * 3 + [WorkerStatus.NOT_FOUND] == gone
    assert "no heartbeat in 75 seconds of watching; it was on one" == launcher.check_run_worker_health(OURS).msg


def test_a_run_of_ours_that_never_beat_is_gone_and_one_of_somebody_else_is_not_judged(journal):
    """A process killed before its first beat left no count; a run of another job never has one."""
    assert [WorkerStatus.RUNNING] * 4 + [WorkerStatus.NOT_FOUND] == answers(Patient(), OURS, 5)
    assert [WorkerStatus.RUNNING] * 50 == answers(Patient(), OTHERS, 50)


def test_two_watchers_judge_for_themselves(journal):
    """A second daemon that has just begun to watch gives nobody up who the first one gives up."""
    first, second = Patient(), Patient()
    journal.heartbeats.beat("r1", host="one")
    answers(first, OURS, 4)

    assert (WorkerStatus.NOT_FOUND, WorkerStatus.RUNNING) == (*answers(first, OURS, 1), *answers(second, OURS, 1))


def test_a_process_beats_while_it_works_and_says_good_bye(journal):
    """The count goes up from a thread, is gone when the work is done, and a short piece of work writes nothing."""
    Pulse("short", read_settings()).start().stop()
    pulse = Pulse("r1", read_settings(), every_s=0.01).start()
    seen = threading.Event()
    while not seen.is_set():
        if (journal.heartbeats.count("r1") or 0) >= 3:
            seen.set()
    pulse.stop()

    assert (None, None) == (journal.heartbeats.count("r1"), journal.heartbeats.count("short"))


def test_a_database_that_is_away_ends_no_run(tmp_path, monkeypatch, caplog):
    """A beat that cannot be written is said once, and the work goes on."""
    (tmp_path / "journal.db").mkdir()
    monkeypatch.setenv("ORDERS_MONITOR_HOME", str(tmp_path))
    monkeypatch.delenv("ORDERS_MONITOR_DATABASE_URL", raising=False)
    pulse = Pulse("r1", read_settings(), every_s=0.01).start()
    while "cannot say that it is alive" not in caplog.text:
        pass
    pulse.stop()

    assert 1 == caplog.text.count("cannot say that it is alive")


def test_a_night_that_met_a_store_that_is_away_is_started_again(shop):
    """The run says so to Dagster's daemon by a tag; one that failed on a mistake of ours or a refusal does not."""
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    nightly, publish = keys.nightly_job(shop.table), keys.publish_job(shop.table)
    mistaken = shop.job(nightly, DAY, op_selection=["small_shop__profile"])
    refused = shop.job(publish, DAY, op_selection=["small_shop"])
    shop.job(nightly, DAY, op_selection=["small_shop__landed"])
    shop.settings.lake_root.rename(shop.settings.home / "away")
    away = shop.job(nightly, DAY, op_selection=["small_shop__profile"])
    tags = [shop.instance.get_run_by_id(run.run_id).tags.get(RETRY_TAG) for run in (mistaken, refused, away)]

    assert [False] * 3 == [run.success for run in (mistaken, refused, away)]
    assert "is not there" in failure_of(away)
    assert [None, None, "true"] == tags
