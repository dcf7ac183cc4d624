"""How alike the contents of two columns are, by their profiles: 0 to 1, a weighted mean over what both profiles show.

What a column keeps from day to day is its own: a key has no value again, an enumeration has all of them. Where the days
before are known, each comparison counts in relation to how like itself the column was on those, so that nothing is held
against a column that it never had: an order's number finds no common value today, and never found one.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, TypeVar

from orders_monitor.core import formats
from orders_monitor.core.column_type import Relation, is_time, relation
from orders_monitor.core.profile import ColumnProfile, Profile, moment

_Key = TypeVar("_Key", str, int)
_TYPE_FACTOR: Mapping[Relation, float] = {"same": 1.0, "widened": 0.9, "narrowed": 0.9, "changed": 0.7}
# Two flags can look alike by chance: their values alone are never enough for a rename.
_FLAG_FACTOR = 0.78
_FLAG_VALUES = 2
# A column was like itself on the days before by at least this, else nothing would be asked of another one.
_USUAL_MIN = 0.35
_DAYS_COMPARED = 4
_COMES_BACK_MIN = 0.02


@dataclass(frozen=True, slots=True)
class Content:
    """A column's profile among so many rows, some of which have a value."""

    column: ColumnProfile
    rows: int

    @property
    def values(self) -> int:
        """The rows that have a value: at least one."""
        return self.rows - self.column.nulls

    @property
    def is_flag(self) -> bool:
        """Whether it has two values at most."""
        return self.column.distinct <= _FLAG_VALUES


class Evidence(NamedTuple):
    """One comparison: what was compared, how alike it is (0 to 1), and how much it weighs."""

    about: str
    alike: float
    weight: float


def content_of(profile: Profile, column: str) -> Content | None:
    """The content of that column; None where there is no such column, or no value in it."""
    found = profile.column(column)
    return None if found is None or profile.rows <= found.nulls else Content(found, profile.rows)


def likeness(was: Content, now: Content, own: Mapping[str, float]) -> float:
    """How alike two contents are. `own` says how like itself the first one usually is, by what is compared."""
    evidence = [_in_relation(one, own) for one in compared(was, now)]
    weights = sum(one.weight for one in evidence)
    mean = sum(one.alike * one.weight for one in evidence) / weights
    nulls = 1 - abs(was.column.nulls / was.rows - now.column.nulls / now.rows)
    flag = _FLAG_FACTOR if was.is_flag and now.is_flag else 1.0
    return mean * nulls * flag * _TYPE_FACTOR[relation(was=was.column.type, now=now.column.type)]


def usual(days: Sequence[Content]) -> Mapping[str, float]:
    """How like itself a column is from one of its last days to the next, on average, by what is compared."""
    seen: dict[str, list[float]] = {}
    for one, other in pairwise(days[-_DAYS_COMPARED - 1 :]):
        for evidence in compared(one, other):
            seen.setdefault(evidence.about, []).append(evidence.alike)
    return {about: sum(alike) / len(alike) for about, alike in seen.items()}


def _in_relation(one: Evidence, own: Mapping[str, float]) -> Evidence:
    usually = own.get(one.about)
    if usually is None:
        return one
    if one.about == "values" and usually < _COMES_BACK_MIN:
        return one._replace(weight=one.weight * one.alike)  # nothing comes back: only that something did would count
    return one._replace(alike=min(1.0, one.alike / max(usually, _USUAL_MIN)))


def compared(was: Content, now: Content) -> Iterator[Evidence]:
    """Each comparison that both profiles allow."""
    one, other = was.column, now.column
    uniqueness = max(min(1.0, one.distinct / was.values), min(1.0, other.distinct / now.values))
    shares = (one.distinct / was.values, other.distinct / now.values)
    yield Evidence("distinct", max(_ratio(*shares), _ratio(one.distinct, other.distinct)), 1.0)
    if one.quantiles and len(one.quantiles) == len(other.quantiles):
        yield Evidence("quantiles", _quantiles(one.quantiles, other.quantiles), 2.0)
    if one.lengths is not None and other.lengths is not None:
        lengths = zip(one.lengths, other.lengths, strict=True)
        yield Evidence("lengths", sum(_ratio(a, b) for a, b in lengths) / 3, 2.0)
    if is_time(one.type) and is_time(other.type):
        yield from _times(one, other)
    if one.top and other.top:
        yield Evidence("shares", _shares(dict(one.top), dict(other.top)), 3.0)
    if one.patterns and other.patterns:
        yield _shapes(was, now)
    if one.hours and other.hours:
        yield Evidence("hours", _shares(dict(enumerate(one.hours)), dict(enumerate(other.hours))), 2.0)
    overlap = sketch_overlap(one.sketch, other.sketch)
    if overlap is not None:
        # The more every value is its own, the less is expected to come back tomorrow.
        yield Evidence("values", overlap, max(3.0 * (1 - uniqueness), 3.0 * overlap))


def sketch_overlap(one: Sequence[int], other: Sequence[int]) -> float | None:
    """The estimated share of common values among all values of two columns (Jaccard); None without a sketch."""
    if not one or not other:
        return None
    # Only a sketch of the full length was cut off; beyond its largest hash nothing is known of its column.
    longest = max(len(one), len(other))
    known_to = min(max(sketch) for sketch in (one, other) if len(sketch) == longest)
    known, known_other = ({value for value in sketch if value <= known_to} for sketch in (one, other))
    return len(known & known_other) / len(known | known_other)


def _quantiles(was: Sequence[float], now: Sequence[float]) -> float:
    spread = max(was[-1] - was[0], now[-1] - now[0])
    return sum(_near(a, b, spread=spread) for a, b in zip(was, now, strict=True)) / len(was)


def _near(one: float, other: float, *, spread: float) -> float:
    if one == other:
        return 1.0
    by_spread = 0.0 if spread <= 0 else max(0.0, 1 - abs(one - other) / spread)
    return max(by_spread, _ratio(one, other))


def _ratio(one: float, other: float) -> float:
    if one == other:
        return 1.0
    if one * other <= 0 or not math.isfinite(one * other):
        return 0.0
    return min(one / other, other / one)


def _times(was: ColumnProfile, now: ColumnProfile) -> Iterator[Evidence]:
    bounds = [moment(text) for text in (was.minimum, was.maximum, now.minimum, now.maximum)]
    if None in bounds:
        return
    was_low, was_high, now_low, now_high = (bound for bound in bounds if bound is not None)
    days_apart = abs((now_low - was_low).total_seconds()) / 86_400
    spans = ((was_high - was_low).total_seconds() + 3_600, (now_high - now_low).total_seconds() + 3_600)
    yield Evidence("times", _ratio(*spans) / (1 + days_apart / 365), 2.0)


def _shapes(was: Content, now: Content) -> Evidence:
    """The shapes of texts, weighing as much as the listed ones cover: of random texts no shape is frequent."""
    before, today = formats.family_shares(was.column, was.values), formats.family_shares(now.column, now.values)
    common = sum(min(before[shape], today[shape]) for shape in before.keys() & today.keys())
    listed = [min(1.0, sum(shares.values())) for shares in (before, today)]
    return Evidence("patterns", min(1.0, common / max(listed)), 3.0 * min(listed))


def _shares(was: Mapping[_Key, int], now: Mapping[_Key, int]) -> float:
    was_rows, now_rows = max(1, sum(was.values())), max(1, sum(now.values()))
    return sum(min(was[value] / was_rows, now[value] / now_rows) for value in was.keys() & now.keys())
