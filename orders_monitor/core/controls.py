"""Control totals: what the source says that it handed over, compared with what landed.

No history is needed for them, and no statistics: a row lost on the way, a batch that came twice or an amount in
another unit makes two numbers differ that must be equal.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation

from orders_monitor.core.quality import CONTROL, Anomaly, Baseline
from orders_monitor.core.totals import WHOLE, Control, Total

# Two sums of the same doubles differ in their last digits with the order in which they were added.
_FLOATING_TOLERANCE = 1e-9
_SHOWN_MAX = 24

Verdict = tuple[Baseline, Anomaly | None]


def verdicts(
    controls: Sequence[Control], *, said: Sequence[Total], landed: Sequence[Total], floating: frozenset[str]
) -> tuple[Verdict, ...]:
    """One verdict for each control that the source gave a total for; sums of `floating` columns are nearly equal.

    The worst group speaks for all: `observed` is its total as it landed, `expected` the source's.
    """
    source, here = ({total.control: total.groups for total in totals} for totals in (said, landed))
    return tuple(
        _verdict(control, source[control.name] or {}, here.get(control.name), floating=floating)
        for control in controls
        if source.get(control.name) is not None
    )


def _verdict(
    control: Control, said: Mapping[str, str], landed: Mapping[str, str] | None, *, floating: frozenset[str]
) -> Verdict:
    if landed is None:
        baseline = _baseline(control, observed=0.0, expected=float(_number(next(iter(said.values()), "0"))))
        return baseline, _anomaly(baseline, f"{_words(control)}: it cannot be computed of what landed")
    tolerance = max(control.tolerance, _FLOATING_TOLERANCE if control.column in floating else 0.0)
    differing = sorted(_differing(said, landed, tolerance=tolerance), key=lambda each: (-each[0], each[1]))
    group = (
        differing[0][1] if differing else max(said, key=lambda each: (abs(_number(said[each])), each), default=WHOLE)
    )
    expected, observed = (float(_number(totals.get(group, "0"))) for totals in (said, landed))
    baseline = _baseline(control, observed=observed, expected=expected)
    if not differing:
        return baseline, None
    groups = len({*said, *landed})
    which = "" if control.by is None else f"{len(differing):,} of {groups:,} groups differ, most {_quoted(group)}: "
    numbers = f"{_told(said.get(group))} at the source, {_told(landed.get(group))} landed"
    return baseline, _anomaly(baseline, f"{_words(control)}: {which}{numbers}")


def _differing(said: Mapping[str, str], landed: Mapping[str, str], *, tolerance: float) -> Iterator[tuple[float, str]]:
    """How far apart each group is, as a share of the larger one, where it is further than allowed."""
    for group in {*said, *landed}:
        one, other = _number(said.get(group, "0")), _number(landed.get(group, "0"))
        largest = max(abs(one), abs(other))
        apart = float(abs(one - other) / largest) if largest else 0.0
        # A group of nothing that only one side has is a difference of no amount and all of its rows.
        if apart > tolerance or ((group in said) != (group in landed) and largest == 0):
            yield apart, group


def _baseline(control: Control, *, observed: float, expected: float) -> Baseline:
    return Baseline(
        metric=f"{CONTROL}{control.name}", observed=observed, expected=expected, low=expected, high=expected, days=0
    )


def _anomaly(baseline: Baseline, sentence: str) -> Anomaly:
    expected = baseline.expected or 0.0
    return Anomaly(
        metric=baseline.metric,
        observed=baseline.observed,
        expected=expected,
        low=expected,
        high=expected,
        days=baseline.days,
        sentence=sentence,
    )


def _number(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"a control total is {text[:40]!r}, which is no number") from None
    if not value.is_finite():
        raise ValueError(f"a control total is {text[:40]!r}, which is no finite number")
    return value


def _told(text: str | None) -> str:
    return "nothing" if text is None else f"{_number(text):,}"


def _words(control: Control) -> str:
    what = {"rows": "rows", "sum": "the sum", "distinct": "the distinct values"}[control.measure]
    of = "" if control.column is None else f" of {_quoted(control.column)}"
    return f"{what}{of}" + ("" if control.by is None else f" by {_quoted(control.by)}")


def _quoted(name: str) -> str:
    return repr(name if len(name) <= _SHOWN_MAX else name[:_SHOWN_MAX] + "...")
