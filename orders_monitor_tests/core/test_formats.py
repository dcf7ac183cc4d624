import pytest

from orders_monitor.core.formats import Reformatted, family, reformatted
from orders_monitor.core.profile import ColumnProfile


def texts(*patterns):
    return ColumnProfile(name="a", type="VARCHAR", nulls=0, distinct=9, patterns=patterns)


def changed(was, now, rows=100):
    return reformatted(texts(*was), texts(*now), was_values=rows, now_values=rows)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("9999-99-99", "99/99/9999"),  # dates
        ("9999-99-99", "99-99-9999"),
        ("+99 999 9999999", "9999999999999"),  # phone numbers
        ("A999999", "999999"),  # ids
        ("AAA-999", "AAA-999999"),
        ("aaaa", "AAAA"),  # case
        ("Aaaa Aaaa", "AAAA AAAA"),
    ],
)
def test_another_shape_of_all_values_is_another_format(was, now):
    """The most frequent shapes are said, and the share of values that have none of the known ones."""
    assert Reformatted(was=was, now=now, share=1.0) == changed([(was, 100)], [(now, 100)])


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ([("aaaa", 100)], [("aaaaaaa", 100)]),  # names are as long as they are: no shape was the rule
        ([("9999", 100)], [("99999", 100)]),  # ids grow by a digit
        ([("9999-99-99", 100)], [("9999-99-99", 60), ("99/99/9999", 40)]),  # some rows are for the rules of rows
        ([("aa", 40), ("a a", 30), ("a-9", 30)], [("aa", 30), ("A", 70)]),  # most are known
        ([("a 9 a", 30), ("9.9", 20)], [("A", 100)]),  # half of the values have no frequent shape: no format
        ([("9999-99-99", 100)], [("a", 30), ("9", 30), ("-", 40)]),  # nothing new is the rule
        ([("9999-99-99", 100)], [("9+-9+-9+", 100)]),  # the profile wrote the runs in another way
        ([("aaaa+aaa@aaaa.aaa", 100)], [("a++a+@a+.a+", 100)]),
        ([], [("a", 100)]),
        ([("a", 100)], []),
    ],
)
def test_values_that_are_known_or_have_no_format_are_no_change(was, now):
    """A column must have had a format that next to no value keeps."""
    was = [("aaaa", 50), ("aaaaaa", 50)] if was == [("aaaa", 100)] else was

    assert changed(was, now) is None


def test_few_values_say_nothing_of_a_format():
    """Below twenty values a shape is chance."""
    assert changed([("aaaa", 19)], [("9999", 19)], rows=19) is None


def test_a_family_has_each_run_once():
    """Words of any length are one family."""
    shapes = ["Aaaaa Aaa", "9999-99-99", "+99 999", "A9+-a+", ""]

    assert ["Aa Aa", "9-9-9", "+9 9", "A9-a", ""] == [family(shape) for shape in shapes]
