"""Control totals: what the source says, compared with what landed."""

import pytest
from pydantic import ValidationError

from orders_monitor.core.contract import Column, Contract
from orders_monitor.core.controls import verdicts
from orders_monitor.core.promises import uncontrollable
from orders_monitor.core.quality import Anomaly, Baseline
from orders_monitor.core.totals import Control, Total

ROWS = Control(measure="rows")
SUM = Control(measure="sum", column="amount", by="currency")


def judged(control, said, landed, *, floating=frozenset()):
    (verdict,) = verdicts(
        [control],
        said=[Total(control=control.name, groups=said)],
        landed=[Total(control=control.name, groups=landed)],
        floating=floating,
    )
    return verdict


def sentence(control, said, landed, **more):
    anomaly = judged(control, said, landed, **more)[1]
    return None if anomaly is None else anomaly.sentence


def test_equal_totals_are_a_baseline_without_an_anomaly():
    """Where nothing differs, the number that both sides have is what the verdict rests on."""
    same = {"EUR": "10.50", "USD": "3.00"}

    assert (
        Baseline(metric="control:sum_amount_by_currency", observed=10.5, expected=10.5, low=10.5, high=10.5, days=0),
        None,
    ) == judged(SUM, same, {"EUR": "10.5", "USD": "3"})


def test_a_difference_names_the_worst_group_and_both_numbers():
    """One row of ten thousand that is lost makes two numbers differ that must be equal."""
    assert (
        Anomaly(
            metric="control:rows",
            observed=9_999,
            expected=10_000,
            low=10_000,
            high=10_000,
            days=0,
            sentence="rows: 10,000 at the source, 9,999 landed",
        )
        == judged(ROWS, {"": "10000"}, {"": "9999"})[1]
    )
    assert (
        "the sum of 'amount' by 'currency': 2 of 3 groups differ, most 'USD': 3.00 at the source, 300.00 landed"
    ) == sentence(SUM, {"EUR": "9", "USD": "3.00", "SEK": "1"}, {"EUR": "10", "USD": "300.00", "SEK": "1"})


@pytest.mark.parametrize(
    ("said", "landed", "told"),
    [
        ({"EUR": "9"}, {"EUR": "9", "USD": "3"}, "1 of 2 groups differ, most 'USD': nothing at the source, 3 landed"),
        ({"EUR": "9", "USD": "3"}, {"EUR": "9"}, "1 of 2 groups differ, most 'USD': 3 at the source, nothing landed"),
        ({"EUR": "9", "USD": "0"}, {"EUR": "9"}, "1 of 2 groups differ, most 'USD': 0 at the source, nothing landed"),
    ],
)
def test_a_group_that_only_one_side_has_differs(said, landed, told):
    """A lost country is a difference, also one whose amounts are nothing together."""
    assert f"the sum of 'amount' by 'currency': {told}" == sentence(SUM, said, landed)


def test_what_cannot_be_computed_of_the_landed_bytes_differs():
    """A column that did not come has no total, and silence is no agreement."""
    assert "the sum of 'amount' by 'currency': it cannot be computed of what landed" == sentence(
        SUM, {"EUR": "9"}, None
    )


def test_a_control_that_the_source_gave_no_total_for_has_no_verdict():
    """Nothing is compared with nothing."""
    assert () == verdicts([ROWS], said=[], landed=[Total(control="rows", groups={"": "3"})], floating=frozenset())


@pytest.mark.parametrize(
    ("tolerance", "floating", "landed", "differs"),
    [
        (0.0, frozenset(), "100.000000001", True),
        (0.0, frozenset({"amount"}), "100.00000000001", False),
        (0.0, frozenset({"amount"}), "100.001", True),
        (0.01, frozenset(), "101.0", False),
        (0.01, frozenset(), "101.1", True),
    ],
)
def test_totals_may_differ_by_the_tolerance_and_doubles_in_their_last_digits(tolerance, floating, landed, differs):
    """Sums of doubles depend on the order of adding; everything else is exact unless it is declared otherwise."""
    control = Control(measure="sum", column="amount", tolerance=tolerance)

    assert differs == (sentence(control, {"": "100"}, {"": landed}, floating=floating) is not None)


@pytest.mark.parametrize("body", [{"measure": "rows", "column": "amount"}, {"measure": "sum"}, {"measure": "mean"}])
def test_a_control_that_means_nothing_is_refused(body):
    """Rows are counted without a column, and sums are of one."""
    with pytest.raises(ValidationError):
        Control.model_validate(body)


@pytest.mark.parametrize(
    ("control", "why"),
    [
        (Control(measure="sum", column="salary"), "'salary' is personal, and a sum of one row is its value"),
        (Control(measure="rows", by="email"), "'email' is personal, and groups are told"),
        (Control(measure="distinct", column="email"), None),
    ],
)
def test_no_control_tells_a_personal_value(control, why):
    """What is counted of a personal column names nobody; its groups and its sum may."""
    columns = (Column(name="email", type="VARCHAR", personal=True), Column(name="salary", type="BIGINT", personal=True))

    assert why == uncontrollable(control, Contract(columns=columns))
