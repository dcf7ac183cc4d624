"""The gate against a model that decides one thing at a time: plans, edits, people, the clock, and publications."""

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from orders_monitor.core.errors import DecidedAlready, ReviewRefused
from orders_monitor.core.people import Reviewer
from orders_monitor.core.plan import PlannedAction, PublishAsIs, RenameColumn, ScaleColumn
from orders_monitor.core.publication import Claimable, Done, Refused
from orders_monitor.core.review import Verdict
from orders_monitor.pipeline.expiry import expire_overdue
from orders_monitor_tests.deciders import DAY, Room, decides, waits

HOURS = 24
PEOPLE = st.sampled_from(("ada", "bob", "cleo"))
# Three plans of the same landing: for the policy, for one person, for two; an edit is another one, of its author's.
PLANS: dict[str, tuple[PlannedAction, int]] = {
    "clean": (PublishAsIs(), 0),
    "renamed": (RenameColumn(column="a", to="b"), 1),
    "scaled": (ScaleColumn(column="a", divide_by=100), 2),
}
ROUTES = {"rename_column": "human", "scale_column": "two_humans", "overwrite": "human"}


@dataclass
class Model:
    """What the partition should be, by nothing but the order in which things happened."""

    plan: str | None = None
    asked: str | None = None
    left_h: float = 0
    said: list[tuple[str, str, str]] = field(default_factory=list)  # plan, verdict, who
    published: str | None = None
    people_spoke: bool = False

    @property
    def needed(self) -> int:
        """How many people, where the policy does not do."""
        needed = PLANS[(self.plan or "").split(" ")[0]][1]
        if self.published not in (None, self.plan):
            needed = max(needed, 1)
        return max(needed, 1) if self.people_spoke or " " in (self.plan or "") else needed

    @property
    def voices(self) -> list[tuple[str, str, str]]:
        """What was said on this plan since anything was said on another."""
        other = max((n for n, (plan, _, _) in enumerate(self.said) if plan != self.plan), default=-1)
        return self.said[other + 1 :]

    @property
    def agreed(self) -> list[str]:
        """Who approved, each once."""
        return list(dict.fromkeys(who for _, verdict, who in self.voices if verdict == "approve"))

    @property
    def status(self) -> str:
        """The gate's word."""
        if self.plan is None:
            return "no_plan"
        if self.plan == self.published:
            return "published"
        if any(verdict == "reject" for _, verdict, _ in self.voices):
            return "rejected"
        if len(self.agreed) >= max(1, self.needed):
            return "approved"
        return "stale" if self.said and not self.voices else "awaiting"

    def ask(self) -> None:
        """Another plan, or one that expired, is asked about anew; then what was said up to an expiry is gone."""
        expired = any(who == "expiry" for _, _, who in self.voices) and self.status == "rejected"
        if self.asked != self.plan or expired:
            last = max((n for n, (_, _, who) in enumerate(self.said) if who == "expiry"), default=-1)
            self.said = self.said[last + 1 :]
            self.asked, self.left_h = self.plan, HOURS
        if self.needed == 0 and self.status in ("awaiting", "stale"):
            if self.left_h < 0:
                self.said.append((str(self.plan), "reject", "expiry"))
            else:
                self.said.append((str(self.plan), "approve", "policy"))


class Gate(RuleBasedStateMachine):
    """Everything that may happen to one partition, in production, with keys."""

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp(prefix="orders-monitor-gate-"))
        self.room = Room(self.home, changes={"policy": {"routes": ROUTES, "decide_within_h": HOURS}})
        self.room.hires(*(Reviewer(name=name) for name in ("ada", "bob", "cleo")))
        self.opened = self.room.desk()
        self.desk = self.opened.__enter__()
        self.model = Model()

    def teardown(self) -> None:
        self.opened.__exit__(None, None, None)
        shutil.rmtree(self.home)

    @rule(name=st.sampled_from(sorted(PLANS)))
    def runs(self, name: str) -> None:
        """The partition is run (again): this plan comes of it."""
        waits(self.desk, "one", PLANS[name][0])
        self.model.plan = name
        self.model.ask()

    @rule(name=st.sampled_from(sorted(PLANS)), who=PEOPLE)
    def edits(self, name: str, who: str) -> None:
        """A reviewer makes it another plan of theirs: that alone is no approval."""
        if self.model.plan is None:
            return
        waits(self.desk, "one", PLANS[name][0], origin="reviewer", author=who)
        self.model.plan = f"{name} {who}"
        self.model.ask()

    @rule(who=PEOPLE, verdict=st.sampled_from(("approve", "reject")))
    def decides(self, who: str, verdict: Verdict) -> None:
        """A person answers: recorded, or told why not."""
        model, by = self.model, self.room.identity(who)
        if model.plan is None:
            with pytest.raises(ReviewRefused):
                decides(self.desk, by, verdict)
        elif model.status not in ("awaiting", "stale"):
            with pytest.raises(DecidedAlready):
                decides(self.desk, by, verdict)
        elif model.left_h < 0:
            with pytest.raises(DecidedAlready, match="it expired"):
                decides(self.desk, by, verdict)
            model.said.append((model.plan, "reject", "expiry"))
        elif model.needed == 2 and verdict == "approve" and who in model.agreed:
            with pytest.raises(ReviewRefused, match="another person is needed"):
                decides(self.desk, by, verdict)
        else:
            decides(self.desk, by, verdict)
            model.said.append((model.plan, verdict, who))
            model.people_spoke = True

    @rule(hours=st.sampled_from((1, 23, 25)))
    def time_goes_on(self, hours: int) -> None:
        """The clock goes on, and a tick looks at it."""
        self.room.later(hours=hours)
        self.model.left_h -= hours
        expired = expire_overdue(self.desk)
        overdue = self.model.plan and self.model.left_h < 0 and self.model.status in ("awaiting", "stale")
        assert bool(overdue) == bool(expired)
        if overdue:
            self.model.said.append((str(self.model.plan), "reject", "expiry"))

    @rule()
    def publishes(self) -> None:
        """The door: it opens for what is approved, and for nothing else."""
        claim = self.desk.journal.claim(table="small_shop", partition=DAY, environment="prod", run_id="p")
        expected = {"approved": Claimable, "published": Done}.get(self.model.status, Refused)
        assert isinstance(claim, expected), (claim, self.model)
        if isinstance(claim, Claimable):
            self.desk.journal.receipt(claim.claim, delta_version=claim.claim.number)
            self.model.published, self.model.said = self.model.plan, []

    @invariant()
    def says_what_the_model_says(self) -> None:
        """After each step."""
        assert self.model.status == self.desk.gate(DAY).status, self.model


@pytest.mark.parametrize(
    "examples", [6, pytest.param(30, marks=pytest.mark.slow), pytest.param(300, marks=pytest.mark.chaos)]
)
def test_the_gate_is_the_model(examples):
    """Whatever happens in whatever order: one status, and the door opens for what enough people approved, only."""
    run_state_machine_as_test(Gate, settings=settings(max_examples=examples, stateful_step_count=25, deadline=None))
