import pytest
from pydantic import ValidationError

from orders_monitor.core.expectation import Expectation, Outcome


@pytest.mark.parametrize(
    ("expectation", "name"),
    [
        (
            Expectation(type="expect_column_values_to_not_be_null", kwargs={"column": "order_id"}),
            "order_id_not_be_null",
        ),
        (Expectation(type="expect_table_row_count_to_be_between"), "table_row_count_to_be_between"),
        (
            Expectation(
                type="expect_column_pair_values_a_to_be_greater_than_b", kwargs={"column_A": "a", "column_B": "b"}
            ),
            "a_b_pair_values_a_to_be_greater_than_b",
        ),
        (
            Expectation(type="expect_column_values_to_be_unique", kwargs={"column": '"; drop table x --'}),
            "drop_table_x_be_unique",
        ),
        (Expectation(type="expect_column_values_to_be_unique", id="my_check", kwargs={"column": "a"}), "my_check"),
    ],
)
def test_a_check_is_named_by_letters_digits_and_underscores(expectation, name):
    """Whatever a column is called, its check has a name that Dagster takes."""
    assert name == expectation.check_name


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "ExpectColumnMin"},
        {"type": "expect_x; drop"},
        {"type": "expect_x", "id": "a-b"},
        {"type": "expect_x", "severity": "fatal"},
        {"type": "expect_x", "kwarg": {}},
    ],
)
def test_a_misspelt_expectation_is_refused(fields):
    """Types, names and severities are closed, and so are the fields."""
    with pytest.raises(ValidationError):
        Expectation(**fields)


def outcome(**fields):
    ordinary = {"check_name": "check", "type": "expect_x", "column": "a", "severity": "gate", "passed": False}
    return Outcome(**{**ordinary, "observed": "-3 to 9", "rows": 2000, "unexpected": 0, **fields})


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (outcome(passed=True), "check: passed on 2,000 rows (-3 to 9)"),
        (outcome(raised="there is no column a"), "check: could not be asked: there is no column a"),
        (outcome(), "check of a: -3 to 9"),
        (outcome(column=None, rows=0), "check: -3 to 9"),
        (outcome(unexpected=5), "check of a: 5 of 2,000 rows (0.25%)"),
        (
            outcome(unexpected=1500, sample=("x", "y", "z", "w")),
            "check of a: 1,500 of 2,000 rows (75.00%), such as x, y, z",
        ),
    ],
)
def test_an_outcome_is_one_line(said, sentence):
    """What, how many and where, for a tired person."""
    assert sentence == said.sentence
