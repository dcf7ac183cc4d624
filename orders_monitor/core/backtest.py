"""What detectors find of injected incidents, and how often they cry wolf: counted, with what the counts leave open.

A day stands against itself: the same partition with the incident and without. Of a kind that lasts, an alarm counts
on a partition only where the ordinary one does not alarm as well: in sixty days something always does.
"""

import copy
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import mean, median
from typing import Protocol

from orders_monitor.core.anomaly.tolerances import judge
from orders_monitor.core.calibration import Calibration, Detector
from orders_monitor.core.contract import Contract
from orders_monitor.core.drift import compare, is_tolerated
from orders_monitor.core.injection import IncidentClass, Kind
from orders_monitor.core.measures import Day
from orders_monitor.core.profile import Profile
from orders_monitor.core.rates import Rate, rate
from orders_monitor.core.schema import ColumnSchema, Schema
from orders_monitor.core.table import Tolerances
from orders_monitor.core.value import Value


class Trial(Value):
    """One injection: the days as they would have come, the first one first."""

    kind: Kind
    days: tuple[Day, ...]


class Judge(Protocol):
    """A detector that has seen the days before. It may be copied deeply, to go on with other days than came."""

    def sees(self, day: Day) -> None:
        """Learn from the next published day."""
        ...

    def alarms(self, day: Day) -> bool:
        """Whether a day after all that were seen would be put before somebody."""
        ...


class Watched:
    """The table as it is watched: calibrated detectors, declared tolerances, and changes that are not tolerated."""

    def __init__(self, calibration: Calibration, contract: Contract, tolerances: Tolerances) -> None:
        self._detector, self._contract, self._tolerances = Detector((), calibration), contract, tolerances
        self._known: deque[tuple[str, Profile]] = deque(maxlen=tolerances.days_max)

    def sees(self, day: Day) -> None:
        """Learn from the next published day."""
        self._detector.sees(day)
        self._known.append((day.partition, day.profile))

    def alarms(self, day: Day) -> bool:
        """Whether anything is unusual, or changed against the contract."""
        return bool(self._detector.judge(day).anomalies or self._declared(day) or self._changes(day))

    def _declared(self, day: Day) -> bool:
        known, tolerances = list(self._known), self._tolerances
        return bool(judge(day.profile, known, partition=day.partition, tolerances=tolerances)[1])

    def _changes(self, day: Day) -> bool:
        landed = Schema(columns=tuple(ColumnSchema(name=c.name, type=c.type) for c in day.profile.columns))
        known = [profile for _, profile in self._known]
        reference = known[-1] if known else None
        changes = compare(self._contract, landed, profile=day.profile, reference=reference, history=known)
        return any(not is_tolerated(change, self._contract) for change in changes)


class Tried(Value):
    """One injection: the first partition that it was in, and the number of partitions before the one that alarmed.

    `delay` is 0 where the first did, None where none did within the kind's time.
    """

    kind: str
    partition: str
    delay: int | None


class Found(Value):
    """What was found of one kind, or of all kinds of a class.

    `precision` is the share of alarms that were right where every second partition has such an incident; None where
    nothing alarmed. `delay` is the median number of partitions until the first alarm, of those that were found.
    """

    name: str
    incident: IncidentClass | None
    tuned: bool
    recall: Rate
    precision: float | None
    delay: float | None


class Backtest(Value):
    """The whole table. `trained` and `tested` count ordinary partitions, `false_positives` is the share that alarmed.

    The means are over kinds, each counting once; None where none of them was tried.
    """

    table: str
    detector: str
    trained: int
    tested: int
    first: str
    last: str
    false_positives: Rate
    kinds: tuple[Found, ...]
    classes: tuple[Found, ...]
    recall_tuned: float | None
    recall_held_out: float | None


def walk(
    days: Sequence[Day], trials: Sequence[Trial], watching: Judge, *, trained: int
) -> tuple[dict[str, bool], tuple[Tried, ...]]:
    """Let a judge see every day in its order, and ask it of each after the first `trained` as it came and injected.

    What is injected for several days is published day by day, as long as nobody alarms.
    """
    starting: dict[str, list[Trial]] = {}
    for trial in trials:
        starting.setdefault(trial.days[0].partition, []).append(trial)
    ordinary: dict[str, bool] = {}
    single: list[Tried] = []
    lasting: list[tuple[Trial, list[bool]]] = []
    for place, day in enumerate(days):
        if place >= trained:
            ordinary[day.partition] = watching.alarms(day)
            for trial in starting.get(day.partition, []):
                if trial.kind.lasts == 1:
                    single.append(tried(trial, [watching.alarms(trial.days[0])], {}))
                else:
                    lasting.append((trial, list(_followed(trial, copy.deepcopy(watching)))))
        watching.sees(day)
    return ordinary, (*single, *(tried(trial, alarms, ordinary) for trial, alarms in lasting))


def _followed(trial: Trial, watching: Judge) -> Iterator[bool]:
    for day in trial.days:
        yield watching.alarms(day)
        watching.sees(day)


def tried(trial: Trial, alarms: Sequence[bool], ordinary: Mapping[str, bool]) -> Tried:
    """The first alarm that counts: of what lasts, one that the ordinary partition does not have as well."""
    partitions = [day.partition for day in trial.days]
    right = (place for place, alarm in enumerate(alarms) if alarm and not ordinary.get(partitions[place], False))
    return Tried(kind=trial.kind.name, partition=partitions[0], delay=next(right, None))


def backtest(
    trials: Sequence[Tried],
    ordinary: Mapping[str, bool],
    kinds: Sequence[Kind],
    *,
    table: str,
    detector: str,
    trained: int,
) -> Backtest:
    """Everything counted. `ordinary` says of each tested partition whether it alarmed as it was published."""
    by_kind = {kind: [trial for trial in trials if trial.kind == kind.name] for kind in kinds}
    there = {kind: found for kind, found in by_kind.items() if found}
    classes = dict.fromkeys(kind.incident for kind in there)
    found = {kind.name: _found(kind.name, [kind], trials, ordinary) for kind, trials in there.items()}
    tested = sorted(ordinary)
    return Backtest(
        table=table,
        detector=detector,
        trained=trained,
        tested=len(tested),
        first=tested[0],
        last=tested[-1],
        false_positives=rate(sum(ordinary.values()), len(ordinary)),
        kinds=tuple(found.values()),
        classes=tuple(
            _found(
                incident,
                [kind for kind in there if kind.incident == incident],
                [trial for kind, trials in there.items() if kind.incident == incident for trial in trials],
                ordinary,
            )
            for incident in classes
        ),
        recall_tuned=_mean(found[kind.name].recall.value for kind in there if kind.tuned),
        recall_held_out=_mean(found[kind.name].recall.value for kind in there if not kind.tuned),
    )


def _found(name: str, kinds: Sequence[Kind], trials: Sequence[Tried], ordinary: Mapping[str, bool]) -> Found:
    delays = [trial.delay for trial in trials if trial.delay is not None]
    # What lasts counts no alarm that the ordinary partition has as well, so none of its alarms is wrong by itself.
    single = {kind.name for kind in kinds if kind.lasts == 1}
    wrong = sum(ordinary[trial.partition] for trial in trials if trial.kind in single)
    alarms = len(delays) + wrong
    return Found(
        name=name,
        incident=kinds[0].incident,
        tuned=all(kind.tuned for kind in kinds),
        recall=rate(len(delays), len(trials)),
        precision=round(len(delays) / alarms, 4) if alarms else None,
        delay=float(median(delays)) if delays else None,
    )


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return round(mean(found), 4) if found else None
