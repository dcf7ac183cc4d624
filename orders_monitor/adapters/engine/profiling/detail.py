"""What the kept rows of a column tell: quantiles, spread, frequent values, shapes, lengths, hours and a histogram.

Estimates are counts among the kept rows times the rows that each stands for; of a small file every row is kept.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import duckdb

from orders_monitor.adapters.engine.profiling.columns import READINGS, Facts, Scanned
from orders_monitor.adapters.engine.session import one, select
from orders_monitor.adapters.quoting import text

TOP_DISTINCT_MAX = 50
TOP_CHARACTERS_MAX = 64
SKETCH_HASHES = 64
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
PATTERNS_MAX = 10
PATTERN_CHARACTERS_MAX = 40
HISTOGRAM_BINS_MAX = 20

# More shapes than these say more where runs of the same class are one.
_EXACT_PATTERNS_MAX = 50
_SHAPED_VALUES_MAX = 10_000
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_SHAPES = "A" * 26 + "a" * 26 + "9" * 10
_HOURS = 24
_STEPS = (1, 2, 5, 10)
_ROUNDING = 1e-9


def overview(connection: duckdb.DuckDBPyConnection, columns: Sequence[Scanned]) -> Facts:
    """Of every column in one answer: values kept, quantiles, deviation and lengths."""
    wanted: dict[str, str] = {}
    for column in columns:
        wanted |= {f"{fact}{column.index}": sql for fact, sql in _overview_of(column).items()}
    return dict(zip(wanted, one(connection.execute(select(", ".join(wanted.values()), of="kept"))), strict=True))


def _overview_of(column: Scanned) -> dict[str, str]:
    wanted = {"kept": f"count({column.c})"}
    double = f"CAST({column.c} AS DOUBLE)"
    if column.is_number:
        wanted |= {"quantiles": f"quantile_cont({double}, {list(QUANTILES)})"}
        wanted |= {"deviation": f"CASE WHEN bool_and(isfinite({double})) THEN stddev_samp({double}) END"}
    if column.family in ("text", "other"):
        length = f"length({column.sql})"
        wanted |= {"short": f"min({length})", "length": f"avg({length})", "long": f"max({length})"}
    return wanted


def of_column(connection: duckdb.DuckDBPyConnection, column: Scanned, *, edges: Sequence[float]) -> Facts:
    """One answer about a column: how many values it has, how many of them once, their hashes, shapes and bins."""
    groups = select(f"{column.sql} AS v, count(*) AS n", of="kept", rest=f"WHERE {column.c} IS NOT NULL GROUP BY 1")
    step = f"greatest(1, ({select('count(*)', of='groups')}) // {_SHAPED_VALUES_MAX})"
    wanted = {
        "different": "count(*)",
        "once": "count(*) FILTER (n = 1)",
        "twice": "count(*) FILTER (n = 2)",
        "hashes": f"min({column.hashed('v', looks=frozenset(READINGS))}, {2 * SKETCH_HASHES})",
    }
    if column.is_listed:
        shown = f"left(CAST(v AS VARCHAR), {TOP_CHARACTERS_MAX})"
        wanted["top"] = f"min({{'less': -n, 'v': {shown}}}, {TOP_DISTINCT_MAX})"
    shapes = select(
        f"{_shape('v')} AS s, sum(n) * {step} AS n", of="groups", rest=f"WHERE hash(v) % {step} = 0 GROUP BY 1"
    )
    if column.family == "text":
        wanted["shapes"] = f"({select(_frequent('s'), of='shapes')})"
        wanted["shape_kinds"] = f"({select('count(*)', of='shapes')})"
        wanted["runs"] = f"({select(_frequent('s'), of=f'({_runs()})')})"
    if edges:
        wanted["bins"] = f"({select('list([b, n] ORDER BY b)', of=f'({_binned(column, edges)})')})"
    if column.has_hours:
        hours = select(f"hour(CAST({column.c} AS TIMESTAMP)) AS h", of="kept", rest=f"WHERE isfinite({column.c})")
        wanted["hours"] = f"({select('histogram(h)', of=f'({hours})')})"
    query = f"WITH groups AS ({groups}), shapes AS ({shapes}) " + select(", ".join(wanted.values()), of="groups")
    return dict(zip(wanted, one(connection.execute(query)), strict=True))


def shaped_step(different: int) -> int:
    """Of how many different values one is looked at for its shape."""
    return max(1, different // _SHAPED_VALUES_MAX)


def edges_of(
    quantiles: Sequence[float], low: float | None, high: float | None, *, whole: bool = False
) -> tuple[float, ...]:
    """Round bin edges for values that mostly lie between the outer quantiles: equal columns share them from day to day.

    Widths are 1, 2 or 5 times a power of ten, and at least 1 for whole numbers. What is beyond the edges
    belongs to the first and the last bin.
    """
    if not quantiles or low is None or high is None or low == high:
        return ()
    spread = quantiles[-1] - quantiles[0]
    first, last = (low, high) if spread <= 0 else (max(low, quantiles[0] - spread), min(high, quantiles[-1] + spread))
    raw = max((last - first) / HISTOGRAM_BINS_MAX, 1.0 if whole else 0.0)
    if not (raw > 0 and math.isfinite(raw)):
        return ()
    unit = 10.0 ** math.floor(math.log10(raw))
    width = next((step * unit for step in _STEPS if step * unit >= raw * (1 - _ROUNDING)), raw)
    start, end = math.floor(first / width), math.ceil(last / width)
    edges = tuple(float(f"{width * place:.12g}") for place in range(start, end + 1))
    return edges if len(edges) > 1 and all(one < other for one, other in pairwise(edges)) else ()


def top_of(found: Facts, distinct: int) -> list[tuple[str, int]]:
    """The most frequent values and their kept rows; none where there may be too many to list."""
    top = found.get("top")
    few = distinct <= TOP_DISTINCT_MAX
    return [(str(value["v"]), -int(value["less"])) for value in top] if isinstance(top, list) and few else []


def histogram_of(
    found: Facts, edges: Sequence[float], low: float | None, high: float | None
) -> list[tuple[float, float, int]]:
    """The bins as (low, high, kept rows); the outermost reach to the extremes."""
    bins = found.get("bins")
    if not isinstance(bins, list) or low is None or high is None:
        return []
    counts = {int(place): int(rows) for place, rows in bins}
    ends = [min(low, edges[0]), *edges[1:-1], max(high, edges[-1])]
    return [(one, other, counts.get(place, 0)) for place, (one, other) in enumerate(pairwise(ends))]


def patterns_of(found: Facts) -> list[tuple[str, int]]:
    """The shapes of a text column, most frequent first."""
    exact = int(str(found.get("shape_kinds") or 0)) <= _EXACT_PATTERNS_MAX
    chosen = found.get("shapes" if exact else "runs")
    return [(str(shape["s"]), int(shape["n"])) for shape in chosen] if isinstance(chosen, list) else []


def hours_of(found: Facts) -> list[int]:
    """The kept rows of each hour of the day."""
    counts = found.get("hours")
    return [int(counts.get(hour, 0)) for hour in range(_HOURS)] if isinstance(counts, Mapping) else []


def _shape(value: str) -> str:
    plain = f"translate(left({value}, {PATTERN_CHARACTERS_MAX}), {text(_LETTERS)}, {text(_SHAPES)})"
    return f"regexp_replace({plain}, {text('[^[:ascii:]]')}, 'a', 'g')"


def _runs() -> str:
    runs = "s"
    for kind in "Aa9":
        runs = f"regexp_replace({runs}, '{kind}{kind}+', '{kind}+', 'g')"
    return select(f"{runs} AS s, sum(n) AS n", of="shapes", rest="GROUP BY 1")


def _frequent(shape: str) -> str:
    return f"list({{'s': {shape}, 'n': n}} ORDER BY n DESC, {shape})[1:{PATTERNS_MAX}]"


def _binned(column: Scanned, edges: Sequence[float]) -> str:
    """The kept rows by bin; the bin is where the value would be inserted among the inner edges."""
    value = f"CAST({column.c} AS DOUBLE)"
    inner = list(edges[1:-1])
    place = f"len(list_filter({inner}::DOUBLE[], lambda e: e <= v))" if inner else "0"
    values = select(f"{value} AS v, count(*) AS m", of="kept", rest=f"WHERE {column.c} IS NOT NULL GROUP BY 1")
    return select(f"{place} AS b, sum(m)::BIGINT AS n", of=f"({values})", rest="GROUP BY 1")
