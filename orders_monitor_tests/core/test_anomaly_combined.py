"""The calibrated detectors beside the declared tolerances."""

from orders_monitor.core.anomaly.combined import combined
from orders_monitor.core.calibration import Detection
from orders_monitor.core.quality import Anomaly, Baseline


def baseline(metric: str, days: int) -> Baseline:
    return Baseline(metric=metric, observed=1, expected=2, low=1.5, high=2.5, days=days)


def anomaly(metric: str) -> Anomaly:
    return Anomaly(metric=metric, observed=1, expected=2, low=1.5, high=2.5, days=9, sentence=metric)


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
    ) == combined(DECLARED, detection)


def test_what_a_declared_tolerance_finds_is_said_on_an_ordinary_day_too():
    """No calibration silences what somebody declared."""
    assert DECLARED == combined(DECLARED, Detection())
