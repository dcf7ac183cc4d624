"""The line that a person reads: what was observed, what was expected, the ordinary range, and from how many days."""

from orders_monitor.core.anomaly.metrics import Scale, scale_of, unscaled
from orders_monitor.core.anomaly.slow import Drift
from orders_monitor.core.anomaly.vector import Standing
from orders_monitor.core.quality import Anomaly, Baseline
from orders_monitor.core.rules import Rules

_NAME_MAX = 80
_WORDS = {
    "rows": "rows",
    "duplicate_rows": "share of rows that repeat another one",
    "null_share": "share without a value in",
    "distinct_share": "share of different values in",
    "top_share": "share of the most frequent value in",
    "pass_share": "share of rows that pass",
    "mean": "mean of",
    "deviation": "standard deviation of",
    "total": "sum of",
    "q05": "5 % quantile of",
    "q25": "25 % quantile of",
    "q50": "median of",
    "q75": "75 % quantile of",
    "q95": "95 % quantile of",
    "length": "mean length of",
    "rows_per": "rows for each",
    "freshness_s": "seconds from the newest moment to the day's end in",
    "drift": "distance of the distribution from the same weekdays' in",
}


def baseline(metric: str, standing: Standing) -> Baseline:
    """What the verdict about that metric rests on; nothing is expected while there are too few days."""
    observed = _rounded(standing.reading.value)
    if standing.ordinary is None:
        return Baseline(metric=metric, observed=observed, expected=None, low=None, high=None, days=0)
    low, middle, high = (_in_unit(metric, standing, value) for value in standing.ordinary[:3])
    return Baseline(metric=metric, observed=observed, expected=middle, low=low, high=high, days=standing.ordinary.days)


def anomaly(metric: str, standing: Standing, rules: Rules) -> Anomaly:
    """The metric as an anomaly, with its line; what a rule says is told in its own words."""
    found = baseline(metric, standing)
    expected, low, high = (value or 0.0 for value in (found.expected, found.low, found.high))
    observed, usual, least, most = (_said(metric, value) for value in (found.observed, expected, low, high))
    rest = f"{usual} expected ({least} to {most}, from {found.days} days)"
    return Anomaly(
        metric=metric,
        observed=found.observed,
        expected=expected,
        low=low,
        high=high,
        days=found.days,
        sentence=f"{_about(metric, observed, rules)}, {rest}",
    )


def drift(metric: str, found: Drift) -> Anomaly:
    """A slow change as an anomaly of the metric `slow:<metric>`, in the metric's own unit."""
    observed, expected, low, high = (
        _rounded(unscaled(metric, value)) for value in (found.recent, found.reference, found.low, found.high)
    )
    said = [_said(metric, value) for value in (observed, expected, low, high)]
    return Anomaly(
        metric=f"slow:{metric}",
        observed=observed,
        expected=expected,
        low=low,
        high=high,
        days=found.days,
        sentence=f"{metric[:_NAME_MAX]} has drifted to {said[0]} from {said[1]} in the months before "
        f"({said[2]} to {said[3]}, from {found.days} days)",
    )


def no_rows(standing: Standing | None) -> Anomaly:
    """An empty partition of a day on which there should be rows; it needs no history."""
    found = None if standing is None else baseline("rows", standing)
    expected = 1.0 if found is None or found.expected is None else found.expected
    return Anomaly(
        metric="rows",
        observed=0,
        expected=expected,
        low=1.0 if found is None or found.low is None else found.low,
        high=expected if found is None or found.high is None else found.high,
        days=0 if found is None else found.days,
        sentence="no rows" if found is None or found.expected is None else f"no rows, {expected:,.0f} expected",
    )


def _about(metric: str, observed: str, rules: Rules) -> str:
    rule = next((each for each in rules.rules if each.metric == metric), None)
    if rule is not None and metric.startswith("broken:") and scale_of(metric) == "share":
        return f"{observed} break what held before: {rule.sentence}"
    if rule is not None:
        return f"{observed}, and before: {rule.sentence}"
    measure, _, subject = metric.partition(":")
    words = _WORDS.get(measure, measure)
    return f"{words} {subject[:_NAME_MAX]!r} is {observed}" if subject else f"{words}: {observed}"


def _in_unit(metric: str, standing: Standing, value: float) -> float:
    """A point of the ordinary range in the metric's own unit."""
    if standing.forecast is None:
        return _rounded(value)
    return _rounded(unscaled(metric, standing.forecast.expected + value))


def _said(metric: str, value: float) -> str:
    scale: Scale = scale_of(metric)
    if scale == "share":
        return f"{value:.2%}"
    return f"{value:,.0f}" if scale == "count" else f"{value:,.5g}"


def _rounded(value: float) -> float:
    """So that the same history gives the same bytes on every machine's logarithm."""
    return float(f"{value:.6g}")
