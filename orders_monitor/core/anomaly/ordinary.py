"""What is ordinary for one metric: the range that all but its few strangest days kept to, and how far others were off.

A day outside of the range is measured in the width of the range's own side, so that a metric that always moves shouts
no louder than one that never does. How much that surprises depends on how often the metric was as far outside before:
one that cries wolf is believed less each time.
"""

import math
from bisect import bisect_left, insort
from collections import deque
from typing import NamedTuple

from orders_monitor.core.anomaly.metrics import Scale

DAYS_MIN = 20
WINDOW_DAYS = 150

_STRANGE_SHARE = 0.02
# What nobody would call another level, whatever is usual: 0.3 % of the rows, 5 % of a count, 2 % of an amount.
_WIDTH_FLOORS: dict[Scale, float] = {"share": 0.003, "count": 0.05, "amount": 0.02, "level": 0.02}


class Range(NamedTuple):
    """The lowest, middle and highest ordinary value, of so many days."""

    low: float
    middle: float
    high: float
    days: int


class Ordinary:
    """One metric's last days, as numbers that can be compared from day to day."""

    def __init__(self, scale: Scale, *, both_sides: bool) -> None:
        self._floor, self._both_sides = _WIDTH_FLOORS[scale], both_sides
        self._last: deque[float] = deque()
        self._sorted: list[float] = []
        self._excesses: list[float] = []

    @property
    def range(self) -> Range | None:
        """What all but two days in a hundred kept to; None while there are fewer days than say something."""
        days = len(self._sorted)
        if days < DAYS_MIN:
            return None
        left_out = int(_STRANGE_SHARE * days)
        low, high = self._sorted[left_out if self._both_sides else 0], self._sorted[days - 1 - left_out]
        return Range(low=low, middle=self._sorted[days // 2], high=high, days=days)

    def excess(self, value: float) -> float:
        """How many widths a value lies outside of the range; 0 within it."""
        ordinary = self.range
        if ordinary is None:
            return 0.0
        low, middle, high, _ = ordinary
        above = (value - high) / (high - middle + self._floor)
        below = (low - value) / (middle - low + self._floor) if self._both_sides else 0.0
        return max(0.0, above, below)

    def surprise(self, excess: float) -> float:
        """A logarithm: it grows with how far outside, and falls with how many days were as far outside before."""
        if excess <= 0:
            return 0.0
        as_far = len(self._excesses) - bisect_left(self._excesses, excess)
        return max(0.0, math.log1p(excess) - math.log1p(as_far))

    def sees(self, value: float) -> None:
        """Learn from a day."""
        insort(self._excesses, self.excess(value))
        self._last.append(value)
        insort(self._sorted, value)
        if len(self._last) > WINDOW_DAYS:
            del self._sorted[bisect_left(self._sorted, self._last.popleft())]
