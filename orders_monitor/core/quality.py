"""The quality of a landed partition: drift, expectations and anomalies in one value, and the signals in it."""

from typing import Literal

from orders_monitor.core import drift
from orders_monitor.core.drift import Change
from orders_monitor.core.expectation import UNIQUE, UNIQUE_TOGETHER, Outcome
from orders_monitor.core.value import Value

DUPLICATES = "anomaly:duplicate_rows"
CLOSED = "closed_day"
OPENED = "rows_on_a_closed_day"
CONTROL = "control:"
COUNTS_REPETITION = frozenset(
    {
        UNIQUE,
        UNIQUE_TOGETHER,
        "expect_table_row_count_to_be_between",
        "expect_table_row_count_to_equal",
    }
)


class Anomaly(Value):
    """A metric of the partition that its history does not explain; all values in the metric's unit.

    `metric` is `rows`, `duplicate_rows`, `<measure>:<column>`, `broken:<rule>`, `pass_share:<check>` or another that
    `core.anomaly.metrics` names; or `control:<name>`, whose `expected` is the source's own total. An anomaly
    `is_repetition` where it is gone once equal rows count as one. `since` is the first partition of a run of like
    anomalies: a new level is one incident and not thirty. None says that this is the first, or that nobody looked.
    `gone_without` names the failed check without whose unexpected rows it is gone.
    """

    metric: str
    observed: float
    expected: float
    low: float
    high: float
    days: int
    sentence: str
    since: str | None = None
    is_repetition: bool = False
    gone_without: str | None = None


class Baseline(Value):
    """What the verdict of a metric rests on, also when nothing is wrong. `days` is 0 to days_min - 1 at cold start."""

    metric: str
    observed: float
    expected: float | None
    low: float | None
    high: float | None
    days: int


class Signal(Value):
    """One thing that is not clean. `id` is what a finding or an action cites as evidence.

    `explained_by` is the id of the signal that this one is only a consequence of; that one is nobody's consequence.
    """

    id: str
    kind: Literal["landing", "drift", "expectation", "anomaly"]
    severity: Literal["gate", "warn", "info"]
    sentence: str
    explained_by: str | None = None


class Quality(Value):
    """Everything that code found out about a landed partition. Nothing here is the model's word.

    `calibration` is the version that judged it; None where the declared tolerances judged alone.
    """

    landed_digest: str
    problem: str | None
    rows: int
    changes: tuple[Change, ...]
    outcomes: tuple[Outcome, ...]
    baselines: tuple[Baseline, ...]
    anomalies: tuple[Anomaly, ...]
    signals: tuple[Signal, ...]
    calibration: int | None = None

    @property
    def is_clean(self) -> bool:
        """Nothing that needs explaining. Tolerated changes are recorded as info and do not count."""
        return all(signal.severity == "info" for signal in self.signals)

    def signal(self, evidence_id: str) -> Signal | None:
        """The signal of that evidence id, or None."""
        return next((signal for signal in self.signals if signal.id == evidence_id), None)

    def cause(self, evidence_id: str) -> str:
        """The evidence id that this one is a consequence of, or itself."""
        signal = self.signal(evidence_id)
        return evidence_id if signal is None or signal.explained_by is None else signal.explained_by

    def baseline(self, metric: str) -> Baseline | None:
        """What the verdict of that metric rests on, or None."""
        return next((baseline for baseline in self.baselines if baseline.metric == metric), None)


def drift_id(change: Change) -> str:
    """The evidence id of a change."""
    return f"drift:{change.kind}:{drift.subject(change)}"


def expectation_id(check_name: str) -> str:
    """The evidence id of an expectation that failed."""
    return f"expectation:{check_name}"


def anomaly_id(metric: str) -> str:
    """The evidence id of a metric that is unusual."""
    return f"anomaly:{metric}"
