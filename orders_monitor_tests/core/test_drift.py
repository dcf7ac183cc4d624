import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders_monitor.core import drift
from orders_monitor.core.contract import ChangeKind, Column, Contract
from orders_monitor.core.drift import (
    Change,
    ColumnAdded,
    ColumnRemoved,
    ColumnRenamed,
    ColumnsReordered,
    TypeChanged,
    TypeNarrowed,
    TypeWidened,
    UnitChanged,
)
from orders_monitor.core.profile import Profile
from orders_monitor_tests.core.days import CONTRACT, PARTITION, TYPES, day, profile_of, schema_of

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
)


def compared(rows, types, *, reference=YESTERDAY, contract=CONTRACT):
    return drift.compare(contract, schema_of(types), profile=profile_of(rows, types), reference=reference)


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


@pytest.mark.parametrize("factor", [1, 2, 10, 40, 77, 300])
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
    shown = drift.sentence(ColumnAdded(column=hostile, type="VARCHAR"))

    assert (True, False) == (len(shown) < 200, "\n" in shown)


def test_every_change_is_classified():
    """Every type of change has a compatibility, a sentence and a subject, and every kind is in the contract's words."""
    union, _ = typing.get_args(Change)

    assert set(typing.get_args(union)) == {type(change) for change in EVERY_CHANGE}
    assert set(typing.get_args(ChangeKind)) == {change.kind for change in EVERY_CHANGE}
    assert ["additive", "breaking", "breaking", "additive", "breaking", "breaking", "harmless", "breaking"] == [
        drift.compatibility(change) for change in EVERY_CHANGE
    ]
    assert ["tier", "currency", "email", "quantity", "quantity", "quantity", "*", "amount"] == [
        drift.subject(change) for change in EVERY_CHANGE
    ]


def test_every_change_has_its_sentence():
    """Each change is one line that a person understands without the code."""
    assert [
        "column 'tier' (VARCHAR) came and is not in the contract",
        "column 'currency' did not come",
        "column 'email' came as 'mail' (score 0.90)",
        "column 'quantity' has a wider type: INTEGER promised, BIGINT came",
        "column 'quantity' has a narrower type: INTEGER promised, SMALLINT came",
        "column 'quantity' has another type: INTEGER promised, VARCHAR came",
        "the 2 promised columns came in another order",
        "numbers of column 'amount' are 99.5 times what they were, about 100: another unit",
    ] == [drift.sentence(change) for change in EVERY_CHANGE]


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
