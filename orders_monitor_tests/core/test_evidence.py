import functools

import pytest

from orders_monitor.core.contract import Contract
from orders_monitor.core.evidence import Accepted, Dropped, accept
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
from orders_monitor.core.predicate import IsNull, LongerThan, NotIn, violated_by
from orders_monitor_tests.core.days import (
    CONTRACT,
    EMAIL_KNOWN,
    EXPECTATIONS,
    NOTE,
    STATUS,
    TYPES,
    day,
    judged,
)

RENAME = RenameColumn(column="email_address", to="email", evidence=("drift:renamed:email",))
CAST = CastColumn(column="quantity", type="INTEGER", evidence=("drift:type_changed:quantity",))
SCALE = ScaleColumn(column="amount", divide_by=100, evidence=("drift:unit_changed:amount",))
ONE_OF_EACH = DropDuplicates(evidence=("anomaly:duplicate_rows",))
TIER = AcceptChange(column="tier", evidence=("drift:added:tier",))
STATUS_ASIDE = QuarantineRows(where=violated_by(STATUS), evidence=("expectation:status_be_in_set",))
NO_STATUS = IsNull(column="status")


@functools.cache
def bad_day():
    """Everything goes wrong at once: renamed, retyped, in cents, repeated, unknown status, a new column."""
    rows = [{("email_address" if k == "email" else k): v for k, v in row.items()} for row in day()]
    rows = [row | {"amount": row["amount"] * 100} for row in rows]
    rows = [row | ({"status": "on_hold"} if number < 20 else {}) for number, row in enumerate(rows)]
    types = {("email_address" if name == "email" else name): type_ for name, type_ in TYPES.items()}
    return judged([*rows, *rows[:64]], types | {"quantity": "VARCHAR", "tier": "VARCHAR"})


def accepted(*proposed, quality=None, contract=CONTRACT):
    return accept(proposed, bad_day() if quality is None else quality, contract, EXPECTATIONS)


def test_actions_whose_evidence_holds_explain_everything():
    """Each signal asks for its action; together nothing is left, and they come in the order of doing."""
    assert Accepted(
        actions=(TIER, RENAME, CAST, SCALE, ONE_OF_EACH, STATUS_ASIDE), dropped=(), unexplained=()
    ) == accepted(STATUS_ASIDE, ONE_OF_EACH, SCALE, CAST, RENAME, TIER)


@pytest.mark.parametrize(
    ("proposed", "why"),
    [
        (RENAME.model_copy(update={"column": "tier"}), "'drift:renamed:email' does not ask for this action"),
        (RENAME.model_copy(update={"to": "note"}), "'drift:renamed:email' does not ask for this action"),
        (RENAME.model_copy(update={"evidence": ()}), "it cites no evidence"),
        (
            RENAME.model_copy(update={"evidence": ("drift:renamed:email", "drift:renamed:x")}),
            "it cites 'drift:renamed:x', which is no signal of this partition",
        ),
        (
            RENAME.model_copy(update={"evidence": ("drift:renamed:email", "anomaly:duplicate_rows")}),
            "'anomaly:duplicate_rows' does not ask for this action",
        ),
        (
            RENAME.model_copy(update={"evidence": ("expectation:email_match_regex",)}),
            "it cites consequences only, not the signal that asks for it",
        ),
        (CAST.model_copy(update={"type": "BIGINT"}), "'drift:type_changed:quantity' does not ask for this action"),
        (CAST.model_copy(update={"column": "amount"}), "'drift:type_changed:quantity' does not ask for this action"),
        (SCALE.model_copy(update={"divide_by": 1000}), "'drift:unit_changed:amount' does not ask for this action"),
        (SCALE.model_copy(update={"column": "quantity"}), "'drift:unit_changed:amount' does not ask for this action"),
        (TIER.model_copy(update={"column": "email"}), "'drift:added:tier' does not ask for this action"),
        (
            STATUS_ASIDE.model_copy(update={"where": NotIn(column="status", values=("paid",))}),
            "'expectation:status_be_in_set' does not ask for this action",
        ),
        (
            STATUS_ASIDE.model_copy(update={"where": NO_STATUS}),
            "'expectation:status_be_in_set' does not ask for this action",
        ),
        (
            QuarantineRows(where=violated_by(NOTE), evidence=("expectation:note_value_lengths_to_be_between",)),
            "it cites 'expectation:note_value_lengths_to_be_between', which is no signal of this partition",
        ),
    ],
)
def test_an_action_that_its_evidence_does_not_ask_for_is_dropped(proposed, why):
    """Another column, value, factor or predicate than the signal's, or an id that is none, is not done."""
    result = accepted(proposed)

    assert ((), (Dropped(action=proposed, why=why),)) == (result.actions, result.dropped)


def test_a_consequence_may_be_cited_beside_its_cause():
    """An expectation that could not be asked supports the rename together with the drift itself."""
    cited = RENAME.model_copy(update={"evidence": ("drift:renamed:email", "expectation:email_match_regex")})

    assert (cited,) == accepted(cited).actions


def test_what_no_action_explains_is_listed():
    """Publishing as is explains nothing: every gate and warn signal is left, tolerated ones are not."""
    result = accepted(PublishAsIs())

    assert (PublishAsIs(),) == result.actions
    assert tuple(s.id for s in bad_day().signals if s.severity != "info") == result.unexplained


def test_a_dropped_action_explains_nothing():
    """The signals of an action that was not accepted stay unexplained."""
    result = accepted(TIER, RENAME, CAST, SCALE.model_copy(update={"divide_by": 1000}), ONE_OF_EACH, STATUS_ASIDE)

    assert ("drift:unit_changed:amount", "expectation:amount_be_between") == result.unexplained


def test_a_hold_wins_over_everything():
    """One hold among the proposals is the whole plan; evidence that is none is not repeated."""
    hold = Hold(why="ask the upstream", evidence=("drift:renamed:email", "made up"))

    assert Accepted(
        actions=(Hold(why="ask the upstream", evidence=("drift:renamed:email",)),),
        dropped=(Dropped(action=RENAME, why="the partition is held"),),
        unexplained=(),
    ) == accepted(RENAME, hold)


def test_the_same_action_is_done_once():
    """An action that was proposed twice is kept once, whatever it cites the second time."""
    again = RENAME.model_copy(update={"evidence": ("drift:renamed:email", "expectation:email_match_regex")})

    assert ((RENAME,), (Dropped(action=again, why="proposed twice"),)) == (
        accepted(RENAME, again).actions,
        accepted(RENAME, again).dropped,
    )


def test_duplicates_are_dropped_only_where_rows_repeat():
    """A key that repeats in different rows is no reason to drop rows that are equal: there are none."""
    rows = day()
    rows[1] = rows[1] | {"order_id": rows[0]["order_id"]}
    proposed = DropDuplicates(evidence=("expectation:order_id_be_unique",))
    repeated = [*day(), *day()[:2]]  # too few to be unusual, enough to break the key

    assert () == accepted(proposed, quality=judged(rows)).actions
    assert ((proposed,), ()) == (
        (result := accepted(proposed, quality=judged(repeated))).actions,
        result.unexplained,
    )


def test_quarantine_of_missing_values_explains_their_share():
    """The failed expectation and the unusual share are one thing."""
    rows = [row | ({"email": None} if number < 200 else {}) for number, row in enumerate(day())]
    cited = ("expectation:email_not_be_null", "anomaly:null_share:email")
    aside = QuarantineRows(where=violated_by(EMAIL_KNOWN), evidence=cited)

    assert Accepted(actions=(aside,), dropped=(), unexplained=()) == accepted(aside, quality=judged(rows))


def test_a_share_of_missing_values_alone_sets_no_row_aside():
    """Without a declared expectation that failed, nobody says that the rows are wrong."""
    rows = [row | ({"note": None} if number > 2 else {"note": "x"}) for number, row in enumerate(day())]
    aside = QuarantineRows(where=IsNull(column="note"), evidence=("anomaly:null_share:note",))
    result = accepted(aside, quality=judged(rows))

    assert ((), ("anomaly:null_share:note",)) == (result.actions, result.unexplained)


def test_an_addition_that_the_contract_does_not_tolerate_stays_unexplained():
    """It may be gone on with, and a person says so: only tolerated changes need nobody."""
    strict = Contract(columns=CONTRACT.columns, key=CONTRACT.key, tolerate=())
    quality = judged(day(), TYPES | {"tier": "VARCHAR"}, contract=strict)

    assert Accepted(actions=(TIER,), dropped=(), unexplained=("drift:added:tier",)) == accepted(
        TIER, quality=quality, contract=strict
    )


def test_a_quarantine_by_a_predicate_that_nobody_declared_is_dropped():
    """The model cannot write a predicate of its own."""
    made_up = QuarantineRows(where=LongerThan(column="note", characters=0), evidence=("expectation:status_be_in_set",))

    assert () == accepted(made_up).actions
