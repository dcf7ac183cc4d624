"""Thresholds for a table's own history: so many ordinary days in a hundred may alarm, and a partition counts once.

`calibrate` replays the days in their order: each is judged by what came before it and by nothing later, so the rate of
false alarms is that of days that the detector had not seen. A `Detector` judges one more day with the thresholds found.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import date

from pydantic import Field

from orders_monitor.core.anomaly import sentences, slow, vector
from orders_monitor.core.anomaly.slow import Drift
from orders_monitor.core.anomaly.vector import Standings
from orders_monitor.core.contract import Contract
from orders_monitor.core.measures import Day
from orders_monitor.core.quality import Anomaly, Baseline
from orders_monitor.core.rates import Rate, rate
from orders_monitor.core.rules import KeyRepeats, Rule, Rules, SeenBefore
from orders_monitor.core.value import Value

DETECTOR = "4"
DAYS_MIN = 45
DAYS_MAX = 400

# Scores of the first days are of metrics with hardly a past; and history does not quite repeat itself, so that a
# threshold for five days in a hundred of the past lets through more of the next ones: it is made for three.
_WARM_DAYS = 25
_TARGET_SHARE = 0.6
_SLOW_MARGIN = 1.5
_SLOW_WIDTHS_MIN = 1.0
# People approve odd days too, and these must not decide what may pass. In a year of a real shop no slow score was above
# 0.3, and with 120 to 183 days of it the threshold of the calm ones was at most 1.27 below that of all.
_SLOW_WIDTHS_MAX = 3.0
_ASIDE_SHARE = 0.1
_ASIDE_APART = 1.3
_TOLD_MAX = 4
_TOLD_SHARE = 0.2


class Thresholds(Value):
    """What a day must exceed: its score, and how many widths its slowest change lies outside of earlier ones.

    With None no day alarms by that.
    """

    day: float | None = None
    slow: float | None = None


class Basis(Value):
    """What of a contract learned rules rest on: each column's declared type, by name, and the key."""

    types: dict[str, str]
    key: tuple[str, ...] = ()


class Calibration(Value):
    """What was learned from `days` ordinary days of a table, `first` to `last` (ISO dates), by one detector's code.

    `false_positive_rate` is the share of replayed days that alarmed, each judged with thresholds made from the days
    before it. `target` is what it should stay below. `left_aside` are so many of them that were too strange to say
    what is ordinary. `basis` is the contract's part that the rules rest on; older ones have none. Where `is_readable`
    is false another release wrote it with what this one does not know: it has no rules and no thresholds.
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
    left_aside: int = 0
    basis: Basis | None = None
    is_readable: bool = True

    def outdated(self, contract: Contract) -> str | None:
        """Why the table should be calibrated again; None where this calibration is for this code and this contract."""
        if not self.is_readable:
            return "another release wrote it and this one cannot read it"
        if self.detector != DETECTOR:
            return "made for earlier detectors"
        changed = self.basis is not None and self.basis != _basis(contract)
        return "made for another contract" if changed else None

    def applicable(self, contract: Contract) -> Rules:
        """The rules that rest on nothing that the contract has changed since they were learned."""
        was, now = self.basis, _basis(contract)
        if was is None or was == now:
            return self.rules
        changed = {name for name, form in was.types.items() if now.types.get(name) != form}
        kept = (rule for rule in self.rules.rules if not changed.intersection(rule.about()))
        return Rules(
            rules=tuple(rule for rule in kept if was.key == now.key or not _is_of(rule, was.key)), days=self.rules.days
        )


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
    contract: Contract | None = None,
) -> Calibration:
    """Thresholds for the days after these published ones. Raises ValueError with fewer days than can be replayed.

    `contract` is the one that the rules were learned under.
    """
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
        left_aside=_left_aside([score for score, _ in found], target * _TARGET_SHARE),
        basis=None if contract is None else _basis(contract),
    )


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
    """What is known after some published days, to judge versions of the next partition. Later days are not given."""

    def __init__(
        self,
        history: Sequence[Day],
        calibration: Calibration,
        *,
        closed: frozenset[str] = frozenset(),
        contract: Contract | None = None,
    ) -> None:
        """Of another `contract` than the calibration's, rules about what it changed are not judged."""
        self._calibration, self._closed, self._watch = calibration, closed, vector.Watch()
        rules = calibration.rules if contract is None else calibration.applicable(contract)
        self._dropped = frozenset(r.metric for r in calibration.rules.rules) - {r.metric for r in rules.rules}
        trading = sorted((day for day in history if day.partition not in closed), key=lambda day: day.partition)
        for day in trading[-DAYS_MAX:]:
            self.sees(day)

    def sees(self, day: Day) -> None:
        """Learn from the next published day."""
        self._watch.sees(day)

    def judge(self, day: Day) -> Detection:
        """What is unusual about a day after all that were seen."""
        closed = day.partition in self._closed
        found = self._watch.stands(day, closed=closed)
        standings = {metric: standing for metric, standing in found.items() if metric not in self._dropped}
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
    drifted, share = max(slowly for _, slowly in found), target * _TARGET_SHARE
    return Thresholds(
        day=round(_bounded([score for score, _ in found], share), 6),
        slow=round(min(_SLOW_WIDTHS_MAX, max(_SLOW_WIDTHS_MIN, _SLOW_MARGIN * drifted)), 6),
    )


def _bounded(scores: Sequence[float], share: float) -> float:
    """The threshold of all days, but not far above that of the others without the strangest tenth."""
    calm = sorted(scores)[: len(scores) - int(_ASIDE_SHARE * len(scores))]
    return min(_threshold(scores, share), _threshold(calm, share) + _ASIDE_APART)


def _left_aside(scores: Sequence[float], share: float) -> int:
    """How many days were so far out that they were not asked how strange a day may be."""
    limit = _bounded(scores, share)
    return sum(score > limit for score in scores) if limit < _threshold(scores, share) else 0


def _basis(contract: Contract) -> Basis:
    return Basis(types={column.name: column.type for column in contract.columns}, key=contract.key)


def _is_of(rule: Rule, key: tuple[str, ...]) -> bool:
    return isinstance(rule, KeyRepeats | SeenBefore) and rule.columns == key


def _exceeds(found: tuple[float, float], thresholds: Thresholds) -> bool:
    return any(each > limit for each, limit in zip(found, (thresholds.day, thresholds.slow), strict=True) if limit)


def _threshold(scores: Sequence[float], share: float) -> float:
    """What so small a share of the scores exceeds, the next one counted among them (split conformal prediction)."""
    place = math.ceil((1 - share) * (len(scores) + 1)) - 1
    return sorted(scores)[min(place, len(scores) - 1)]
