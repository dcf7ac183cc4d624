"""The breakers in the journal: one probe among all that ask, across threads, processes and restarts."""

import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.core.breaker import Admitted, Breaker, BreakerEvent, Closed, Open, Refused

ROOT = Path(__file__).resolve().parents[2]
QUICK = Breaker(failures_max=2, window_s=10, open_s=5, probe_lease_s=7)
TABLES, ZONES = ("orders_daily", "other"), ("model", "source")
S = 1_000


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/journal.db"
    return request.getfixturevalue("postgres_url")


def fail(journal: Journal, at_ms: int, *, table: str = TABLES[0], zone="model", probe: str = "") -> None:
    event = BreakerEvent(kind="failure", at_ms=at_ms, why="HTTP 529", probe=probe)
    journal.leave(table, zone, event, breaker=QUICK)


def passes(journal: Journal, at_ms: int, *, table: str = TABLES[0], zone="model", probe: str = "ada") -> bool:
    answer = journal.enter(table, zone, breaker=QUICK, now_ms=at_ms, probe=probe)
    return isinstance(answer, Admitted)


def test_an_open_breaker_survives_a_restart_and_stops_nobody_else(url):
    """What opened it is in the journal: a new process is refused too, another table and another zone go on."""
    journal = Journal.open(url)
    fail(journal, 0)
    fail(journal, 1)
    journal.close()
    again = Journal.open(url)
    answer = again.enter("orders_daily", "model", breaker=QUICK, now_ms=2, probe="ada")
    others = [passes(again, 2, table="other"), passes(again, 2, zone="source")]
    states = again.breakers("orders_daily", breaker=QUICK, now_ms=2)
    again.close()

    assert Refused(until_ms=1 + 5 * S, why="HTTP 529") == answer
    assert [True, True] == others
    assert {z: Closed() for z in states} | {"model": Open(until_ms=1 + 5 * S, why="HTTP 529")} == states


def test_one_of_many_threads_may_probe(url):
    """Eight that ask a half-open breaker at once: one passes, seven are told when its lease ends."""
    journal = Journal.open(url)
    fail(journal, 0)
    fail(journal, 1)
    with ThreadPoolExecutor(8) as pool:
        passed = list(pool.map(lambda n: passes(journal, 6 * S, probe=f"thread-{n}"), range(8)))
    journal.close()

    assert 1 == sum(passed)


def test_a_late_success_changes_nothing(url):
    """A success of who is not the newest prober is not even recorded: what failed since then still weighs."""
    journal = Journal.open(url)
    fail(journal, 0)
    journal.leave("orders_daily", "model", BreakerEvent(kind="success", at_ms=1, probe="ada"), breaker=QUICK)
    state = journal.breakers("orders_daily", breaker=QUICK, now_ms=2)["model"]
    journal.close()

    assert Closed(failures=1) == state


@pytest.mark.slow
def test_one_of_many_processes_may_probe(url):
    """Six interpreters that ask a half-open breaker at once: one passes; once its lease is over, again one."""
    journal = Journal.open(url)
    fail(journal, 0)
    fail(journal, 1)
    journal.close()
    script = (
        "import sys\n"
        "from orders_monitor.adapters.journal.journal import Journal\n"
        "from orders_monitor.core.breaker import Breaker\n"
        f"quick = Breaker.model_validate_json({QUICK.model_dump_json()!r})\n"
        "url, now_ms, name = sys.argv[1:]\n"
        "journal = Journal.open(url)\n"
        "answer = journal.enter('orders_daily', 'model', breaker=quick, now_ms=int(now_ms), probe=name)\n"
        "print(type(answer).__name__)\n"
    )
    for now_ms in (6 * S, 13 * S):
        started = [
            subprocess.Popen([sys.executable, "-c", script, url, str(now_ms), f"p{n}"], cwd=ROOT, stdout=-1, text=True)
            for n in range(6)
        ]
        answers = sorted(process.communicate()[0].strip() for process in started)

        assert ["Admitted", *["Refused"] * 5] == answers


class Zone:
    """What one zone must be: the plainest way to say it."""

    def __init__(self) -> None:
        self.failures: list[int] = []
        self.until: int | None = None
        self.prober: str | None = None
        self.lease_until = 0

    def opens(self, at_ms: int) -> None:
        self.until, self.prober = at_ms + QUICK.open_s * S, None

    def fails(self, at_ms: int, who: str) -> None:
        if self.until is None:
            self.failures.append(at_ms)
            if sum(at_ms - f <= QUICK.window_s * S for f in self.failures) >= QUICK.failures_max:
                self.opens(at_ms)
        elif who == self.prober:
            self.opens(at_ms)

    def closes(self) -> None:
        self.__init__()  # type: ignore[misc]  # begins again

    def lets(self, at_ms: int, who: str) -> bool:
        if self.until is None:
            return True
        if at_ms < self.until or (self.prober is not None and at_ms < self.lease_until):
            return False
        self.prober, self.lease_until = who, at_ms + QUICK.probe_lease_s * S
        return True

    def shown(self, at_ms: int) -> str:
        if self.until is None:
            return "closed"
        return "open" if at_ms < self.until else "half_open"


class Breakers(RuleBasedStateMachine):
    """Two tables, two zones, one clock; whoever was let in says how it went, late or never."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.journal = Journal.open(self.url or f"sqlite:///{self.folder.name}/journal.db")
        self.model = {(table, zone): Zone() for table in TABLES for zone in ZONES}
        self.now_ms, self.count = 1, 0
        self.inside: list[tuple[tuple[str, str], str]] = []

    @rule(seconds=st.sampled_from([0.001, 1, 4.999, 5, 7, 10, 10.001]))
    def time_passes(self, seconds):
        self.now_ms += int(seconds * S)

    @rule(place=st.sampled_from([(t, z) for t in TABLES for z in ZONES]))
    def somebody_asks(self, place):
        self.count += 1
        who = f"who-{self.count}"
        answer = self.journal.enter(*place, breaker=QUICK, now_ms=self.now_ms, probe=who)
        assert self.model[place].lets(self.now_ms, who) == isinstance(answer, Admitted)
        if isinstance(answer, Admitted):
            self.inside.append((place, who if answer.probe else ""))

    @rule(data=st.data(), kind=st.sampled_from(["failure", "failure", "success", "trip", "release", "dies"]))
    def somebody_says_how_it_went(self, data, kind):
        if not self.inside:
            return
        place, who = self.inside.pop(data.draw(st.integers(0, len(self.inside) - 1)))
        zone = self.model[place]
        if kind == "dies" or (kind in ("success", "release") and not who):
            return
        self.journal.leave(*place, BreakerEvent(kind=kind, at_ms=self.now_ms, probe=who), breaker=QUICK)
        if kind == "failure":
            zone.fails(self.now_ms, who)
        elif kind == "trip":
            zone.opens(self.now_ms)
        elif who == zone.prober:
            zone.closes() if kind == "success" else setattr(zone, "prober", None)

    @rule(place=st.sampled_from([(t, z) for t in TABLES for z in ZONES]))
    def a_person_closes(self, place):
        self.journal.leave(*place, BreakerEvent(kind="close", at_ms=self.now_ms, who="ada"), breaker=QUICK)
        self.model[place].closes()

    @invariant()
    def every_zone_is_what_the_model_says(self):
        for table in TABLES:
            seen = self.journal.breakers(table, breaker=QUICK, now_ms=self.now_ms)
            expected = {zone: self.model[table, zone].shown(self.now_ms) for zone in ZONES}
            assert expected == {zone: seen[zone].kind for zone in ZONES}

    def teardown(self):
        self.journal.close()
        self.folder.cleanup()


def machine(examples: int, steps: int) -> None:
    run_state_machine_as_test(
        Breakers,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.slow
def test_the_journals_breakers_are_the_models():
    """Whatever is asked, said and left unsaid, in whatever order and time: each zone is what the plain model says."""
    machine(examples=4, steps=25)


@pytest.mark.slow
def test_the_journals_breakers_are_the_models_at_length():
    """The same for longer stories, and more of them."""
    machine(examples=25, steps=50)
