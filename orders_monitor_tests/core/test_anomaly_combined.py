"""The calibrated detectors beside the declared tolerances."""

from orders_monitor.core.anomaly.combined import combined
from orders_monitor.core.calibration import Detection
from orders_monitor.core.expectation import Outcome
from orders_monitor.core.quality import Anomaly, Baseline


def baseline(metric: str, days: int) -> Baseline:
    return Baseline(metric=metric, observed=1, expected=2, low=1.5, high=2.5, days=days)


def anomaly(metric: str) -> Anomaly:
    return Anomaly(metric=metric, observed=1, expected=2, low=1.5, high=2.5, days=9, sentence=metric)


def outcome(kind: str, *, passed: bool) -> Outcome:
    return Outcome(
        check_name="c", type=kind, column="c", severity="gate", passed=passed, observed="", rows=9, unexpected=1
    )


DECLARED = ((baseline("rows", 9),), (anomaly("rows"), anomaly("duplicate_rows")))


def test_on_an_unusual_day_both_say_what_they_find():
    """The tolerance names its metrics, the detectors add theirs."""
    detection = Detection(
        baselines=(baseline("rows", 99), baseline("mean:price", 99)),
        anomalies=(anomaly("rows"), anomaly("mean:price")),
    )

    assert (
        (baseline("rows", 9), baseline("mean:price", 99)),
        (anomaly("rows"), anomaly("duplicate_rows"), anomaly("mean:price")),
    ) == combined(DECLARED, detection, rows=10, outcomes=())


def test_on_an_ordinary_day_only_what_is_never_chance_is_said():
    """No row at all, and repeated rows that an expectation is failed by; how often else is the calibration's matter."""
    unique = "expect_column_values_to_be_unique"
    quiet = Detection()

    def said(rows: int, *outcomes: Outcome) -> list[str]:
        return [each.metric for each in combined(DECLARED, quiet, rows=rows, outcomes=outcomes)[1]]

    assert [] == said(10)
    assert [] == said(10, outcome(unique, passed=True), outcome("expect_column_values_to_not_be_null", passed=False))
    assert ["duplicate_rows"] == said(10, outcome(unique, passed=False))
    assert ["rows"] == said(0)
