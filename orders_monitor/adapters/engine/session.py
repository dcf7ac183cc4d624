"""One DuckDB connection per question: in memory, closed after it, and able to touch only the files it was given."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from orders_monitor.adapters.quoting import text
from orders_monitor.core.errors import StoreUnavailable
from orders_monitor.core.schema import ColumnSchema, Schema


def select(what: str, *, of: str, rest: str = "") -> str:
    """The one place where a query is put together; every part comes quoted, numbered or bound."""
    return f"SELECT {what} FROM {of} {rest}".rstrip()  # noqa: S608 - the callers quote: `name`, `text`, `parquet`


def parquet(path: Path) -> str:
    """The rows of one Parquet file. A folder called `day=...` is a folder: it adds no column to what landed."""
    return f"read_parquet({text(str(path.absolute()))}, hive_partitioning = false)"


def numbered(path: Path, schema: Schema) -> str:
    """The same rows with the columns called c0, c1, ...: no landed name can then mean anything else."""
    aliases = ", ".join(f"c{index}" for index in range(len(schema.columns)))
    return f"{parquet(path)} AS landed({aliases})"


@contextmanager
def opened(
    *, threads: int, memory_limit: str, reads: Sequence[Path] = (), writes: Sequence[Path] = ()
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that reads and writes exactly these files, in UTC on every machine.

    Raises StoreUnavailable where a file cannot be read or written, or memory runs out.
    """
    allowed = ", ".join(text(str(path.absolute())) for path in (*reads, *writes))
    with tempfile.TemporaryDirectory(prefix="orders-monitor-") as spill:
        connection = duckdb.connect(config=_config(threads=threads, memory_limit=memory_limit, spill=spill))
        try:
            connection.execute(f"SET allowed_paths = [{allowed}]")
            connection.execute("SET enable_external_access = false")
            connection.execute("SET TimeZone = 'UTC'")
            yield connection
        except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
            raise StoreUnavailable(store="engine", why=first_line(error)) from error
        finally:
            connection.close()


def schema_of(connection: duckdb.DuckDBPyConnection, path: Path) -> Schema:
    """The columns of a Parquet file from its footer. Raises StoreUnavailable where it is not a Parquet file."""
    if not path.is_file():
        # Asked itself, DuckDB would take the name for a folder's, and say that folders are not allowed.
        raise StoreUnavailable(store=f"file {path.name}", why="it is not there")
    try:
        found = connection.execute("DESCRIBE " + select("*", of=parquet(path))).fetchall()
    except (duckdb.IOException, duckdb.InvalidInputException) as error:
        raise StoreUnavailable(store=f"file {path.name}", why=first_line(error)) from error
    return Schema(columns=tuple(ColumnSchema(name=row[0], type=row[1]) for row in found))


def write(connection: duckdb.DuckDBPyConnection, query: str, into: Path) -> int:
    """Write a query's rows to a Parquet file in their order, and count them.

    One thread: with more, where one row group ends depends on which thread was first, and equal rows would make
    different bytes.
    """
    connection.execute("SET threads = 1")
    written = connection.execute(
        f"COPY ({query}) TO {text(str(into.absolute()))}"
        " (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880, USE_TMP_FILE false)"
    )
    return integer(written)


def row_hash(columns: Sequence[str]) -> str:
    """SQL of a hash of whole rows: the columns in both directions, 64 bits each.

    Rows that differ in one column alone are told apart by 64: of 50 million such, two collide in one file of 15,000.
    """
    there, back = ", ".join(columns), ", ".join(reversed(columns))
    return f"(hash({there})::UHUGEINT * 18446744073709551616 + hash({back}))"


def integer(result: duckdb.DuckDBPyConnection) -> int:
    """The single number of an answer."""
    return int(str(one(result)[0]))


def one(result: duckdb.DuckDBPyConnection) -> tuple[object, ...]:
    """The single row of an answer."""
    row = result.fetchone()
    if row is None:
        raise RuntimeError("DuckDB gave no row where one was asked for")
    return tuple(row)


def first_line(error: duckdb.Error) -> str:
    """What DuckDB said, without the excerpt of the statement below it."""
    return str(error).splitlines()[0]


def _config(*, threads: int, memory_limit: str, spill: str) -> dict[str, str | bool | int | float | list[str]]:
    return {
        "threads": threads,
        "memory_limit": memory_limit,
        "temp_directory": spill,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "python_enable_replacements": False,
    }
