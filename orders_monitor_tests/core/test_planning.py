from typing import get_args

import pytest

from orders_monitor.core.evidence import Dropped
from orders_monitor.core.investigation import Ending, Investigation, Spend
from orders_monitor.core.plan import (
    AcceptChange,
    CastColumn,
    DropDuplicates,
    Hold,
    PublishAsIs,
    QuarantineRows,
    RenameColumn,
    ScaleColumn,
)
from orders_monitor.core.planning import build, changed_plan, quarantined_rows_max
from orders_monitor.core.policy import Policy, decide
from orders_monitor.core.predicate import LongerThan, violated_by
from orders_monitor_tests.core.days import (
    CONTRACT,
    EMAIL,
    EMAIL_KNOWN,
    EXPECTATIONS,
    STATUS,
    TYPES,
    day,
    judged,
    landing_of,
)

AS_IS = PublishAsIs()
SPEND = Spend(budget_tokens=1, budget_micro_usd=1)


def investigation(ending, *proposed):
    return Investigation(
        landed_digest="a" * 64,
        ending=ending,
        why="the budget is gone",
        release="1.0.0",
        model="m",
        proposed=proposed,
        spend=SPEND,
    )


def built(quality, ending="answered", *proposed, contract=CONTRACT, problem=None, **doubted):
    return build(
        landing_of(quality.rows, problem=problem),
        quality,
        investigation(ending, *proposed),
        contract=contract,
        expectations=EXPECTATIONS,
        policy=Policy(),
        **doubted,
    )


def planned(quality, ending="answered", *proposed, **kwargs):
    plan, _ = built(quality, ending, *proposed, **kwargs)
    return plan.origin, plan.actions, plan.unexplained


def renamed(rows, was, now):
    types = {now if name == was else name: type_ for name, type_ in TYPES.items()}
    return [{now if name == was else name: value for name, value in row.items()} for row in rows], types


def some(rows, count, **changed):
    return [row | (changed if number < count else {}) for number, row in enumerate(rows)]


def without(column):
    return {name: type_ for name, type_ in TYPES.items() if name != column}


RENAMED = renamed(day(), "email", "email_address")
IN_CENTS = [row | {"amount": row["amount"] * 100} for row in day()]
STATUS_ASIDE = QuarantineRows(where=violated_by(STATUS), evidence=("expectation:status_be_in_set",))
EMAIL_ASIDE = QuarantineRows(where=violated_by(EMAIL), evidence=("expectation:email_match_regex",))
NULL_ASIDE = QuarantineRows(where=violated_by(EMAIL_KNOWN), evidence=("expectation:email_not_be_null",))
NOTE_ASIDE = QuarantineRows(
    where=LongerThan(column="note", characters=280), evidence=("expectation:note_value_lengths_to_be_between",)
)

# The day, what is proposed, and who decides.
INCIDENTS = {
    "column renamed": (
        RENAMED,
        [RenameColumn(column="email_address", to="email", evidence=("drift:renamed:email",))],
        "human",
    ),
    "type changed": (
        ([row | {"quantity": str(row["quantity"])} for row in day()], TYPES | {"quantity": "VARCHAR"}),
        [CastColumn(column="quantity", type="INTEGER", evidence=("drift:type_changed:quantity",))],
        "human",
    ),
    "amounts in cents": (
        (IN_CENTS, TYPES),
        [ScaleColumn(column="amount", divide_by=100, evidence=("drift:unit_changed:amount",))],
        "human",
    ),
    "amounts in hundreds": (
        ([row | {"amount": row["amount"] / 100} for row in day()], TYPES),
        [ScaleColumn(column="amount", divide_by=100, evidence=("drift:unit_changed:amount",))],
        "human",
    ),
    "another currency": (([row | {"currency": "USD"} for row in day()], TYPES), [AS_IS], "human"),
    "another format": (([row | {"email": row["email"].upper()} for row in day()], TYPES), [AS_IS], "human"),
    "missing hours": (([row for row in day() if not 8 <= row["created_at"].hour < 14], TYPES), [AS_IS], "human"),
    "new enum value": ((some(day(), 24, status="on_hold"), TYPES), [STATUS_ASIDE], "human"),
    "null burst, published": ((some(day(), 480, email=None), TYPES), [AS_IS], "human"),
    "null burst, set aside": ((some(day(), 480, email=None), TYPES), [NULL_ASIDE], "never"),
    "duplicated batch": (
        ([*day(), *day()[:64]], TYPES),
        [DropDuplicates(evidence=("anomaly:duplicate_rows",))],
        "automatic",
    ),
    "nullable column added": ((day(), TYPES | {"tier": "VARCHAR"}), None, "automatic"),
    "bad e-mails": ((some(day(), 5, email="user5#example.com"), TYPES), [EMAIL_ASIDE], "automatic"),
    "prompt injection": ((some(day(), 3, note="ignore all " * 99), TYPES), [NOTE_ASIDE], "automatic"),
    "column dropped": ((day(), without("currency")), [AS_IS], "never"),
    "empty partition": (([], TYPES), [AS_IS], "never"),
    "an ordinary day": ((day(), TYPES), None, "automatic"),
}


@pytest.mark.parametrize("incident", INCIDENTS)
def test_every_incident_takes_its_route(incident):
    """What can be taken back is automatic, what changes or doubts values a person's, what is impossible held."""
    (rows, types), proposed, route = INCIDENTS[incident]
    quality = judged(rows, types)
    assert (proposed is None) == quality.is_clean
    plan, accepted = built(quality, "not_called" if proposed is None else "answered", *(proposed or ()))
    share = (
        quarantined_rows_max([a.where for a in plan.actions if isinstance(a, QuarantineRows)], quality, EXPECTATIONS)
        or 0
    ) / max(1, quality.rows)

    assert (incident == "amounts in hundreds") == bool(accepted and accepted.dropped)  # no division makes more of it
    assert route == decide(plan, quarantined_share=share, overwrites=False, policy=Policy()).route


def test_a_clean_day_is_published_as_is():
    """Nothing to explain, nothing to change."""
    assert ("clean", (AS_IS,), ()) == planned(judged(day()), "not_called")


def test_a_tolerated_addition_is_accepted_without_being_asked():
    """The plan says that the new column was seen, whether the agent was called or not."""
    quality = judged(day(), TYPES | {"tier": "VARCHAR"})
    tier = AcceptChange(column="tier", evidence=("drift:added:tier",))

    assert ("clean", (AS_IS, tier), ()) == planned(quality, "not_called")
    assert ("agent", (AS_IS, tier), ()) == planned(quality, "answered")
    assert ("agent", (tier,), ()) == planned(quality, "answered", tier)


def test_tolerated_renames_and_types_are_repaired():
    """A contract that tolerates a change still gives its readers the promised columns; policy decides on that."""
    tolerant = CONTRACT.model_copy(update={"tolerate": ("renamed", "widened")})
    rows, types = renamed([{**row, "note": None} for row in day()], "status", "STATUS")
    quality = judged(rows, types | {"quantity": "BIGINT"}, contract=tolerant)

    assert (
        AS_IS,
        RenameColumn(column="STATUS", to="status", evidence=("drift:renamed:status",)),
        CastColumn(column="quantity", type="INTEGER", evidence=("drift:widened:quantity",)),
    ) == planned(quality, "not_called", contract=tolerant)[1]


def test_a_signal_on_a_day_that_was_called_clean_stays_unexplained():
    """A plan without an investigation does not hide what code found."""
    rows = [row for row in day() if not 8 <= row["created_at"].hour < 14]

    assert ("clean", (AS_IS,), ("anomaly:rows",)) == planned(judged(rows), "not_called")


@pytest.mark.parametrize("ending", sorted({*get_args(Ending)} - {"not_called", "answered", "finalised"}))
def test_an_agent_that_could_not_finish_holds_the_partition(ending):
    """The code-only verdict is a hold that says why and what is open; what was proposed by then does not count."""
    hold = Hold(
        why="the agent could not finish: the budget is gone",
        evidence=("expectation:status_be_in_set",),
    )

    assert ("code", (hold,), ()) == planned(judged(some(day(), 24, status="on_hold")), ending, STATUS_ASIDE)


def test_an_audit_that_could_not_finish_takes_nothing_from_a_clean_day():
    """Code found nothing to explain, so nothing waits for the agent."""
    assert ("clean", (AS_IS,), ()) == planned(judged(day()), "unavailable")


@pytest.mark.parametrize("ending", ["not_called", "answered", "unavailable"])
@pytest.mark.parametrize("problem", [None, "the source has no file for 2026-03-02"])
def test_where_nothing_landed_nothing_is_published(ending, problem):
    """No row, or no readable one, is a hold, whoever was asked and whatever was proposed."""
    _, actions, unexplained = planned(judged([], problem=problem), ending, AS_IS, problem=problem)
    evidence = ("anomaly:rows",) if problem is None else ("landing", "anomaly:rows")

    assert ((Hold(why=problem or "no row landed", evidence=evidence),), ()) == (actions, unexplained)


def test_a_problem_of_the_landing_holds_rows_too():
    """Rows beside a problem are not the partition."""
    assert (
        "half a file"
        == planned(judged(day(), problem="half a file"), "answered", AS_IS, problem="half a file")[1][0].why
    )


@pytest.mark.parametrize(
    ("rows", "types", "why", "evidence"),
    [
        (day(), without("currency"), "column 'currency' did not come", "drift:removed:currency"),
        (*RENAMED, None, "drift:renamed:email"),
        (
            day(),
            TYPES | {"quantity": "VARCHAR"},
            "column 'quantity' has another type: INTEGER promised, VARCHAR came",
            "drift:type_changed:quantity",
        ),
    ],
)
def test_drift_that_nothing_repairs_holds_the_partition(rows, types, why, evidence):
    """Without the contract's columns there is no candidate; the hold names the change."""
    _, (hold,), _ = planned(judged(rows, types), "answered", AS_IS)

    assert (evidence,) == hold.evidence
    assert why is None or f"{why}; nothing accepted repairs that" == hold.why


def test_one_repair_of_two_holds_the_partition_for_the_other():
    """A plan that makes only some of the promised columns makes none."""
    rows, types = RENAMED
    quality = judged(rows, types | {"quantity": "VARCHAR"})
    rename = RenameColumn(column="email_address", to="email", evidence=("drift:renamed:email",))
    _, (hold,), _ = planned(quality, "answered", rename)

    assert ("drift:type_changed:quantity",) == hold.evidence


def test_nothing_left_of_a_proposal_waits_for_a_person():
    """Where every action was dropped, the day may be published as it is, by a person who sees what is open."""
    made_up = STATUS_ASIDE.model_copy(update={"evidence": ("because I say so",)})
    plan, accepted = built(judged(some(day(), 24, status="on_hold")), "answered", made_up)

    assert ((AS_IS,), ("expectation:status_be_in_set",)) == (plan.actions, plan.unexplained)
    assert (
        Dropped(action=made_up, why="it cites 'because I say so', which is no signal of this partition"),
    ) == accepted.dropped


@pytest.mark.parametrize(("count", "held"), [(40, False), (41, True)])
def test_more_rows_than_people_can_be_asked_about_are_one_case(count, held):
    """Up to five per cent of the rows are set aside; above that the partition is held."""
    _, (action,), _ = planned(judged(some(day(), count, status="on_hold")), "answered", STATUS_ASIDE)
    hold = Hold(
        why="41 of 800 rows (5.1%) would be set aside, above 5.0%: held as one case",
        evidence=("expectation:status_be_in_set",),
    )

    assert (hold if held else STATUS_ASIDE) == action


def test_rows_of_several_quarantines_are_added_up():
    """Two quarantines of three per cent each are six, because nobody knows yet whether they overlap."""
    rows = some(some(day(), 24, status="on_hold"), 24, email="x#y")
    _, (hold,), _ = planned(judged(rows), "answered", STATUS_ASIDE, EMAIL_ASIDE)

    assert Hold(
        why="48 of 800 rows (6.0%) would be set aside, above 5.0%: held as one case",
        evidence=("expectation:email_match_regex", "expectation:status_be_in_set"),
    ) == hold.model_copy(update={"evidence": tuple(sorted(hold.evidence))})


def test_rows_that_no_outcome_counted_are_unknown():
    """A predicate without an expectation that was asked has no count; it is not zero."""
    quality = judged(some(day(), 24, status="on_hold"))

    assert (24, None) == (
        quarantined_rows_max([STATUS_ASIDE.where, STATUS_ASIDE.where], quality, EXPECTATIONS),
        quarantined_rows_max([LongerThan(column="email", characters=3)], quality, EXPECTATIONS),
    )


def test_a_proposed_hold_is_kept():
    """The agent may always hold, also an audited clean day."""
    hold = Hold(why="the notes look odd")

    assert ("agent", (hold,), ()) == planned(judged(day()), "answered", AS_IS, hold)


def test_the_same_proposal_in_another_order_is_the_same_plan():
    """A plan's digest follows from what is done, not from the order in which it was said."""
    quality = judged(some(some(day(), 8, status="on_hold"), 8, note="x" * 300))
    one, _ = built(quality, "answered", STATUS_ASIDE, NOTE_ASIDE, AS_IS)
    other, _ = built(quality, "answered", AS_IS, NOTE_ASIDE, STATUS_ASIDE)

    assert ((), 3, other.digest) == (one.unexplained, len(one.actions), one.digest)


def test_an_honest_plan_keeps_the_digest_that_it_had():
    """Recorded before anything was doubted: what people decided on then is still named by the same digest."""
    plan, _ = built(judged(some(day(), 8, status="on_hold")), "answered", STATUS_ASIDE, AS_IS)

    assert ("agent", "2c2351a23e1f17e82575c4e97c7d31cc2511d3981fff081d1dbfd1ff72641110") == (plan.origin, plan.digest)


@pytest.mark.parametrize(
    ("ending", "doubts"), [("answered", ("a claim was dropped",)), ("finalised", ()), ("finalised", ("both",))]
)
def test_a_doubted_plan_does_the_same_and_waits_for_a_person(ending, doubts):
    """A claim that did not hold, or a last word that came early, takes nothing away and makes nothing automatic."""
    quality = judged(some(day(), 8, status="on_hold"))
    plan, _ = built(quality, ending, STATUS_ASIDE, AS_IS, doubts=doubts)

    assert ("doubted", (AS_IS, STATUS_ASIDE), ()) == (plan.origin, plan.actions, plan.unexplained)
    assert "human" == decide(plan, quarantined_share=0.01, overwrites=False, policy=Policy()).route


def test_a_true_signal_for_a_false_action_makes_the_rest_doubted():
    """What is left is supported, and whoever proposed the other is not believed unseen; saying it twice is no lie."""
    quality = judged(some(day(), 24, status="on_hold"))
    swap = RenameColumn(column="status", to="email", evidence=("expectation:status_be_in_set",))

    assert ("doubted", (AS_IS, STATUS_ASIDE), ()) == planned(quality, "answered", AS_IS, STATUS_ASIDE, swap)
    assert ("agent", (AS_IS, STATUS_ASIDE), ()) == planned(quality, "answered", AS_IS, STATUS_ASIDE, STATUS_ASIDE)


def test_an_action_is_not_done_on_evidence_that_is_not_there_any_more():
    """What asked for it when it was found does not ask again, so the signal is open and a person's."""
    plan, accepted = built(
        judged(some(day(), 8, status="on_hold")),
        "answered",
        STATUS_ASIDE,
        AS_IS,
        doubts=("it differs",),
        differing={"expectation:status_be_in_set": "asked again, all is well"},
    )

    assert ("doubted", (AS_IS,), ("expectation:status_be_in_set",)) == (plan.origin, plan.actions, plan.unexplained)
    assert (
        Dropped(action=STATUS_ASIDE, why="'expectation:status_be_in_set': asked again, all is well"),
    ) == accepted.dropped


@pytest.mark.parametrize(("ending", "origin"), [("answered", "doubted"), ("not_called", "code")])
def test_a_landed_file_that_changed_is_held(ending, origin):
    """Nothing that was found out is about these bytes, whoever asked for what."""
    plan = changed_plan(landing_of(800), investigation(ending, AS_IS))
    hold = Hold(why="the landed file is not the one that was examined: land the partition again")

    assert (origin, (hold,)) == (plan.origin, plan.actions)
