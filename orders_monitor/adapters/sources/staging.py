"""Typed rows into one Parquet file, exactly: the same rows and schema give the same bytes.

DuckDB writes the file. Values are bound as text and cast to the column's type, because text is the one form in which
a DECIMAL, a microsecond or a 64-bit integer arrives unrounded. A value that is not of its column's type is refused,
never coerced: '1.5' in a BIGINT would silently become 2.
"""

import datetime as dt
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from pathlib import Path
from uuid import UUID

import duckdb

from orders_monitor.adapters import quoting
from orders_monitor.core.errors import StoreUnavailable
from orders_monitor.core.schema import Schema

Row = Sequence[object]

CHUNK_ROWS = 20_000
ROW_GROUP_ROWS = 122_880
MEMORY_MAX = "512MB"
FULL_DISK = "No space left on device"

# What a value can do wrong at the cast. Other errors of DuckDB (memory, disk) are ours and pass through.
_MISFITS = (duckdb.ConversionException, duckdb.OutOfRangeException, duckdb.InvalidInputException)
_DECIMAL = re.compile(r"DECIMAL\((\d{1,2}),(\d{1,2})\)")


def write_parquet(rows: Iterable[Row], schema: Schema, into: Path) -> int:
    """Write the rows to the Parquet file `into` in their order; the number of rows.

    Every row has the schema's values in the schema's order, as Python's own types (int, str, bool, float, Decimal,
    datetime, date, time, bytes, UUID, or None). The file appears whole or not at all; its folder must exist.

    Raises ValueError where the schema has a type or names that cannot be staged, or where a value is not exactly one
    of its column's type; the message names column and row and never quotes the value; and StoreUnavailable where the
    disk refuses. What `rows` raises passes through.
    """
    binders = [_binder(column.type) for column in schema.columns]
    with tempfile.TemporaryDirectory(dir=into.parent, prefix=".staging-") as folder:
        written = Path(folder) / "staged.parquet"
        with _open(spill_to=Path(folder)) as connection:
            _create(connection, schema)
            count = 0
            for chunk in _chunks(rows):
                _insert(connection, schema=schema, binders=binders, rows=chunk, rows_before=count)
                count += len(chunk)
            staged = connection.table("staged")
            try:
                staged.write_parquet(str(written), compression="zstd", row_group_size=ROW_GROUP_ROWS)
            except duckdb.IOException as error:
                raise not_written(error) from error
        written.replace(into)
    return count


def not_written(error: duckdb.Error) -> StoreUnavailable:
    """Our own disk refuses what the source gave: that says nothing about the source."""
    said = str(error).strip().splitlines() or [type(error).__name__]
    why = FULL_DISK if FULL_DISK in str(error) else said[0]
    return StoreUnavailable(store="lake", why=f"what landed cannot be written: {why}")


def _open(*, spill_to: Path) -> duckdb.DuckDBPyConnection:
    # One thread: with more, row groups may land in another order and the bytes differ.
    return duckdb.connect(
        config={"threads": 1, "memory_limit": MEMORY_MAX, "temp_directory": str(spill_to / "spill")},
    )


def _create(connection: duckdb.DuckDBPyConnection, schema: Schema) -> None:
    columns = ", ".join(f"{quoting.name(column.name)} {column.type}" for column in schema.columns)
    try:
        connection.execute(f"CREATE TABLE staged ({columns})")
    except (duckdb.CatalogException, duckdb.ParserException, duckdb.BinderException) as error:
        raise ValueError(f"these columns cannot be one table: {schema.names}") from error


def _insert(
    connection: duckdb.DuckDBPyConnection,
    *,
    schema: Schema,
    binders: Sequence["_Binder"],
    rows: Sequence[Row],
    rows_before: int,
) -> None:
    bound = _by_column(rows, schema=schema, binders=binders, rows_before=rows_before)
    selected = ", ".join(
        f"CAST(unnest(${number}::{binder.bound_as}[]) AS {column.type})"
        for number, (column, binder) in enumerate(zip(schema.columns, binders, strict=True), start=1)
    )
    try:
        # Nothing in the text is data: column types passed _binder, values are bound.
        connection.execute(f"INSERT INTO staged SELECT {selected}", bound)
    except _MISFITS:
        # Not chained: DuckDB's message quotes the value, which may be personal.
        place = f"rows {rows_before + 1:,} to {rows_before + len(rows):,}"
        raise ValueError(f"{place}: a value does not fit its column's type") from None


def _by_column(
    rows: Sequence[Row], *, schema: Schema, binders: Sequence["_Binder"], rows_before: int
) -> list[list[object]]:
    bound: list[list[object]] = [[] for _ in schema.columns]
    for number, row in enumerate(rows, start=rows_before + 1):
        if len(row) != len(bound):
            raise ValueError(f"row {number:,} has {len(row)} values for {len(bound)} columns")
        for position, (value, binder) in enumerate(zip(row, binders, strict=True)):
            try:
                bound[position].append(None if value is None else binder.bind(value))
            except ValueError as error:
                column = schema.columns[position]
                raise ValueError(f"row {number:,}: {column.name!r} is {column.type}: {error}") from None
    return bound


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    remaining = iter(rows)
    while chunk := list(islice(remaining, CHUNK_ROWS)):
        yield chunk


class _Binder:
    """How the values of one type are bound: the Python type that is accepted, and what is handed to DuckDB."""

    def __init__(
        self, accepts: type | tuple[type, ...], text: Callable[..., object], bound_as: str = "VARCHAR"
    ) -> None:
        self.accepts, self.text, self.bound_as = accepts, text, bound_as

    def bind(self, value: object) -> object:
        """The value as it is bound; ValueError where it is not one of this type's."""
        # True is an int and a datetime is a date to Python; to a reader of the table they are not.
        misfit = (isinstance(value, bool) and self.accepts is not bool) or (
            isinstance(value, dt.datetime) and self.accepts is dt.date
        )
        if misfit or not isinstance(value, self.accepts):
            raise ValueError(f"{type(value).__name__} came")
        return self.text(value)


def _moment(value: dt.datetime | dt.time) -> str:
    if value.tzinfo is not None:
        raise ValueError("a time with a time zone came")
    return value.isoformat()


def _instant(value: dt.datetime) -> str:
    if value.utcoffset() is None:
        raise ValueError("a time without a time zone came")
    return value.astimezone(dt.UTC).isoformat()


def _decimal_of_scale(scale: int) -> Callable[[Decimal | int], str]:
    def text(value: Decimal | int) -> str:
        _, digits, exponent = Decimal(value).as_tuple()
        if not isinstance(exponent, int):
            raise ValueError("a number that is not finite came")  # noqa: TRY004 - NaN is a Decimal, and not a value of the type
        beyond = -exponent - scale
        if beyond > 0 and any(digits[-beyond:]):
            raise ValueError("a number with more decimal places came")
        return format(value, "f")

    return text


_INTEGER = _Binder(int, str)
_REAL = _Binder((float, int), lambda value: repr(float(value)))
_BINDERS: Mapping[str, _Binder] = {
    "TINYINT": _INTEGER,
    "SMALLINT": _INTEGER,
    "INTEGER": _INTEGER,
    "BIGINT": _INTEGER,
    "UTINYINT": _INTEGER,
    "USMALLINT": _INTEGER,
    "UINTEGER": _INTEGER,
    "UBIGINT": _INTEGER,
    "FLOAT": _REAL,
    "DOUBLE": _REAL,
    "BOOLEAN": _Binder(bool, str),
    "VARCHAR": _Binder(str, str),
    "DATE": _Binder(dt.date, dt.date.isoformat),
    "TIME": _Binder(dt.time, _moment),
    "TIMESTAMP": _Binder(dt.datetime, _moment),
    "TIMESTAMP WITH TIME ZONE": _Binder(dt.datetime, _instant),
    "UUID": _Binder(UUID, str),
    "BLOB": _Binder((bytes, bytearray, memoryview), bytes, bound_as="BLOB"),
}


def _binder(type_name: str) -> _Binder:
    """The binder of a DuckDB type. The closed list also keeps anything else out of the SQL text.

    HUGEINT is missing on purpose: DuckDB writes it to Parquet as a DOUBLE.
    """
    decimal = _DECIMAL.fullmatch(type_name)
    if decimal is not None:
        return _Binder((Decimal, int), _decimal_of_scale(int(decimal[2])))
    if type_name not in _BINDERS:
        raise ValueError(
            f"rows cannot be staged as {type_name!r}; stageable are {', '.join(_BINDERS)} and DECIMAL(p,s)"
        )
    return _BINDERS[type_name]
