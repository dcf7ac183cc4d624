"""Random schedules of nights, backfills, decisions, expiries, publications, kills and restores, beside a model.

The model is the promise in a few lines, and knows nothing of digests, claims or receipts: what was approved last is
what readers see next, and nothing else ever is.
"""

import copy
import os
import random
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable

from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.core.candidate import Candidate, Validation
from orders_monitor.core.errors import PublicationRefused, RestoreRefused, ReviewRefused
from orders_monitor.core.expectation import Asked
from orders_monitor.core.landing import Landing
from orders_monitor.core.plan import Plan, PublishAsIs
from orders_monitor.pipeline.deciding import Identity, put_to_decision, record_decision
from orders_monitor.pipeline.publish import publish
from orders_monitor.pipeline.quality import ask
from orders_monitor.pipeline.resources import Desk
from orders_monitor.pipeline.restoring import ThereAlready, propose
from orders_monitor_tests.chaos.rig import STEPS, Dying, Place, commits, printed, receipts, rows_of

pytestmark = pytest.mark.chaos
SCHEDULES, SEED = int(os.environ.get("SCHEDULES", "2000")), int(os.environ.get("SEED", "5"))
A_HOME, DAYS, STEPS_MAX, GENERATIONS = 100, 2, 10, 3
FIRST = date(2026, 3, 1)
ROWS = """
SELECT i AS order_id, 'paid' AS status, CAST(1 AS BIGINT) AS quantity, 'c' || i || '@example.com' AS email,
    CAST({generation} AS DOUBLE) AS amount, TIMESTAMP '2026-03-01 08:00:00' AS created_at
FROM range({rows}) t(i)
"""


# What is planned or published: the number of the publication that is given back, 0 for a night; and the generation.
Planned = tuple[int, int]


@dataclass(frozen=True)
class Answer:
    """A decision of the model: on which plan, what, and by whom."""

    plan: Planned
    approves: bool
    by: str


@dataclass
class Day:
    """What the model knows of a partition.

    `claim` is a publication that was begun and not finished: its plan, and how many answers there were until then.
    `asked` is the plan that was asked about last.
    """

    planned: Planned | None = None
    published: Planned | None = None
    claim: tuple[Planned, int] | None = None
    asked: Planned | None = None
    automatic: bool = False
    answers: list[Answer] = field(default_factory=list)
    people_spoke: bool = False
    writes: int = 0

    @property
    def status(self) -> str:
        """What the gate must say."""
        if self.planned is None:
            return "no_plan"
        if self.planned == self.published:
            return "published"
        others = [number for number, answer in enumerate(self.answers) if answer.plan != self.planned]
        tail = self.answers[max(others, default=-1) + 1 :]
        for answer in tail:
            if not answer.approves:
                return "rejected"
            if self.automatic or answer.by == "ada":
                return "approved"
        return "stale" if self.answers and not tail else "awaiting"

    def night(self, generation: int) -> None:
        """A run: a day's first bytes are for the policy, others than those that readers may see for a person."""
        self.planned = 0, generation
        self.ask()
        if self.automatic and self.status in ("awaiting", "stale"):
            self.answers.append(Answer(self.planned, approves=True, by="policy"))

    def restore(self, number: int, generation: int) -> None:
        """An earlier publication is proposed again, to a person."""
        self.planned = number, generation
        self.ask()

    def ask(self) -> None:
        """Whose decision it is. Asking about something else, or once it expired, forgets all until the expiry."""
        expired = self.status == "rejected" and self._first_of_tail().by == "expiry"
        if self.asked != self.planned or expired:
            gone = max((n for n, answer in enumerate(self.answers, start=1) if answer.by == "expiry"), default=0)
            self.answers = self.answers[gone:]
            if self.claim is not None:
                self.claim = self.claim[0], max(0, self.claim[1] - gone)
        last = self.published if self.claim is None else self.claim[0]
        self.asked, new = self.planned, last in (None, self.planned)
        self.automatic = new and not self.people_spoke and self.planned is not None and not self.planned[0]

    def _first_of_tail(self) -> Answer:
        return next(a for a in reversed(self.answers) if not a.approves)

    def answered(self, *, approves: bool, by: str) -> None:
        """An answer to what waits."""
        assert self.planned is not None
        self.answers.append(Answer(self.planned, approves=approves, by=by))
        self.people_spoke = self.people_spoke or by == "ada"

    def claimed(self) -> None:
        """What is approved now is being written."""
        assert self.planned is not None
        others = [number for number, answer in enumerate(self.answers) if answer.plan != self.planned]
        begin = max(others, default=-1) + 1
        count = next(n for n, a in enumerate(self.answers) if n >= begin and (self.automatic or a.by == "ada"))
        self.claim = self.planned, count + 1

    def received(self) -> None:
        """What was claimed is what readers see, and the decisions until then are spent."""
        assert self.claim is not None
        self.published, self.answers, self.claim = self.claim[0], self.answers[self.claim[1] :], None


@dataclass
class World:
    """A home, its publisher that may die, and the files and answers that every schedule uses again."""

    place: Place
    desk: Desk
    publisher: Dying
    files: dict[int, Path]
    digests: dict[int, str]
    asked: dict[int, Asked]
    plans: dict[str, Planned] = field(default_factory=dict)

    def night(self, day: str, generation: int, run_id: str) -> None:
        """What the stages record of a day's rows, its expectations answered once for all days."""
        desk = replace(self.desk, run_id=run_id)
        landing, plan, candidate = self._parts(desk, day, generation)
        for kind, body in (("landed", landing), ("plan", plan), ("candidate", candidate)):
            desk.record(day, kind, body)
        outcomes = self.asked[generation].outcomes
        desk.record(day, "asked", self.asked[generation])
        desk.record(day, "validation", Validation(candidate_digest=candidate.digest, outcomes=outcomes))
        put_to_decision(desk, day, plan=plan, candidate=candidate, outcomes=outcomes)
        self.plans[self.desk.case(day).digest or ""] = 0, generation

    def restore(self, day: str, known: Day, chance: random.Random) -> None:
        """Propose one of the day's earlier publications again."""
        if known.claim is not None and self.seen(day)[2]:
            known.received()
        before = [p for p in self.desk.case(day).publications if p.delta_version is not None and not p.voided]
        target = chance.choice(before) if before else None
        version = 0 if target is None else target.delta_version or 0
        try:
            made = propose(self.desk, day, version=version, by=Identity("ada", source="test"))
        except RestoreRefused:
            assert target is None
            return
        assert target is not None
        generation = self.plans[target.digest][1]
        assert known.published is not None
        assert isinstance(made, ThereAlready) == (generation == known.published[1])
        if not isinstance(made, ThereAlready):
            self.plans[made.digest] = target.number, generation
            known.restore(target.number, generation)

    def _parts(self, desk: Desk, day: str, generation: int) -> tuple[Landing, Plan, Candidate]:
        with desk.lake.scratch() as scratch:
            file = scratch / "rows.parquet"
            file.write_bytes(self.files[generation].read_bytes())
            kept = desk.lake.keep(file, table=desk.table.name, partition=day, stage="candidate")
        about = {"table": desk.table.name, "partition": day}
        schema = desk.engine.schema(desk.lake.path(kept.path))
        rows = rows_of(generation)
        landing = Landing(**about, path=kept.path, digest=kept.digest, rows=rows, landed_schema=schema)
        plan = Plan(**about, landed_digest=kept.digest, release="1", origin="clean", actions=(PublishAsIs(),))
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
        return landing, plan, candidate

    def seen(self, day: str) -> tuple[Planned | None, Planned | None, bool]:
        """By the journal: the plan published, the one claimed and not received; whether that is in the log."""
        case = self.desk.case(day)
        claim = next((p for p in case.publications if p.delta_version is None and not p.voided), None)
        written = claim is not None and (day, str(claim.number)) in {c[:2] for c in commits(self.place)}
        published = None if case.published is None else self.plans[case.published.digest]
        return published, None if claim is None else self.plans[claim.digest], written

    def read(self, day: str) -> int | None:
        """The generation that a reader of the table sees; a mixed or halved one is an assertion."""
        if not DeltaTable.is_deltatable(str(self.place.published)):
            return None
        files = [uri for uri in DeltaTable(str(self.place.published)).file_uris() if f"partition_date={day}/" in uri]
        if not files:
            return None
        with duckdb.connect() as connection:
            sql = "SELECT min(amount), max(amount), count(*) FROM read_parquet($files, hive_partitioning = false)"
            found = connection.execute(sql, {"files": files}).fetchone()
        assert found is not None
        low, high, rows = found
        assert (low, rows_of(int(low))) == (high, rows)
        return int(low)


def path_of(known: Day, *, written: bool) -> list[tuple[Day, bool]]:
    """The states that a publication goes through, each with whether its claim is in the log: the first is now."""
    day, states = copy.deepcopy(known), []
    if day.status == "approved":
        day.ask()

    def then(*, in_log: bool = False) -> None:
        states.append((copy.deepcopy(day), in_log))

    then(in_log=written)
    if day.claim is not None and not written and (day.status != "approved" or day.claim[0] != day.planned):
        day.claim = None
        then()
    if day.claim is None:
        if day.status != "approved":
            return states
        day.claimed()
        then()
    if not written:
        then(in_log=True)
    day.received()
    then()
    return states


def publication(world: World, day: str, known: Day, step: str | None) -> Day:
    """One publication, killed at that step or not: the state that it left, which must be one that it goes through."""
    states = path_of(known, written=world.seen(day)[2])
    ended = {"said": attempt(world, day)} if step is None else world.publisher.publish(step, day=day)
    seen = world.seen(day)
    left = [state for state, in_log in states if seen == (state.published, state.claim and state.claim[0], in_log)]
    assert left, (seen, states)
    if "said" in ended:
        assert left[-1] == states[-1][0], (ended, seen, states)
        finished = left[-1].status == "published" or (known.claim is not None and states[0][1])
        assert isinstance(ended["said"], int) == finished, (ended, states)
    return left[-1]


def attempt(world: World, day: str) -> int | str | None:
    """A publication that nobody kills: its version, or why there is none."""
    try:
        return publish(replace(world.desk, run_id="publish"), day).delta_version
    except PublicationRefused as error:
        return str(error)


def decision(world: World, day: str, known: Day, *, approves: bool, stale: bool) -> None:
    """A person's answer, to what waits or to something else: what is not waiting is refused."""
    digest = "0" * 64 if stale else world.desk.gate(day).digest or "0" * 64
    try:
        by = Identity("ada", source="test")
        record_decision(world.desk, day, digest=digest, verdict="approve" if approves else "reject", by=by)
    except ReviewRefused:
        assert stale or known.status not in ("awaiting", "stale")
    else:
        assert known.status in ("awaiting", "stale")
        assert not stale
        known.answered(approves=approves, by="ada")


def expiry(world: World, day: str, known: Day) -> None:
    """Eight days later: what waits is rejected, and nothing else."""
    later = Journal.open(world.place.settings.journal_url, clock=lambda: datetime.now(UTC) + timedelta(days=8))
    try:
        expired = later.expire(world.place.table.name, day, environment="dev")
    finally:
        later.close()
    assert (expired is not None) == (known.status in ("awaiting", "stale"))
    if expired is not None:
        known.answered(approves=False, by="expiry")


def scheduled(world: World, chance: random.Random, number: int) -> tuple[int, int]:
    """One schedule over two partitions of its own. How many steps it had, and how many of them were kills."""
    days = {(FIRST + timedelta(days=DAYS * number + n)).isoformat(): Day() for n in range(DAYS)}
    kills, steps = 0, chance.randint(3, STEPS_MAX)
    for at in range(steps):
        day = chance.choice(list(days))
        known = days[day]
        what = chance.choices(
            ("night", "backfill", "restore", "decide", "expire", "publish", "kill"), (4, 1, 2, 6, 1, 3, 5)
        )[0]
        if what == "night":
            generation = chance.randrange(GENERATIONS)
            world.night(day, generation, f"night-{number}-{at}")
            known.night(generation)
        elif what == "backfill":
            generation = chance.randrange(GENERATIONS)
            for each, state in days.items():
                world.night(each, generation, f"backfill-{number}-{at}-{each}")
                state.night(generation)
        elif what == "restore":
            world.restore(day, known, chance)
        elif what == "decide":
            decision(world, day, known, approves=chance.random() < 0.7, stale=chance.random() < 0.2)
        elif what == "expire":
            expiry(world, day, known)
        else:
            step = chance.choice(list(STEPS)) if what == "kill" else None
            kills += step is not None
            days[day] = publication(world, day, known, step)
        agree(world, days)
    for day, known in days.items():
        days[day] = publication(world, day, publication(world, day, known, None), None)
    agree(world, days)
    return steps, kills


def agree(world: World, days: dict[str, Day]) -> None:
    """The gate says what the model says, and readers see what was written last."""
    for day, known in days.items():
        assert known.status == world.desk.gate(day).status, (day, known)
        _, claimed, written = world.seen(day)
        newest = claimed if written else known.published
        assert (None if newest is None else newest[1]) == world.read(day), (day, known)


@contextmanager
def world_at(home: Path) -> Iterator[World]:
    """A fresh home with its publisher, and the generations' files asked about once."""
    place = Place(home)
    files, digests, asked = {}, {}, {}
    with place.desk() as desk:
        for generation in range(GENERATIONS):
            files[generation] = home / f"{generation}.parquet"
            with duckdb.connect() as connection:
                sql = ROWS.format(generation=generation, rows=rows_of(generation))
                connection.execute(f"COPY ({sql}) TO '{files[generation]}' (FORMAT parquet)")
            with desk.lake.scratch() as scratch:
                copied = scratch / "rows.parquet"
                copied.write_bytes(files[generation].read_bytes())
                kept = desk.lake.keep(copied, table=desk.table.name, partition="2026-01-01", stage="landed")
            ask(desk, "2026-01-01", path=kept.path, digest=kept.digest)
            digests[generation], asked[generation] = kept.digest, desk.read("2026-01-01", "asked", Asked)
    with Dying(place) as publisher, place.desk() as desk:
        yield World(place=place, desk=desk, publisher=publisher, files=files, digests=digests, asked=asked)


def test_no_schedule_publishes_anything_else(tmp_path):
    """Two thousand random schedules: no step leaves anything that the model does not allow, and all come to rest."""
    chance, began, steps, kills = random.Random(SEED), time.monotonic(), 0, 0  # noqa: S311 - moments, not secrets
    for first in range(0, SCHEDULES, A_HOME):
        home = tmp_path / str(first)
        home.mkdir()
        with world_at(home) as world:
            for number in range(min(A_HOME, SCHEDULES - first)):
                done, killed = scheduled(world, chance, number)
                steps, kills = steps + done, kills + killed
            days = [(FIRST + timedelta(days=n)).isoformat() for n in range(DAYS * A_HOME)]
            assert commits(world.place) == receipts(world.place, *days)
        shutil.rmtree(home)
    took = f"{time.monotonic() - began:.0f} s"
    printed("random schedules", seed=SEED, schedules=SCHEDULES, steps=steps, kills=kills, violations=0, took=took)
