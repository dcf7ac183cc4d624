"""What the chaos experiments share: a day to publish, a process that dies at a named step, a reader that never rests.

A process dies by its own SIGKILL, from a profiling hook of the interpreter (`sys.setprofile`) that sees calls and
returns, those of C and Rust too: nothing in the package knows of it. Run as a script, this module is the process from
which those that die are forked, so that a kill costs no import.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Self

import duckdb
from deltalake import DeltaTable

import orders_monitor.adapters.expectations.validate  # noqa: F401 - what a publication needs is loaded before a fork
from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.core.candidate import Candidate
from orders_monitor.core.landing import Landing
from orders_monitor.core.plan import Plan, PublishAsIs
from orders_monitor.core.publication import Step
from orders_monitor.core.review import Gate, Publication
from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline.deciding import Identity, record_decision
from orders_monitor.pipeline.publish import publish
from orders_monitor.pipeline.resources import Desk, open_desk
from orders_monitor.pipeline.review import outcomes_now
from orders_monitor.settings import PROJECT_ROOT, Settings, read_settings
from orders_monitor_tests.small_shop import declared

DAY, DAY_BEFORE = "2026-03-04", "2026-03-03"
ROWS = """
SELECT i AS order_id, 'paid' AS status, CAST(1 AS BIGINT) AS quantity, 'c' || i || '@example.com' AS email,
    CAST({generation} AS DOUBLE) AS amount, TIMESTAMP '{day} 08:00:00' AS created_at
FROM range({rows}) t(i)
"""
# What happens (as `sys.setprofile` calls it), in which function, and with which `kind` where that matters.
STEPS: Mapping[str, tuple[str, str, str | None]] = {
    "before the claim": ("call", Journal.claim.__qualname__, None),
    "within the claim": ("return", "_insert_claim", None),
    "after the claim": ("return", Journal.claim.__qualname__, None),
    "before the commit": ("c_call", "create_write_transaction", None),
    "during the commit": ("c_call", "create_write_transaction", None),
    "after the commit": ("c_return", "create_write_transaction", None),
    "after the profile": ("return", Desk.record.__qualname__, "published_profile"),
    "before the receipt": ("call", Journal.receipt.__qualname__, None),
    "within the receipt": ("return", "_insert_outcome", None),
    "after the receipt": ("return", Journal.receipt.__qualname__, None),
}


def printed(experiment: str, **measured: Any) -> None:
    """One line of what an experiment measured, also where pytest keeps output to itself."""
    said = ", ".join(f"{name} {value}" for name, value in measured.items())
    assert sys.__stdout__ is not None
    sys.__stdout__.write(f"\n[chaos] {experiment}: {said}\n")
    sys.__stdout__.flush()


@dataclass(frozen=True)
class Place:
    """Where an experiment's state is: a home, and a database beside it or none."""

    home: Path
    database_url: str | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What says so to a process."""
        bare = {k: v for k, v in os.environ.items() if not k.startswith(("DAGSTER_", "ORDERS_MONITOR_"))}
        url = {} if self.database_url is None else {"ORDERS_MONITOR_DATABASE_URL": self.database_url}
        return {**bare, "ORDERS_MONITOR_HOME": str(self.home), **url}

    @property
    def settings(self) -> Settings:
        """What our code reads of it."""
        return read_settings(self.environment)

    @property
    def table(self) -> MonitoredTable:
        """The small shop."""
        return declared(self.home / "upstream", expectations=[])

    @property
    def published(self) -> Path:
        """The folder of the published table."""
        return self.settings.lake_root / self.table.name

    @contextmanager
    def desk(self, run_id: str = "chaos") -> Iterator[Desk]:
        """A desk of the small shop."""
        with open_desk(self.table, run_id=run_id, settings=self.settings) as desk:
            yield desk

    def gate(self, day: str = DAY) -> Gate:
        """What the gate says."""
        with self.desk() as desk:
            return desk.gate(day)


def rows_of(generation: int) -> int:
    """So many rows has a generation, each with the generation as its amount: a mixed read shows in either."""
    return 20 + generation


def waits(desk: Desk, generation: int, day: str = DAY) -> Gate:
    """Land and plan a generation of a day, as the stages record it, and put it to decision. What the gate says."""
    with desk.lake.scratch() as scratch:
        file = scratch / "rows.parquet"
        with duckdb.connect() as connection:
            sql = ROWS.format(generation=generation, day=day, rows=rows_of(generation))
            connection.execute(f"COPY ({sql}) TO '{file}' (FORMAT parquet)")
        kept = desk.lake.keep(file, table=desk.table.name, partition=day, stage="candidate")
    path, rows = desk.lake.path(kept.path), rows_of(generation)
    landing = Landing(
        table=desk.table.name,
        partition=day,
        path=kept.path,
        digest=kept.digest,
        rows=rows,
        landed_schema=desk.engine.schema(path),
    )
    plan = Plan(
        table=desk.table.name,
        partition=day,
        landed_digest=kept.digest,
        release="1",
        origin="clean",
        actions=(PublishAsIs(),),
    )
    candidate = Candidate(
        plan_digest=plan.digest,
        landed_digest=kept.digest,
        path=kept.path,
        digest=kept.digest,
        size_bytes=kept.size_bytes,
        landed_rows=rows,
        rows=rows,
        quarantined_rows=0,
        duplicate_rows=0,
    )
    for kind, body in (("landed", landing), ("plan", plan), ("candidate", candidate)):
        desk.record(day, kind, body)
    outcomes_now(desk, day, ask_again=True)
    return desk.gate(day)


def approve(desk: Desk, gate: Gate) -> None:
    """A person's approval of what waits."""
    by = Identity("ada", source="test")
    record_decision(desk, gate.partition, digest=gate.digest or "", verdict="approve", by=by, note="looked")


def approved(desk: Desk, generation: int, day: str = DAY) -> None:
    """A generation that waits, approved: by the policy where it is the day's first, else by a person."""
    gate = waits(desk, generation, day)
    if gate.status != "approved":
        approve(desk, gate)


def commits(place: Place) -> list[tuple[str, str, int]]:
    """Partition, publication number and version of every publication in the Delta log, oldest first."""
    if not DeltaTable.is_deltatable(str(place.published)):
        return []
    marked = [e for e in DeltaTable(str(place.published)).history() if "orders_monitor.publication" in e]
    found = [(e["orders_monitor.partition"], e["orders_monitor.publication"], int(e["version"])) for e in marked]
    return sorted(found, key=lambda commit: commit[2])


def receipts(place: Place, *days: str) -> list[tuple[str, str, int]]:
    """The same, as the journal has it; an open claim is an assertion."""
    with place.desk() as desk:
        claims = [p for day in days for p in desk.case(day).publications if not p.voided]
    assert [] == [p for p in claims if p.delta_version is None]
    found = [(p.partition, str(p.number), int(p.delta_version or 0)) for p in claims]
    return sorted(found, key=lambda commit: commit[2])


@dataclass
class Reader:
    """Somebody who reads the published table all the time, with deltalake and DuckDB, in a process of their own."""

    place: Place
    process: subprocess.Popen[str] = field(init=False)

    def __enter__(self) -> Self:
        self.process = _started("read", self.place.environment)
        assert "ready\n" == _line(self.process)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def saw(self) -> tuple[int, list[dict[str, list[float]]]]:
        """How often it read, and what it saw whenever that was something else than before."""
        said, _ = self.process.communicate("enough\n", timeout=60)
        return tuple(json.loads(said))


@dataclass
class Dying:
    """Publications in processes that may die: each is forked from one that has everything loaded."""

    place: Place
    process: subprocess.Popen[str] = field(init=False)

    def __enter__(self) -> Self:
        self.process = _started("fork", self.place.environment)
        assert "ready\n" == _line(self.process)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def publish(self, step: str | None = None, *, after_s: float = 0.0, day: str = DAY) -> dict[str, Any]:
        """One attempt, killed at that step. How it ended: `signal`, or `said` and the seconds of its commit."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"step": step, "after_s": after_s, "day": day}) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(_line(self.process))
        return answer


def _started(what: str, environment: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "orders_monitor_tests.chaos.rig", what],
        cwd=PROJECT_ROOT,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def _here() -> Place:
    return Place(Path(os.environ["ORDERS_MONITOR_HOME"]), os.environ.get("ORDERS_MONITOR_DATABASE_URL"))


def _fork_on_request() -> None:
    """Each line of standard input is a publication to attempt; each line of output says how it ended."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        asked = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _attempt(writing, **asked)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            said = pipe.read()
        _, status = os.waitpid(child, 0)
        ended = {"signal": os.WTERMSIG(status)} if os.WIFSIGNALED(status) else json.loads(said)
        sys.stdout.write(json.dumps(ended) + "\n")
        sys.stdout.flush()


def _attempt(writing: int, *, step: str | None, after_s: float, day: str) -> None:
    """In the child: publish, and die at the step. Never returns."""
    clock = _CommitClock()
    Armed.hook = staticmethod(clock.seen if step is None else _killer(step, after_s))
    try:
        with _here().desk(run_id=f"publish-{os.getpid()}") as desk:
            desk.journal.__class__ = Armed
            said: str | int | None = publish(desk, day).delta_version
    except Exception as error:  # noqa: BLE001 - whatever it is, the test is told
        said = f"{type(error).__name__}: {error}"
    sys.setprofile(None)
    os.write(writing, json.dumps({"said": said, "commit_s": clock.took_s}).encode())
    os._exit(0)


class Armed(Journal):
    """The journal of a process that may die: from its first claim on, the interpreter's hook looks for the step.

    Before that a publication asks its expectations, which under a hook would take twenty times as long.
    """

    hook: Any = None

    def claim(self, **whose: str) -> Step:
        """The journal's own."""
        sys.setprofile(self.hook)
        return super().claim(**whose)


def _killer(step: str, after_s: float) -> Any:
    event, function, kind = STEPS[step]
    executioner = _executioner(after_s) if after_s else None

    def seen(frame: FrameType, happened: str, argument: Any) -> None:
        if happened != event or function != _name(frame, happened, argument):
            return
        if kind is not None and frame.f_locals.get("kind") != kind:
            return
        if executioner is None:
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            os.write(executioner, b"!")

    return seen


def _name(frame: FrameType, happened: str, argument: Any) -> str:
    if happened.startswith("c_"):
        return str(getattr(argument, "__name__", ""))
    return frame.f_code.co_qualname


def _executioner(after_s: float) -> int:
    """A process that kills this one so many seconds after the pipe is written to: the victim may be deep in Rust."""
    victim = os.getpid()
    reading, writing = os.pipe()
    if os.fork():
        os.close(reading)
        return writing
    os.close(writing)
    if os.read(reading, 1):
        until = time.perf_counter() + after_s
        while time.perf_counter() < until:
            pass
        os.kill(victim, signal.SIGKILL)
    os._exit(0)


class _CommitClock:
    """How long the commit of an attempt took that nobody killed."""

    def __init__(self) -> None:
        self.began_s, self.took_s = 0.0, 0.0

    def seen(self, frame: FrameType, happened: str, argument: Any) -> None:
        """Called by the interpreter."""
        if happened.startswith("c_") and _name(frame, happened, argument) == "create_write_transaction":
            if happened == "c_call":
                self.began_s = time.perf_counter()
            else:
                self.took_s = time.perf_counter() - self.began_s


def _read_until_enough() -> None:
    """Read again and again; at the end print how often, and each new view."""
    import select  # noqa: PLC0415 - the reader's alone
    import threading  # noqa: PLC0415 - the reader's alone

    enough = threading.Event()
    folder, reads, views = str(_here().published), 0, list[dict[str, list[float]]]()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while not enough.is_set():
        if DeltaTable.is_deltatable(folder):
            view = _view(DeltaTable(folder).file_uris())
            reads += 1
            if not views or view != views[-1]:
                views.append(view)
        if select.select([sys.stdin], [], [], 0.002)[0]:
            enough.set()
    sys.stdout.write(json.dumps([reads, views]))


def _view(files: list[str]) -> dict[str, list[float]]:
    if not files:
        return {}
    sql = """SELECT regexp_extract(filename, 'partition_date=([0-9-]+)', 1) AS day, min(amount), max(amount), count(*)
        FROM read_parquet($files, filename = true, hive_partitioning = false) GROUP BY day ORDER BY day"""
    with duckdb.connect() as connection:
        rows = connection.execute(sql, {"files": files}).fetchall()
    return {str(day): [float(value) for value in values] for day, *values in rows}


def last_published(place: Place, day: str = DAY) -> Publication | None:
    """What readers see, as the journal has it."""
    with place.desk() as desk:
        return desk.case(day).published


if __name__ == "__main__":
    {"fork": _fork_on_request, "read": _read_until_enough}[sys.argv[1]]()
