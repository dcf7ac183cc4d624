"""The room in which the agent's SQL runs: a DuckDB in memory that reads exactly the files it was given, and is locked.

Opened with one thread, so that the same question on the same bytes has the same answer to the last digit; without
temporary files, extensions, Python variables or other files; and with its configuration locked before the first query.
Every query runs in a read-only transaction that is rolled back, and is interrupted when its time is up.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from orders_monitor.adapters.quoting import name, text
from orders_monitor.adapters.workbench import masking
from orders_monitor.agent.workbench import QueryRefused
from orders_monitor.core.contract import Contract
from orders_monitor.core.errors import StoreUnavailable
from orders_monitor.core.release import SqlLimits
from orders_monitor.core.schema import Schema

Row = tuple[object, ...]
DAY = "partition_date"
# What DuckDB says of these is about the query; of every other error it may quote what it read.
_SAID = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException, duckdb.ConversionException)
# The last two are Python's own: an interval of more days than it can count.
_MISTAKES = (*_SAID, duckdb.ProgrammingError, duckdb.DataError, OverflowError, ValueError)


class Session:
    """One locked connection with the views `landed` and `history`. Closed by who opened it."""

    def __init__(
        self,
        landed: Path,
        *,
        history: Mapping[str, Path],
        contract: Contract,
        text_columns: Sequence[str],
        limits: SqlLimits,
    ) -> None:
        self._limits = limits
        with _read():
            self.key = masking.key_of(landed)
            self.connection = _connect([landed, *history.values()], memory_mb=limits.memory_mb)
            try:
                self.schema = _schema_of(self.connection, parquet(landed))
                _view(self.connection, "landed", self.landed(self.projected(contract, text_columns), landed))
                past = self._empty_history()
                if history:
                    past = _history(self.connection, history, contract, text_columns=text_columns, key=self.key)
                _view(self.connection, "history", past)
                self.connection.execute("SET lock_configuration = true")
            except duckdb.Error:
                self.connection.close()
                raise

    def projected(self, contract: Contract, text_columns: Sequence[str]) -> str:
        """The landed columns as a query sees them."""
        return masking.projection(self.schema, contract, text_columns=text_columns, key=self.key)

    def landed(self, what: str, landed: Path) -> str:
        """SQL over the landed file with its columns called c0, c1, ..."""
        return f"SELECT {what} FROM {parquet(landed)} AS landed({_numbers(self.schema)})"  # noqa: S608 - `parquet` quotes, the columns are numbered

    def _empty_history(self) -> str:
        """Before the first publication: what landed today, and no row of it."""
        columns = ", ".join(name(called) for called in masking.names(self.schema) if called.lower() != DAY)
        return f"SELECT CAST(NULL AS DATE) AS {DAY}, {columns} FROM landed WHERE false"  # noqa: S608 - quoted names

    def run(self, sql: str, bound: Sequence[object] = ()) -> tuple[tuple[str, ...], list[Row]] | QueryRefused:
        """The names and rows of a query that may run. Raises StoreUnavailable."""
        timer = threading.Timer(self._limits.timeout_s, self.connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            with self._looking_only():
                found = self.connection.execute(sql, list(bound))
                columns = tuple(str(column[0]) for column in found.description or ())
                return columns, found.fetchall()
        except (duckdb.IOException, duckdb.PermissionException) as error:
            raise _unreadable(error) from error
        except duckdb.InterruptException:
            return QueryRefused(why=f"the query took longer than {self._limits.timeout_s} s", kind="limit")
        except duckdb.OutOfMemoryException:
            return QueryRefused(why=f"the query needs more than {self._limits.memory_mb} MB", kind="limit")
        except _MISTAKES as error:
            said = (
                str(error).splitlines()[0]
                if isinstance(error, _SAID)
                else "a value or a pattern is none that the function takes"
            )
            return QueryRefused(why=f"the query cannot be run: {said[:180]}", kind="mistake")
        finally:
            timer.cancel()

    @contextmanager
    def _looking_only(self) -> Iterator[None]:
        self.connection.execute("BEGIN TRANSACTION READ ONLY")
        try:
            yield
        finally:
            self.connection.execute("ROLLBACK")


def parquet(path: Path) -> str:
    """The rows of one Parquet file. A folder called `day=...` is a folder: it adds no column."""
    return f"read_parquet({text(str(path.absolute()))}, hive_partitioning = false)"


def _connect(reads: Sequence[Path], *, memory_mb: int) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        config={
            "threads": 1,
            "memory_limit": f"{memory_mb}MB",
            "temp_directory": "",
            "max_temp_directory_size": "0MB",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "allow_unsigned_extensions": False,
            "python_enable_replacements": False,
        }
    )
    connection.execute("SET TimeZone = 'UTC'")
    allowed = ", ".join(text(str(path.absolute())) for path in reads)
    connection.execute(f"SET allowed_paths = [{allowed}]")
    connection.execute("SET enable_external_access = false")
    return connection


def _history(
    connection: duckdb.DuckDBPyConnection,
    history: Mapping[str, Path],
    contract: Contract,
    *,
    text_columns: Sequence[str],
    key: str,
) -> str:
    """Earlier partitions, each with its day, masked with the same key."""
    days = {str(path.absolute()): day for day, path in history.items()}
    files = f"read_parquet([{', '.join(map(text, days))}], hive_partitioning = false, union_by_name = true"
    schema = _schema_of(connection, f"{files})")
    shown = masking.projection(schema, contract, text_columns=text_columns, key=key, taken=[DAY])
    cases = " ".join(f"WHEN {text(path)} THEN {text(day)}" for path, day in days.items())
    called = f"{files}, filename = 'om_file_of_row') AS history({_numbers(schema)}, om_file_of_row)"
    day = f"CAST(CASE om_file_of_row {cases} END AS DATE) AS {DAY}"
    return f"SELECT {day}, {shown} FROM {called}"  # noqa: S608 - every path and day is quoted, the columns are numbered


def _view(connection: duckdb.DuckDBPyConnection, called: str, sql: str) -> None:
    connection.execute(f"CREATE VIEW {name(called)} AS {sql}")


def _schema_of(connection: duckdb.DuckDBPyConnection, source: str) -> Schema:
    described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608 - `parquet` quotes
    return masking.columns_of(described)


def _numbers(schema: Schema) -> str:
    return ", ".join(f"c{index}" for index in range(len(schema.columns)))


@contextmanager
def _read() -> Iterator[None]:
    """Turns what is wrong with the files into StoreUnavailable."""
    try:
        yield
    except (OSError, duckdb.IOException, duckdb.InvalidInputException, duckdb.PermissionException) as error:
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> StoreUnavailable:
    """DuckDB's own sentence may quote a value."""
    return StoreUnavailable(store="workbench", why=f"the files cannot be read ({type(error).__name__})")
