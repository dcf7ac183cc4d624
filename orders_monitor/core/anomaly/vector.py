"""The whole day as a vector: how surprising each metric is by its own past, and the day by its two most surprising.

A metric's surprise is the logarithm of its tail probability among its own earlier distances (by rank), so that a
heavy-tailed metric does not shout. A day's score is the sum of its two largest; its threshold comes from the scores of
earlier days, so that it is the partition's false alarms that are kept low and not each metric's.
"""

import math
from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from orders_monitor.core.anomaly.metrics import Reading, readings
from orders_monitor.core.anomaly.series import Forecast, Series
from orders_monitor.core.measures import Day

SAME_WEEKDAYS = 4

_MOST_SURPRISING = 2


class Standing(NamedTuple):
    """A metric of a day beside its forecast. `distance` counts spreads, with a sign; `surprise` is in nats."""

    reading: Reading
    forecast: Forecast | None
    distance: float
    surprise: float


Standings = Mapping[str, Standing]


class Watch:
    """Every metric's series, day after day."""

    def __init__(self) -> None:
        self._series: dict[str, Series] = {}
        self._distances: dict[str, list[float]] = {}
        self._weekdays: dict[int, list[Day]] = {}

    def stands(self, day: Day) -> dict[str, Standing]:
        """How a day stands beside the days seen so far."""
        weekday = date.fromisoformat(day.partition).weekday()
        found = readings(day, self._weekdays.get(weekday, [])[-SAME_WEEKDAYS:])
        return {metric: self._stands(metric, reading, weekday) for metric, reading in found.items()}

    def sees(self, day: Day, standings: Standings) -> None:
        """Learn from a day, given how it stood."""
        weekday = date.fromisoformat(day.partition).weekday()
        self._weekdays.setdefault(weekday, []).append(day)
        for metric, standing in standings.items():
            self._series.setdefault(metric, Series()).sees(weekday, standing.reading)
            if standing.forecast is not None:
                insort(self._distances.setdefault(metric, []), abs(standing.distance))

    def _stands(self, metric: str, reading: Reading, weekday: int) -> Standing:
        series = self._series.get(metric)
        forecast = None if series is None else series.expects(weekday)
        if forecast is None:
            return Standing(reading=reading, forecast=None, distance=0.0, surprise=0.0)
        distance = (reading.scaled - forecast.expected) / max(forecast.spread, reading.chance)
        return Standing(reading, forecast, distance, surprise(abs(distance), self._distances.get(metric, [])))


def followed(days: Sequence[Day]) -> Iterator[tuple[Day, dict[str, Standing]]]:
    """Each day beside the days before it, oldest first."""
    watch = Watch()
    for day in sorted(days, key=lambda each: each.partition):
        standings = watch.stands(day)
        yield day, standings
        watch.sees(day, standings)


def score(standings: Standings) -> float:
    """How surprising a day is: the sum of its most surprising metrics, in nats."""
    return sum(sorted((standing.surprise for standing in standings.values()), reverse=True)[:_MOST_SURPRISING])


def surprise(distance: float, earlier: Sequence[float]) -> float:
    """Minus the logarithm of the share of earlier distances (sorted) that reach this one, continued beyond the largest.

    Beyond the largest the tail falls with the power that the distances above their 90 % quantile show (Hill, 1975).
    """
    above = len(earlier) - bisect_left(earlier, distance)
    share = (above + 1) / (len(earlier) + 1)
    if above or not earlier:
        return -math.log(share)
    tail = [each for each in earlier[int(0.9 * len(earlier)) :] if each > 0]
    largest = tail[-1] if tail else 1.0
    slope = sum(math.log(largest / each) for each in tail) / max(1, len(tail)) if tail else 0.0
    return -math.log(share) + math.log(max(distance / largest, 1.0)) / max(slope, 0.1)
