"""What a reviewer may change of a plan: fewer rows, or none."""

import pytest

from orders_monitor.core.candidate import Candidate, Validation
from orders_monitor.core.contract import Column, Contract
from orders_monitor.core.editing import HoldInstead, SetAside, edited, predicate_of, require_editable
from orders_monitor.core.errors import DecidedAlready, ReviewRefused
from orders_monitor.core.expectation import Expectation, Outcome
from orders_monitor.core.plan import DropDuplicates, Hold, Plan, PublishAsIs, QuarantineRows, RestoreVersion
from orders_monitor.core.predicate import IsNull, LongerThan, NotIn, NotMatching, OutOfRange
from orders_monitor.core.quality import Quality, Signal
from orders_monitor.core.review import Case, Decision

PUBLISH, MISSING = PublishAsIs(), QuarantineRows(where=IsNull(column="amount"), evidence=("expectation:known",))
CONTRACT = Contract(columns=(Column(name="amount", type="DOUBLE"), Column(name="status", type="VARCHAR")))
ASKED = (
    Expectation(type="expect_column_values_to_not_be_null", kwargs={"column": "amount"}, id="known"),
    Expectation(
        type="expect_column_values_to_be_in_set", kwargs={"column": "status", "value_set": ["paid"]}, id="allowed"
    ),
)
QUALITY = Quality(
    landed_digest="landed",
    problem=None,
    rows=100,
    changes=(),
    outcomes=tuple(
        Outcome(
            check_name=expectation.check_name,
            type=expectation.type,
            column=expectation.column,
            severity="gate",
            passed=False,
            observed="",
            rows=100,
            unexpected=1,
        )
        for expectation in ASKED
    ),
    baselines=(),
    anomalies=(),
    signals=tuple(
        Signal(id=f"expectation:{name}", kind="expectation", severity="gate", sentence=name)
        for name in ("known", "allowed")
    ),
)


def plan_of(*actions, **changes) -> Plan:
    given = {"table": "shop", "partition": "2026-03-04", "landed_digest": "landed", "release": "1", "origin": "agent"}
    return Plan(**{**given, "actions": actions, **changes})


def case_of(plan: Plan, **parts) -> Case:
    candidate = Candidate(
        plan_digest=plan.digest,
        landed_digest=plan.landed_digest,
        path="p",
        digest="bytes",
        size_bytes=1,
        landed_rows=1,
        rows=1,
        quarantined_rows=0,
        duplicate_rows=0,
    )
    known = {"candidate": candidate, "validation": Validation(candidate_digest="bytes", outcomes=())}
    return Case(table="shop", partition="2026-03-04", environment="dev", plan=plan, **{**known, **parts})


@pytest.mark.parametrize(
    ("text", "predicate"),
    [
        ("amount is_null", IsNull(column="amount")),
        ("status not_in paid, shipped", NotIn(column="status", values=("paid", "shipped"))),
        ("amount below 0", OutOfRange(column="amount", minimum="0")),
        ("amount above 1e3", OutOfRange(column="amount", maximum="1e3")),
        ("amount outside -1 1", OutOfRange(column="amount", minimum="-1", maximum="1")),
        ("e mail not_matching ^[^ ]+ @", NotMatching(column="e mail", regex="^[^ ]+ @")),
        ("note longer_than 280", LongerThan(column="note", characters=280)),
        ('{"kind": "is_null", "column": "is_null below"}', IsNull(column="is_null below")),
    ],
)
def test_rows_are_named_as_a_person_types_them(text, predicate):
    """A column, a word and what it takes are one predicate; a column that reads like a word is named in JSON."""
    assert predicate == predicate_of(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("amount", "'amount' names no rows; say a column and one of"),
        ("amount is_null 3", "is_null takes no value"),
        ("amount below", "below takes a value"),
        ("amount outside 3", "outside takes two values"),
        ("note longer_than long", "longer_than takes a number of characters"),
        ("amount = 1 or 1 = 1", "names no rows"),
        ('{"kind": "sql", "column": "amount"}', "is no predicate: it: Input tag 'sql'"),
        ("{", "is no predicate: it: Invalid JSON"),
    ],
)
def test_what_names_no_rows_is_one_sentence(text, why):
    """What cannot be read says what can be typed, in one line."""
    with pytest.raises(ValueError, match=r"^[^\n]*$") as refused:
        predicate_of(text)

    assert why in str(refused.value)


def narrowed(change, *actions) -> Plan:
    return edited(
        plan_of(*(actions or (PUBLISH, MISSING))),
        change,
        author="ada",
        quality=QUALITY,
        contract=CONTRACT,
        expectations=ASKED,
    )


def test_other_rows_take_the_place_of_the_plans():
    """The new predicate cites what asks for it, and what nothing explains any more is said to be unexplained."""
    allowed = NotIn(column="status", values=("paid",))
    plan = narrowed(SetAside(where=(allowed,)))
    mine = QuarantineRows(where=allowed, evidence=("expectation:allowed",))

    assert plan_of(PUBLISH, mine, origin="reviewer", author="ada", unexplained=("expectation:known",)) == plan


def test_rows_are_added_to_the_plans():
    """With `also` the plan's own rows keep their evidence, and a predicate that nothing asks for cites nothing."""
    dear = OutOfRange(column="amount", maximum="9")
    plan = narrowed(SetAside(where=(dear, MISSING.where), also=True), PUBLISH, DropDuplicates(), MISSING)

    assert (PUBLISH, DropDuplicates(), MISSING, QuarantineRows(where=dear)) == plan.actions


def test_a_hold_cites_what_the_plan_cited():
    """A plan that is held instead does nothing else, explains nothing, and is another plan with another digest."""
    plan = narrowed(HoldInstead(why="ask the shop"))

    assert (Hold(why="ask the shop", evidence=("expectation:known",)),) == plan.actions
    assert (("reviewer", "ada"), True) == ((plan.origin, plan.author), plan.digest != plan_of(PUBLISH, MISSING).digest)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (SetAside(where=(MISSING.where,)), "that is the plan already"),
        (SetAside(where=(IsNull(column='x"; --'),)), "is not a column of the contract; there are: amount, status"),
    ],
)
def test_an_edit_that_is_none_is_refused(change, why):
    """What changes nothing, or names no column of the contract, makes no plan."""
    with pytest.raises(ReviewRefused, match=why):
        narrowed(change)


def test_only_what_waits_is_edited():
    """Another digest, a held plan, a restore and unasked bytes are refused; what is decided says who was first."""
    waiting, held = case_of(plan_of(PUBLISH)), case_of(plan_of(Hold(why="no file")))
    restore = case_of(plan_of(RestoreVersion(publication=1, version=1, candidate_digest="bytes"), author="ada"))
    where = {"table": "shop", "partition": "2026-03-04", "reviewer": "grace", "note": "", "source": "cli"}
    rejection = Decision(id=1, digest=waiting.digest, verdict="reject", recorded_at="2026-03-05", **where)

    require_editable(waiting, waiting.digest[:12])
    for case, digest, why in (
        (waiting, waiting.digest[:11], "name at least the first 12 characters"),
        (waiting, "f" * 12, "ffffffffffff is not what waits"),
        (held, "f" * 12, "there is nothing to edit: held: no file"),
        (restore, restore.digest, "approved or rejected whole"),
        (case_of(plan_of(PUBLISH), validation=None), waiting.digest, "there is nothing to edit"),
    ):
        with pytest.raises(ReviewRefused, match=why):
            require_editable(case, digest)
    with pytest.raises(DecidedAlready) as decided:
        require_editable(waiting.model_copy(update={"decisions": (rejection,)}), waiting.digest)
    assert ("grace", "reject", "2026-03-05") == (
        decided.value.reviewer,
        decided.value.verdict,
        decided.value.recorded_at,
    )
