import datetime as dt
import random

import pytest

from orders_monitor.core.vigil import EVIDENCE_MIN, Verdicts, Watched, Week, watch, weeks_to_find

REFERENCE = Verdicts(right=1440, of=1600)


def weeks(*right, of=200):
    first = dt.date(2026, 1, 5)
    return [Week(week=str(first + dt.timedelta(weeks=n)), right=count, of=of) for n, count in enumerate(right)]


def drawn(dice, share, of):
    return sum(dice.random() < share for _ in range(of))


def test_what_is_as_it_was_is_no_decline():
    """A week like the reference has its share, its evidence, and says how long a decline would take to show."""
    assert Watched(
        week="2026-01-12",
        evidence=watch(weeks(180, 180), REFERENCE).evidence,
        declines=False,
        since="2026-01-12",
        share=0.898010,
        expected=0.899750,
        weeks_to_find=4,
        sentence="89.8% of the verdicts since 2026-01-12 are right, 90.0% were before (of 1,600): no decline; "
        "with 200 verdicts a week a decline of 2 % a week is found after 4 weeks",
    ) == watch(weeks(180, 180), REFERENCE)


def test_a_decline_is_said_with_the_week_in_which_it_began():
    """Two per cent less each week, from the fifth week on, are found in its fourth week."""
    found = [watch(weeks(180, 181, 179, 180, *[176, 173, 169, 166][:late]), REFERENCE) for late in range(5)]

    assert [False, False, False, False, True] == [each.declines for each in found]
    assert (
        "85.5% of the verdicts since 2026-02-02 are right, 90.0% were before (of 1,600): a decline over 4 weeks"
        == found[4].sentence
    )


def test_better_is_no_decline():
    """A share that rises raises no alarm."""
    assert not watch(weeks(185, 190, 195, 200), REFERENCE).declines


@pytest.mark.parametrize(("of", "weeks_"), [(10, 16), (50, 7), (100, 5), (200, 4), (500, 3)])
def test_fewer_verdicts_need_more_weeks(of, weeks_):
    """How long a decline stays hidden follows from the number of verdicts a week."""
    assert weeks_ == weeks_to_find(of, Verdicts(right=7.2 * of, of=8 * of))


def test_where_half_a_year_is_not_enough_it_says_so():
    """With three verdicts a week nothing can be promised."""
    watched = watch(weeks(3, of=3), Verdicts(right=22, of=24))

    assert watched.weeks_to_find is None
    assert watched.sentence.endswith("is found after more than half a year")


def test_a_small_reference_does_not_alarm_by_its_own_chance():
    """Ten verdicts that all were right make no decline of a share that is high."""
    assert not watch(weeks(188, 190, 189), Verdicts(right=10, of=10)).declines


@pytest.mark.parametrize(("history", "reference"), [([], REFERENCE), (weeks(180), Verdicts(right=0, of=0))])
def test_nothing_to_compare_is_an_error(history, reference):
    """Without a week or without an earlier verdict there is no answer."""
    with pytest.raises(ValueError, match="a decline needs a week"):
        watch(history, reference)


def test_more_right_than_all_is_no_count():
    """A count of right verdicts is one of the labelled ones."""
    with pytest.raises(ValueError, match="3 verdicts cannot be right of 2"):
        Verdicts(right=3, of=2)


@pytest.mark.slow
def test_half_years_without_a_decline_and_with_one():
    """Of 150 half-years at most 5 % alarm falsely, and a decline is found within four weeks in most of them."""
    dice = random.Random(7)  # noqa: S311 - the same half-years again, no secret
    false, found = 0, []
    for _ in range(150):
        reference = Verdicts(right=drawn(dice, 0.9, 1600), of=1600)
        calm = weeks(*(drawn(dice, 0.9, 200) for _ in range(26)))
        falling = weeks(*(drawn(dice, 0.9 * 0.98**n, 200) for n in [0] * 6 + [1, 2, 3, 4]))
        false += any(watch(calm[: last + 1], reference).evidence >= EVIDENCE_MIN for last in range(26))
        found.append(any(watch(falling[: last + 1], reference).declines for last in range(6, 10)))

    assert (True, True) == (false <= 0.05 * 150, sum(found) > 75)
