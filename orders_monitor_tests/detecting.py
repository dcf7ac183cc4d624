"""One day judged by a calibration, given the days before it: what a night does, without its files."""

from collections.abc import Sequence

from orders_monitor.core.calibration import Calibration, Detection, Detector
from orders_monitor.core.measures import Day


def detect(
    day: Day, history: Sequence[Day], calibration: Calibration, *, closed: frozenset[str] = frozenset()
) -> Detection:
    """What is unusual about a day; later days in `history` are left out."""
    earlier = [each for each in history if each.partition < day.partition]
    return Detector(earlier, calibration, closed=closed).judge(day)
