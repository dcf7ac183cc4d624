"""The calibrated detectors and the declared tolerances together: how often a day may alarm is the calibration's.

The calibration says whether a day is unusual; then the tolerances, which know what each of their metrics means, name
what they find first. On a day that is ordinary as a whole they are silent, but for two things that are never chance:
a partition without a row, and repeated rows that an expectation is failed by.
"""

from collections.abc import Sequence

from orders_monitor.core.calibration import Detection
from orders_monitor.core.expectation import Outcome
from orders_monitor.core.quality import COUNTS_REPETITION, Anomaly, Baseline

Found = tuple[tuple[Baseline, ...], tuple[Anomaly, ...]]


def combined(declared: Found, detection: Detection, *, rows: int, outcomes: Sequence[Outcome]) -> Found:
    """Baselines and anomalies of both; of a metric that both judge, the declared tolerance's."""
    baselines, anomalies = declared
    judged = {baseline.metric for baseline in baselines}
    if not detection.anomalies:
        repeats = any(not o.passed and o.raised is None and o.type in COUNTS_REPETITION for o in outcomes)
        never_chance = [name for name, is_so in (("rows", rows == 0), ("duplicate_rows", repeats)) if is_so]
        anomalies = tuple(anomaly for anomaly in anomalies if anomaly.metric in never_chance)
    said = {anomaly.metric for anomaly in anomalies}
    return (
        (*baselines, *(baseline for baseline in detection.baselines if baseline.metric not in judged)),
        (*anomalies, *(anomaly for anomaly in detection.anomalies if anomaly.metric not in said)),
    )
