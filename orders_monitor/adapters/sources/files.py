"""Parquet and CSV files as a source: a file (or several) a partition, or one file that holds every partition.

Values are copied as found: in a Parquet file the types are the file's, a CSV's are what `delimited` says its text can
be read as without loss. The same files give the same bytes.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import duckdb

from orders_monitor.adapters import quoting
from orders_monitor.adapters.sources.as_found import contract_names, day_of
from orders_monitor.adapters.sources.control_file import read_totals
from orders_monitor.adapters.sources.delimited import (
    ALL_ROWS,
    READ,
    SAMPLE_ROWS,
    NotATable,
    common_sheet,
    sheet_of,
    why_not,
)
from orders_monitor.adapters.sources.listing import Found, looked_at, matching
from orders_monitor.adapters.sources.staging import not_written
from orders_monitor.core.errors import DeclarationInvalid, SourceUnavailable
from orders_monitor.core.schema import ColumnSchema, Schema
from orders_monitor.core.source import VERSION_CHARACTERS, Fetch, Fetched, FilesSource, Missing, Unreadable
from orders_monitor.core.totals import Control, Total
from orders_monitor.core.value import digest_of

PARTITION = "{partition}"
MEMORY_MAX = "1GB"
_AS_PARQUET = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122_880"

_PARQUET = "read_parquet($files, hive_partitioning=false, union_by_name=false)"


class Files:
    """The files that a declaration names. Relative paths are taken from `root`.

    Raises DeclarationInvalid where neither `{partition}` nor `partition_column` tells the partitions apart.
    """

    def __init__(self, declaration: FilesSource, *, root: Path, controls: Sequence[Control] = ()) -> None:
        if PARTITION not in declaration.path and declaration.partition_column is None:
            why = f"{declaration.path!r} names no {PARTITION}, and there is no partition_column to pick the rows by"
            raise DeclarationInvalid(path="source", field="path", why=why)
        self._declaration, self._root, self._controls = declaration, root, controls

    def schema(self, partition: str) -> Schema | None:
        """The schema that the partition would land with; None where there is no file, or none that is readable.

        Of a Parquet file the footer is read, of a CSV its header and a bounded sample. Of one file that holds every
        partition it is that file's schema, whether or not the partition has rows. Raises SourceUnavailable, and
        ValueError where the partition is not a date.
        """
        day_of(partition)
        found = self._find(partition)
        if not isinstance(found, Found):
            return None
        try:
            with _open() as connection:
                table = self._table(connection, found, rows=SAMPLE_ROWS)
        except NotATable:
            return None
        return self._landing_schema(table)

    def version(self, partition: str) -> str | None:
        """Another text whenever somebody wrote one of the partition's files: their names, sizes and times.

        None where there is no file, and of one file that holds every partition: what changed in it is not in metadata.
        Raises SourceUnavailable, and ValueError where the partition is not a date.
        """
        day_of(partition)
        found = self._find(partition) if PARTITION in self._declaration.path else None
        if not isinstance(found, Found):
            return None
        control = [] if self._declaration.totals is None else [self._root / self._control_file(partition)]
        try:
            seen = [(path.name, path.stat()) for path in (*found.paths, *control) if path.exists()]
        except OSError as error:
            raise self._unavailable(f"it cannot be looked at: {error.strerror}") from None
        return digest_of([[name, stat.st_size, stat.st_mtime_ns] for name, stat in seen])[:VERSION_CHARACTERS]

    def fetch(self, partition: str, into: Path) -> Fetch:
        """Copy the partition's rows to the Parquet file `into`, in their order, with the totals of its control file.

        Where the control file is declared and not there yet, the delivery is not complete, and nothing is copied.
        Raises SourceUnavailable, StoreUnavailable where our own disk refuses, and ValueError where the partition is
        not a date.
        """
        day_of(partition)
        found = self._find(partition)
        if isinstance(found, Unreadable):
            return found
        totals = self._totals(partition)
        if isinstance(found, Missing):
            return _without_rows(found, totals)
        if totals is None:
            name = Path(self._control_file(partition)).name
            return Unreadable(why=f"there is no control file {name!r}: the delivery is not complete")
        if isinstance(totals, Unreadable):
            return totals
        with tempfile.TemporaryDirectory(dir=into.parent, prefix=".files-") as folder:
            written = Path(folder) / "fetched.parquet"
            try:
                rows = self._copy(found, partition, written)
            except NotATable as error:
                return Unreadable(why=str(error))
            if rows == 0 and self._declaration.partition_column is not None:
                column = self._declaration.partition_column
                return _without_rows(Missing(why=f"{found.names[0]} has no row whose {column} is {partition}"), totals)
            written.replace(into)
        return Fetched(rows=rows, totals=totals)

    def _totals(self, partition: str) -> tuple[Total, ...] | Unreadable | None:
        """What the control file says; None where it is not there. It is written last: rows alone may be half of all."""
        if self._declaration.totals is None:
            return ()
        name = self._control_file(partition)
        try:
            return read_totals(self._root / name, self._controls)
        except FileNotFoundError:
            return None
        except ValueError as error:
            return Unreadable(why=f"control file {Path(name).name!r}: {error}")
        except OSError as error:
            raise self._unavailable(f"its control file cannot be read: {error.strerror}") from None

    def _control_file(self, partition: str) -> str:
        return (self._declaration.totals or "").replace(PARTITION, partition)

    def _find(self, partition: str) -> Found | Missing | Unreadable:
        declared = Path(self._declaration.path)
        varying = next((i for i, part in enumerate(declared.parts) if PARTITION in part or "*" in part), None)
        fixed = declared.parent if varying is None else Path(*declared.parts[:varying])
        folder, rest = self._root / fixed, declared.relative_to(fixed).as_posix().replace(PARTITION, partition)
        try:
            if not folder.is_dir():
                raise self._unavailable(f"there is no folder {fixed.as_posix()!r}")
            paths = matching(folder, rest)
            if not paths and PARTITION not in self._declaration.path:
                raise self._unavailable("there is no such file")
            return looked_at(folder, paths) if paths else Missing(why=f"there is no file {rest!r}")
        except OSError as error:
            raise self._unavailable(f"it cannot be looked at: {error.strerror}") from None

    def _table(self, connection: duckdb.DuckDBPyConnection, found: Found, *, rows: int) -> "_Table":
        if self._declaration.format == "csv":
            return _csv_table(connection, found, rows=rows)
        return _parquet_table(connection, found)

    def _landing_schema(self, table: "_Table") -> Schema:
        names = contract_names(table.schema.names, self._declaration.columns)
        pairs = zip(names, table.schema.columns, strict=True)
        return Schema(columns=tuple(ColumnSchema(name=name, type=column.type) for name, column in pairs))

    def _copy(self, found: Found, partition: str, written: Path) -> int:
        with _open(spill_to=written.parent) as connection:
            table = self._table(connection, found, rows=ALL_ROWS)
            rows = self._rows_of(table, found, partition)
            try:
                copied = connection.execute(
                    f"COPY ({rows.sql}) TO $written ({_AS_PARQUET})",
                    {**rows.parameters, "written": str(written)},
                ).fetchone()
            except duckdb.OutOfMemoryException:
                raise
            except duckdb.Error as error:
                # Reading and writing are one statement; a full disk must not be told as a broken file.
                self._raise_if_unreadable(rows, found)
                raise not_written(error) from error
        return 0 if copied is None else int(copied[0])

    def _rows_of(self, table: "_Table", found: Found, partition: str) -> "_Rows":
        landing = self._landing_schema(table)
        selected = ", ".join(
            f"{quoting.name(was)} AS {quoting.name(now)}"
            for was, now in zip(table.schema.names, landing.names, strict=True)
        )
        sql, column = f"SELECT {selected} FROM {table.read}", self._declaration.partition_column  # noqa: S608 - names are quoted
        if column is None:
            return _Rows(sql, table.parameters)
        kind = table.schema.type_of(column)
        if kind is None:
            raise NotATable(f"{found.names[0]} has no column {column!r} to tell the partitions apart")
        return _Rows(f"{sql} WHERE {_is_of_day(column, kind)}", {**table.parameters, "day": partition})

    def _raise_if_unreadable(self, rows: "_Rows", found: Found) -> None:
        with _open() as connection:
            try:
                whole = f"SELECT count(hash(whole)) FROM ({rows.sql}) whole"  # noqa: S608 - a query of ours, names quoted
                connection.execute(whole, rows.parameters).fetchall()
            except duckdb.OutOfMemoryException:
                raise
            except duckdb.Error as error:
                raise _not_a_table(found.names, error, format_=self._declaration.format) from None

    def _unavailable(self, why: str) -> SourceUnavailable:
        return SourceUnavailable(source=self._declaration.path, why=why)


def _without_rows(missing: Missing, totals: tuple[Total, ...] | Unreadable | None) -> Missing | Unreadable:
    """Nothing came, unless a control file did that counts something: then the rows are late or lost."""
    if isinstance(totals, Unreadable):
        return totals
    counted = [number for total in totals or () for number in (total.groups or {}).values() if Decimal(number)]
    return Unreadable(why=f"{missing.why}, and its control file counts rows") if counted else missing


@dataclass(frozen=True)
class _Table:
    """What DuckDB reads: a table function, its parameters, and the schema it gives."""

    read: str
    parameters: dict[str, object]
    schema: Schema


@dataclass(frozen=True)
class _Rows:
    """A query with its parameters."""

    sql: str
    parameters: dict[str, object]


@contextmanager
def _open(*, spill_to: Path | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    # A connection of its own every time: a corrupt Parquet file can leave DuckDB's instance unusable. One thread keeps
    # the rows in order. No extension is ever looked for on a network.
    spill = "" if spill_to is None else str(spill_to / "spill")
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": 1,
        "memory_limit": MEMORY_MAX,
        "temp_directory": spill,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    with duckdb.connect(config=config) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def _parquet_table(connection: duckdb.DuckDBPyConnection, found: Found) -> _Table:
    schemas = [_footer(connection, file=file, name=name) for file, name in zip(found.files, found.names, strict=True)]
    for schema, name in zip(schemas, found.names, strict=True):
        if schema != schemas[0]:
            raise NotATable(f"{found.names[0]} and {name} have different columns")
    return _Table(_PARQUET, {"files": found.files}, schemas[0])


def _footer(connection: duckdb.DuckDBPyConnection, *, file: str, name: str) -> Schema:
    try:
        described = f"DESCRIBE SELECT * FROM {_PARQUET}"  # noqa: S608 - a constant
        rows = connection.execute(described, {"files": [file]}).fetchall()
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        raise _not_a_table((name,), error, format_="parquet") from None
    return Schema(columns=tuple(ColumnSchema(name=row[0], type=row[1]) for row in rows))


def _csv_table(connection: duckdb.DuckDBPyConnection, found: Found, *, rows: int) -> _Table:
    sheets = []
    for path, file, name in zip(found.paths, found.files, found.names, strict=True):
        try:
            sheets.append(sheet_of(connection, path, file=file, rows=rows))
        except NotATable as error:
            raise NotATable(f"{name} {error}") from None
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as error:
            raise _not_a_table((name,), error, format_="csv") from None
    sheet = common_sheet(sheets)
    if sheet is None:
        raise NotATable(f"{' and '.join(found.names)} have different columns")
    schema = Schema(columns=tuple(ColumnSchema(name=name, type=kind) for name, kind in sheet.columns))
    return _Table(READ, {"files": found.files, **sheet.read_as()}, schema)


def _not_a_table(names: Sequence[str], error: duckdb.Error, *, format_: str) -> NotATable:
    why = why_not(error) if format_ == "csv" else "is not a whole Parquet file"
    which = names[0] if len(names) == 1 else f"one of {', '.join(names)}"
    return NotATable(f"{which} {why}")


def _is_of_day(column: str, kind: str) -> str:
    """SQL that is true for the rows of `$day`. Moments with a time zone belong to their day in UTC."""
    value = quoting.name(column)
    if kind == "DATE" or kind.startswith("TIMESTAMP"):
        return f"{value} >= CAST($day AS DATE) AND {value} < CAST($day AS DATE) + 1"
    text = f"CAST({value} AS VARCHAR)"
    return f"({text} = $day OR starts_with({text}, $day || ' ') OR starts_with({text}, $day || 'T'))"
