"""editing: a reviewer narrows a plan; what comes of it is a new plan with its own candidate, validation and digest.

The candidate is made and asked about before anything is recorded, and everything is recorded in one transaction which
asks once more whether the old digest still waits: somebody may have decided meanwhile.
"""

from dataclasses import dataclass

from orders_monitor.core.candidate import Candidate, Validation
from orders_monitor.core.editing import Change, edit_text, edited, require_editable
from orders_monitor.core.errors import PlanInapplicable, ReviewRefused
from orders_monitor.core.expectation import Outcome
from orders_monitor.core.feedback import EDITED, Edited
from orders_monitor.core.plan import Plan
from orders_monitor.core.quality import Quality
from orders_monitor.core.review import Decision
from orders_monitor.core.value import Value
from orders_monitor.pipeline.candidate import made
from orders_monitor.pipeline.deciding import Identity, ask_for, require_a_name
from orders_monitor.pipeline.quality import ask
from orders_monitor.pipeline.resources import Desk


@dataclass(frozen=True, slots=True)
class _Tried:
    """The edited plan's bytes and what the expectations say of them; None of both for a plan that holds."""

    candidate: Candidate | None = None
    outcomes: tuple[Outcome, ...] = ()


def edit(desk: Desk, partition: str, *, digest: str, change: Change, by: Identity, note: str = "") -> Plan:
    """Record the plan that a reviewer wants instead of the one that waits under a digest, and ask for its decision.

    The old digest is stale then. Raises ReviewRefused where it cannot be had (nothing is recorded), and DecidedAlready
    where somebody was first.
    """
    author = by.name.strip()
    require_a_name(desk, partition, author)
    case = desk.case(partition)
    require_editable(case, digest)
    before, quality = desk.read(partition, "plan", Plan), desk.read(partition, "quality", Quality)
    plan = edited(
        before,
        change,
        author=author,
        quality=quality,
        contract=desk.table.contract,
        expectations=desk.table.asked,
    )
    tried = _try(desk, partition, plan)
    desk.journal.revise(
        Decision(
            id=0,
            table=desk.table.name,
            partition=partition,
            digest=digest,
            verdict="reject",
            reviewer=author,
            note=edit_text(change, note),
            source=by.source,
        ),
        environment=desk.settings.environment,
        sign=lambda decision: by.signature(decision, desk),
        edited=Edited(
            environment=desk.settings.environment,
            digest=case.digest or "",
            before=_first_of(desk, partition, before),
            plan=plan,
            change=change,
            reviewer=author,
            note=note,
            source=by.source,
        ),
        bodies=_bodies(plan, tried),
    )
    if tried.candidate is not None:
        ask_for(desk, partition, plan=plan, candidate=tried.candidate, outcomes=tried.outcomes)
    return plan


def _try(desk: Desk, partition: str, plan: Plan) -> _Tried:
    """Make the bytes and ask about them. Raises ReviewRefused where the plan does not fit them or leaves too little."""
    if plan.hold is not None:
        return _Tried()
    try:
        candidate = made(desk, partition, plan)
    except PlanInapplicable as error:
        raise _refused(desk, partition, str(error)) from error
    aside, rows, limit = candidate.quarantined_rows, candidate.landed_rows, desk.table.policy.review_share_max
    if aside > limit * rows:
        share = f"{aside:,} of {rows:,} rows ({aside / rows:.1%})"
        raise _refused(desk, partition, f"{share} would be set aside, above {limit:.1%}: hold it instead")
    if not aside:
        raise _refused(desk, partition, "it sets no row aside: approve what waits, hold it, or name other rows")
    if not candidate.rows:
        raise _refused(desk, partition, "no row would be left to publish: hold it instead")
    return _Tried(candidate, ask(desk, partition, path=candidate.path, digest=candidate.digest))


def _bodies(plan: Plan, tried: _Tried) -> list[tuple[str, Value]]:
    if tried.candidate is None:
        return [("plan", plan)]
    validation = Validation(candidate_digest=tried.candidate.digest, outcomes=tried.outcomes)
    return [("plan", plan), ("candidate", tried.candidate), ("validation", validation)]


def _first_of(desk: Desk, partition: str, before: Plan) -> Plan:
    """The plan before anybody changed it."""
    last = desk.find(partition, EDITED, Edited)
    return last.before if last is not None and last.plan == before else before


def _refused(desk: Desk, partition: str, why: str) -> ReviewRefused:
    return ReviewRefused(table=desk.table.name, partition=partition, why=why)
