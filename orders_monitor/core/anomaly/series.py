"""What one metric's past says of its next day: a level, the weekday's distance from it, and how far days usually fall.

An exponentially weighted level of weekday-adjusted values: of the methods measured on real series it found most at the
same rate of false alarms, and no heavier forecaster (STL, ETS, Prophet) beat it. One strange day moves the level by
three spreads at most; three in a row on one side are a new level, which is followed at once.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from orders_monitor.core.anomaly.metrics import Reading

DAYS_MIN = 8
WEEKDAY_DAYS_MIN = 14
MAD_TO_SIGMA = 1.4826

_SMOOTHING = 0.2
_WEEKDAY_SMOOTHING = 0.15
_RESIDUALS_MAX = 60
_CLIP_SPREADS = 3.0
_NEW_LEVEL_SPREADS = 3.0
_NEW_LEVEL_DAYS = 3
_SPREAD_FLOOR = 1e-3


class Forecast(NamedTuple):
    """Of one metric on one day, on the metric's scale; made of the `days` before it only."""

    expected: float
    spread: float
    days: int


class Series:
    """One metric, day after day. `expects` tells of the next day, then `sees` is told what it was."""

    def __init__(self) -> None:
        self._first: list[tuple[int, float]] = []
        self._level = 0.0
        self._offsets = dict.fromkeys(range(7), 0.0)
        self._residuals: deque[float] = deque()
        self._sizes: list[float] = []
        self._strange: list[float] = []
        self._days = 0

    def expects(self, weekday: int) -> Forecast | None:
        """The forecast of a day; None while there are fewer days than a baseline needs."""
        if self._days < DAYS_MIN:
            return None
        return Forecast(expected=self._level + self._offsets[weekday], spread=self._spread, days=self._days)

    def sees(self, weekday: int, reading: Reading) -> None:
        """Learn from a day."""
        self._days += 1
        if self._days <= WEEKDAY_DAYS_MIN:
            self._start(weekday, reading.scaled)
        else:
            self._follow(weekday, reading)

    @property
    def _spread(self) -> float:
        middle = self._sizes[len(self._sizes) // 2] if self._sizes else 0.0
        return max(_SPREAD_FLOOR, MAD_TO_SIGMA * middle)

    def _start(self, weekday: int, value: float) -> None:
        """The first two weeks: one median for all; then each weekday's distance from the week around it."""
        self._first.append((weekday, value))
        values = [each for _, each in self._first]
        if self._days == WEEKDAY_DAYS_MIN:
            self._offsets |= weekday_offsets(self._first)
        adjusted = [each - self._offsets[day] for day, each in self._first]
        self._level = median(adjusted[-7:])
        around = median(values) if self._days < WEEKDAY_DAYS_MIN else median(adjusted)
        self._sizes = sorted(abs(each - around) for each in (values, adjusted)[self._days == WEEKDAY_DAYS_MIN])
        self._residuals = deque(each - around for each in values)

    def _follow(self, weekday: int, reading: Reading) -> None:
        residual = reading.scaled - self._level - self._offsets[weekday]
        spread = max(self._spread, reading.chance)
        self._strange = self._strange_with(residual, spread)
        if len(self._strange) == _NEW_LEVEL_DAYS:
            self._level += median(self._strange)
            self._strange = []
            return
        reach = max(-_CLIP_SPREADS * spread, min(_CLIP_SPREADS * spread, residual))
        self._level += _SMOOTHING * reach
        self._offsets[weekday] += _WEEKDAY_SMOOTHING * reach
        self._remember(residual)

    def _strange_with(self, residual: float, spread: float) -> list[float]:
        if abs(residual) <= _NEW_LEVEL_SPREADS * spread:
            return []
        same = bool(self._strange) and (self._strange[-1] > 0) == (residual > 0)
        return [*self._strange, residual] if same else [residual]

    def _remember(self, residual: float) -> None:
        self._residuals.append(residual)
        insort(self._sizes, abs(residual))
        if len(self._residuals) > _RESIDUALS_MAX:
            gone = abs(self._residuals.popleft())
            del self._sizes[min(bisect_left(self._sizes, gone), len(self._sizes) - 1)]


def weekday_offsets(points: Sequence[tuple[int, float]]) -> dict[int, float]:
    """How far each weekday (Monday is 0) lies from the days around it, by (weekday, value) of some days in order."""
    values = [value for _, value in points]
    around = [median(values[max(0, place - 3) : place + 4]) for place in range(len(values))]
    apart: dict[int, list[float]] = {}
    for (day, value), level in zip(points, around, strict=True):
        apart.setdefault(day, []).append(value - level)
    return {day: median(distances) for day, distances in apart.items()}
