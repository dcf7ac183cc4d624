"""The statistics of one partition: one pass over the file, and then questions to what the pass kept in memory."""

import math
from collections.abc import Callable
from pathlib import Path

import duckdb

from orders_monitor.adapters.engine.profiling import detail
from orders_monitor.adapters.engine.profiling.columns import Facts, Scanned, footer_of, scanned_columns
from orders_monitor.adapters.engine.profiling.scan import EXACT_DUPLICATES_ROWS_MAX, Scan, scanned
from orders_monitor.adapters.engine.session import integer, numbered, schema_of
from orders_monitor.core.profile import ColumnProfile, Profile

# These come from the rows and hashes that the pass kept, and are estimates where it did not keep all.
_OF_KEPT_ROWS = ("distinct", "deviation", "quantiles", "lengths", "top", "sketch", "histogram", "patterns", "hours")


def profile_of(connection: duckdb.DuckDBPyConnection, path: Path, *, personal: frozenset[str]) -> Profile:
    """The profile of a Parquet file; of the columns named in `personal` no value is shown, also not the extremes.

    Uses the connection's temporary tables `kept` and `scanned`, and drops them.
    """
    schema = schema_of(connection, path)
    footer = footer_of(connection, path)
    columns = scanned_columns(schema, footer, personal=personal)
    threads = integer(connection.execute("SELECT current_setting('threads')"))
    try:
        scan = scanned(connection, numbered(path, schema), schema, footer, columns)
        overview = detail.overview(connection, columns)
        profiles = tuple(_column(connection, column, scan, overview) for column in columns)
    finally:
        connection.execute(f"SET threads = {threads}")
        connection.execute("DROP TABLE IF EXISTS kept")
        connection.execute("DROP TABLE IF EXISTS scanned")
    return Profile(
        rows=scan.rows,
        duplicate_rows=scan.duplicate_rows,
        columns=profiles,
        sampled_rows=scan.kept_rows,
        duplicate_rows_approximate=scan.rows > EXACT_DUPLICATES_ROWS_MAX,
    )


def _column(connection: duckdb.DuckDBPyConnection, column: Scanned, scan: Scan, overview: Facts) -> ColumnProfile:
    def counted(fact: str) -> object:
        return scan.facts.get(f"{fact}{column.index}")

    def kept(fact: str) -> object:
        return overview.get(f"{fact}{column.index}")

    values = _integer(counted("values"))
    quantiles = _all_finite(kept("quantiles")) if not column.personal else ()
    ends = [_finite(counted(f"{end}imum")) if column.is_number else None for end in ("min", "max")]
    edges = detail.edges_of(quantiles, *ends, whole=column.family == "integer")
    found = detail.of_column(connection, column, edges=edges)
    different = _integer(found["different"])
    distinct, sketch = _distinct(column, scan, found, values=values, different=different)
    rows = _stands_for(values=values, kept=_integer(kept("kept")))
    return ColumnProfile(
        name=column.name,
        type=column.type,
        nulls=scan.rows - values,
        distinct=distinct,
        minimum=None if column.personal else _text(counted("minimum")),
        maximum=None if column.personal else _text(counted("maximum")),
        mean=None if column.personal else _finite(counted("mean")),
        deviation=None if column.personal else _finite(kept("deviation")),
        total=None if column.personal else _finite(counted("total")),
        quantiles=quantiles,
        lengths=_lengths([_finite(kept(fact)) for fact in ("short", "length", "long")]),
        top=tuple((value, rows(n)) for value, n in detail.top_of(found, distinct)),
        sketch=sketch,
        histogram=tuple((low, high, rows(n)) for low, high, n in detail.histogram_of(found, edges, *ends)),
        patterns=tuple((shape, rows(n)) for shape, n in detail.patterns_of(found)),
        hours=tuple(rows(n) for n in detail.hours_of(found)),
        approximate=_approximate(column, scan, different=different),
    )


def _distinct(column: Scanned, scan: Scan, found: Facts, *, values: int, different: int) -> tuple[int, tuple[int, ...]]:
    """The number of distinct values, and the smallest hashes of them.

    Of a column with many values both are of the hashes that the pass kept. Otherwise they are of the kept rows, and
    what was not seen is estimated from the values that were kept once and twice (Chao's lower bound, 1984).
    """
    seen = sorted(set(_integers(found["hashes"])))[: detail.SKETCH_HASHES]
    if scan.kept_rows is None:
        return different, tuple(seen)
    small = sorted(scan.hashes.get(column.index, frozenset()))
    if len(small) >= detail.SKETCH_HASHES:
        return min(values, max(different, round(len(small) / scan.hashes_share))), tuple(small[: detail.SKETCH_HASHES])
    once, twice = _integer(found["once"]), _integer(found["twice"])
    unseen = once * (once - 1) / (2 * (twice + 1))
    return min(values, different + round(unseen)), tuple(sorted({*seen, *small})[: detail.SKETCH_HASHES])


def _approximate(column: Scanned, scan: Scan, *, different: int) -> tuple[str, ...]:
    """The names of the statistics that are estimates; also of a small file's shapes, where there are too many."""
    if scan.kept_rows is not None:
        return _OF_KEPT_ROWS
    return ("patterns",) if column.family == "text" and detail.shaped_step(different) > 1 else ()


def _stands_for(*, values: int, kept: int) -> Callable[[int], int]:
    """How many rows of the file some kept rows with a value stand for."""

    def rows(count: int) -> int:
        return round(count * values / kept) if kept else 0

    return rows


def _lengths(lengths: list[float | None]) -> tuple[float, float, float] | None:
    short, mean, long = lengths
    return None if short is None or mean is None or long is None else (short, mean, long)


def _all_finite(values: object) -> tuple[float, ...]:
    numbers = [_finite(value) for value in values] if isinstance(values, list) else []
    return tuple(number for number in numbers if number is not None) if None not in numbers else ()


def _finite(value: object) -> float | None:
    """The number in twelve digits, or None for what JSON cannot say."""
    if value is None or not math.isfinite(number := float(str(value))):
        return None
    return float(f"{number:.12g}")


def _integers(found: object) -> list[int]:
    return [int(number) for number in found] if isinstance(found, list) else []


def _integer(value: object) -> int:
    return int(str(value))


def _text(value: object) -> str | None:
    return None if value is None else str(value)
