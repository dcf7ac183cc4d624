"""A share that was counted, with what it may be in truth."""

import math
from collections.abc import Callable

from orders_monitor.core.value import Value

CONFIDENCE = 0.95


class Rate(Value):
    """`value` is the share of `of` things, 0 to 1; the truth lies within `low` and `high` with 95 % confidence.

    The interval is the exact one of Clopper and Pearson (Biometrika, 1934): it is never too narrow.
    """

    value: float
    low: float
    high: float
    of: int


def rate(hits: int, of: int) -> Rate:
    """The share of hits, and its exact interval; of nothing, everything is possible."""
    if of == 0:
        return Rate(value=0.0, low=0.0, high=1.0, of=0)
    half = (1 - CONFIDENCE) / 2
    low = 0.0 if hits == 0 else _where(lambda p: binomial_tail(hits, of, p) >= half)
    high = 1.0 if hits == of else _where(lambda p: 1 - binomial_tail(hits + 1, of, p) <= half)
    return Rate(value=round(hits / of, 6), low=round(low, 6), high=round(high, 6), of=of)


def binomial_tail(hits: int, of: int, share: float) -> float:
    """The probability of at least so many hits of `of` when each has that share."""
    if share <= 0 or share >= 1:
        return 1.0 if share >= 1 or hits <= 0 else 0.0
    logs = (_log_binomial(k, of, share) for k in range(max(hits, 0), of + 1))
    return min(1.0, math.fsum(math.exp(each) for each in logs))


def _log_binomial(hits: int, of: int, share: float) -> float:
    choices = math.lgamma(of + 1) - math.lgamma(hits + 1) - math.lgamma(of - hits + 1)
    return choices + hits * math.log(share) + (of - hits) * math.log1p(-share)


def _where(holds: Callable[[float], bool]) -> float:
    """The smallest share for which something holds that holds for all greater ones."""
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
