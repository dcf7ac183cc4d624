"""Cases that wait for a person, made quickly: every record and file that the stages leave, without running them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.core.candidate import Candidate, Validation
from orders_monitor.core.claims import Claim, Claims
from orders_monitor.core.drift import ColumnAdded
from orders_monitor.core.landing import Landing
from orders_monitor.core.plan import Hold, Plan, PlannedAction, PublishAsIs, QuarantineRows
from orders_monitor.core.policy import Route
from orders_monitor.core.predicate import NotIn
from orders_monitor.core.quality import Quality, Signal
from orders_monitor.core.review import Asked, Gate
from orders_monitor.core.table import MonitoredTable
from orders_monitor.page.room import Room
from orders_monitor.pipeline.resources import Desk
from orders_monitor.pipeline.trust import Trust
from orders_monitor.settings import Settings, read_settings
from orders_monitor_tests.small_shop import STATUSES, declared

NOW = datetime(2026, 3, 20, 2, 0, tzinfo=UTC)
ASKED_AT = "2026-03-20T00:30:00+00:00"
DEADLINE = "2026-03-21T00:30:00+00:00"
EVIDENCE = "expectation:status_be_in_set"
ROWS = """
SELECT i AS order_id, CASE WHEN i < {odd} THEN '{status}' ELSE 'paid' END AS status, 1 + i % 4 AS quantity,
    'customer' || i || '@example.com' AS email, CAST(5 + i % 40 AS DOUBLE) AS amount,
    TIMESTAMP '{day} 06:00:00' + INTERVAL (i) SECOND AS created_at
FROM range({count}) t(i)
"""


@dataclass
class Shops:
    """A home with declared tables, and the room of its review page, in which it is always NOW."""

    home: Path
    environ: dict[str, str] = field(default_factory=dict)
    changes: dict[str, object] = field(default_factory=dict)
    told: list[Gate] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        return read_settings({"ORDERS_MONITOR_HOME": str(self.home), **self.environ})

    @property
    def table(self) -> MonitoredTable:
        return declared(self.home / "upstream", partitions={"start": "2026-03-01"}, **self.changes)

    @property
    def room(self) -> Room:
        return Room(
            tables={self.table.name: self.table},
            settings=self.settings,
            now=lambda: NOW,
            desk=lambda _: self.desk(),
            told=lambda _, gate: self.told.append(gate),
            secret=b"one secret of this room, 32 byte",
        )

    @contextmanager
    def desk(self, clock: Callable[[], datetime] = lambda: NOW) -> Iterator[Desk]:
        settings = self.settings
        journal = Journal.open(settings.journal_url, clock=clock, durability="normal", doubt=Trust(settings))
        try:
            yield Desk(table=self.table, settings=settings, journal=journal, run_id="page")
        finally:
            journal.close()

    def waits(self, day: str, **about: object) -> str:
        """A case of that day waits. Returns its digest."""
        with self.desk() as desk:
            return wait(desk, day, **about)  # type: ignore[arg-type]  # as `wait` takes them

    def decisions(self, day: str) -> list[tuple[str, str, str]]:
        """Who decided what there, and why."""
        with self.desk() as desk:
            return [(made.reviewer, made.verdict, made.note) for made in desk.case(day).decisions]


def wait(
    desk: Desk,
    day: str,
    *,
    status: str = "lost",
    odd: int = 3,
    count: int = 40,
    said: str = "the shop has a new status",
    column: str = "channel",
    route: Route = "human",
    deadline: str = DEADLINE,
    hold: str | None = None,
) -> str:
    """Land rows of which some have another status, plan to set those aside, and ask for the decision."""
    landed = _kept(desk, day, "landed", ROWS.format(day=day, odd=odd, count=count, status=status.replace("'", "''")))
    unusual = QuarantineRows(where=NotIn(column="status", values=tuple(STATUSES)), evidence=(EVIDENCE,))
    actions: tuple[PlannedAction, ...] = (PublishAsIs(), unusual) if hold is None else (Hold(why=hold),)
    plan = Plan(
        table=desk.table.name, partition=day, landed_digest=landed[1], release="1", origin="agent", actions=actions
    )
    quality = Quality(
        landed_digest=landed[1],
        problem=None,
        rows=count,
        changes=(ColumnAdded(column=column, type="VARCHAR"),),
        outcomes=(),
        baselines=(),
        anomalies=(),
        signals=(
            Signal(id=EVIDENCE, kind="expectation", severity="gate", sentence=f"{odd} rows have status {status}"),
            Signal(id=f"drift:added:{column}", kind="drift", severity="info", sentence=f"{column} is new"),
        ),
    )
    claims = Claims(landed_digest=landed[1], kept=(Claim(text=said, evidence=(EVIDENCE,)),), dropped=(), doubts=())
    schema = desk.engine.schema(desk.lake.path(landed[0]))
    landing = Landing(
        table=desk.table.name, partition=day, path=landed[0], digest=landed[1], rows=count, landed_schema=schema
    )
    bodies = [("landed", landing), ("quality", quality), ("claims", claims), ("plan", plan)]
    if hold is None:
        bodies += _candidate(desk, day, plan, landed, odd=odd, count=count)
    desk.journal.record_all(table=desk.table.name, partition=day, run_id=f"night-{day}", bodies=bodies)
    digest = desk.case(day).digest
    if digest is not None:
        asked = Asked(digest=digest, route=route, reasons=("human: it is new",), asked_at=ASKED_AT, deadline=deadline)
        desk.record(day, "decision_asked", asked)
    return digest or ""


def _candidate(desk: Desk, day: str, plan: Plan, landed: tuple[str, str, int], *, odd: int, count: int) -> list:
    file = desk.lake.path(landed[0])
    known = ", ".join(f"'{status}'" for status in STATUSES)
    kept = _kept(desk, day, "candidate", f"SELECT * FROM '{file}' WHERE status IN ({known})")
    aside = _kept(desk, day, "quarantine", f"SELECT * FROM '{file}' WHERE status NOT IN ({known})")
    candidate = Candidate(
        plan_digest=plan.digest,
        landed_digest=landed[1],
        path=kept[0],
        digest=kept[1],
        size_bytes=kept[2],
        landed_rows=count,
        rows=count - odd,
        quarantined_rows=odd,
        duplicate_rows=0,
        quarantine_path=aside[0],
        quarantine_digest=aside[1],
    )
    return [("candidate", candidate), ("validation", Validation(candidate_digest=kept[1], outcomes=()))]


def _kept(desk: Desk, day: str, stage: str, sql: str) -> tuple[str, str, int]:
    with desk.lake.scratch() as scratch:
        file = scratch / "rows.parquet"
        with duckdb.connect() as connection:
            connection.execute(f"COPY ({sql}) TO '{file}' (FORMAT parquet)")
        kept = desk.lake.keep(file, table=desk.table.name, partition=day, stage=stage)
    return kept.path, kept.digest, kept.size_bytes
