import pytest

from orders_monitor.core.profile import ColumnProfile
from orders_monitor.core.units import Rescaled, currencies, epoch_unit, ratio, rescaled

QUANTILES = (1.0, 2.0, 4.0, 9.0, 20.0)


def column(*quantiles, type_="DOUBLE", top=()):
    return ColumnProfile(name="amount", type=type_, nulls=0, distinct=9, quantiles=quantiles, top=top)


def times(factor, *, of=QUANTILES):
    return column(*(factor * value for value in of))


def test_the_ratio_is_against_the_median_of_the_last_days():
    """One odd day among the last ones does not move what is usual."""
    assert 100 == pytest.approx(ratio([times(1), times(30), times(1)], times(100)))


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (times(1), column(1.0, 2.0, 400.0, 900.0, 2000.0)),  # only the upper half moved
        (times(1), times(-100)),  # another sign
        (column(), times(100)),  # nothing known
        (times(1), column(100.0, 200.0, 400.0)),  # other quantiles
        (times(1), column(*(100 * q for q in QUANTILES), type_="VARCHAR")),  # no numbers
        (column(0.0, 0.0, 0.0, 9.0, 20.0), column(0.0, 0.0, 0.0, 900.0, 2000.0)),  # too few that are not zero
        (column(0.0, 2.0, 4.0, 9.0, 20.0), column(5.0, 200.0, 400.0, 900.0, 2000.0)),  # zero is zero in every unit
        (times(1), times(float("inf"))),
    ],
)
def test_numbers_that_did_not_move_alike_have_no_ratio(before, now):
    """A unit moves every quantile by the same factor."""
    assert (None, None) == (ratio([before], now), rescaled([before], now))


@pytest.mark.parametrize(("factor", "smaller"), [(60, False), (100, True), (1000, False), (1000, True)])
def test_units_are_found_in_both_directions(factor, smaller):
    """Cents for euros and euros for cents."""
    now = times(1 / factor if smaller else factor)
    found = rescaled([times(1)], now)

    assert (factor, smaller) == (found.factor, found.smaller)


def test_moments_in_one_unit_are_no_other_unit():
    """Time passes, and its numbers grow."""
    seconds = column(*(1.7e9 + day for day in range(5)))

    assert ("seconds", None) == (epoch_unit(seconds.quantiles), rescaled([seconds], times(1.1, of=seconds.quantiles)))


def test_moments_that_came_in_seconds_for_milliseconds_are_smaller():
    """The units are named, and the factor is that between them."""
    seconds = tuple(1.7e9 + day for day in range(5))

    assert Rescaled(factor=1000, smaller=True, ratio=0.001, was="milliseconds", now="seconds") == rescaled(
        [times(1000, of=seconds)], times(1, of=seconds)
    )


@pytest.mark.parametrize(
    ("was", "now", "expected"),
    [
        ((("EUR", 90), ("USD", 10)), (("USD", 90), ("EUR", 10)), ("EUR", "USD")),
        ((("EUR", 90), ("USD", 10)), (("EUR", 60), ("USD", 40)), None),  # still mostly the same
        ((("EUR", 90), ("USD", 10)), (("USD", 40), ("PLN", 30), ("SEK", 30)), None),  # none is most
        ((("EUR", 90),), (("US$", 100),), None),  # no code of a currency
        ((("web", 90),), (("app", 90),), None),
        ((), (("USD", 90),), None),
    ],
)
def test_the_currency_of_most_rows_is_compared(was, now, expected):
    """A column of currency codes says which currency the amounts beside it are in."""
    assert expected == currencies([column(type_="VARCHAR", top=was)], column(type_="VARCHAR", top=now))
