"""How far a column's distribution is from those of earlier days: the Jensen-Shannon divergence, in bits (0 to 1).

Compared with the same weekdays, and judged by the column's own history of it: textbook thresholds flag nearly every
real day, because real days do differ (J. Lin, "Divergence measures based on the Shannon entropy", 1991).
"""

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

from orders_monitor.core.profile import ColumnProfile

Masses = dict[str, float]

_QUANTILE_SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)


def divergence(column: ColumnProfile, references: Sequence[ColumnProfile]) -> float | None:
    """Between the column and the mean of its references; None where a distribution is not known of both.

    Of times it is the hours of the day that are compared, of what has few values these, of other numbers quantiles.
    """
    timed = [reference.hours for reference in references if sum(reference.hours)]
    if sum(column.hours) and timed:
        return jensen_shannon(_of_hours(column.hours), _mean([_of_hours(hours) for hours in timed]))
    listed = [reference for reference in references if reference.top]
    if column.top and listed:
        return jensen_shannon(_shares(column.top), _mean([_shares(reference.top) for reference in listed]))
    known = [reference.quantiles for reference in references if len(reference.quantiles) == len(_QUANTILE_SHARES)]
    if len(column.quantiles) != len(_QUANTILE_SHARES) or not known:
        return None
    edges = sorted({point for quantiles in known for point in quantiles})
    return jensen_shannon(_binned(column.quantiles, edges), _mean([_binned(each, edges) for each in known]))


def jensen_shannon(one: Masses, other: Masses) -> float:
    """In bits, 0 (alike) to 1 (nothing in common), of two distributions by the names of their parts."""
    total = 0.0
    for part in one.keys() | other.keys():
        p, q = one.get(part, 0.0), other.get(part, 0.0)
        middle = (p + q) / 2
        total += sum(mass * math.log2(mass / middle) for mass in (p, q) if mass > 0)
    return round(min(1.0, max(0.0, total / 2)), 12)


def _shares(counts: Iterable[tuple[str, int]]) -> Masses:
    known = dict(counts)
    rows = sum(known.values())
    return {value: count / rows for value, count in known.items()} if rows else {}


def _of_hours(rows: Sequence[int]) -> Masses:
    return _shares((str(hour), count) for hour, count in enumerate(rows))


def _mean(distributions: Sequence[Masses]) -> Masses:
    parts = {part for masses in distributions for part in masses}
    return {part: sum(masses.get(part, 0.0) for masses in distributions) / len(distributions) for part in parts}


def _binned(quantiles: Sequence[float], edges: Sequence[float]) -> Masses:
    """The mass between every two edges of a distribution that is known by its quantiles only."""
    below = [0.0, *(_share_below(edge, quantiles) for edge in edges), 1.0]
    return {str(place): high - low for place, (low, high) in enumerate(pairwise(below))}


def _share_below(edge: float, quantiles: Sequence[float]) -> float:
    if edge < quantiles[0]:
        return 0.0
    points = list(zip(quantiles, _QUANTILE_SHARES, strict=True))
    for (low, share), (high, more) in pairwise(points):
        if edge < high:
            return share + (more - share) * (edge - low) / (high - low)
    return _QUANTILE_SHARES[-1] if edge == quantiles[-1] else 1.0
