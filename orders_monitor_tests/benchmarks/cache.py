# ruff: noqa: T201 - a benchmark prints its table
"""What asking once costs: tasks a minute of several processes over one journal, and the overhead of a task.

Each of TASKS tasks is a question; a fifth of them are different ones, and every process meets them in an order of its
own. Finding out takes 2 ms, as the fastest tool does; a model takes seconds. The baseline in the same run are the same
tasks without a cache. Missed where a question was asked twice, or fewer than BAR tasks a minute were done.

    python -m orders_monitor_tests.benchmarks.cache [TASKS [PROCESSES [URL]]]
"""

import random
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.agent.once import MEMORY_BYTES_MAX, Memory, Once

TASKS, PROCESSES = 10_000, 4
ASKED_TIMES = 5
BAR = 10_000
FINDING_OUT_S = 0.002
BODY = '{"columns":[' + ",".join(f'{{"name":"column_{n}","distinct":{n * 7919}}}' for n in range(48)) + "]}"


@dataclass(frozen=True)
class Work:
    """One process: its tasks in its order, and whether it asks the cache."""

    seed: int
    questions: tuple[int, ...]
    url: str | None
    go_at: float


@dataclass(frozen=True)
class Done:
    """What came of it."""

    made: tuple[int, ...]
    seconds: float
    known_s: tuple[float, ...]
    memory_bytes: int
    grown_kib: int


def work(order: Work) -> Done:
    """Do the tasks."""
    made: list[int] = []
    known: list[float] = []
    memory = Memory()
    journal = None if order.url is None else Journal.open(order.url)
    cache = None if journal is None else Once(journal.shelf, lease_s=30, memory=memory)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    time.sleep(max(0.0, order.go_at - time.time()))
    began = time.perf_counter()
    for question in order.questions:
        asked = time.perf_counter()
        if cache is None:
            find_out(question, made)
        elif cache.once(f"question {question}", lambda question=question: find_out(question, made))[1]:
            known.append(time.perf_counter() - asked)
    seconds = time.perf_counter() - began
    if journal is not None:
        journal.close()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return Done(tuple(made), seconds, tuple(known), memory.size_bytes, grown)


def find_out(question: int, made: list[int]) -> str:
    """The work that the cache saves."""
    made.append(question)
    time.sleep(FINDING_OUT_S)
    return f"{question} {BODY}"


def run(tasks: int, processes: int, url: str | None) -> tuple[list[Done], float]:
    """All the processes at once; how long it took from the first task to the last."""
    rng = random.Random(7)  # noqa: S311 - the same order in every run
    questions = [number // ASKED_TIMES for number in range(tasks)]
    rng.shuffle(questions)
    go_at = time.time() + 4
    orders = [Work(seed, tuple(questions[seed::processes]), url, go_at) for seed in range(processes)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        done = list(pool.map(work, orders))
    return done, max(each.seconds for each in done)


def overhead_us(url: str) -> tuple[float, float, float]:
    """Microseconds of one process alone: a new question, one that another process asked, one that is remembered."""
    journal = Journal.open(url)
    cache = Once(journal.shelf, lease_s=30)
    keys = [f"alone {number}" for number in range(300)]
    new = [_timed(cache, key) for key in keys]
    theirs = Once(journal.shelf, lease_s=30)
    shelf = [_timed(theirs, key) for key in keys]
    memory = [_timed(theirs, key) for key in keys]
    journal.close()
    medians = [statistics.median(times) * 1e6 for times in (new, shelf, memory)]
    return medians[0], medians[1], medians[2]


def _timed(cache: Once, key: str) -> float:
    began = time.perf_counter()
    cache.once(key, lambda: BODY)
    return time.perf_counter() - began


def disk_bytes(url: str) -> int:
    """The journal's file, written out."""
    path = Path(url.removeprefix("sqlite:///"))
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.stat().st_size


def main(tasks: int = TASKS, processes: int = PROCESSES, url: str | None = None) -> int:
    """Print the table; 1 where the bar is missed."""
    with tempfile.TemporaryDirectory() as folder:
        url = url or f"sqlite:///{folder}/journal.db"
        Journal.open(url).close()
        bare, bare_s = run(tasks, processes, None)
        done, done_s = run(tasks, processes, url)
        journal = Journal.open(url)
        kept, kept_bytes = journal.shelf.size()
        journal.close()
        on_disk = disk_bytes(url) if url.startswith("sqlite") else kept_bytes
        new_us, shelf_us, memory_us = overhead_us(url)
    made = [question for each in done for question in each.made]
    rows = [
        ("tasks a minute", tasks / bare_s * 60, tasks / done_s * 60),
        ("calls", sum(len(each.made) for each in bare), len(made)),
        ("questions kept", 0, kept),
        ("memory tier, bytes a process", 0, max(each.memory_bytes for each in done)),
        ("process grown, KiB", max(each.grown_kib for each in bare), max(each.grown_kib for each in done)),
        ("disk, bytes", 0, on_disk),
    ]
    pays_ms = (FINDING_OUT_S + (done_s - bare_s) * processes / max(1, tasks - len(made))) * 1e3
    print(f"{tasks:,} tasks by {processes} processes, {len(BODY):,} bytes a body")
    print(f"{'':32}{'no cache':>14}{'cache':>14}{'ratio':>8}")
    for name, without, with_cache in rows:
        print(f"{name:32}{without:14,.0f}{with_cache:14,.0f}{with_cache / without if without else 0:8.2f}")
    print(f"a task alone, us: new {new_us:,.0f}, known to another process {shelf_us:,.0f}, remembered {memory_us:,.1f}")
    print(f"with this many at once, keeping pays for what takes longer than {pays_ms:.1f} ms")
    missed = [
        *(["a question was asked twice"] if len(made) != len(set(made)) else []),
        *(["too few tasks a minute"] if tasks / done_s * 60 < BAR else []),
        *(["the memory tier is over its bound"] if max(d.memory_bytes for d in done) > MEMORY_BYTES_MAX else []),
    ]
    print(f"missed: {'; '.join(missed)}" if missed else f"kept: {BAR:,} tasks a minute and each question asked once")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(*(int(number) for number in sys.argv[1:3]), *sys.argv[3:4]))
