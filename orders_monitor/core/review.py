"""May this partition be published? One function: the check shows it, the publication obeys it, people answer to it.

A decision binds one digest: table, partition, environment, release, plan and candidate bytes. Anything else is stale.
A decision is spent by the publication that it allowed, and by a later decision on other bytes: going back asks again.
How many people must agree was asked for (`Asked`) on the same digest; who is known to nobody (`core.people`) is left
out before the gate is asked.
"""

from datetime import datetime
from typing import Literal

from pydantic import model_validator

from orders_monitor.core.candidate import Candidate, Validation
from orders_monitor.core.plan import Plan
from orders_monitor.core.policy import Route
from orders_monitor.core.quality import CLOSED
from orders_monitor.core.value import Value, digest_of

Verdict = Literal["approve", "reject"]
Status = Literal[
    "no_plan", "closed", "held", "unvalidated", "failed", "awaiting", "stale", "rejected", "approved", "published"
]
POLICY, EXPIRY = "policy", "expiry"
# What answers without being a person: the declared policy, and the end of the time in which to decide.
NOT_PEOPLE = (POLICY, EXPIRY)
# There are no bytes yet that anybody could decide on, or none are wanted.
NOTHING_TO_DECIDE: tuple[Status, ...] = ("no_plan", "closed", "held", "unvalidated")
# A decision can be made now.
WAITS: tuple[Status, ...] = ("awaiting", "stale")


class Decision(Value):
    """A recorded answer. `reviewer` is `policy` where the declared policy answered; `source` says by which door.

    `seen` is the partition's newest decision when this one was made, so that a signature is good for one moment only.
    `plan_digest`, `candidate_digest` and `release` are what the digest was made of; `recorded_at` is in UTC.
    """

    id: int
    table: str
    partition: str
    digest: str
    verdict: Verdict
    reviewer: str
    note: str
    source: str
    seen: int = 0
    signature: str = ""
    plan_digest: str = ""
    candidate_digest: str = ""
    release: str = ""
    recorded_at: str = ""

    @property
    def by_a_person(self) -> bool:
        """Whether somebody decided, and not the policy or the clock."""
        return self.reviewer not in NOT_PEOPLE


class Asked(Value):
    """Whose decision a digest needs, and until when (`deadline`, UTC ISO text; empty: for ever).

    `after_decision` is the partition's newest decision when it was asked: an expiry from before it is forgotten.
    `not_by` are people whose own work this is: they do not count where two people are needed. Where it is `assigned`,
    nobody else decides but a lead.
    """

    digest: str
    route: Route
    reasons: tuple[str, ...] = ()
    asked_at: str = ""
    deadline: str = ""
    after_decision: int = 0
    not_by: tuple[str, ...] = ()
    assigned: tuple[str, ...] = ()

    def counts(self, decision: Decision, agreed: tuple[str, ...]) -> bool:
        """Whether this approval is one more of those that are needed, after those people's."""
        if self.route == "automatic":
            return True
        if not decision.by_a_person or self.route == "never":
            return False
        return self.route == "human" or not is_among(decision.reviewer, (*agreed, *self.not_by))

    def is_over(self, now: datetime) -> bool:
        """Whether the time to decide has ended."""
        return bool(self.deadline) and now > datetime.fromisoformat(self.deadline)

    @property
    def needed(self) -> int:
        """How many approvals let it through."""
        return 2 if self.route == "two_humans" else 1


def is_among(name: str, names: tuple[str, ...]) -> bool:
    """Whether somebody is one of these, however the name is written: `Ada` is no second person beside `ada`."""
    return name.casefold() in {other.casefold() for other in names}


class Publication(Value):
    """A claim on a partition, and its receipt once `delta_version` is known; `number` counts from 1 a partition."""

    table: str
    partition: str
    number: int
    digest: str
    decision_id: int
    path: str
    rows: int
    size_bytes: int
    plan_digest: str
    run_id: str
    delta_version: int | None = None
    voided: bool = False

    @property
    def is_written(self) -> bool:
        """Whether readers were given it: it has its receipt."""
        return self.delta_version is not None and not self.voided


class Case(Value):
    """All that the journal knows about one partition that the gate needs, each part the newest of its kind.

    `last_decision` is the id of the partition's newest decision, also where that one is not trusted and so not here.
    """

    table: str
    partition: str
    environment: str
    plan: Plan | None = None
    candidate: Candidate | None = None
    validation: Validation | None = None
    asked: Asked | None = None
    last_decision: int = 0
    decisions: tuple[Decision, ...] = ()
    publications: tuple[Publication, ...] = ()

    @model_validator(mode="after")
    def _all_of_one_partition(self) -> "Case":
        parts = (*((self.plan,) if self.plan else ()), *self.decisions, *self.publications)
        foreign = next((p for p in parts if (p.table, p.partition) != (self.table, self.partition)), None)
        if foreign is not None:
            where = f"{foreign.table} {foreign.partition}"
            raise ValueError(
                f"a {type(foreign).__name__.lower()} of {where} in the case of {self.table} {self.partition}"
            )
        return self

    @property
    def digest(self) -> str | None:
        """What a decision must name: None while there is nothing to decide."""
        if self.plan is None or self.candidate is None or not self._is_made_by_the_plan:
            return None
        return digest_of(
            {
                "table": self.table,
                "partition": self.partition,
                "environment": self.environment,
                "release": self.plan.release,
                "plan": self.plan.digest,
                "candidate": self.candidate.digest,
            }
        )

    @property
    def asked_for(self) -> Asked:
        """Whose decision the digest needs: a person's where nobody asked about these very bytes."""
        digest = self.digest or ""
        return (
            self.asked
            if self.asked is not None and self.asked.digest == digest
            else Asked(digest=digest, route="human")
        )

    @property
    def published(self) -> Publication | None:
        """The publication that readers see now."""
        return max(self.written, key=lambda p: p.number, default=None)

    @property
    def written(self) -> tuple[Publication, ...]:
        """What readers were given so far, in the order in which it was claimed."""
        return tuple(p for p in self.publications if p.is_written)

    @property
    def overwrites(self) -> bool:
        """Whether readers see other bytes already, or may: a claim without a receipt may have been written."""
        last = max((p for p in self.publications if not p.voided), key=lambda p: p.number, default=None)
        return last is not None and last.digest != self.digest

    @property
    def _is_made_by_the_plan(self) -> bool:
        if self.plan is None or self.candidate is None:
            return False
        restore = self.plan.restore
        if restore is not None and restore.candidate_digest != self.candidate.digest:
            return False
        made_of = (self.candidate.plan_digest, self.candidate.landed_digest)
        return made_of == (self.plan.digest, self.plan.landed_digest)


class Gate(Value):
    """The answer. Only `approved` publishes; `published` means that these very bytes are the table's already.

    On a `closed` day nothing was expected and nothing came: there is nothing to do, and nothing is wrong.
    """

    table: str
    partition: str
    status: Status
    digest: str | None
    sentence: str
    decision: Decision | None = None

    @property
    def waits(self) -> bool:
        """Whether a decision can be made on it now."""
        return self.status in WAITS

    @property
    def is_pending(self) -> bool:
        """Whether it may be published yet: it waits for a decision, or was approved."""
        return self.waits or self.status == "approved"


def gate(case: Case) -> Gate:
    """The one answer for a partition, from everything that was recorded about it and nothing else."""
    status, sentence, decision = _answer(case)
    return Gate(
        table=case.table,
        partition=case.partition,
        status=status,
        digest=case.digest,
        sentence=sentence,
        decision=decision,
    )


def agreed(case: Case) -> tuple[str, ...]:
    """Whose approvals of what waits count so far, in their order."""
    return _agreed(case.asked_for, _named(_unspent(case), case.digest or ""))


def _answer(case: Case) -> tuple[Status, str, Decision | None]:
    if case.plan is None:
        return "no_plan", "there is no plan yet", None
    hold = case.plan.hold
    if hold is not None:
        return ("closed", hold.why, None) if CLOSED in hold.evidence else ("held", f"held: {hold.why}", None)
    digest = case.digest
    if digest is None or case.candidate is None:
        return "no_plan", "the candidate of this plan is not made yet", None
    published = case.published
    if published is not None and published.digest == digest:
        return "published", f"published as version {published.delta_version}", _by_id(case, published.decision_id)
    if case.validation is None or case.validation.candidate_digest != case.candidate.digest:
        return "unvalidated", "the expectations have not been asked about these bytes yet", None
    failures = case.validation.failures
    if failures:
        return "failed", f"quality gate: {failures[0].sentence}" + _more(len(failures) - 1), None
    return _decided(case, digest)


def _decided(case: Case, digest: str) -> tuple[Status, str, Decision | None]:
    """What was decided on a digest that may be decided on: the first rejection, or the approval that completes it."""
    asked, open_decisions = case.asked_for, _unspent(case)
    if asked.route == "never":
        return "rejected", f"the policy never allows it: {'; '.join(asked.reasons)}", None
    named = _named(open_decisions, digest)
    for number, decision in enumerate(named, start=1):
        if decision.verdict == "reject":
            return "rejected", f"rejected by {decision.reviewer}: {decision.note or 'no reason given'}", decision
        names = _agreed(asked, named[:number])
        if len(names) >= asked.needed:
            return "approved", f"approved by {' and '.join(names)} (decision {decision.id})", decision
    names = _agreed(asked, named)
    if names:
        return "awaiting", f"approved by {names[0]}, waits for a second person on {digest[:12]}", None
    if open_decisions and not named:
        last = open_decisions[-1]
        return "stale", f"decision {last.id} of {last.reviewer} was for {last.digest[:12]}, {_now(case, last)}", last
    return "awaiting", f"waits for a decision on {digest[:12]}", None


def _agreed(asked: Asked, decisions: list[Decision]) -> tuple[str, ...]:
    names: tuple[str, ...] = ()
    for decision in decisions:
        if decision.verdict == "approve" and asked.counts(decision, names):
            names = (*names, decision.reviewer)
    return names


def _now(case: Case, last: Decision) -> str:
    """What it is now, and what of it is another than what was decided on."""
    now = f"now it is {str(case.digest)[:12]}"
    if case.plan is None or case.candidate is None or not last.plan_digest:
        return now
    pairs = (
        ("the release", last.release, case.plan.release),
        ("the plan", last.plan_digest, case.plan.digest),
        ("the bytes", last.candidate_digest, case.candidate.digest),
    )
    changed = [word for word, then, today in pairs if then != today]
    return f"{now}: changed {' and '.join(changed)}" if changed else now


def _unspent(case: Case) -> list[Decision]:
    """The decisions since the last one that published something, in the order in which they were made.

    Earlier ones are spent too, whatever they named: they were made about a table that readers no longer see. So is
    an expiry once it was asked again, with all before it.
    """
    spent = max((p.decision_id for p in case.written), default=0)
    again = case.asked_for.after_decision
    expired = max((d.id for d in case.decisions if d.reviewer == EXPIRY and d.id <= again), default=0)
    return sorted((d for d in case.decisions if d.id > max(spent, expired)), key=lambda d: d.id)


def _named(open_decisions: list[Decision], digest: str) -> list[Decision]:
    """The decisions on the digest since the last one on other bytes, in their order: that one was the later word."""
    other = max((number for number, d in enumerate(open_decisions) if d.digest != digest), default=-1)
    return open_decisions[other + 1 :]


def _by_id(case: Case, decision_id: int) -> Decision | None:
    return next((d for d in case.decisions if d.id == decision_id), None)


def _more(count: int) -> str:
    return "" if count == 0 else f" (and {count} more)"
