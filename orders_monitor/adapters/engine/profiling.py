"""The statistics of one partition: a scan over every column, one over the numbers, then a narrow look at each column.

The narrow looks (smallest distinct hashes, most frequent values) need the number of distinct values that the scan
found. Asked inside the scan they cost five times as much, and with 300 columns more memory than the engine has.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orders_monitor.adapters.engine.session import integer, numbered, one, schema_of, select
from orders_monitor.adapters.engine.types import Family, decimal_size, family
from orders_monitor.core.profile import ColumnProfile, Profile
from orders_monitor.core.schema import Schema

TOP_DISTINCT_MAX = 50
TOP_CHARACTERS_MAX = 64
SKETCH_HASHES = 64
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

# Above this width a sum could leave DECIMAL(38) and would end the scan; a DOUBLE cannot.
_SUMMABLE_DIGITS_MAX = 27
# Only hashes below a threshold are compared: about four sketches' worth remain, whatever HyperLogLog missed.
_SKETCH_CANDIDATES = 4 * SKETCH_HASHES

Facts = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class _Scanned:
    """One column on its way through the scan: where it is, what it is, and whether its values may be shown."""

    index: int
    name: str
    type: str
    personal: bool

    @property
    def family(self) -> Family:
        return family(self.type)

    @property
    def sql(self) -> str:
        """What is counted: nested and rare types as their text."""
        return f"CAST(c{self.index} AS VARCHAR)" if self.family == "other" else f"c{self.index}"

    @property
    def number(self) -> str:
        wide = self.family == "floating" or decimal_size(self.type)[0] > _SUMMABLE_DIGITS_MAX
        return f"CAST(c{self.index} AS DOUBLE)" if wide else f"c{self.index}"


def profile_of(connection: duckdb.DuckDBPyConnection, path: Path, *, personal: frozenset[str]) -> Profile:
    """The profile of a Parquet file; of the columns named in `personal` no value is shown, also not the extremes."""
    schema = schema_of(connection, path)
    columns = [
        _Scanned(index=index, name=column.name, type=column.type, personal=column.name in personal)
        for index, column in enumerate(schema.columns)
    ]
    source = numbered(path, schema)
    facts = {
        **_ask(connection, source, {"rows": "count(*)", "unequal": unequal_rows(schema)} | _statistics(columns)),
        **_quantiles(connection, source, columns),
    }
    return Profile(
        rows=_integer(facts["rows"]),
        duplicate_rows=_integer(facts["rows"]) - _integer(facts["unequal"]),
        columns=tuple(_column(connection, source, column, facts) for column in columns),
    )


def unequal_rows(schema: Schema) -> str:
    """SQL of the number of different rows, by 128 bits of hash: the columns hashed in both directions."""
    there = [f"c{index}" for index in range(len(schema.columns))]
    back = list(reversed(there))
    return f"count(DISTINCT hash({', '.join(there)})::UHUGEINT * 18446744073709551616 + hash({', '.join(back)}))"


def _ask(connection: duckdb.DuckDBPyConnection, source: str, wanted: Mapping[str, str]) -> Facts:
    answer = one(connection.execute(select(", ".join(wanted.values()), of=source)))
    return dict(zip(wanted, answer, strict=True))


def _quantiles(connection: duckdb.DuckDBPyConnection, source: str, columns: list[_Scanned]) -> Facts:
    """On one thread: approximate quantiles follow the order of the values, and equal bytes must have equal profiles."""
    wanted = {
        f"quantiles{column.index}": f"approx_quantile(CAST(c{column.index} AS DOUBLE), {list(QUANTILES)})"
        for column in columns
        if column.family in ("integer", "decimal", "floating")
    }
    if not wanted:
        return {}
    threads = integer(connection.execute("SELECT current_setting('threads')"))
    connection.execute("SET threads = 1")
    try:
        return _ask(connection, source, wanted)
    finally:
        connection.execute(f"SET threads = {threads}")


def _statistics(columns: list[_Scanned]) -> dict[str, str]:
    wanted: dict[str, str] = {}
    for column in columns:
        wanted |= {f"{fact}{column.index}": sql for fact, sql in _statistics_of(column).items()}
    return wanted


def _statistics_of(column: _Scanned) -> dict[str, str]:
    wanted = {"values": f"count({column.sql})", "distinct": f"approx_count_distinct({column.sql})"}
    match column.family:
        case "integer" | "decimal" | "floating":
            double = f"CAST(c{column.index} AS DOUBLE)"
            wanted |= _extremes(column) | {
                "mean": f"avg({column.number})",
                "deviation": f"stddev_samp({double})",
                "total": f"sum({column.number})",
            }
        case "temporal":
            wanted |= _extremes(column)
        case "text" | "other":
            wanted |= {"short": f"min(length({column.sql}))", "long": f"max(length({column.sql}))"}
            wanted |= {"length": f"avg(length({column.sql}))"}
    return wanted


def _extremes(column: _Scanned) -> dict[str, str]:
    return {f"{end}imum": f"CAST({end}(c{column.index}) AS VARCHAR)" for end in ("min", "max")}


def _sketch(connection: duckdb.DuckDBPyConnection, source: str, column: _Scanned, distinct: int) -> tuple[int, ...]:
    hashed = select(
        f"hash(CAST(c{column.index} AS VARCHAR)) AS h", of=source, rest=f"WHERE c{column.index} IS NOT NULL"
    )
    few = distinct <= _SKETCH_CANDIDATES
    small = "" if few else f"WHERE h < {2**64 * _SKETCH_CANDIDATES // distinct}::UBIGINT"
    query = select("DISTINCT h", of=f"({hashed})", rest=f"{small} ORDER BY h LIMIT {SKETCH_HASHES}")
    return tuple(int(row[0]) for row in connection.execute(query).fetchall())


def _top(connection: duckdb.DuckDBPyConnection, source: str, column: _Scanned) -> tuple[tuple[str, int], ...]:
    shown = f"left(CAST(c{column.index} AS VARCHAR), {TOP_CHARACTERS_MAX})"
    most_first = f"GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {TOP_DISTINCT_MAX}"
    query = select(f"{shown}, count(*)", of=source, rest=f"WHERE c{column.index} IS NOT NULL {most_first}")
    return tuple((str(value), int(rows)) for value, rows in connection.execute(query).fetchall())


def _is_listed(column: _Scanned, distinct: int) -> bool:
    few = 0 < distinct <= TOP_DISTINCT_MAX
    return few and not column.personal and column.family in ("text", "boolean", "integer")


def _column(connection: duckdb.DuckDBPyConnection, source: str, column: _Scanned, facts: Facts) -> ColumnProfile:
    def fact(named: str) -> object:
        return facts.get(f"{named}{column.index}")

    shown = not column.personal
    lengths = tuple(_finite(fact(named)) for named in ("short", "length", "long"))
    quantiles, distinct = fact("quantiles"), _integer(fact("distinct"))
    return ColumnProfile(
        name=column.name,
        type=column.type,
        nulls=_integer(facts["rows"]) - _integer(fact("values")),
        distinct=distinct,
        minimum=_text(fact("minimum")) if shown else None,
        maximum=_text(fact("maximum")) if shown else None,
        mean=_finite(fact("mean")),
        deviation=_finite(fact("deviation")),
        total=_finite(fact("total")),
        quantiles=_all_finite(quantiles) if shown and isinstance(quantiles, list) else (),
        lengths=None if None in lengths else (lengths[0] or 0.0, lengths[1] or 0.0, lengths[2] or 0.0),
        top=_top(connection, source, column) if _is_listed(column, distinct) else (),
        sketch=_sketch(connection, source, column, distinct),
    )


def _all_finite(values: list[object]) -> tuple[float, ...]:
    numbers = [_finite(value) for value in values]
    return tuple(number for number in numbers if number is not None) if None not in numbers else ()


def _finite(value: object) -> float | None:
    """The number, or None for what JSON cannot say. Rounded: sums of doubles depend on which thread added first."""
    if value is None or not math.isfinite(number := float(str(value))):
        return None
    return float(f"{number:.12g}")


def _integer(value: object) -> int:
    return int(str(value))


def _text(value: object) -> str | None:
    return None if value is None else str(value)
