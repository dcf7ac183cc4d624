"""The line that a person reads: what was observed, what was expected, the ordinary range, and from how many days."""

from orders_monitor.core.anomaly.metrics import scale_of, unscaled
from orders_monitor.core.anomaly.vector import Standing
from orders_monitor.core.quality import Anomaly, Baseline

_REACH_SPREADS = 3.0


def baseline(metric: str, standing: Standing, *, rows: int) -> Baseline:
    """What the verdict about that metric rests on; nothing is expected while there are too few days."""
    del rows
    observed = _rounded(standing.reading.value)
    if standing.forecast is None:
        return Baseline(metric=metric, observed=observed, expected=None, low=None, high=None, days=0)
    expected, spread, days = standing.forecast
    reach = _REACH_SPREADS * max(spread, standing.reading.chance)
    low, high = (_rounded(unscaled(metric, expected + side * reach)) for side in (-1, 1))
    return Baseline(
        metric=metric, observed=observed, expected=_rounded(unscaled(metric, expected)), low=low, high=high, days=days
    )


def anomaly(metric: str, standing: Standing) -> Anomaly:
    """The metric as an anomaly, with its line."""
    found = baseline(metric, standing, rows=0)
    expected, low, high = (value or 0.0 for value in (found.expected, found.low, found.high))
    said = [_said(metric, value) for value in (found.observed, expected, low, high)]
    sentence = f"{metric} is {said[0]}, {said[1]} expected ({said[2]} to {said[3]}, from {found.days} days)"
    return Anomaly(
        metric=metric,
        observed=found.observed,
        expected=expected,
        low=low,
        high=high,
        days=found.days,
        sentence=sentence,
    )


def _said(metric: str, value: float) -> str:
    return f"{value:.2%}" if scale_of(metric) == "share" else f"{value:,.6g}"


def _rounded(value: float) -> float:
    """So that the same history gives the same bytes on every machine's logarithm."""
    return float(f"{value:.6g}")
