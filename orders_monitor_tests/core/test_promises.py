"""What the contract promises is asked, unless a declared expectation asks it already."""

from orders_monitor.core.contract import Column, Contract
from orders_monitor.core.expectation import Expectation
from orders_monitor.core.promises import unasked

NOT_NULL = "expect_column_values_to_not_be_null"


def contract(*, key: tuple[str, ...] = ("order_id",)) -> Contract:
    return Contract(
        columns=(
            Column(name="order_id", type="BIGINT", nullable=False),
            Column(name="line", type="INTEGER"),
            Column(name="status", type="VARCHAR", allowed=("paid", "shipped")),
        ),
        key=key,
    )


def test_every_promise_is_a_gate():
    """Not null, allowed values and the key become expectations of their own."""
    promised = unasked(contract(), ())

    assert (
        Expectation(type=NOT_NULL, kwargs={"column": "order_id"}),
        Expectation(
            type="expect_column_values_to_be_in_set", kwargs={"column": "status", "value_set": ["paid", "shipped"]}
        ),
        Expectation(type="expect_column_values_to_be_unique", kwargs={"column": "order_id"}),
    ) == promised
    assert {"gate"} == {expectation.severity for expectation in promised}


def test_a_key_of_several_columns_is_unique_together():
    """A key of two columns is asked as a compound, whatever each of them repeats."""
    together = unasked(contract(key=("order_id", "line")), ())[-1]

    assert ("expect_compound_columns_to_be_unique", "key_is_unique", ["order_id", "line"]) == (
        together.type,
        together.check_name,
        together.kwargs["column_list"],
    )


def test_a_declared_expectation_takes_the_promises_place():
    """Who declares the same question with a tolerance of their own is not asked twice."""
    declared = (Expectation(type=NOT_NULL, kwargs={"column": "order_id", "mostly": 0.99}, severity="warn"),)

    assert [] == [e.type for e in unasked(contract(), declared) if e.type == NOT_NULL]
