"""Feedback: what a person made of a plan, as one labelled case: what the release is measured by, and learns from.

A decision is recorded as an event in its own transaction, so that it has a hash in the chain as well. No row's value is
in it: signals by their names, actions as values, rows as counts, and the words that a person wrote.
"""

from collections.abc import Mapping
from typing import Any, Literal

from orders_monitor.core.candidate import Candidate
from orders_monitor.core.editing import Change
from orders_monitor.core.investigation import Ending
from orders_monitor.core.plan import Action, Plan
from orders_monitor.core.review import EXPIRY, POLICY, Decision
from orders_monitor.core.value import Value

DECIDED, EDITED = "decided", "edited"
Label = Literal["agreed", "edited", "held", "restored", "rejected", "expired", "settled_by_policy"]


class Named(Value):
    """A signal by its name: its id and its kind."""

    id: str
    kind: str


class Found(Value):
    """What was known of the bytes when it was decided: signals, how the agent ended and what it proposed."""

    signals: tuple[Named, ...] = ()
    ending: Ending | None = None
    model: str = ""
    proposed: tuple[Action, ...] = ()


class Edited(Value):
    """A reviewer's change of a plan: the plan before and after, the digest that they looked at, who and why.

    `before` is the plan that nobody had changed yet. `source` says by which door, `signature` (over a rejection of the
    digest with `editing.edit_text` as its note) proves who, `seen` is the partition's newest decision of then.
    """

    environment: str
    digest: str
    before: Plan
    plan: Plan
    change: Change
    reviewer: str
    note: str
    source: str
    seen: int = 0
    signature: str = ""
    found: Found = Found()


class Decided(Value):
    """A decision and what it was about. `edited_from` is the plan that a reviewer changed into this one, and why."""

    environment: str
    decision: Decision
    plan: Plan
    edited_from: Plan | None = None
    edit_note: str = ""
    found: Found = Found()
    landed_rows: int
    rows: int
    quarantined_rows: int
    duplicate_rows: int


class LabelledCase(Value):
    """One line of `cases export`. `proposed` is the agent's proposal, `plan` what was decided on, each as actions.

    `verdict` of a plan that a reviewer holds is `reject`: it is what became of what was proposed.
    """

    table: str
    partition: str
    environment: str
    label: Label
    verdict: str
    reviewer: str
    reason: str
    source: str
    recorded_at: str
    decision: int | None
    digest: str
    release: str
    model: str
    ending: Ending | None
    origin: str
    author: str
    signals: tuple[Named, ...]
    proposed: tuple[dict[str, Any], ...]
    edited_from: tuple[dict[str, Any], ...]
    edit_reason: str
    plan: tuple[dict[str, Any], ...]
    landed_rows: int | None
    rows: int | None
    quarantined_rows: int | None
    duplicate_rows: int | None


def decided(
    decision: Decision,
    plan: Plan,
    candidate: Candidate,
    *,
    environment: str,
    edited: Edited | None,
    found: Found,
) -> Decided:
    """The record of a decision. `edited` is the partition's newest edit, `found` of the plan's own bytes."""
    mine = edited if edited is not None and edited.plan == plan else None
    return Decided(
        environment=environment,
        decision=decision,
        plan=plan,
        edited_from=None if mine is None else mine.before,
        edit_note="" if mine is None else mine.note,
        found=found,
        landed_rows=candidate.landed_rows,
        rows=candidate.rows,
        quarantined_rows=candidate.quarantined_rows,
        duplicate_rows=candidate.duplicate_rows,
    )


def label_of(case: Decided) -> Label:
    """What became of the plan, in one word."""
    if case.decision.reviewer == EXPIRY:
        return "expired"
    if case.decision.verdict == "reject":
        return "rejected"
    if case.decision.reviewer == POLICY:
        return "settled_by_policy"
    if case.plan.restore is not None:
        return "restored"
    return "agreed" if case.edited_from is None else "edited"


def labelled(kind: str, body: Mapping[str, Any], *, recorded_at: str) -> LabelledCase | None:
    """The line of a recorded decision or edit; None for an edit that only made the next plan to be decided on.

    Raises pydantic's ValidationError for a body that is neither.
    """
    if kind == DECIDED:
        return _of_decision(Decided.model_validate(body))
    edited = Edited.model_validate(body)
    return None if edited.plan.hold is None else _of_hold(edited, recorded_at)


def _of_decision(case: Decided) -> LabelledCase:
    decision = case.decision
    return LabelledCase(
        table=decision.table,
        partition=decision.partition,
        environment=case.environment,
        label=label_of(case),
        verdict=decision.verdict,
        reviewer=decision.reviewer,
        reason=decision.note,
        source=decision.source,
        recorded_at=decision.recorded_at,
        decision=decision.id,
        digest=decision.digest,
        landed_rows=case.landed_rows,
        rows=case.rows,
        quarantined_rows=case.quarantined_rows,
        duplicate_rows=case.duplicate_rows,
        edited_from=() if case.edited_from is None else _deeds(case.edited_from),
        edit_reason=case.edit_note,
        **_common(case.plan, case.found),
    )


def _of_hold(edited: Edited, recorded_at: str) -> LabelledCase:
    return LabelledCase(
        table=edited.plan.table,
        partition=edited.plan.partition,
        environment=edited.environment,
        label="held",
        verdict="reject",
        reviewer=edited.reviewer,
        reason=edited.note or ("" if edited.plan.hold is None else edited.plan.hold.why),
        source=edited.source,
        recorded_at=recorded_at,
        decision=None,
        digest=edited.digest,
        landed_rows=None,
        rows=None,
        quarantined_rows=None,
        duplicate_rows=None,
        edited_from=_deeds(edited.before),
        edit_reason=edited.note,
        **_common(edited.plan, edited.found),
    )


def _common(plan: Plan, found: Found) -> dict[str, Any]:
    return {
        "release": plan.release,
        "model": found.model,
        "ending": found.ending,
        "origin": plan.origin,
        "author": plan.author,
        "signals": found.signals,
        "proposed": tuple(action.model_dump(mode="json") for action in found.proposed),
        "plan": _deeds(plan),
    }


def _deeds(plan: Plan) -> tuple[dict[str, Any], ...]:
    return tuple(action.model_dump(mode="json") for action in plan.actions)
