import pytest

from orders_monitor.core.contract import Contract
from orders_monitor.core.controls import verdicts
from orders_monitor.core.quality import CLOSED, Signal
from orders_monitor.core.signals import assemble
from orders_monitor.core.totals import Control, Total
from orders_monitor_tests.core.days import CONTRACT, STATUSES, TYPES, day, history, judged, landing_of, profile_of


def signals(quality):
    return [(s.id, s.severity, s.explained_by) for s in quality.signals]


def renamed(rows, was, now):
    types = {now if name == was else name: type_ for name, type_ in TYPES.items()}
    return [{now if name == was else name: value for name, value in row.items()} for row in rows], types


def test_an_ordinary_day_is_clean():
    """Nothing is wrong, so there is nothing to explain."""
    quality = judged(day())

    assert ((), True) == (quality.signals, quality.is_clean)


def test_a_tolerated_change_is_recorded_and_clean():
    """What the contract tolerates is information."""
    quality = judged(day(), TYPES | {"tier": "VARCHAR"})

    assert ([("drift:added:tier", "info", None)], True) == (signals(quality), quality.is_clean)


def test_an_untolerated_change_gates():
    """A contract that tolerates nothing is not clean with a new column."""
    strict = Contract(columns=CONTRACT.columns, key=CONTRACT.key, tolerate=())
    quality = judged(day(), TYPES | {"tier": "VARCHAR"}, contract=strict)

    assert ([("drift:added:tier", "gate", None)], False) == (signals(quality), quality.is_clean)


def test_what_could_not_be_asked_of_a_renamed_column_is_a_consequence():
    """Expectations about a column that came under another name point to the rename."""
    rows, types = renamed(day(), "email", "email_address")
    cause = "drift:renamed:email"

    assert [
        (cause, "gate", None),
        ("expectation:email_match_regex", "gate", cause),
        ("expectation:email_not_be_null", "warn", cause),
    ] == signals(judged(rows, types))


def test_cents_above_a_bound_are_a_consequence_of_the_unit():
    """Values out of range because they came in cents are explained by the unit."""
    rows = [row | {"amount": row["amount"] * 100} for row in day()]

    assert [
        ("drift:unit_changed:amount", "gate", None),
        ("expectation:amount_be_between", "gate", "drift:unit_changed:amount"),
    ] == signals(judged(rows))


def test_missing_values_are_no_consequence_of_a_type():
    """That values are missing needs an explanation of its own where the column also has another type."""
    rows = [row | {"email": row["email"] if number % 2 else None} for number, row in enumerate(day())]

    assert [
        ("drift:type_changed:email", "gate", None),
        ("expectation:email_not_be_null", "warn", None),
        ("anomaly:null_share:email", "warn", "expectation:email_not_be_null"),
    ] == signals(judged(rows, TYPES | {"email": "BLOB"}))


def test_missing_values_against_the_contract_are_their_expectations_consequence():
    """The expectation knows the rows; where it passed with its tolerance, the change is information."""
    columns = tuple(c.model_copy(update={"nullable": c.name != "email"}) for c in CONTRACT.columns)
    strict = CONTRACT.model_copy(update={"columns": columns})
    many, few = (
        [row | ({"email": None} if number < count else {}) for number, row in enumerate(day())] for count in (80, 3)
    )

    assert [
        ("drift:nullability_changed:email", "warn", "expectation:email_not_be_null"),
        ("expectation:email_not_be_null", "warn", None),
        ("anomaly:null_share:email", "warn", "expectation:email_not_be_null"),
    ] == signals(judged(many, contract=strict))
    assert [("drift:nullability_changed:email", "info", None)] == signals(judged(few, contract=strict))


def test_new_values_against_the_contract_are_their_expectations_consequence():
    """What sets the rows aside explains the change too, and the change takes nothing from other expectations."""
    allowing = tuple(
        c.model_copy(update={"allowed": STATUSES if c.name == "status" else None}) for c in CONTRACT.columns
    )
    rows = [row | ({"status": "on_hold"} if number < 24 else {}) for number, row in enumerate(day())]

    assert [
        ("drift:value_set_grown:status", "gate", "expectation:status_be_in_set"),
        ("expectation:status_be_in_set", "gate", None),
    ] == signals(judged(rows, contract=CONTRACT.model_copy(update={"columns": allowing})))


def test_a_repeated_batch_explains_the_key_and_the_count():
    """Rows that came twice make a failed uniqueness and an unusual volume; without them the day is ordinary."""
    rows = day()

    assert [
        ("expectation:order_id_be_unique", "gate", "anomaly:duplicate_rows"),
        ("anomaly:rows", "gate", "anomaly:duplicate_rows"),
        ("anomaly:duplicate_rows", "gate", None),
    ] == signals(judged([*rows, *rows[:400]]))


def test_a_volume_that_repetition_does_not_explain_stands_alone():
    """Where the day is unusual without the repeated rows too, they do not explain it."""
    rows = day(orders=1600)
    by_id = {s[0]: s for s in signals(judged([*rows, *rows[:100]]))}

    assert ("anomaly:rows", "gate", None) == by_id["anomaly:rows"]


def test_keys_that_repeat_in_different_rows_are_not_repetition():
    """A failed uniqueness without repeated rows has no other cause."""
    rows = day()
    rows[1] = rows[1] | {"order_id": rows[0]["order_id"]}

    assert [("expectation:order_id_be_unique", "gate", None)] == signals(judged(rows))


def test_a_problem_of_the_landing_gates():
    """A source that had nothing is said first, and the empty partition too."""
    quality = judged([], problem="the source has no file for 2026-03-02")

    assert (
        Signal(id="landing", kind="landing", severity="gate", sentence="the source has no file for 2026-03-02"),
        ["landing", "anomaly:rows"],
    ) == (quality.signals[0], [s.id for s in quality.signals])


def test_the_first_day_of_a_table_is_clean():
    """A cold start is no anomaly."""
    assert judged(day(), past=()).is_clean


def test_evidence_ids_are_unique():
    """No two signals share an id, even on a day on which everything goes wrong."""
    rows, types = renamed(day(orders=200), "email", "email_address")
    rows = [row | {"status": "?", "amount": row["amount"] * 100} for row in rows]
    types = dict(reversed((types | {"quantity": "VARCHAR", "tier": "VARCHAR"}).items()))
    ids = [s.id for s in judged([*rows, *rows[:50]], types, past=history(14)).signals]

    assert sorted(set(ids)) == sorted(ids)
    assert len(ids) > 8


@pytest.mark.parametrize(("counted", "told"), [("0", [CLOSED]), ("40", ["anomaly:control:rows"])])
def test_a_closed_day_hides_no_row_that_the_source_counts(counted, told):
    """Nothing came and nothing was expected, unless the source says that it handed something over."""
    rows = Control(measure="rows")
    said, landed = ([Total(control=rows.name, groups={"": count})] for count in (counted, "0"))
    ((baseline, differs),) = verdicts([rows], said=said, landed=landed, floating=frozenset())

    quality = assemble(
        landing_of(0),
        contract=CONTRACT,
        expectations=(),
        profile=profile_of([], TYPES),
        changes=(),
        outcomes=(),
        baselines=(baseline,),
        anomalies=() if differs is None else (differs,),
        controls=(rows,),
        closed="Sunday",
    )

    assert told == [signal.id for signal in quality.signals]
