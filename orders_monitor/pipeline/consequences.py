"""consequences: which unusual metrics of a calibrated table follow from rows that something else already names.

A batch that came twice moves shares and sums, and so do rows that break an expectation. The partition is judged once
more without these rows: what is gone then is no second incident. Only a partition that is unusual costs that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from orders_monitor.core.anomaly.vector import past_values
from orders_monitor.core.calibration import Detection, Detector, gone_without, repeated
from orders_monitor.core.errors import PlanInapplicable
from orders_monitor.core.expectation import Expectation
from orders_monitor.core.measures import Day, Measures
from orders_monitor.core.predicate import Predicate, violated_by
from orders_monitor.core.quality import COUNTS_REPETITION
from orders_monitor.core.rules import Rules
from orders_monitor.pipeline.profile import personal_columns
from orders_monitor.pipeline.resources import Desk

# Each costs a scan of the partition and its measures.
EXPECTATIONS_MAX = 3


@dataclass(frozen=True)
class Judgement:
    """A partition's bytes as the detectors saw them: its day, the days and memories before it, and the rules."""

    desk: Desk
    path: Path
    day: Day
    earlier: Sequence[Day]
    memories: Sequence[Path]
    rules: Rules

    def settled(self, detector: Detector, detection: Detection, failed: Sequence[Expectation]) -> Detection:
        """The detection, each anomaly with what it is gone without; `failed` are the expectations that failed."""
        if detection.anomalies and self.day.profile.duplicate_rows:
            counted = [check.check_name for check in failed if check.type in COUNTS_REPETITION]
            detection = repeated(detection, detector.judge(self._once(counted)))
        for check, predicate in self._predicates(failed)[:EXPECTATIONS_MAX]:
            if all(anomaly.gone_without or anomaly.is_repetition for anomaly in detection.anomalies):
                break
            day = self._without(check, predicate)
            if day is not None:
                detection = gone_without(detection, detector.judge(day), check=check)
        return detection

    def _predicates(self, failed: Sequence[Expectation]) -> Sequence[tuple[str, Predicate]]:
        landed = {column.name for column in self.day.profile.columns}
        found = ((check.check_name, violated_by(check)) for check in failed)
        return [(name, predicate) for name, predicate in found if predicate and predicate.column in landed]

    def _once(self, counted: Sequence[str]) -> Day:
        """The day had of equal rows one come, and as many repeated ones as usual."""
        with self.desk.lake.scratch() as scratch:
            file = scratch / "once.parquet"
            rows = self.desk.engine.once(self.path, into=file)
            usual = [share for _, share in past_values(self.earlier, {"duplicate_rows"})["duplicate_rows"]]
            return self._seen(file, without=counted, repeated_rows=round(rows * median(usual)) if usual else 0)

    def _without(self, check: str, predicate: Predicate) -> Day | None:
        """The day had the rows not come that break an expectation; None where they cannot be told, or nothing stays."""
        with self.desk.lake.scratch() as scratch:
            file = scratch / "without.parquet"
            try:
                rows = self.desk.engine.without(self.path, predicate, into=file)
            except PlanInapplicable:
                return None
            return self._seen(file, without=[check], repeated_rows=None) if rows else None

    def _seen(self, file: Path, *, without: Sequence[str], repeated_rows: int | None) -> Day:
        engine, digest = self.desk.engine, file.name
        profile = engine.profile(file, personal=personal_columns(self.desk.table, engine.schema(file)))
        if repeated_rows is not None:
            profile = profile.model_copy(update={"duplicate_rows": repeated_rows})
        values = engine.measure(file, self.rules, self.memories, partition=self.day.partition)
        measures = Measures(digest=digest, rules=self.rules.digest, values=values)
        shares: Mapping[str, float] = {c: share for c, share in self.day.pass_shares.items() if c not in without}
        return self.day.model_copy(update={"profile": profile, "measures": measures, "pass_shares": shares})
