import pytest

from orders_monitor.core.profile import ColumnProfile
from orders_monitor.core.value_sets import Grown, grown


def column(*values):
    top = tuple((value, 10) for value in values)
    return ColumnProfile(name="status", type="VARCHAR", nulls=0, distinct=len(values), top=top)


def test_values_outside_of_the_allowed_ones_are_counted():
    """Long values are compared as far as the profile shows them."""
    long = "x" * 100

    assert Grown(values=2, rows=20, promised=True) == grown(("a", long), [], column("a", "b", "c", long[:64]))
    assert grown(("a", "b"), [], column("b")) is None


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ([("a", "b")] * 14, Grown(values=1, rows=10, promised=False)),
        ([("a", "b")] * 13, None),  # too few days
        ([("a",)] * 13 + [("a", "b")], None),  # it was still growing
        ([("a", "b")] * 13 + [()], None),  # a day on which the values were too many to be listed
        ([("a", "b", "c")] + [("a",)] * 13, None),  # known, if long ago
    ],
)
def test_only_a_closed_set_can_grow(before, expected):
    """Without a promise a value is new where weeks brought none."""
    assert expected == grown(None, [column(*values) for values in before], column("a", "c"))


def test_many_values_are_no_set():
    """A column with many values has new ones every day."""
    values = [str(number) for number in range(21)]

    assert grown(None, [column("0")] * 20, column(*values)) is None
