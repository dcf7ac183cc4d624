import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders_monitor.core import drift, meaning
from orders_monitor.core.contract import ChangeKind, Column, Contract
from orders_monitor.core.drift import (
    Change,
    ColumnAdded,
    ColumnRemoved,
    ColumnRenamed,
    ColumnsReordered,
    FormatChanged,
    NullabilityChanged,
    TypeChanged,
    TypeNarrowed,
    TypeWidened,
    UnitChanged,
    ValueSetGrown,
)
from orders_monitor.core.profile import Profile
from orders_monitor.core.schema import ColumnSchema, Schema
from orders_monitor_tests.core.days import (
    CONTRACT,
    PARTITION,
    STATUSES,
    TYPES,
    column_of,
    day,
    history,
    profile_of,
    schema_of,
)

YESTERDAY = profile_of(day("2026-03-01"))
EVERY_CHANGE: tuple[Change, ...] = (
    ColumnAdded(column="tier", type="VARCHAR"),
    ColumnRemoved(column="currency"),
    ColumnRenamed(column="email", now="mail", score=0.9),
    TypeWidened(column="quantity", was="INTEGER", now="BIGINT"),
    TypeNarrowed(column="quantity", was="INTEGER", now="SMALLINT"),
    TypeChanged(column="quantity", was="INTEGER", now="VARCHAR"),
    ColumnsReordered(columns=("b", "a")),
    UnitChanged(column="amount", factor=100, observed_ratio=99.5),
    NullabilityChanged(column="status", nullable=True, nulls=3),
    ValueSetGrown(column="status", values=2, rows=31, promised=True),
    FormatChanged(column="email", was="aaaa@aaaa.aaa", now="AAAA@AAAA.AAA", share=1.0),
)
# The same kinds as they look from another side, in what is said of them.
OTHER_SIDES: tuple[Change, ...] = (
    ColumnRemoved(column="currency", nullable=False),
    TypeNarrowed(column="amount", was="DECIMAL(12,2)", now="DECIMAL(12,4)"),
    NullabilityChanged(column="status", nullable=True),
    NullabilityChanged(column="email", nullable=False),
    ValueSetGrown(column="status", values=1, rows=31, promised=False, about=True),
    UnitChanged(column="amount", factor=100, observed_ratio=0.0102, smaller=True),
    UnitChanged(column="sent", factor=1000, observed_ratio=1000.1, was="seconds", now="milliseconds"),
    UnitChanged(column="currency", observed_ratio=1.0873, was="EUR", now="USD"),
)


def compared(rows, types, *, reference=YESTERDAY, contract=CONTRACT, **known):
    return drift.compare(contract, schema_of(types), profile=profile_of(rows, types), reference=reference, **known)


def promising(name, **promise):
    columns = tuple(c.model_copy(update=promise) if c.name == name else c for c in CONTRACT.columns)
    return CONTRACT.model_copy(update={"columns": columns})


def past_days(days=16):
    return [profile for _, profile in history()][-days:]


def renamed(rows, was, now):
    types = {now if name == was else name: type_ for name, type_ in TYPES.items()}
    return [{now if name == was else name: value for name, value in row.items()} for row in rows], types


def test_the_promised_schema_is_no_drift():
    """A landing as promised has no change."""
    assert () == compared(day(), TYPES)


@pytest.mark.parametrize("column", ["order_id", "customer_id", "status", "currency", "amount", "email", "created_at"])
@pytest.mark.parametrize("now", ["new_{}", "zz9"])
def test_a_rename_is_one_change(column, now):
    """A column with the same content under another name, telling or opaque, is one change and not two."""
    now = now.format(column)
    changes = compared(*renamed(day(), column, now))

    assert [("renamed", column, now)] == [(c.kind, c.column, c.now) for c in changes]


def test_another_case_is_a_rename_without_doubt():
    """A column whose name differs in case only came as itself, whatever is in it."""
    rows, types = renamed(day(), "email", "EMAIL")

    assert (ColumnRenamed(column="email", now="EMAIL", score=1.0),) == compared(rows, types, reference=None)


def test_a_dropped_and_an_added_column_with_other_content_are_two_changes():
    """A column that came is not the one that did not only because both happened at once."""
    types = {name: type_ for name, type_ in TYPES.items() if name != "currency"} | {"tier": "VARCHAR"}
    rows = [row | {"tier": "gold" if number % 10 == 0 else None} for number, row in enumerate(day())]

    assert (ColumnRemoved(column="currency"), ColumnAdded(column="tier", type="VARCHAR")) == compared(rows, types)


def test_two_renames_are_matched_one_to_one():
    """Each of two renamed columns is found under its own new name."""
    rows, types = renamed(day(), "status", "state")
    rows = [{("cur" if k == "currency" else k): v for k, v in row.items()} for row in rows]
    types = {("cur" if k == "currency" else k): v for k, v in types.items()}

    assert [("status", "state"), ("currency", "cur")] == [(c.column, c.now) for c in compared(rows, types)]


def test_a_renamed_column_may_have_another_type_too():
    """The rename and the type are both said, the type under the contract's name."""
    rows, types = renamed(day(), "customer_id", "cust_id")
    types["cust_id"] = "VARCHAR"
    rows = [row | {"cust_id": str(row["cust_id"])} for row in rows]
    renaming, retyping = compared(rows, types)

    assert ("renamed", "customer_id", "cust_id") == (renaming.kind, renaming.column, renaming.now)
    assert TypeChanged(column="customer_id", was="BIGINT", now="VARCHAR") == retyping


@pytest.mark.parametrize(
    ("now", "type_", "kinds"),
    [
        ("customer_email", "VARCHAR", ["renamed"]),
        ("customer_email", "BLOB", ["removed", "added"]),  # not the same type
        ("zz9", "VARCHAR", ["removed", "added"]),  # not a like name
    ],
)
def test_without_a_reference_only_one_like_name_is_a_rename(now, type_, kinds):
    """With nothing to compare with, one column must have gone, and one of a like name and the same type have come."""
    types = {now if name == "email" else name: type_ if name == "email" else t for name, t in TYPES.items()}

    assert kinds == [c.kind for c in compared([], types, reference=None)]


def test_without_a_reference_two_candidates_are_no_rename():
    """With nothing to compare with, nobody guesses which of two columns it is."""
    types = {name: t for name, t in TYPES.items() if name != "email"} | {"email_1": "VARCHAR", "email_2": "VARCHAR"}

    assert ["removed", "added", "added"] == [c.kind for c in compared([], types, reference=None)]


def test_types_are_compared_in_the_contracts_order():
    """Every type that is not the promised one is a change of its own kind."""
    types = TYPES | {"customer_id": "INTEGER", "quantity": "BIGINT", "created_at": "VARCHAR"}

    assert (
        TypeNarrowed(column="customer_id", was="BIGINT", now="INTEGER"),
        TypeWidened(column="quantity", was="INTEGER", now="BIGINT"),
        TypeChanged(column="created_at", was="TIMESTAMP", now="VARCHAR"),
    ) == compared([], types)


def test_the_order_is_compared_over_common_columns_only():
    """Added and removed columns do not change the order of the others; swapped ones do."""
    kept = {"tier": "VARCHAR"} | {name: t for name, t in TYPES.items() if name != "note"}
    swapped = dict(reversed(TYPES.items()))

    assert ["removed", "added"] == [c.kind for c in compared(day(), kept)]
    assert (ColumnsReordered(columns=tuple(swapped)),) == compared(day(), swapped)


@pytest.mark.parametrize("factor", [60, 100, 1000])
def test_another_unit_is_seen(factor):
    """Numbers that are all a unit's factor larger than yesterday's came in another unit."""
    rows = [row | {"amount": row["amount"] * factor} for row in day()]
    (change,) = compared(rows, TYPES)

    assert ("unit_changed", "amount", factor) == (change.kind, change.column, change.factor)
    assert factor * 0.8 < change.observed_ratio < factor * 1.25


@pytest.mark.parametrize("factor", [1, 2, 10, 40, 200, 300])
def test_larger_numbers_are_not_another_unit(factor):
    """A factor that belongs to no unit is not called one."""
    assert () == compared([row | {"amount": row["amount"] * factor} for row in day()], TYPES)


def test_a_larger_median_alone_is_not_another_unit():
    """The quartiles must all have moved by the same factor."""
    rows = [row | {"amount": row["amount"] * (100 if number % 2 else 1)} for number, row in enumerate(day())]

    assert () == compared(rows, TYPES)


def test_a_key_has_no_unit():
    """The numbers of a key may jump; they count nothing."""
    assert () == compared([row | {"order_id": row["order_id"] * 100} for row in day()], TYPES)


def test_a_unit_and_a_type_change_together():
    """Amounts that came as whole cents have another type and another unit."""
    rows = [row | {"amount": int(row["amount"] * 100)} for row in day()]

    assert ["narrowed", "unit_changed"] == [c.kind for c in compared(rows, TYPES | {"amount": "BIGINT"})]


def test_an_empty_partition_with_the_promised_columns_is_no_drift():
    """Where nothing landed, nothing is said about the schema."""
    assert () == compared([], TYPES)


def test_a_hostile_name_is_quoted_and_cut():
    """A column's name is shown on one line and has an end, whatever it is."""
    hostile = 'x"; drop table orders --\n' + "y" * 500
    shown = meaning.sentence(ColumnAdded(column=hostile, type="VARCHAR"))

    assert (True, False) == (len(shown) < 200, "\n" in shown)


def test_every_change_is_classified():
    """Every type of change has a subject, and every kind is in the contract's words and has an effect."""
    union, _ = typing.get_args(Change)
    kinds = {change.kind for change in EVERY_CHANGE}

    assert set(typing.get_args(union)) == {type(change) for change in EVERY_CHANGE}
    assert (set(typing.get_args(ChangeKind)), meaning.EFFECTS.keys()) == (kinds, kinds)
    assert [
        "tier",
        "currency",
        "email",
        "quantity",
        "quantity",
        "quantity",
        "*",
        "amount",
        "status",
        "status",
        "email",
    ] == [drift.subject(change) for change in EVERY_CHANGE]


def test_missing_values_where_none_may_be_are_a_change():
    """A column that must not be missing and is says in how many rows; one that may be is no change."""
    rows = [row | ({"status": None} if number < 3 else {}) for number, row in enumerate(day())]

    assert () == compared(rows, TYPES)
    assert (NullabilityChanged(column="status", nullable=True, nulls=3),) == compared(
        rows, TYPES, contract=promising("status", nullable=False)
    )


def test_what_the_source_promises_of_missing_values_is_seen_without_a_row():
    """A promise that the source took back is a change; one beyond the contract's is a change that needs nobody."""

    def seen(required):
        return Schema(columns=tuple(ColumnSchema(name=n, type=t, required=required) for n, t in TYPES.items()))

    empty = Profile(rows=0, duplicate_rows=0, columns=())
    strict = Contract(columns=tuple(c.model_copy(update={"nullable": False}) for c in CONTRACT.columns))

    def changes(contract, now, since):
        found = drift.compare(contract, seen(now), profile=empty, reference=None, since=seen(since))
        return {(c.kind, c.nullable, drift.is_tolerated(c, contract)) for c in found}

    assert {("nullability_changed", True, False)} == changes(strict, now=None, since=True)
    assert {("nullability_changed", False, True)} == changes(CONTRACT, now=True, since=None)
    assert set() == changes(strict, now=None, since=None) | changes(strict, now=True, since=True)


def test_a_value_that_is_not_allowed_is_a_change():
    """The contract says which values there are; the change says how many others, in how many rows, and names none."""
    rows = [row | ({"status": "on_hold"} if number < 24 else {}) for number, row in enumerate(day())]

    assert (ValueSetGrown(column="status", values=1, rows=24, promised=True),) == compared(
        rows, TYPES, contract=promising("status", allowed=STATUSES)
    )


def test_a_new_value_in_a_closed_set_is_a_change_that_needs_nobody():
    """Where the contract allows everything, a value that weeks never had is told, and nothing promised is broken."""
    rows = [row | ({"status": "on_hold"} if number < 24 else {}) for number, row in enumerate(day())]
    (change,) = compared(rows, TYPES, history=past_days())

    assert ValueSetGrown(column="status", values=1, rows=24, promised=False) == change
    assert drift.is_tolerated(change, CONTRACT)
    assert () == compared(rows, TYPES, history=past_days(13))  # too few days to call a set closed


def test_numbers_a_hundredth_of_what_they_were_are_another_unit():
    """A unit may become larger too: then the numbers are smaller, and no division brings them back."""
    rows = [row | {"amount": row["amount"] / 100} for row in day()]
    (change,) = compared(rows, TYPES)

    assert ("amount", 100, True, None) == (change.column, change.factor, change.smaller, change.divide_by)


@pytest.mark.parametrize(("unit", "factor"), [("milliseconds", 10**3), ("microseconds", 10**6), ("nanoseconds", 10**9)])
def test_an_epoch_names_its_units(unit, factor):
    """Moments since 1970 say by their size in which unit they are."""
    moments = [1_772_000_000 + 37 * number for number in range(300)]
    contract = Contract(columns=(Column(name="sent", type="BIGINT"),))

    def sent(values):
        return Profile(rows=300, duplicate_rows=0, columns=(column_of("sent", "BIGINT", values),))

    (change,) = drift.compare(
        contract,
        schema_of({"sent": "BIGINT"}),
        profile=sent([moment * factor for moment in moments]),
        reference=sent(moments),
    )

    assert ("seconds", unit, factor, factor) == (change.was, change.now, change.factor, change.divide_by)


def test_another_currency_is_said_of_the_column_that_names_it():
    """Most rows are of another currency: how much larger the amounts became is told, and nothing divides them."""
    rows = [row | {"currency": "USD", "amount": row["amount"] * 2} for row in day()]
    (change,) = compared(rows, TYPES, contract=promising("amount", unit="units of currency"))

    assert ("currency", "EUR", "USD", None) == (change.column, change.was, change.now, change.divide_by)
    assert 1.6 < change.observed_ratio < 2.4


def test_texts_of_another_shape_are_another_format():
    """The shapes of a column's texts are compared, and the values of a format that is new are no new values besides."""

    def with_shape(profile, shape):
        columns = tuple(
            c.model_copy(update={"patterns": ((shape, profile.rows),)}) if c.name == "status" else c
            for c in profile.columns
        )
        return profile.model_copy(update={"columns": columns})

    rows = [row | {"status": row["status"].upper()} for row in day()]
    changes = drift.compare(
        promising("status", allowed=STATUSES),
        schema_of(TYPES),
        profile=with_shape(profile_of(rows), "AAAA"),
        reference=with_shape(YESTERDAY, "aaaa"),
    )

    assert (FormatChanged(column="status", was="aaaa", now="AAAA", share=1.0),) == changes


NAMES = st.text(alphabet="abAB_", min_size=1, max_size=3)
KINDS = st.sampled_from(["BIGINT", "INTEGER", "VARCHAR", "DECIMAL(12,2)"])


@given(
    promised=st.dictionaries(NAMES, KINDS, min_size=1, max_size=6),
    landed=st.dictionaries(NAMES, KINDS, max_size=6),
)
def test_every_column_is_accounted_for_once(promised, landed):
    """Each promised column came, came renamed or is removed; each landed one is promised, a new name, or added."""
    promised = {name: t for name, t in promised.items() if sum(n.lower() == name.lower() for n in promised) == 1}
    if not promised:
        return
    contract = Contract(columns=tuple(Column(name=name, type=t) for name, t in promised.items()))
    empty = Profile(rows=0, duplicate_rows=0, columns=())
    changes = drift.compare(contract, schema_of(landed), profile=empty, reference=None)
    removed = {c.column for c in changes if c.kind == "removed"}
    came_as = {c.now: c.column for c in changes if c.kind == "renamed"}
    added = {c.column for c in changes if c.kind == "added"}
    as_promised = promised.keys() & landed.keys()

    assert set(promised) == removed | set(came_as.values()) | as_promised
    assert set(landed) == added | set(came_as) | as_promised
    assert len(promised) == len(removed) + len(came_as) + len(as_promised)
    assert len(landed) == len(added) + len(came_as) + len(as_promised)


def test_the_day_before_is_the_only_thing_that_was_looked_at():
    """The same landing and reference give the same changes, in the same order."""
    rows, types = renamed(day(PARTITION), "email", "zz9")

    assert compared(rows, types) == compared(list(reversed(rows)), types)
