"""May this partition be published? One function: the check shows it, the publication obeys it, people answer to it.

A decision binds one digest: table, partition, environment, plan and candidate bytes. Anything else is stale. A
decision is spent by the publication that it allowed, and by a later decision on other bytes: going back asks again.
"""

from typing import Literal

from pydantic import model_validator

from orders_monitor.core.candidate import Candidate, Validation
from orders_monitor.core.plan import Plan
from orders_monitor.core.quality import CLOSED
from orders_monitor.core.value import Value, digest_of

Verdict = Literal["approve", "reject"]
Status = Literal[
    "no_plan", "closed", "held", "unvalidated", "failed", "awaiting", "stale", "rejected", "approved", "published"
]


class Decision(Value):
    """A recorded answer. `reviewer` is `policy` where the declared policy answered; `source` says by which door."""

    id: int
    table: str
    partition: str
    digest: str
    verdict: Verdict
    reviewer: str
    note: str
    source: str


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


class Case(Value):
    """All that the journal knows about one partition that the gate needs, each part the newest of its kind."""

    table: str
    partition: str
    environment: str
    plan: Plan | None = None
    candidate: Candidate | None = None
    validation: Validation | None = None
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
                "plan": self.plan.digest,
                "candidate": self.candidate.digest,
            }
        )

    @property
    def published(self) -> Publication | None:
        """The publication that readers see now."""
        written = [p for p in self.publications if p.delta_version is not None and not p.voided]
        return max(written, key=lambda p: p.number, default=None)

    @property
    def _is_made_by_the_plan(self) -> bool:
        if self.plan is None or self.candidate is None:
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
    open_decisions = _unspent(case)
    named = _named(open_decisions, digest)
    if named is not None and named.verdict == "approve":
        return "approved", f"approved by {named.reviewer} (decision {named.id})", named
    if named is not None:
        return "rejected", f"rejected by {named.reviewer}: {named.note or 'no reason given'}", named
    if open_decisions:
        last = open_decisions[-1]
        return (
            "stale",
            f"decision {last.id} of {last.reviewer} was for {last.digest[:12]}, now it is {digest[:12]}",
            last,
        )
    return "awaiting", f"waits for a decision on {digest[:12]}", None


def _unspent(case: Case) -> list[Decision]:
    """The decisions since the last one that published something, in the order in which they were made.

    Earlier ones are spent too, whatever they named: they were made about a table that readers no longer see.
    """
    spent = max((p.decision_id for p in case.publications if p.delta_version is not None and not p.voided), default=0)
    return sorted((d for d in case.decisions if d.id > spent), key=lambda d: d.id)


def _named(open_decisions: list[Decision], digest: str) -> Decision | None:
    """The first decision on the digest since the last one on other bytes: that one was the later word."""
    named = None
    for decision in reversed(open_decisions):
        if decision.digest != digest:
            break
        named = decision
    return named


def _by_id(case: Case, decision_id: int) -> Decision | None:
    return next((d for d in case.decisions if d.id == decision_id), None)


def _more(count: int) -> str:
    return "" if count == 0 else f" (and {count} more)"
