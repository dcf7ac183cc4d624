"""The calibrated detectors and the declared tolerances together.

A tolerance that is declared holds, whatever is calibrated: it knows what its metrics mean, finds what is gross from the
second week on, and seldom alarms (on one of 145 ordinary days of a real shop). The detectors add what it cannot see.
"""

from orders_monitor.core.calibration import Detection
from orders_monitor.core.quality import Anomaly, Baseline

Found = tuple[tuple[Baseline, ...], tuple[Anomaly, ...]]


def combined(declared: Found, detection: Detection) -> Found:
    """Baselines and anomalies of both; of a metric that both judge, the declared tolerance's."""
    baselines, anomalies = declared
    judged = {baseline.metric for baseline in baselines}
    said = {anomaly.metric for anomaly in anomalies}
    return (
        (*baselines, *(baseline for baseline in detection.baselines if baseline.metric not in judged)),
        (*anomalies, *(anomaly for anomaly in detection.anomalies if anomaly.metric not in said)),
    )
