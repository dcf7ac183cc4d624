"""Thresholds for a table's own history: so many ordinary days in a hundred may alarm, and a partition counts once.

`calibrate` replays the days in their order: each is judged by what came before it and by nothing later, so the rate of
false alarms is that of days that the detector had not seen. `detect` judges one more day with the thresholds found.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import date

from pydantic import Field

from orders_monitor.core.anomaly import sentences, slow, vector
from orders_monitor.core.anomaly.slow import Drift
from orders_monitor.core.anomaly.vector import Standings
from orders_monitor.core.measures import Day
from orders_monitor.core.quality import Anomaly, Baseline
from orders_monitor.core.rates import Rate, rate
from orders_monitor.core.rules import Rules
from orders_monitor.core.value import Value

DETECTOR = "3"
DAYS_MIN = 45
DAYS_MAX = 400

# Scores of the first days are of metrics with hardly a past; and history does not quite repeat itself, so that a
# threshold for five days in a hundred of the past lets through more of the next ones: it is made for three.
_WARM_DAYS = 25
_TARGET_SHARE = 0.6
_SLOW_MARGIN = 1.5
_SLOW_WIDTHS_MIN = 1.0
_TOLD_MAX = 4
_TOLD_SHARE = 0.2


class Thresholds(Value):
    """What a day must exceed: its score, and how many widths its slowest change lies outside of earlier ones.

    With None no day alarms by that.
    """

    day: float | None = None
    slow: float | None = None


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

    @property
    def is_outdated(self) -> bool:
        """Whether it was made for other code than this: its thresholds are for other scores."""
        return self.detector != DETECTOR


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
) -> Calibration:
    """Thresholds for the days after these published ones. Raises ValueError with fewer days than can be replayed."""
    ordered = sorted(days, key=lambda day: day.partition)[-DAYS_MAX:]
    if len(ordered) < DAYS_MIN:
        raise ValueError(f"{len(ordered)} days are too few to calibrate with: {DAYS_MIN} are needed")
    found = [(vector.score(s), _slow_score(drifts)) for s, drifts in vector.followed(ordered)][_WARM_DAYS:]
    alarms = [
        _exceeds(found[place], _thresholds(found[:place], target)) for place in range(math.ceil(1 / target), len(found))
    ]
    return Calibration(
        version=version,
        table=table,
        detector=DETECTOR,
        first=ordered[0].partition,
        last=ordered[-1].partition,
        days=len(ordered),
        rules=rules,
        thresholds=_thresholds(found, target),
        false_positive_rate=rate(sum(alarms), len(alarms)),
        target=target,
    )


def detect(
    day: Day,
    history: Sequence[Day],
    calibration: Calibration,
    *,
    closed: frozenset[str] = frozenset(),
) -> Detection:
    """What is unusual about a day, given the published days before it (others in `history` are left out).

    A repaired day's `duplicate_rows` may be what landed. `closed` are days (ISO dates) on which nobody trades: they
    teach nothing, and of such a day the volume is not judged.
    """
    earlier = [each for each in history if each.partition < day.partition]
    return Detector(earlier, calibration, closed=closed).judge(day)


def repeated(detection: Detection, once: Detection) -> Detection:
    """A detection, each anomaly saying whether it is gone in `once`: the same day with equal rows counted once.

    What is unusual only without the repeated rows is added: they hid it.
    """
    seen, stays = ({anomaly.metric for anomaly in found.anomalies} for found in (detection, once))
    marked = (each.model_copy(update={"is_repetition": each.metric not in stays}) for each in detection.anomalies)
    hidden = (
        each.model_copy(update={"sentence": f"without the repeated rows: {each.sentence}"})
        for each in once.anomalies
        if each.metric not in seen
    )
    return detection.model_copy(update={"anomalies": (*marked, *hidden)})


def gone_without(detection: Detection, without: Detection, *, check: str) -> Detection:
    """A detection, each anomaly that `without` has not knowing the check whose unexpected rows were left out there."""
    stays = {anomaly.metric for anomaly in without.anomalies}
    marked = (
        each
        if each.metric in stays or each.gone_without or each.is_repetition
        else each.model_copy(update={"gone_without": check})
        for each in detection.anomalies
    )
    return detection.model_copy(update={"anomalies": tuple(marked)})


class Detector:
    """What `detect` knows after some published days: for several versions of the partition after them."""

    def __init__(
        self, history: Sequence[Day], calibration: Calibration, *, closed: frozenset[str] = frozenset()
    ) -> None:
        self._calibration, self._closed, self._watch = calibration, closed, vector.Watch()
        trading = sorted((day for day in history if day.partition not in closed), key=lambda day: day.partition)
        for day in trading[-DAYS_MAX:]:
            self.sees(day)

    def sees(self, day: Day) -> None:
        """Learn from the next published day."""
        self._watch.sees(day)

    def judge(self, day: Day) -> Detection:
        """What is unusual about a day after all that were seen."""
        closed = day.partition in self._closed
        standings = self._watch.stands(day, closed=closed)
        anomalies = (*self._unusual(standings), *self._drifting(standings))
        trades = not closed and self._watch.trades_on(date.fromisoformat(day.partition).weekday())
        if day.profile.rows == 0:
            anomalies = (sentences.no_rows(standings.get("rows")),) if trades else ()
        return Detection(
            baselines=tuple(sentences.baseline(metric, standing) for metric, standing in standings.items()),
            anomalies=anomalies,
        )

    def _unusual(self, standings: Standings) -> tuple[Anomaly, ...]:
        """Nothing where the whole day is ordinary; else what makes it strange, the strangest first."""
        threshold = self._calibration.thresholds.day
        if threshold is None or vector.score(standings) <= threshold:
            return ()
        strange = vector.most_surprising(standings)[:_TOLD_MAX]
        least = _TOLD_SHARE * strange[0][1].surprise
        rules = self._calibration.rules
        return tuple(sentences.anomaly(m, standing, rules) for m, standing in strange if standing.surprise >= least)

    def _drifting(self, standings: Standings) -> tuple[Anomaly, ...]:
        threshold, most = self._calibration.thresholds.slow, slow.furthest(self._watch.drifts(standings))
        if threshold is None or most is None or most[1].excess <= threshold:
            return ()
        return (sentences.drift(*most),)


def _slow_score(drifts: Mapping[str, Drift]) -> float:
    most = slow.furthest(drifts)
    return 0.0 if most is None else most[1].excess


def _thresholds(found: Sequence[tuple[float, float]], target: float) -> Thresholds:
    """Of scores and slow scores of earlier days. A drift lasts for weeks: no day of the past may have been one."""
    drifted = max(slowly for _, slowly in found)
    return Thresholds(
        day=round(_threshold([score for score, _ in found], target * _TARGET_SHARE), 6),
        slow=round(max(_SLOW_WIDTHS_MIN, _SLOW_MARGIN * drifted), 6),
    )


def _exceeds(found: tuple[float, float], thresholds: Thresholds) -> bool:
    return any(each > limit for each, limit in zip(found, (thresholds.day, thresholds.slow), strict=True) if limit)


def _threshold(scores: Sequence[float], share: float) -> float:
    """What so small a share of the scores exceeds, the next one counted among them (split conformal prediction)."""
    place = math.ceil((1 - share) * (len(scores) + 1)) - 1
    return sorted(scores)[min(place, len(scores) - 1)]
