import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from orders_monitor.adapters.journal.cache import CacheShelf
from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.adapters.journal.store import open_store
from orders_monitor.agent.once import Held, Kept, Memory, Once
from orders_monitor.core.errors import ModelUnavailable, StoreUnavailable

ADDRESS, OTHER = "a" * 64, "b" * 64


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/journal.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def journal(url):
    opened = Journal.open(url)
    yield opened
    opened.close()


@pytest.fixture
def store(url, journal):
    opened = open_store(url)
    yield opened
    opened.close()


class Clock:
    """A clock that only sleeping moves; `while_asleep` is what others do meanwhile."""

    def __init__(self, while_asleep=lambda: None):
        self.now_s, self.while_asleep = 1_000.0, while_asleep

    def __call__(self):
        return self.now_s

    def sleep(self, seconds):
        self.now_s += seconds
        self.while_asleep()


def test_a_lease_of_a_clock_that_was_wrong_is_waited_for_no_longer_than_a_lease(journal):
    """A process whose clock said next year, and that died: who asks finds out alone after a minute, and keeps it."""
    year_ms = 365 * 86_400_000
    key, clock = "question", Clock()
    address = hashlib.sha256(key.encode()).hexdigest()
    journal.shelf.take(address, holder="dead", now_ms=year_ms, until_ms=year_ms + 60_000)

    answered = once_on(journal.shelf, clock=clock, lease_s=60.0).once(key, lambda: "found out")
    again = once_on(journal.shelf, clock=clock).once(key, lambda: "asked again")

    assert (("found out", False), ("found out", True)) == (answered, again)
    assert 60 < clock.now_s - 1_000 < 62


def once_on(shelf, *, clock=None, lease_s=60.0, memory=None):
    """A cache on that shelf, on a clock of its own."""
    clock = clock or Clock()
    return Once(shelf, lease_s=lease_s, memory=memory, clock=clock, sleep=clock.sleep)


def fails():
    raise ModelUnavailable(model="m", why="busy")


def never():
    raise AssertionError("it was asked again")


def test_what_one_process_found_out_every_process_knows(url, journal):
    """The second process is given the body and asks nobody; a body may hold any text."""
    body = '{"note":"\\u0000 % :address 💥"}'
    other = Journal.open(url)

    first = once_on(journal.shelf).once("question", lambda: body)
    second = once_on(other.shelf).once("question", never)
    other.close()

    assert [(body, False), (body, True)] == [first, second]
    assert (1, len(body.encode())) == journal.shelf.size()


def test_a_failure_is_not_kept_and_holds_nobody_up(journal):
    """The error passes through, and whoever asks next may ask at once."""
    cache = once_on(journal.shelf)

    with pytest.raises(ModelUnavailable):
        cache.once("question", fails)

    assert ("answer", False) == once_on(journal.shelf).once("question", lambda: "answer")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE cache SET body = 'bnswer'",
        "UPDATE cache SET digest = 'd'",
        f"UPDATE cache SET address = '{OTHER}'",
    ],
)
def test_a_flipped_byte_is_a_miss_and_is_said(store, caplog, change):
    """What is not what was kept under that address is asked again, with a line in the log, and then kept again."""
    shelf = CacheShelf(store)
    shelf.keep(ADDRESS, "answer", holder="me", now_ms=1)
    with store.writing() as connection:
        connection.execute(sa.text(change))
    asked = OTHER if OTHER in change else ADDRESS

    found = shelf.take(asked, holder="me", now_ms=2, until_ms=3)
    shelf.keep(asked, "answer", holder="me", now_ms=2)

    assert (None, Kept("answer")) == (found, shelf.look(asked, now_ms=4))
    assert [f"what the cache keeps under {asked[:12]} is not what was kept; it is asked again"] == caplog.messages


def test_the_lease_of_a_dead_process_ends(journal):
    """Who waits for somebody that died takes over when the lease is over, and not before."""
    clock = Clock()
    now_ms = int(clock() * 1_000)
    assert None is journal.shelf.take(_address("question"), holder="dead", now_ms=now_ms, until_ms=now_ms + 60_000)

    answer = once_on(journal.shelf, clock=clock).once("question", lambda: "answer")

    assert (("answer", False), 1_060.0) == (answer, clock())


def test_somebody_elses_answer_is_waited_for(journal):
    """While another process finds out, this one waits; then it is given the answer and makes none."""
    shelf, address = journal.shelf, _address("question")
    clock = Clock(while_asleep=lambda: shelf.keep(address, "theirs", holder="other", now_ms=1_000_001))
    assert None is shelf.take(address, holder="other", now_ms=1_000_000, until_ms=1_060_000)
    assert Held(1_060_000) == shelf.take(address, holder="me", now_ms=1_000_000, until_ms=1_060_000)

    assert ("theirs", True) == once_on(shelf, clock=clock).once("question", never)


def test_of_two_that_found_out_the_first_is_kept(journal):
    """A lease that ended while its holder was still at it: its late answer changes nothing and ends no other lease."""
    shelf = journal.shelf
    shelf.take(ADDRESS, holder="slow", now_ms=0, until_ms=10)
    shelf.take(ADDRESS, holder="quick", now_ms=10, until_ms=20)
    shelf.give_up(ADDRESS, holder="slow")
    still_held = shelf.look(ADDRESS, now_ms=11)

    shelf.keep(ADDRESS, "quick", holder="quick", now_ms=12)
    shelf.keep(ADDRESS, "slow", holder="slow", now_ms=13)

    assert (Held(20), Kept("quick")) == (still_held, shelf.look(ADDRESS, now_ms=14))


def test_threads_ask_once(journal):
    """Of threads that ask at the same time one finds out; where it fails, the next one of them does."""
    cache, together = Once(journal.shelf, lease_s=60), threading.Barrier(6)
    calls = Counter()

    def make():
        calls["made"] += 1
        if calls["made"] == 1:
            raise ModelUnavailable(model="m", why="busy")
        return "answer"

    def ask(_):
        together.wait()
        try:
            return cache.once("question", make)[0]
        except ModelUnavailable:
            return "busy"

    with ThreadPoolExecutor(6) as threads:
        answers = Counter(threads.map(ask, range(6)))

    assert ({"answer": 5, "busy": 1}, 2) == (dict(answers), calls["made"])


def test_the_shelf_keeps_to_its_bytes_and_its_age(store):
    """What was kept longest ago is forgotten when there is too much, and what is too old in any case."""
    shelf = CacheShelf(store, bytes_max=100, age_ms_max=1_000)
    for number in range(9):
        shelf.keep(f"{number:064}", "x" * 30, holder="me", now_ms=number)
    bounded = (shelf.size(), shelf.look(f"{8:064}", now_ms=9), shelf.look(f"{5:064}", now_ms=9))

    shelf.keep(ADDRESS, "new", holder="me", now_ms=1_008)

    assert ((3, 90), Kept("x" * 30), None) == bounded
    assert ((2, 33), Kept("x" * 30)) == (shelf.size(), shelf.look(f"{8:064}", now_ms=1_009))


def test_memory_forgets_what_was_used_longest_ago():
    """The memory tier is bounded by bytes; what is larger than all of it is not remembered."""
    memory = Memory(bytes_max=10)
    for name in ("a", "b"):
        memory.put(name, name * 5, 5)
    memory.get("a")
    memory.put("c", "ccc", 3)
    memory.put("d", "d" * 11, 11)

    assert ["aaaaa", None, "ccc", None, 8] == [*map(memory.get, "abcd"), memory.size_bytes]


class Unreachable:
    """A shelf in a database that went away."""

    def __getattr__(self, name):
        raise StoreUnavailable(store="journal", why="gone")


def test_what_is_remembered_needs_no_shelf(journal):
    """A body in the memory tier is given out without a question to the database."""
    memory = Memory()
    once_on(journal.shelf, memory=memory).once("question", lambda: "answer")

    assert ("answer", True) == once_on(Unreachable(), memory=memory).once("question", never)


@pytest.mark.parametrize("body", ["x" * 1_000_001, "\ud800"], ids=["too large", "no UTF-8"])
def test_what_cannot_be_kept_is_passed_on(journal, body):
    """It is given to who asked, and nothing is kept or held."""
    cache = once_on(journal.shelf)

    assert [(body, False), (body, False)] == [cache.once("question", lambda: body) for _ in range(2)]
    assert (0, 0) == journal.shelf.size()


CHILD = """
import os, sys, time
from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.agent.once import Once
url, made, die_at = sys.argv[1:]
cache = Once(Journal.open(url).shelf, lease_s=2)
def make(number):
    with open(made, "a") as calls:
        calls.write(f"{number}\\n")
    if str(number) == die_at:
        os.kill(os.getpid(), 9)
    time.sleep(0.01)
    return f"answer {number}"
for number in range(40):
    assert cache.once(f"question {number}", lambda: make(number))[0] == f"answer {number}"
"""


@pytest.mark.slow
def test_processes_ask_once_and_outlive_one_that_is_killed(url, tmp_path):
    """Four processes with the same questions: each is asked once, but for the one whose asker was killed over it."""
    Journal.open(url).close()
    made = tmp_path / "made"
    children = [
        subprocess.Popen([sys.executable, "-c", CHILD, url, str(made), die_at], env={**os.environ})
        for die_at in ("17", "", "", "")
    ]

    codes = sorted(child.wait(timeout=60) for child in children)

    calls = Counter(made.read_text().split())
    assert [str(number) for number in range(40)] == sorted(calls, key=int)
    assert set(calls.values()) - {1} <= {2}
    assert codes in ([0, 0, 0, 0], [-signal.SIGKILL, 0, 0, 0])
    assert sum(calls.values()) == (41 if -signal.SIGKILL in codes else 40)


def _address(key):

    return hashlib.sha256(key.encode()).hexdigest()
