"""The whole day as a vector: how surprising each metric is by its own past, and the day by its two most surprising.

Only the day's score is compared with a threshold, and the threshold comes from the scores of earlier days: so it is
the partition's false alarms that are kept low and not each metric's. Two metrics that say the same of the same columns
count once. On real days with injected incidents this found more, at the same rate of false alarms, than sums of tail
probabilities by rank or with Pareto tails, than the largest distance alone, and than trailing ranges with a fixed
margin.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from orders_monitor.core.anomaly.metrics import (
    Reading,
    clocks_changed,
    is_one_sided,
    of_day,
    readings,
    scale_of,
    tells_of_volume,
    tells_the_hour,
    topic_of,
)
from orders_monitor.core.anomaly.ordinary import Ordinary, Range
from orders_monitor.core.anomaly.series import Forecast, Series
from orders_monitor.core.anomaly.slow import Drift, Slow
from orders_monitor.core.measures import Day

SAME_WEEKDAYS = 4

_MOST_SURPRISING = 2


class Standing(NamedTuple):
    """A metric of a day beside the days before it.

    Counts and amounts are compared by their distance from `forecast`, shares and levels as they are (then it is None).
    """

    reading: Reading
    forecast: Forecast | None
    ordinary: Range | None
    surprise: float


Standings = Mapping[str, Standing]


class Watch:
    """Every metric's series, day after day; what was seen of a closed day says nothing about a trading day's volume."""

    def __init__(self) -> None:
        self._series: dict[str, Series] = {}
        self._ordinary: dict[str, Ordinary] = {}
        self._slow = Slow()
        self._weekdays: dict[int, list[Day]] = {}

    def stands(self, day: Day, *, closed: bool = False) -> dict[str, Standing]:
        """How a day stands beside the days seen so far.

        Of a `closed` day the volume is not judged, and in the week after the clocks changed not what tells the hour.
        """
        weekday, changed = _weekday(day), clocks_changed(day)
        found = readings(day, self._weekdays.get(weekday, [])[-SAME_WEEKDAYS:])
        return {
            metric: self._stands(metric, reading, weekday)
            for metric, reading in found.items()
            if not (closed and tells_of_volume(metric)) and not (changed and tells_the_hour(metric, day))
        }

    def drifts(self, standings: Standings) -> dict[str, Drift]:
        """How far the metrics of a day have drifted from those of the months before."""
        return self._slow.stands({metric: standing.reading for metric, standing in standings.items()})

    def sees(self, day: Day) -> None:
        """Learn from a day."""
        weekday = _weekday(day)
        same = self._weekdays.setdefault(weekday, [])
        found = readings(day, same[-SAME_WEEKDAYS:])
        for metric, reading in found.items():
            self._learn(metric, reading, weekday)
        self._slow.sees(found)
        same.append(day)

    def trades_on(self, weekday: int) -> bool:
        """Whether there were rows on that weekday (Monday is 0) in any of its last weeks."""
        return any(day.profile.rows > 0 for day in self._weekdays.get(weekday, []))

    def _learn(self, metric: str, reading: Reading, weekday: int) -> None:
        series = self._series.get(metric)
        if series is None:
            series = self._series[metric] = Series()
        value = _compared(metric, reading, series.expects(weekday))
        if value is not None:
            ordinary = self._ordinary.get(metric)
            if ordinary is None:
                ordinary = Ordinary(scale_of(metric), both_sides=not is_one_sided(metric))
                self._ordinary[metric] = ordinary
            ordinary.sees(value)
        series.sees(weekday, reading)

    def _stands(self, metric: str, reading: Reading, weekday: int) -> Standing:
        series, ordinary = self._series.get(metric), self._ordinary.get(metric)
        forecast = None if series is None else series.expects(weekday)
        value = _compared(metric, reading, forecast)
        if value is None or ordinary is None:
            return Standing(reading=reading, forecast=None, ordinary=None, surprise=0.0)
        return Standing(
            reading=reading,
            forecast=forecast if _is_forecast(metric) else None,
            ordinary=ordinary.range,
            surprise=ordinary.surprise(ordinary.excess(value)),
        )


def followed(days: Sequence[Day]) -> Iterator[tuple[dict[str, Standing], dict[str, Drift]]]:
    """How each day stands beside the days before it, and what drifts with it, oldest first."""
    watch = Watch()
    for day in sorted(days, key=lambda each: each.partition):
        standings = watch.stands(day)
        yield standings, watch.drifts(standings)
        watch.sees(day)


def recorded(days: Sequence[Day]) -> Iterator[tuple[Day, dict[str, float]]]:
    """Each day, oldest first, and its metrics beside the days before it as later nights will read them."""
    same: dict[int, list[Day]] = {}
    for day in sorted(days, key=lambda each: each.partition):
        before = same.setdefault(_weekday(day), [])
        yield day, of_day(day, before[-SAME_WEEKDAYS:])
        before.append(day)


def references(days: Sequence[Day], partition: str) -> tuple[Day, ...]:
    """Of some days, oldest first, those that a partition's distributions are compared with."""
    weekday = date.fromisoformat(partition).weekday()
    return tuple(day for day in days if day.partition < partition and _weekday(day) == weekday)[-SAME_WEEKDAYS:]


def past_values(days: Sequence[Day], metrics: Collection[str]) -> dict[str, tuple[tuple[str, float], ...]]:
    """What each of these metrics was on each day that has it, oldest first: (partition, value in the metric's unit)."""
    same: dict[int, list[Day]] = {}
    found: dict[str, list[tuple[str, float]]] = {metric: [] for metric in metrics}
    for day in sorted(days, key=lambda each: each.partition):
        before = same.setdefault(_weekday(day), [])
        values = readings(day, before[-SAME_WEEKDAYS:])
        before.append(day)
        for metric in found.keys() & values.keys():
            found[metric].append((day.partition, values[metric].value))
    return {metric: tuple(points) for metric, points in found.items()}


def score(standings: Standings) -> float:
    """How surprising a day is: the sum of its two most surprising topics."""
    return sum(standing.surprise for _, standing in most_surprising(standings)[:_MOST_SURPRISING])


def most_surprising(standings: Standings) -> list[tuple[str, Standing]]:
    """The metrics that surprise, the most surprising first, one of each topic."""
    found: dict[str, tuple[str, Standing]] = {}
    for metric, standing in sorted(standings.items(), key=lambda each: (-each[1].surprise, each[0])):
        if standing.surprise > 0:
            found.setdefault(topic_of(metric), (metric, standing))
    return list(found.values())


def _is_forecast(metric: str) -> bool:
    return scale_of(metric) in ("count", "amount")


def _compared(metric: str, reading: Reading, forecast: Forecast | None) -> float | None:
    """The number by which days are compared; None while what it is a distance from is not known."""
    if not _is_forecast(metric):
        return reading.value
    return None if forecast is None else reading.scaled - forecast.expected


def _weekday(day: Day) -> int:
    return date.fromisoformat(day.partition).weekday()
