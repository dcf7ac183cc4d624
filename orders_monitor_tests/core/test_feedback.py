"""Labels: what became of a plan, in one word."""

import pytest

from orders_monitor.core.editing import HoldInstead, SetAside
from orders_monitor.core.feedback import DECIDED, EDITED, Decided, Edited, Found, Named, label_of, labelled
from orders_monitor.core.plan import Hold, Plan, PublishAsIs, RestoreVersion
from orders_monitor.core.predicate import IsNull
from orders_monitor.core.review import Decision

PUBLISH = PublishAsIs()


def plan_of(*actions, **changes) -> Plan:
    given = {"table": "shop", "partition": "2026-03-04", "landed_digest": "landed", "release": "1", "origin": "agent"}
    return Plan(**{**given, "actions": actions or (PUBLISH,), **changes})


def decided_on(plan: Plan, reviewer: str = "ada", verdict: str = "approve", before: Plan | None = None) -> Decided:
    decision = Decision(
        id=7,
        table="shop",
        partition="2026-03-04",
        digest="d" * 64,
        verdict=verdict,
        reviewer=reviewer,
        note="why",
        source="cli",
        recorded_at="2026-03-05T10:00:00+00:00",
    )
    return Decided(
        environment="dev",
        decision=decision,
        plan=plan,
        edited_from=before,
        edit_note="dear" if before else "",
        found=Found(signals=(Named(id="drift:renamed:a", kind="drift"),), ending="answered", proposed=(PUBLISH,)),
        landed_rows=10,
        rows=9,
        quarantined_rows=1,
        duplicate_rows=0,
    )


RESTORE = plan_of(RestoreVersion(publication=1, version=1, candidate_digest="c"), origin="reviewer", author="ada")


@pytest.mark.parametrize(
    ("case", "label"),
    [
        (decided_on(plan_of()), "agreed"),
        (decided_on(plan_of(origin="reviewer", author="ada"), before=plan_of()), "edited"),
        (decided_on(plan_of(), verdict="reject"), "rejected"),
        (decided_on(plan_of(origin="reviewer", author="ada"), verdict="reject", before=plan_of()), "rejected"),
        (decided_on(plan_of(), reviewer="expiry", verdict="reject"), "expired"),
        (decided_on(plan_of(), reviewer="policy"), "settled_by_policy"),
        (decided_on(RESTORE), "restored"),
    ],
)
def test_each_decision_has_one_label(case, label):
    """Policy's and the clock's decisions are labelled as theirs, and an approval by what was approved."""
    assert label == label_of(case)


def test_a_decision_reads_back_as_one_line():
    """The record of an edited plan gives the proposal, the plan before and after, both reasons, and counts of rows."""
    case = decided_on(plan_of(origin="reviewer", author="grace"), before=plan_of(Hold(why="first")))
    line = labelled(DECIDED, case.model_dump(mode="json"), recorded_at="another")

    assert line is not None
    assert ("edited", "ada", "why", "dear", "grace", 7, "2026-03-05T10:00:00+00:00", (10, 9, 1, 0)) == (
        *(line.label, line.reviewer, line.reason, line.edit_reason, line.author, line.decision, line.recorded_at),
        (line.landed_rows, line.rows, line.quarantined_rows, line.duplicate_rows),
    )
    assert (["hold"], ["publish_as_is"], ["publish_as_is"], ["drift:renamed:a"]) == (
        *([deed["kind"] for deed in deeds] for deeds in (line.edited_from, line.plan, line.proposed)),
        [signal.id for signal in line.signals],
    )


def test_an_edit_is_a_case_of_its_own_only_where_nothing_follows():
    """A plan that is held has no decision to come, so the edit is its case; a narrowed one waits for its decision."""
    told = {"environment": "dev", "digest": "d", "before": plan_of(), "reviewer": "ada", "note": "", "source": "page"}
    held = Edited(plan=plan_of(Hold(why="ask the shop")), change=HoldInstead(why="ask the shop"), **told)
    narrowed = Edited(plan=plan_of(), change=SetAside(where=(IsNull(column="a"),)), **told)
    line = labelled(EDITED, held.model_dump(mode="json"), recorded_at="then")

    assert line is not None
    assert ("held", "reject", None, "ask the shop", "then") == (
        *(line.label, line.verdict, line.decision, line.reason, line.recorded_at),
    )
    assert labelled(EDITED, narrowed.model_dump(mode="json"), recorded_at="then") is None
