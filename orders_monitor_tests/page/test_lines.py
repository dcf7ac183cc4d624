"""The form of an edit: what its lines say, and the change that they ask for."""

import re

import pytest

from orders_monitor.core.editing import HoldInstead, SetAside
from orders_monitor.core.plan import Plan, PublishAsIs, QuarantineRows
from orders_monitor.core.predicate import IsNull, LongerThan, NotIn, NotMatching, OutOfRange, Predicate
from orders_monitor.page.lines import ROWS, WORDS, Row, change_of, rows_of

PREDICATES: tuple[tuple[Predicate, Row], ...] = (
    (IsNull(column="a b"), Row("a b", "is_null")),
    (NotIn(column="a", values=("x", "y, z", 'q"')), Row("a", "not_in", 'x,"y, z","q"""')),
    (OutOfRange(column="a", minimum="0"), Row("a", "below", "0")),
    (OutOfRange(column="a", maximum="9"), Row("a", "above", "9")),
    (OutOfRange(column="a", minimum="0", maximum="9"), Row("a", "outside", "0,9")),
    (NotMatching(column="a", regex="^,"), Row("a", "not_matching", "^,")),
    (LongerThan(column="a", characters=12), Row("a", "longer_than", "12")),
)


def plan(*where: Predicate) -> Plan:
    return Plan(
        table="small_shop",
        partition="2026-03-04",
        landed_digest="0" * 64,
        release="1",
        origin="agent",
        actions=(PublishAsIs(), *(QuarantineRows(where=each) for each in where)),
    )


def sent(*rows: Row, **more: str) -> dict[str, str]:
    """The fields of a form with these lines."""
    lines = {
        f"{part}{number}": getattr(row, part) for number, row in enumerate(rows) for part in ("column", "word", "value")
    }
    return {**lines, "instead": "set_aside", "why": "because", **more}


@pytest.mark.parametrize(("where", "row"), PREDICATES, ids=[row.word for _, row in PREDICATES])
def test_a_line_is_a_predicate_and_back(where, row):
    """What the plan sets aside is filled in, and sent unchanged it is the same rows."""
    assert (row, *[Row()] * (ROWS - 1)) == rows_of(plan(where), {})
    assert SetAside(where=(where,)) == change_of(sent(row))


def test_every_word_is_offered():
    """Every kind of predicate has a word in the form."""
    assert set(WORDS) == {row.word for _, row in PREDICATES}


def test_what_was_sent_stays_in_its_lines():
    """After a mistake the lines are as they were filled in, not as the plan says."""
    assert rows_of(plan(IsNull(column="b")), sent(Row("a", "below", "x"))) == (Row("a", "below", "x"), *[Row()] * 3)


def test_a_hold_says_why():
    """Holding takes the reason and no rows."""
    assert HoldInstead(why="because") == change_of({"instead": "hold", "why": " because "})


@pytest.mark.parametrize(
    ("form", "why"),
    [
        (sent(Row("a", "is_null"), why=" "), "say why"),
        ({"instead": "hold", "why": "x" * 2_001}, "the reason has at most 2,000 characters"),
        (sent(), "name the rows that are to be set aside"),
        ({"why": "because"}, "choose what is to be done instead"),
        (sent(Row("a", "is_null", "1")), "a: has no value takes no value"),
        (sent(Row("a", "below")), "a: is below takes a value"),
        (sent(Row("a", "", "1")), "a: choose a word cannot be read with that value"),
        (sent(Row("a", "longer_than", "x")), "a: has more characters than cannot be read with that value"),
        (sent(Row("a", "outside", "1")), "a: is outside of (from, to) cannot be read with that value"),
        (sent(Row("a", "not_in", "x\ny")), "the values cannot be told apart: put a comma between them"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_a_form_that_asks_for_nothing_is_a_sentence(form, why):
    """What cannot be read is said in a sentence, for who filled it in."""
    with pytest.raises(ValueError, match=f"^{re.escape(why)}$"):
        change_of(form)
