"""deciding: the one way in for every decision, by whichever door, and whose decision is asked for.

The command line, the Launchpad job, the review page and the policy all end in `record_decision`. Which recorded
decisions count is `trust`'s; what they amount to is the gate's (`core.review`).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from orders_monitor.adapters.releases import load_release
from orders_monitor.core.candidate import Candidate
from orders_monitor.core.errors import AllowanceSpent, ReviewRefused
from orders_monitor.core.expectation import Outcome
from orders_monitor.core.feedback import EDITED, Edited
from orders_monitor.core.investigation import Investigation
from orders_monitor.core.modes import modes_of
from orders_monitor.core.people import assigned, is_nobodys, signed_text
from orders_monitor.core.plan import Plan
from orders_monitor.core.policy import Ruling, Settled, decide, settled_by
from orders_monitor.core.quality import Quality
from orders_monitor.core.review import EXPIRY, POLICY, Asked, Case, Decision, Verdict, gate
from orders_monitor.pipeline.resources import Desk

# Nothing that looks like a letter of another name: a bare name proves nothing, but it is on record.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.@+-]{0,99}")


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
    if by.source != POLICY:
        require_a_name(desk, partition, by.name.strip())
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


def require_a_name(desk: Desk, partition: str, name: str) -> None:
    """Raise ReviewRefused for what is nobody's name, or none that a record may hold."""
    why = None
    if is_nobodys(name):
        why = f"{name!r} is nobody's name: the system itself answers by it"
    elif name and not NAME.fullmatch(name):
        why = f"{name[:100]!r} is no name: it has up to 100 of a-z, A-Z, 0-9, blank and _.@+-"
    if why is not None:
        raise ReviewRefused(table=desk.table.name, partition=partition, why=why)


def put_to_decision(
    desk: Desk, partition: str, *, plan: Plan, candidate: Candidate, outcomes: Sequence[Outcome]
) -> Ruling:
    """Ask for the decision that the declared policy wants, and record the policy's own answer where it has one."""
    ruling = ask_for(desk, partition, plan=plan, candidate=candidate, outcomes=outcomes)
    if ruling.route != "automatic":
        return ruling
    if not desk.gate(partition).waits:
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
        ruling = _for_a_person(ruling, spent.why)
        _record(desk, partition, plan, ruling)
    return ruling


def ask_for(desk: Desk, partition: str, *, plan: Plan, candidate: Candidate, outcomes: Sequence[Outcome]) -> Ruling:
    """Whose decision the policy wants as it is declared now; recorded, so that the gate knows.

    After any person's decision on this partition, or change of its plan, the next plan is for a person too.
    """
    case = desk.case(partition)
    ruling = decide(
        plan,
        quarantined_share=candidate.quarantined_rows / max(1, candidate.landed_rows),
        overwrites=case.overwrites,
        policy=desk.table.policy,
        environment=desk.settings.environment,
        still_failing=[outcome.check_name for outcome in outcomes if not outcome.passed],
    )
    before = _who_before(desk, case) if ruling.route == "automatic" else None
    if before is not None:
        ruling = _for_a_person(ruling, f"{before} decided on this partition before")
    _record(desk, partition, plan, ruling)
    return ruling


def _who_before(desk: Desk, case: Case) -> str | None:
    """Who has decided on the partition, or has changed a plan of it: to hold it is a decision too."""
    decided = next((decision.reviewer for decision in case.decisions if decision.by_a_person), None)
    edited = desk.find(case.partition, EDITED, Edited) if decided is None else None
    return decided if edited is None else edited.reviewer


def _for_a_person(ruling: Ruling, why: str) -> Ruling:
    return Ruling(route="human", reasons=(f"{why}: human", *ruling.reasons))


def _record(desk: Desk, partition: str, plan: Plan, ruling: Ruling) -> None:
    """The time to decide runs from when it was first asked, and again after it had expired."""
    case = desk.case(partition)
    if case.digest is None:
        return
    known = case.asked if case.asked is not None and case.asked.digest == case.digest else None
    decided = gate(case).decision
    expired = decided is not None and decided.reviewer == EXPIRY
    timed = _asked_now(desk, case, case.digest, ruling) if known is None or expired else known
    about = {
        "route": ruling.route,
        "reasons": ruling.reasons,
        "not_by": _not_by(desk, plan, ruling, () if known is None else known.not_by),
        "assigned": _assigned(desk, plan),
    }
    asked = timed.model_copy(update=about)
    if asked != known:
        desk.record(partition, "decision_asked", asked)


def _asked_now(desk: Desk, case: Case, digest: str, ruling: Ruling) -> Asked:
    now, within = desk.journal.now(), timedelta(hours=desk.table.policy.decide_within_h)
    return Asked(
        digest=digest,
        route=ruling.route,
        asked_at=now.isoformat(timespec="seconds"),
        deadline=(now + within).isoformat(timespec="seconds"),
        after_decision=case.last_decision,
    )


def _not_by(desk: Desk, plan: Plan, ruling: Ruling, known: tuple[str, ...]) -> tuple[str, ...]:
    """Nobody approves what their own release proposed, where two people are needed. Raises ReleaseInvalid."""
    if ruling.route != "two_humans" or plan.origin in ("clean", "code"):
        return known
    author = load_release(desk.settings.prompts, desk.table.agent).author
    return tuple(dict.fromkeys((*known, *((author,) if author else ()))))


def _assigned(desk: Desk, plan: Plan) -> tuple[str, ...]:
    """Whose case it is, by what was found out about the bytes that the plan is for."""
    if not desk.table.review.assigned:
        return ()
    quality = desk.found_of(plan, "quality", Quality)
    investigation = desk.found_of(plan, "investigation", Investigation)
    return assigned(desk.table.review.assigned, modes_of(quality, investigation))
