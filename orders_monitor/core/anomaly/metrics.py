"""The metrics of a day: one number each, and the scale on which days are compared.

Counts are compared in logarithms, shares in log odds, amounts by asinh (a logarithm with a sign), so that a factor is
the same distance at every size and a bound is never beyond what a share or a count can be; a `level:` is a logarithm.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from orders_monitor.core.anomaly.divergence import divergence
from orders_monitor.core.measures import Day
from orders_monitor.core.profile import ColumnProfile, Profile, moment

# Three days on one side are a new level (`series`), and each weekday has seen its own.
CLOCKS_SETTLED_DAYS = 7

Scale = Literal["count", "share", "amount", "level"]

_COUNTS = frozenset({"rows"})
_SHARES = frozenset({"duplicate_rows", "null_share", "distinct_share", "top_share", "pass_share", "broken", "drift"})
_COUNTED = ("vanished:",)
_LEVELS = frozenset({"level"})
_MEASURES = frozenset(
    {"mean", "deviation", "total", "q05", "q25", "q50", "q75", "q95", "length", "drift", "freshness_s"}
)
_RULES_OF_VALUES = frozenset(
    {"level", "usual", "range", "product", "unlike", "differs", "day", "order", "damaged", "untrimmed", "vanished"}
)
_FACET_OF_VALUES = re.compile(r"(?:value|format|sign)\(([^)]*)\)")
_QUANTILE_NAMES = ("q05", "q25", "q50", "q75", "q95")


class Reading(NamedTuple):
    """One metric of one day: `value` in its own unit, `scaled` for comparing, `chance` its standard error there."""

    value: float
    scaled: float
    chance: float


@lru_cache(maxsize=4096)
def scale_of(metric: str) -> Scale:
    """How days are compared by that metric."""
    measure, _, subject = metric.partition(":")
    if measure in _COUNTS or (measure == "broken" and subject.startswith(_COUNTED)):
        return "count"
    return "share" if measure in _SHARES else "level" if measure in _LEVELS else "amount"


def topic_of(metric: str) -> str:
    """What the metric says something about; two metrics with one topic say the same thing twice."""
    kind, _, subject = metric.removeprefix("broken:").partition(":")
    return f"odd:{subject}" if kind in ("never", "rare") else f"{kind}:{subject}"


def column_measured(metric: str) -> str | None:
    """The column whose values the metric measures; None where it is about rows, or about values that are missing."""
    measure, _, subject = metric.removeprefix("slow:").removeprefix("broken:").partition(":")
    if measure in _MEASURES:
        return subject
    facet = _FACET_OF_VALUES.match(subject) if measure in ("never", "rare") else None
    if facet is not None:
        return unquote(facet[1])
    return unquote(subject.partition(":")[0]) if measure in _RULES_OF_VALUES else None


def is_one_sided(metric: str) -> bool:
    """Whether only more of it is strange: rows that break a rule, or a distribution that is far from others."""
    return metric.startswith(("broken:", "drift:"))


def tells_of_volume(metric: str) -> bool:
    """Whether the metric follows from how much is traded and until when, on a closed day nothing to go by."""
    return metric == "rows" or metric.startswith(
        ("total:", "rows_per:", "freshness_s:", "broken:hours_empty:", "broken:vanished:")
    )


def tells_the_hour(metric: str, day: Day) -> bool:
    """Whether the metric follows from what a clock shows, which is an hour elsewhere once the clocks have changed."""
    if metric.startswith(("freshness_s:", "broken:hours_empty:", "broken:day:")):
        return True
    column = day.profile.column(metric.removeprefix("drift:")) if metric.startswith("drift:") else None
    return column is not None and bool(column.hours)


def clocks_changed(day: Day) -> bool:
    """Whether the table's clocks changed on the partition's day, or in the week before it.

    A time without a zone is the table's or UTC, and nothing says which: on a day of 23 or 25 hours, and until the days
    before it are of the same season, an hour more or less is no news.
    """
    zone, first = ZoneInfo(day.timezone), date.fromisoformat(day.partition)
    offsets = {
        datetime(at.year, at.month, at.day, tzinfo=zone).utcoffset()
        for at in (first - timedelta(days=CLOCKS_SETTLED_DAYS), first + timedelta(days=1))
    }
    return len(offsets) > 1


def readings(day: Day, references: Sequence[Day] = ()) -> dict[str, Reading]:
    """Every metric of a day. `references` are earlier same weekdays, which its distributions are compared with."""
    rows = day.profile.rows
    return {metric: _reading(metric, value, rows) for metric, value in _values(day, references) if math.isfinite(value)}


def of_day(day: Day, references: Sequence[Day] = ()) -> dict[str, float]:
    """Every metric of a day that no learned rule measures, in its own unit: what later nights compare with."""
    return {metric: value for metric, value in _of_day(day, references) if math.isfinite(value)}


def scaled(metric: str, value: float, *, rows: int) -> float:
    """A value of the metric on the scale on which it is compared."""
    match scale_of(metric):
        case "count":
            return math.log(max(value, 0.5))
        case "share":
            # Half a row on either side, so that no row and every row have odds.
            odd = min(max(value, 0.0), 1.0) * rows
            return math.log((odd + 0.5) / (rows - odd + 0.5))
        case "amount":
            return math.asinh(value)
        case "level":
            return value


def unscaled(metric: str, scaled: float) -> float:
    """The value, in the metric's unit, of a point on its scale."""
    match scale_of(metric):
        case "count":
            return math.exp(min(scaled, 700.0))
        case "share":
            return 1 / (1 + math.exp(min(-scaled, 700.0)))
        case "amount":
            return math.sinh(max(-700.0, min(scaled, 700.0)))
        case "level":
            return scaled


def _reading(metric: str, value: float, rows: int) -> Reading:
    return Reading(value=value, scaled=scaled(metric, value, rows=rows), chance=_chance(metric, value, rows))


def _chance(metric: str, value: float, rows: int) -> float:
    """What a day of so many independent rows varies by on its own; amounts vary by what their history says."""
    match scale_of(metric):
        case "count":
            return 1 / math.sqrt(max(value, 1.0))
        case "share":
            odd = min(max(value, 0.0), 1.0) * rows
            return math.sqrt(1 / (odd + 0.5) + 1 / (rows - odd + 0.5))
        case "amount" | "level":
            return 0.0


def _values(day: Day, references: Sequence[Day]) -> Iterator[tuple[str, float]]:
    yield from _of_day(day, references) if day.of_day is None else day.of_day.items()
    if day.measures is not None and day.profile.rows > 0:
        yield from _of_mapping(day.measures.values, prefix="")


def _of_day(day: Day, references: Sequence[Day]) -> Iterator[tuple[str, float]]:
    profile = day.profile
    yield "rows", float(profile.rows)
    if profile.rows == 0:
        return
    yield "duplicate_rows", profile.duplicate_rows / profile.rows
    for column in profile.columns:
        yield from _of_column(column, profile.rows)
        yield from _freshness(column, day)
        like = [reference.profile for reference in references]
        apart = divergence(column, [c for c in _same(column.name, like) if c.type == column.type])
        if apart is not None:
            yield f"drift:{column.name}", apart
    yield from _of_mapping(day.pass_shares, prefix="pass_share:")


def _freshness(column: ColumnProfile, day: Day) -> Iterator[tuple[str, float]]:
    """Seconds from the newest moment of a column to the end of the partition's day; below 0 where it lies after."""
    newest = moment(column.maximum) if column.type.startswith("TIMESTAMP") else None
    if newest is not None:
        after = date.fromisoformat(day.partition) + timedelta(days=1)
        end = datetime(after.year, after.month, after.day, tzinfo=ZoneInfo(day.timezone))
        yield f"freshness_s:{column.name}", (end - newest).total_seconds()


def _same(column: str, profiles: Sequence[Profile]) -> Iterator[ColumnProfile]:
    for profile in profiles:
        found = profile.column(column)
        if found is not None:
            yield found


def _of_mapping(values: Mapping[str, float], *, prefix: str) -> Iterator[tuple[str, float]]:
    yield from ((f"{prefix}{name}", values[name]) for name in sorted(values))


def _of_column(column: ColumnProfile, rows: int) -> Iterator[tuple[str, float]]:
    known = rows - column.nulls
    yield f"null_share:{column.name}", column.nulls / rows
    if known == 0:
        return
    yield f"distinct_share:{column.name}", min(1.0, column.distinct / known)
    for measure, value in (("mean", column.mean), ("deviation", column.deviation), ("total", column.total)):
        if value is not None:
            yield f"{measure}:{column.name}", value
    for name, value in zip(_QUANTILE_NAMES, column.quantiles, strict=False):
        yield f"{name}:{column.name}", value
    if column.lengths is not None:
        yield f"length:{column.name}", column.lengths[1]
    if column.top:
        yield f"top_share:{column.name}", column.top[0][1] / known
