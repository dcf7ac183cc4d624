import random

import pytest

from orders_monitor.core import renames
from orders_monitor.core.likeness import Content, content_of, likeness, sketch_overlap, usual
from orders_monitor.core.profile import ColumnProfile, Profile
from orders_monitor.core.renames import name_similarity
from orders_monitor_tests.core.days import TYPES, column_of, day, profile_of


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("order_qty", "orderQuantity", 1.0),  # an abbreviation is its word
        ("customer_id", "CustomerId", 1.0),
        ("customer_email", "email_address", 0.5),
        ("a", "b", 0.0),
        ("", "", 1.0),
    ],
)
def test_names_are_compared_by_words(one, other, expected):
    """Words in common count, in any case, order and abbreviation."""
    assert expected == name_similarity(one, other)


def test_an_abbreviation_of_two_letters_is_no_word_in_between():
    """`created_at` has nothing of `amount`, though its letters are in there."""
    assert name_similarity("created_at", "amount") < 0.5


def test_overlap_of_cut_sketches_is_estimated_below_the_cut():
    """A column that is part of another has that share of its values, also where the sketches were cut."""
    numbers = random.Random(1).sample(range(10**9), 2_000)  # noqa: S311 - numbers to compare, nothing secret
    sketch = [tuple(sorted(part)[:200]) for part in (numbers, numbers[:1000])]

    assert sketch_overlap(*sketch) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [((1, 2, 3), (1, 2, 3), 1.0), ((1, 2), (3, 4), 0.0), ((1,), (1, 2, 3, 4), 0.25), ((), (1,), None)],
)
def test_overlap_of_whole_sketches_is_exact(one, other, expected):
    """A sketch that was not cut holds every value."""
    assert expected == sketch_overlap(one, other)


def test_columns_without_values_are_not_compared():
    """Of a column that holds nothing, or is not there, nobody can say what it is."""
    empty = Profile(rows=9, duplicate_rows=0, columns=(column_of("a", "VARCHAR", [None] * 9),))

    assert (None, None) == (content_of(empty, "a"), content_of(empty, "b"))


def invoices(date, name="invoice"):
    """A day of invoice numbers, five lines each: no number comes back, and none is a row's own."""
    numbers = [f"I{date * 1_000 + line // 5}" for line in range(400)]
    return Profile(rows=400, duplicate_rows=0, columns=(column_of(name, "VARCHAR", numbers),))


def test_a_column_is_asked_for_what_it_keeps_from_day_to_day():
    """What a column never kept on the days before is not held against it, and what it always kept is."""
    days = [content_of(invoices(date), "invoice") for date in range(1, 6)]
    statuses = [content_of(profile_of(day(f"2026-03-0{number}")), "status") for number in range(2, 6)]
    own = usual(days)

    assert (0.0, 1.0) == (own["values"], usual(statuses)["values"])
    assert (1.0, True) == (likeness(*days[-2:], own), likeness(*days[-2:], {}) < 0.8)
    assert likeness(statuses[-1], days[-1], usual(statuses)) < 0.3


def test_an_opaque_name_is_found_by_the_days_before():
    """A column whose values never come back is found under a name that says nothing once two days are known."""
    days = [invoices(date) for date in range(1, 6)]
    removed, added = {"invoice": "VARCHAR"}, {"zz9": "VARCHAR"}

    def found(history):
        return renames.find(removed, added, profile=invoices(6, "zz9"), reference=days[-1], history=history)

    assert (renames.Pair("invoice", "zz9", 0.75),) == found(days)
    assert () == found(days[-1:])


def test_two_flags_are_not_one_column_because_they_look_alike():
    """Two values are equal by chance: without a like name they are no rename."""
    flags = [str(number % 3 == 0) for number in range(300)]
    before = Profile(rows=300, duplicate_rows=0, columns=(column_of("is_gift", "BOOLEAN", flags),))
    now = Profile(rows=300, duplicate_rows=0, columns=(column_of("zz9", "BOOLEAN", flags),))

    assert () == renames.find({"is_gift": "BOOLEAN"}, {"zz9": "BOOLEAN"}, profile=now, reference=before)


def test_a_reference_without_values_falls_back_to_the_name():
    """Where one side holds nothing, one column that went and one of a like name and type that came are the same."""
    before = Profile(rows=300, duplicate_rows=0, columns=(column_of("note", "VARCHAR", [None] * 300),))
    now = Profile(rows=300, duplicate_rows=0, columns=(column_of("note_text", "VARCHAR", ["x"] * 300),))

    assert (renames.Pair("note", "note_text", 0.6667),) == renames.find(
        {"note": "VARCHAR"}, {"note_text": "VARCHAR"}, profile=now, reference=before
    )


def test_columns_of_one_day_are_told_apart():
    """No column of the shop is taken for another one of the next day."""
    before, now = profile_of(day("2026-03-01")), profile_of(day("2026-03-02"))
    confused = [
        (was, other)
        for was in TYPES
        for other in TYPES
        if was != other and renames.find({was: TYPES[was]}, {other: TYPES[other]}, profile=now, reference=before)
    ]

    assert [] == confused


def test_numbers_that_are_no_numbers_are_compared():
    """Infinities and nonsense times make a low score, not an error."""
    was = ColumnProfile(name="a", type="DOUBLE", nulls=0, distinct=2, quantiles=(float("-inf"), 0, 0, 1, float("inf")))
    now = ColumnProfile(name="b", type="TIMESTAMP", nulls=0, distinct=2, minimum="never", maximum="0000-00-00")
    times = ColumnProfile(name="c", type="TIMESTAMP", nulls=0, distinct=2, minimum="2026-01-01", maximum="infinity")

    assert 0 <= likeness(Content(was, 5), Content(was, 5), {}) <= 1
    assert 0 <= likeness(Content(now, 5), Content(times, 5), {}) <= 1
