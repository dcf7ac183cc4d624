"""A desk at which people decide, with keys, a reviewers file and a clock that a test moves; no bytes are needed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from orders_monitor.adapters import signing
from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.core.candidate import Candidate, Validation
from orders_monitor.core.people import Reviewer, Reviewers
from orders_monitor.core.plan import Plan, PlannedAction, PublishAsIs, RenameColumn
from orders_monitor.core.review import Decision, Gate, Verdict
from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline.deciding import Identity, put_to_decision, record_decision
from orders_monitor.pipeline.resources import Desk
from orders_monitor.pipeline.trust import Trust
from orders_monitor.settings import Settings, read_settings
from orders_monitor_tests.small_shop import declared

DAY, NOON = "2026-03-04", datetime(2026, 3, 5, 12, tzinfo=UTC)
RENAME = RenameColumn(column="order_status", to="status", evidence=("drift:renamed:status",))
TWO = {"policy": {"routes": {"rename_column": "two_humans"}, "decide_within_h": 24}}


@dataclass
class Room:
    """Where people decide about the small shop. `changes` replace attributes of its declaration."""

    home: Path
    environment: str = "prod"
    database_url: str | None = None
    changes: dict[str, Any] = field(default_factory=dict)
    now: datetime = NOON
    keys: dict[str, str] = field(default_factory=dict)
    page_key: str = ""
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def reviewers_file(self) -> Path:
        """Who may decide here."""
        return self.home / "reviewers.yaml"

    @property
    def settings(self) -> Settings:
        """What the environment of this room says."""
        database = {"ORDERS_MONITOR_DATABASE_URL": self.database_url} if self.database_url else {}
        return read_settings(
            {
                "ORDERS_MONITOR_HOME": str(self.home),
                "ORDERS_MONITOR_ENVIRONMENT": self.environment,
                "ORDERS_MONITOR_REVIEWERS": str(self.reviewers_file),
                **database,
                **self.variables,
            }
        )

    @property
    def table(self) -> MonitoredTable:
        """The small shop, as declared here."""
        return declared(self.home / "upstream", **self.changes)

    def hires(self, *people: Reviewer) -> None:
        """Write these people into the reviewers file, each with a new key, and a new key of the page."""
        made = {person.name: signing.new_key() for person in people}
        self.page_key, page_public = signing.new_key()
        self.keys |= {name: private for name, (private, _) in made.items()}
        known = [person.model_copy(update={"key": made[person.name][1]}) for person in people]
        file = Reviewers(reviewers=tuple(known), page_key=page_public)
        self.reviewers_file.write_text(file.model_dump_json())  # JSON is YAML

    def identity(self, name: str, source: str = "cli") -> Identity:
        """That person, signing with their own key where they have one."""
        private = self.keys.get(name)
        return Identity(name, source, None if private is None else lambda text: signing.sign(private, text))

    @contextmanager
    def desk(self, run_id: str = "test") -> Iterator[Desk]:
        """A desk on this room's clock."""
        settings = self.settings
        journal = Journal.open(settings.journal_url, clock=lambda: self.now, doubt=Trust(settings), durability="normal")
        try:
            yield Desk(table=self.table, settings=settings, journal=journal, run_id=run_id)
        finally:
            journal.close()

    def later(self, **span: float) -> None:
        """The clock goes on."""
        self.now += timedelta(**span)


def waits(desk: Desk, landed: str = "one", *actions: PlannedAction, day: str = DAY, **plan: Any) -> Gate:
    """Plan a landing (a rename, which is for a person) and put it to decision. What the gate says."""
    drawn = Plan(
        **{
            "table": desk.table.name,
            "partition": day,
            "landed_digest": landed,
            "release": "1",
            "origin": "agent",
            "actions": actions or (RENAME,),
            **plan,
        }
    )
    candidate = Candidate(
        plan_digest=drawn.digest,
        landed_digest=landed,
        path=f"candidate/{landed}.parquet",
        digest=f"bytes of {landed}",
        size_bytes=9,
        landed_rows=100,
        rows=100,
        quarantined_rows=0,
        duplicate_rows=0,
    )
    validation = Validation(candidate_digest=candidate.digest, outcomes=())
    for kind, body in (("plan", drawn), ("candidate", candidate), ("validation", validation)):
        desk.record(day, kind, body)
    put_to_decision(desk, day, plan=drawn, candidate=candidate, outcomes=())
    return desk.gate(day)


def decides(
    desk: Desk, by: Identity, verdict: Verdict = "approve", *, day: str = DAY, note: str = "looked"
) -> Decision:
    """Somebody's answer to what waits."""
    return record_decision(desk, day, digest=desk.gate(day).digest or "", verdict=verdict, by=by, note=note)


CLEAN = PublishAsIs()
