"""What is counted of injected incidents."""

from orders_monitor.core.backtest import Found, Trial, Tried, backtest, walk
from orders_monitor.core.injection import Kind, RowsInjected
from orders_monitor.core.measures import Day
from orders_monitor.core.profile import Profile
from orders_monitor.core.rates import rate

HALF = Kind(name="half", incident="volume", does="", effect=RowsInjected(how="lose", share=0.5))
SLOW = Kind(name="slow", incident="volume", does="", effect=RowsInjected(how="lose", share=0.1), lasts=3, tuned=False)
DAYS = [f"2026-01-{day:02d}" for day in range(1, 11)]


class Threshold:
    """Alarms below so many rows, or below four fifths of the day before."""

    def __init__(self, rows: int) -> None:
        self.rows, self.seen = rows, list[int]()

    def sees(self, day: Day) -> None:
        self.seen.append(day.profile.rows)

    def alarms(self, day: Day) -> bool:
        return day.profile.rows < self.rows or day.profile.rows < 0.8 * self.seen[-1]


def day(partition: str, rows: int) -> Day:
    return Day(partition=partition, profile=Profile(rows=rows, duplicate_rows=0, columns=()))


def trial(kind: Kind, first: int, *rows: int) -> Trial:
    return Trial(kind=kind, days=tuple(day(DAYS[first + place], count) for place, count in enumerate(rows)))


def test_a_day_is_judged_after_the_days_before_it_with_the_incident_and_without():
    """What lasts is published day by day; the judge goes on with the ordinary days as if nothing had been."""
    days = [day(partition, 100) for partition in DAYS]
    trials = [trial(HALF, 6, 50), trial(HALF, 7, 90), trial(SLOW, 6, 90, 81, 60)]

    ordinary, tried = walk(days, trials, Threshold(10), trained=5)

    assert dict.fromkeys(DAYS[5:], False) == ordinary
    assert (
        Tried(kind="half", partition=DAYS[6], delay=0),
        Tried(kind="half", partition=DAYS[7], delay=None),
        Tried(kind="slow", partition=DAYS[6], delay=2),
    ) == tried


def test_of_what_lasts_an_alarm_that_comes_anyway_does_not_count():
    """On a partition that alarms as it is, an alarm says nothing of the incident; of a single day it counts."""
    days = [day(partition, 100 if partition != DAYS[7] else 5) for partition in DAYS]

    _, tried = walk(days, [trial(SLOW, 6, 95, 5, 4), trial(HALF, 7, 3)], Threshold(10), trained=5)

    assert [("half", 0), ("slow", 2)] == [(each.kind, each.delay) for each in tried]


def test_recall_precision_and_delay_are_counted_by_kind_and_by_class():
    """Each share has its interval; a mean counts each kind once, tuned and held-out ones apart."""
    ordinary = dict.fromkeys(DAYS[5:], False) | {DAYS[6]: True}
    tried = [
        Tried(kind="half", partition=DAYS[6], delay=0),
        Tried(kind="half", partition=DAYS[7], delay=None),
        Tried(kind="slow", partition=DAYS[6], delay=2),
    ]
    counted = backtest(tried, ordinary, [HALF, SLOW], table="t", detector="d", trained=5)

    half = Found(name="half", incident="volume", tuned=True, recall=rate(1, 2), precision=0.5, delay=0.0)
    slow = Found(name="slow", incident="volume", tuned=False, recall=rate(1, 1), precision=1.0, delay=2.0)
    both = Found(name="volume", incident="volume", tuned=False, recall=rate(2, 3), precision=0.6667, delay=1.0)
    assert ((half, slow), (both,)) == (counted.kinds, counted.classes)
    assert (rate(1, 5), 0.5, 1.0) == (counted.false_positives, counted.recall_tuned, counted.recall_held_out)
    assert (5, DAYS[5], DAYS[9]) == (counted.tested, counted.first, counted.last)
