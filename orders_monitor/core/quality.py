"""The quality of a landed partition: drift, expectations and anomalies in one value, and the signals in it."""

from typing import Literal

from orders_monitor.core.drift import Change
from orders_monitor.core.expectation import Outcome
from orders_monitor.core.value import Value


class Anomaly(Value):
    """A metric of the partition that its history does not explain; all values in the metric's unit.

    `metric` is `rows`, `null_share:<column>` or `duplicate_rows`.
    """

    metric: str
    observed: float
    expected: float
    low: float
    high: float
    days: int
    sentence: str


class Baseline(Value):
    """What the verdict of a metric rests on, also when nothing is wrong. `days` is 0 to days_min - 1 at cold start."""

    metric: str
    observed: float
    expected: float | None
    low: float | None
    high: float | None
    days: int


class Signal(Value):
    """One thing that is not clean. `id` is what a finding or an action cites as evidence."""

    id: str
    kind: Literal["landing", "drift", "expectation", "anomaly"]
    severity: Literal["gate", "warn", "info"]
    sentence: str


class Quality(Value):
    """Everything that code found out about a landed partition. Nothing here is the model's word."""

    landed_digest: str
    problem: str | None
    rows: int
    changes: tuple[Change, ...]
    outcomes: tuple[Outcome, ...]
    baselines: tuple[Baseline, ...]
    anomalies: tuple[Anomaly, ...]
    signals: tuple[Signal, ...]

    @property
    def is_clean(self) -> bool:
        """Nothing that needs explaining. Tolerated changes are recorded as info and do not count."""
        return all(signal.severity == "info" for signal in self.signals)

    def signal(self, evidence_id: str) -> Signal | None:
        """The signal of that evidence id, or None."""
        return next((signal for signal in self.signals if signal.id == evidence_id), None)
