import pytest
from pydantic import TypeAdapter

from orders_monitor.core.expectation import Expectation
from orders_monitor.core.predicate import (
    IsNull,
    LongerThan,
    NotIn,
    NotMatching,
    OutOfRange,
    Predicate,
    violated_by,
)


def expected(type_, **kwargs):
    return Expectation(type=f"expect_column_{type_}", kwargs={"column": "a"} | kwargs)


@pytest.mark.parametrize(
    ("expectation", "predicate"),
    [
        (expected("values_to_not_be_null"), IsNull(column="a")),
        (expected("values_to_not_be_null", mostly=0.95), IsNull(column="a")),
        (expected("values_to_be_in_set", value_set=["x", 1, None]), NotIn(column="a", values=("x", "1"))),
        (
            expected("values_to_be_between", min_value=0, max_value=1e5),
            OutOfRange(column="a", minimum="0", maximum="100000.0"),
        ),
        (expected("values_to_be_between", min_value="2026-01-01"), OutOfRange(column="a", minimum="2026-01-01")),
        (expected("values_to_be_between", max_value=1e-7), OutOfRange(column="a", maximum="0.0000001")),
        (expected("values_to_match_regex", regex="^x"), NotMatching(column="a", regex="^x")),
        (expected("value_lengths_to_be_between", max_value=280), LongerThan(column="a", characters=280)),
        (expected("value_lengths_to_be_between", min_value=0, max_value=9), LongerThan(column="a", characters=9)),
    ],
)
def test_a_predicate_names_the_rows_that_an_expectation_calls_unexpected(expectation, predicate):
    """Where one predicate says it, it is that of the expectation's own values."""
    assert predicate == violated_by(expectation)


@pytest.mark.parametrize(
    "expectation",
    [
        expected("values_to_be_in_set", value_set=[]),  # everything would be set aside
        expected("values_to_be_in_set", value_set=[None]),
        expected("values_to_be_in_set"),
        expected("values_to_be_between"),  # no bound is no range
        expected("values_to_be_between", min_value=0, strict_min=True),  # the bound itself is unexpected
        expected("values_to_be_between", max_value=9, strict_max=True),
        expected("values_to_not_be_null", row_condition='col("b") > 0', condition_parser="great_expectations"),
        expected("values_to_match_regex"),
        expected("value_lengths_to_be_between", min_value=2, max_value=9),
        expected("value_lengths_to_be_between"),
        expected("values_to_be_unique"),  # which of the rows?
        expected("mean_to_be_between", min_value=0),
        Expectation(type="expect_table_row_count_to_be_between", kwargs={"min_value": 1}),
        Expectation(type="expect_column_values_to_not_be_null", kwargs={"column": ["a"]}),
    ],
)
def test_an_expectation_that_no_predicate_says_sets_nothing_aside(expectation):
    """What cannot be said of one row by one predicate is not approximated."""
    assert violated_by(expectation) is None


def test_a_predicate_survives_its_journey():
    """Predicates travel as JSON and come back as the same value."""
    adapter = TypeAdapter(Predicate)
    predicates = [
        IsNull(column='"; drop table x --'),
        NotIn(column="a", values=("x",)),
        OutOfRange(column="a", minimum="0"),
        NotMatching(column="a", regex="x'"),
        LongerThan(column="a", characters=1),
    ]

    assert predicates == [adapter.validate_json(adapter.dump_json(predicate)) for predicate in predicates]
