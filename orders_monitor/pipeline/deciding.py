"""deciding: the one way in for every decision, by whichever door, and whose decision is asked for.

The command line, the Launchpad job, the review page and the policy all end in `record_decision`. Which recorded
decisions count is `trust`'s; what they amount to is the gate's (`core.review`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from orders_monitor.core.candidate import Candidate
from orders_monitor.core.errors import AllowanceSpent, ReviewRefused
from orders_monitor.core.expectation import Outcome
from orders_monitor.core.people import signed_text
from orders_monitor.core.plan import Plan
from orders_monitor.core.policy import Ruling, Settled, decide, settled_by
from orders_monitor.core.review import EXPIRY, NOT_PEOPLE, POLICY, Asked, Decision, Verdict
from orders_monitor.pipeline.resources import Desk


@dataclass(frozen=True, slots=True)
class Identity:
    """Who decides, through which door, and how that is proved: `sign` signs a text, None proves nothing (dev only)."""

    name: str
    source: str
    sign: Callable[[str], str] | None = None

    def signature(self, decision: Decision, desk: Desk) -> str:
        """The proof that it is they who decide this; empty where there is none."""
        return "" if self.sign is None else self.sign(signed_text(decision, environment=desk.settings.environment))


def record_decision(
    desk: Desk,
    partition: str,
    *,
    digest: str,
    verdict: Verdict,
    by: Identity,
    note: str = "",
    settled: Settled | None = None,
) -> Decision:
    """The one way in for every decision.

    Raises ReviewRefused where it names anything but what waits or comes from somebody who may not, and DecidedAlready
    where somebody was first.
    """
    if by.source != POLICY and by.name.strip().casefold() in NOT_PEOPLE:
        why = f"{by.name!r} is nobody's name: the system itself answers by it"
        raise ReviewRefused(table=desk.table.name, partition=partition, why=why)
    return desk.journal.decide(
        table=desk.table.name,
        partition=partition,
        environment=desk.settings.environment,
        digest=digest,
        verdict=verdict,
        reviewer=by.name,
        note=note,
        source=by.source,
        sign=lambda decision: by.signature(decision, desk),
        settled=settled,
    )


def put_to_decision(
    desk: Desk, partition: str, *, plan: Plan, candidate: Candidate, outcomes: Sequence[Outcome]
) -> Ruling:
    """Ask for the decision that the declared policy wants, and record the policy's own answer where it has one.

    It answers only what waits: after any person's decision on this partition, the next plan is for a person.
    """
    ruling = ask_for(desk, partition, plan=plan, candidate=candidate, outcomes=outcomes)
    asked_of_people = any(decision.by_a_person for decision in desk.case(partition).decisions)
    if ruling.route not in ("automatic", "never") or asked_of_people:
        return ruling
    if desk.gate(partition).status not in ("awaiting", "stale"):
        return ruling
    rows = candidate.quarantined_rows + candidate.duplicate_rows
    try:
        record_decision(
            desk,
            partition,
            digest=desk.case(partition).digest or "",
            verdict="approve",
            by=Identity(POLICY, source=POLICY),
            note="; ".join(ruling.reasons),
            settled=settled_by(plan, rows=rows, team=desk.table.owners.team, policy=desk.table.policy),
        )
    except AllowanceSpent as spent:
        ruling = Ruling(route="human", reasons=(f"{spent.why}: human", *ruling.reasons))
        _record(desk, partition, ruling)
    return ruling


def ask_for(desk: Desk, partition: str, *, plan: Plan, candidate: Candidate, outcomes: Sequence[Outcome]) -> Ruling:
    """Whose decision the policy wants as it is declared now; recorded, so that the gate knows."""
    case = desk.case(partition)
    ruling = decide(
        plan,
        quarantined_share=candidate.quarantined_rows / max(1, candidate.landed_rows),
        overwrites=case.overwrites,
        policy=desk.table.policy,
        environment=desk.settings.environment,
        still_failing=[outcome.check_name for outcome in outcomes if not outcome.passed],
    )
    _record(desk, partition, ruling)
    return ruling


def _record(desk: Desk, partition: str, ruling: Ruling) -> None:
    """The time to decide runs from when it was first asked, and again after it had expired."""
    case, gate = desk.case(partition), desk.gate(partition)
    if case.digest is None:
        return
    known = case.asked if case.asked is not None and case.asked.digest == case.digest else None
    expired = gate.decision is not None and gate.decision.reviewer == EXPIRY
    if known is not None and not expired:
        if (known.route, known.reasons) != (ruling.route, ruling.reasons):
            asked = known.model_copy(update={"route": ruling.route, "reasons": ruling.reasons})
            desk.record(partition, "decision_asked", asked)
        return
    now = desk.journal.now()
    within = timedelta(hours=desk.table.policy.decide_within_h)
    asked = Asked(
        digest=case.digest,
        route=ruling.route,
        reasons=ruling.reasons,
        asked_at=now.isoformat(timespec="seconds"),
        deadline=(now + within).isoformat(timespec="seconds"),
        after_decision=case.last_decision,
    )
    desk.record(partition, "decision_asked", asked)
