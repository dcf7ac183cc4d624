"""The one pass over a file for its profile: counts of every row, and beside them the rows and hashes that are kept.

A small file becomes a table in memory, and everything is counted from that. Of a large one every row is counted for
rows, nulls, extremes, totals, means and lengths; what would need every value at once is kept by hash in the same pass:
some rows by the hash of their number in the file, of columns with many values those whose hash is small (the
k-minimum-values sketch of Bar-Yossef and others, 2002), and of whole rows likewise, whose repetitions are counted.
Which are kept depends on the bytes alone, and every sum is one of integers: the threads' order changes nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import duckdb

from orders_monitor.adapters.engine.profiling.columns import Facts, Footer, Scanned
from orders_monitor.adapters.engine.session import one, row_hash, select
from orders_monitor.core.schema import Schema

# One row group in memory: DuckDB reads it with one thread, in its order.
KEPT_ROWS_MAX = 122_880
_SAMPLED_ROWS = 61_440
_KEPT_CELLS_MAX = 8_000_000
_KEPT_BYTES_MAX = 256 * 2**20
EXACT_DUPLICATES_ROWS_MAX = 1_000_000
_HASHES = 2**64
# At least 64 distinct hashes stay below the threshold where a value has 1,000 rows or fewer.
_KEPT_HASHES = 65_536
_KEPT_ROW_HASHES = 262_144
_FIXED_POINT_BITS = 61
_SHIFT_MAX = 24


@dataclass(frozen=True, slots=True)
class Scan:
    """What the pass found: facts by name, the rows kept as the table `kept`, hashes kept by column position.

    `hashes_share` is the share, 0 to 1, of all possible hashes that were kept. `kept_rows` is None for every row.
    """

    rows: int
    duplicate_rows: int
    facts: Facts
    kept_rows: int | None = None
    hashes: Mapping[int, frozenset[int]] = field(default_factory=dict)
    hashes_share: float = 1.0


def unequal_rows(schema: Schema) -> str:
    """SQL of the number of different rows, known by `row_hash`."""
    return f"count(DISTINCT {row_hash([f'c{index}' for index in range(len(schema.columns))])})"


def scanned(
    connection: duckdb.DuckDBPyConnection, source: str, schema: Schema, footer: Footer, columns: Sequence[Scanned]
) -> Scan:
    """Read a file once; before it, floating numbers whose range the footer does not tell, where the file is large."""
    room = min(KEPT_ROWS_MAX, _KEPT_CELLS_MAX // max(1, len(columns)))
    if footer.bytes > _KEPT_BYTES_MAX:
        room = min(room, max(1, _KEPT_BYTES_MAX * footer.rows // footer.bytes))
    if footer.rows <= room:
        return _all_kept(connection, source, schema, columns)
    return _some_kept(connection, source, schema, columns, rows=footer.rows, room=min(room, _SAMPLED_ROWS))


def _all_kept(connection: duckdb.DuckDBPyConnection, source: str, schema: Schema, columns: Sequence[Scanned]) -> Scan:
    connection.execute("CREATE TEMP TABLE kept AS " + select("*", of=source))
    connection.execute("SET threads = 1")
    wanted = {"rows": "count(*)", "unequal": unequal_rows(schema)}
    for column in columns:
        wanted |= _counts(column)
        if column.is_number:
            wanted |= {f"mean{column.index}": f"avg({column.number})", f"total{column.index}": f"sum({column.number})"}
    facts = _ask(connection, wanted, "kept")
    rows = int(str(facts["rows"]))
    return Scan(rows=rows, duplicate_rows=rows - int(str(facts["unequal"])), facts=facts)


def _some_kept(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    schema: Schema,
    columns: Sequence[Scanned],
    *,
    rows: int,
    room: int,
) -> Scan:
    scales = _scales(connection, source, columns)
    wanted = _kept(columns, share=room / rows) | _repetitions(schema, columns, rows)
    for column in columns:
        wanted |= _counts(column) | _total(column, scales.get(column.index)) | _small_hashes(column, rows)
    connection.execute("CREATE TEMP TABLE scanned AS " + select(_named(wanted), of=source))
    connection.execute("SET threads = 1")
    names = ", ".join(f"kept.{column.c}" for column in columns)
    unnested = f"({select('unnest(kept) AS kept', of='scanned')})"
    connection.execute("CREATE TEMP TABLE kept AS " + select(names, of=unnested, rest="ORDER BY kept.place"))
    lists = {name: f"list_distinct({name})" for name in wanted if name.startswith("hashes")}
    plain = {name: name for name in wanted if name != "kept" and name not in lists}
    facts = _ask(connection, plain | lists, "scanned")
    connection.execute("DROP TABLE scanned")
    return Scan(
        rows=rows,
        duplicate_rows=_repeated(facts, rows),
        facts={**facts, **_means(columns, facts, scales)},
        kept_rows=int(str(_ask(connection, {"rows": "count(*)"}, "kept")["rows"])),
        hashes={column.index: _integers(facts[f"hashes{column.index}"]) for column in columns if column.many},
        hashes_share=_share(_KEPT_HASHES, rows),
    )


def _kept(columns: Sequence[Scanned], *, share: float) -> dict[str, str]:
    """Rows by the hash of their number: spread over the whole file, and the same ones every time."""
    fields = ", ".join(f"{column.c} := {column.c}" for column in columns)
    chosen = f"hash(file_row_number) < {_threshold(share)}"
    return {"kept": f"list(struct_pack(place := file_row_number, {fields})) FILTER ({chosen})"}


def _repetitions(schema: Schema, columns: Sequence[Scanned], rows: int) -> dict[str, str]:
    """All copies of a row have one hash: of the rows with a small one, those that repeat can be counted exactly."""
    if rows <= EXACT_DUPLICATES_ROWS_MAX:
        return {"unequal": unequal_rows(schema)}
    row = _cheap_hash(columns)
    small = f"list({row}) FILTER ({row} < {_threshold(_share(_KEPT_ROW_HASHES, rows))})"
    return {"looked_at": f"list_aggregate({small}, 'count')", "different": f"len(list_distinct({small}))"}


def _cheap_hash(columns: Sequence[Scanned]) -> str:
    """SQL of a row's hash: hashes that are needed anyway, each shifted by its place, and one of the other columns."""
    few = [column.c for column in columns if not column.many]
    parts = [column.hashed(column.c, looks=column.looks) for column in columns if column.many]
    parts += [f"hash({', '.join(few)})"] if few else []
    row = parts[0]
    for place, part in enumerate(parts[1:], start=1):
        row = f"xor({row}, {part} >> {place % _SHIFT_MAX})"
    return row


def _repeated(facts: Facts, rows: int) -> int:
    if "unequal" in facts:
        return rows - int(str(facts["unequal"]))
    repeated = int(str(facts["looked_at"] or 0)) - int(str(facts["different"] or 0))
    return min(rows, round(repeated / _share(_KEPT_ROW_HASHES, rows)))


def _counts(column: Scanned) -> dict[str, str]:
    wanted = {f"values{column.index}": f"count({column.c})"}
    if column.is_number or column.family == "temporal":
        wanted |= {f"{end}imum{column.index}": f"CAST({end}({column.c}) AS VARCHAR)" for end in ("min", "max")}
    return wanted


def _small_hashes(column: Scanned, rows: int) -> dict[str, str]:
    if not column.many:
        return {}
    hashed = column.hashed(column.c, looks=column.looks)
    small = f"{hashed} < {_threshold(_share(_KEPT_HASHES, rows))}"
    return {f"hashes{column.index}": f"list({hashed}) FILTER ({small})"}


def _scales(connection: duckdb.DuckDBPyConnection, source: str, columns: Sequence[Scanned]) -> dict[int, float]:
    """What makes whole numbers of floating ones, a power of two each: a sum of whole numbers has no order."""
    doubles = [column for column in columns if column.is_summed_as_double]
    told = {column.index: _scale(column.largest) for column in doubles if column.largest is not None}
    unknown = {column.index: column.number for column in doubles if column.largest is None}
    if not unknown:
        return told
    largest = {f"largest{i}": f"max(abs({number})) FILTER (isfinite({number}))" for i, number in unknown.items()}
    facts = _ask(connection, largest, source)
    return told | {index: _scale(facts[f"largest{index}"]) for index in unknown}


def _scale(largest: object) -> float:
    exponent = math.frexp(float(str(largest or 0.0)))[1]
    return math.ldexp(1.0, min(1000, _FIXED_POINT_BITS - exponent))


def _total(column: Scanned, scale: float | None) -> dict[str, str]:
    if not column.is_number:
        return {}
    number = column.number if scale is None else f"TRY_CAST({column.number} * {scale!r}::DOUBLE AS BIGINT)"
    return {f"total{column.index}": f"sum({number})"}


def _means(columns: Sequence[Scanned], facts: Facts, scales: Mapping[int, float]) -> dict[str, object]:
    found: dict[str, object] = {}
    for column in (column for column in columns if column.is_number):
        total, values = facts[f"total{column.index}"], int(str(facts[f"values{column.index}"]))
        ends = [facts[f"{end}imum{column.index}"] for end in ("min", "max")]
        if total is None or not all(math.isfinite(float(str(end))) for end in ends):
            total = None
        elif column.index in scales:
            total = Fraction(int(str(total))) / Fraction(scales[column.index])
        else:
            total = Fraction(str(total))
        found |= {f"total{column.index}": _double(total), f"mean{column.index}": _double(total and total / values)}
    return found


def _double(number: Fraction | None) -> float | None:
    """The nearest double, or None where there is none."""
    try:
        return None if number is None else float(number)
    except OverflowError:
        return None


def _share(wanted: int, rows: int) -> float:
    return min(1.0, wanted / rows)


def _threshold(share: float) -> str:
    """The hash below which that share of all hashes is, as SQL."""
    return f"{min(_HASHES - 1, int(share * _HASHES))}::UBIGINT"


def _named(wanted: Mapping[str, str]) -> str:
    return ", ".join(f"{sql} AS {name}" for name, sql in wanted.items())


def _ask(connection: duckdb.DuckDBPyConnection, wanted: Mapping[str, str], source: str) -> dict[str, object]:
    answer = one(connection.execute(select(", ".join(wanted.values()), of=source)))
    return dict(zip(wanted, answer, strict=True))


def _integers(found: object) -> frozenset[int]:
    return frozenset(int(number) for number in found) if isinstance(found, list) else frozenset()
