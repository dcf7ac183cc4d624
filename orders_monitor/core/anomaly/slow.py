"""A drift that no single day shows: the last days' level beside that of the months before, which does not follow it.

A level that adapts follows two per cent a week and never sees them. Here the reference are the days between one and six
months back, and how far levels move anyway is learned with the same delay: a drift does not teach that it is ordinary.
Nor do some odd days that people approved: what lies far outside teaches only once it has lasted as long as the delay.
Watched are the levels of items (`level:`, a price index that ignores the mix). Volumes are not: half of all natural
twelve weeks move them as much; nor are means and medians, which the mix moves.
"""

from collections import deque
from collections.abc import Mapping
from statistics import median
from typing import NamedTuple

from orders_monitor.core.anomaly.metrics import Reading

_RECENT_DAYS = 6
_REFERENCE_DAYS = 120
_DELAY_DAYS = 25
_REFERENCE_DAYS_MIN = 30
_DRIFTING = "level:"
_WIDTH_FLOOR = 0.02
# So many widths outside nobody's levels move by themselves; before it is known how far they do, a fifth is far.
_ODD_WIDTHS = 3.0
_ODD_WIDTHS_FIRST = 10.0


class Drift(NamedTuple):
    """One metric's slow change, as a difference on its scale: from `reference` to `recent`, `excess` widths too far."""

    reference: float
    recent: float
    low: float
    high: float
    excess: float
    days: int


class Slow:
    """The last months of every metric that can drift."""

    def __init__(self) -> None:
        self._levels: dict[str, deque[float]] = {}
        self._moved: dict[str, list[float]] = {}
        self._odd: dict[str, int] = {}

    def stands(self, found: Mapping[str, Reading]) -> dict[str, Drift]:
        """How far each metric has drifted with this day; only where there are months to compare with."""
        drifts = {
            metric: self._drift(metric, found[metric].scaled) for metric in sorted(found) if metric in self._levels
        }
        return {metric: drift for metric, drift in drifts.items() if drift is not None}

    def sees(self, found: Mapping[str, Reading]) -> None:
        """Learn from a day."""
        for metric, drift in self.stands(found).items():
            self._learn(metric, drift)
        for metric, reading in found.items():
            if metric.startswith(_DRIFTING):
                levels = self._levels.setdefault(metric, deque(maxlen=_REFERENCE_DAYS + _DELAY_DAYS))
                levels.append(reading.scaled)

    def _learn(self, metric: str, drift: Drift) -> None:
        """How far the level had moved; as far as on the day before where it is odd and has not lasted."""
        moved = self._moved.setdefault(metric, [0.0])
        known = len(moved) > _DELAY_DAYS
        is_odd = drift.excess > (_ODD_WIDTHS if known else _ODD_WIDTHS_FIRST)
        self._odd[metric] = self._odd.get(metric, 0) + 1 if is_odd else 0
        lasted = self._odd[metric] > _DELAY_DAYS
        moved.append(drift.recent - drift.reference if lasted or not is_odd else moved[-1])

    def _drift(self, metric: str, scaled: float) -> Drift | None:
        days = list(self._levels[metric])
        if len(days) < _DELAY_DAYS + _REFERENCE_DAYS_MIN:
            return None
        reference, recent = median(days[:-_DELAY_DAYS]), median([*days[1 - _RECENT_DAYS :], scaled])
        moved, earlier = recent - reference, [0.0, *self._moved.get(metric, [])[:-_DELAY_DAYS]]
        low, high = min(earlier), max(earlier)
        excess = max(0.0, moved - high, low - moved) / (high - low + _WIDTH_FLOOR)
        return Drift(reference, recent, reference + low, reference + high, excess, len(days) - _DELAY_DAYS)


def furthest(drifts: Mapping[str, Drift]) -> tuple[str, Drift] | None:
    """The metric that drifted most; None where nothing is known yet."""
    return min(drifts.items(), key=lambda each: (-each[1].excess, each[0]), default=None)
