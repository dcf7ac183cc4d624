"""Thresholds for a table's own history: so many ordinary days in a hundred may alarm, and a partition counts once.

`calibrate` replays the days in their order: each is judged by what came before it and by nothing later, so the rate of
false alarms is that of days that the detector had not seen. `detect` judges one more day with the thresholds found.
"""

import math
from collections.abc import Mapping, Sequence

from pydantic import Field

from orders_monitor.core.anomaly import sentences, vector
from orders_monitor.core.anomaly.incidents import continued
from orders_monitor.core.anomaly.vector import Standings
from orders_monitor.core.measures import Day
from orders_monitor.core.quality import Anomaly, Baseline
from orders_monitor.core.rates import Rate, rate
from orders_monitor.core.rules import Rules
from orders_monitor.core.value import Value

DETECTOR = "1"
DAYS_MIN = 30
DAYS_MAX = 400

_WARM_DAYS = 20


class Thresholds(Value):
    """What a day must exceed; None where no day may alarm by that detector. In nats of surprise."""

    day: float | None = None


class Calibration(Value):
    """What was learned from `days` ordinary days of a table, `first` to `last` (ISO dates), by one detector's code.

    `false_positive_rate` is the share of replayed days that alarmed, each judged with thresholds made from the days
    before it. `target` is what it should stay below.
    """

    version: int = Field(ge=1)
    table: str
    detector: str
    first: str
    last: str
    days: int
    rules: Rules
    thresholds: Thresholds
    false_positive_rate: Rate
    target: float


class Detection(Value):
    """What every metric's verdict rests on, and what is unusual; the most unusual first."""

    baselines: tuple[Baseline, ...] = ()
    anomalies: tuple[Anomaly, ...] = ()


def calibrate(
    days: Sequence[Day],
    rules: Rules,
    *,
    table: str,
    version: int = 1,
    target: float = 0.05,
    closed: frozenset[str] = frozenset(),
) -> Calibration:
    """Thresholds for the days after these published ones; `closed` are days (ISO dates) on which nobody trades.

    Raises ValueError with fewer days than can be replayed.
    """
    ordered = sorted((day for day in days if day.partition not in closed), key=lambda day: day.partition)[-DAYS_MAX:]
    if len(ordered) < DAYS_MIN:
        raise ValueError(f"{len(ordered)} days are too few to calibrate with: {DAYS_MIN} are needed")
    scores = [vector.score(standings) for _, standings in vector.followed(ordered)]
    alarms = [
        score > _threshold(scores[_WARM_DAYS:place], target)
        for place, score in enumerate(scores)
        if place >= _WARM_DAYS + math.ceil(1 / target)
    ]
    return Calibration(
        version=version,
        table=table,
        detector=DETECTOR,
        first=ordered[0].partition,
        last=ordered[-1].partition,
        days=len(ordered),
        rules=rules,
        thresholds=Thresholds(day=_threshold(scores[_WARM_DAYS:], target)),
        false_positive_rate=rate(sum(alarms), len(alarms)),
        target=target,
    )


def detect(
    day: Day,
    history: Sequence[Day],
    calibration: Calibration,
    *,
    closed: frozenset[str] = frozenset(),
    found: Mapping[str, Sequence[Anomaly]] | None = None,
) -> Detection:
    """What is unusual about a day, given the published days before it (others in `history` are left out).

    `found` are the anomalies of earlier partitions by partition, of published and of held ones alike: from them an
    anomaly knows since when it lasts. A repaired day's `duplicate_rows` may be what landed. Where there is a
    calibration this takes the place of `tolerances.judge`.
    """
    earlier = [each for each in history if each.partition < day.partition]
    return Detector(earlier, calibration, closed=closed).judge(day, found=found)


class Detector:
    """What `detect` knows after some published days: for several versions of the partition after them."""

    def __init__(
        self, history: Sequence[Day], calibration: Calibration, *, closed: frozenset[str] = frozenset()
    ) -> None:
        trading = (each for each in history if each.partition not in closed)
        self._calibration, self._watch = calibration, vector.Watch()
        for day in sorted(trading, key=lambda each: each.partition)[-DAYS_MAX:]:
            self.sees(day)

    def sees(self, day: Day) -> None:
        """Learn from the next published day."""
        self._watch.sees(day, self._watch.stands(day))

    def judge(self, day: Day, *, found: Mapping[str, Sequence[Anomaly]] | None = None) -> Detection:
        """What is unusual about a day after all that were seen."""
        standings = self._watch.stands(day)
        baselines = tuple(
            sentences.baseline(metric, standing, rows=day.profile.rows) for metric, standing in standings.items()
        )
        threshold = self._calibration.thresholds.day
        unusual = threshold is not None and vector.score(standings) > threshold
        return Detection(
            baselines=baselines,
            anomalies=continued(_anomalies(standings), found or {}, partition=day.partition) if unusual else (),
        )


def _threshold(scores: Sequence[float], target: float) -> float:
    """What so small a share of the scores exceeds, counting the next one among them (conformal)."""
    place = math.ceil((1 - target) * (len(scores) + 1)) - 1
    return sorted(scores)[min(place, len(scores) - 1)]


def _anomalies(standings: Standings) -> tuple[Anomaly, ...]:
    most = sorted(standings.items(), key=lambda each: (-each[1].surprise, each[0]))
    return tuple(sentences.anomaly(metric, standing) for metric, standing in most[:2] if standing.surprise > 0)
