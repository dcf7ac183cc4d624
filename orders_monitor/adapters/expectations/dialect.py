"""DuckDB for SQLAlchemy over a connection that is already open: as much as Great Expectations asks for.

The connection belongs to the caller and is never closed here. Results are read in full when a statement runs, because
Great Expectations closes connections under results that it has not read yet.
"""

from functools import cache
from itertools import islice
from types import SimpleNamespace
from typing import Any

import duckdb
import sqlalchemy as sa
from sqlalchemy.engine import default
from sqlalchemy.pool import StaticPool
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.util import immutabledict

from orders_monitor.adapters.expectations.ahead import Asked

# Types of whole numbers whose differences are BIGINTs.
WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")


def engine_over(connection: Asked | None) -> sa.Engine:
    """An SQLAlchemy engine whose every connection is that one, until it is disposed of and lets it go.

    With None it is an engine that can be asked what it is, and nothing about rows.
    """
    given = _Given(connection)
    sa.dialects.registry.register(DuckDBDialect.name, __name__, DuckDBDialect.__name__)
    return sa.create_engine(f"{DuckDBDialect.name}://", creator=lambda: given, poolclass=StaticPool)


class DuckDBType(sa.types.UserDefinedType[Any]):
    """A column type that is called what DuckDB calls it: the class's name is the type's name."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """The name in SQL."""
        return type(self).__name__


@cache
def type_class(name: str) -> type[DuckDBType]:
    """The class of a DuckDB type name; that of `DECIMAL(12,2)` derives from that of `DECIMAL`."""
    name = name.upper().replace("\0", "?")
    family, parameters, _ = name.partition("(")
    return type(name, (type_class(family) if parameters else DuckDBType,), {"__module__": __name__})


class _Compiler(SQLCompiler):
    """SQLAlchemy names a bound value after its column; no kind of space may stay in such a name."""

    bindname_escape_characters = immutabledict(
        {
            **SQLCompiler.bindname_escape_characters,
            **{space: "_" for space in map(chr, range(0x3001)) if space.isspace()},
        }
    )


class DuckDBDialect(default.DefaultDialect):
    """Identifiers quoted and values bound by SQLAlchemy's own compiler; columns read with DESCRIBE."""

    name = "duckdb"
    driver = "given"
    default_paramstyle = "qmark"
    statement_compiler = _Compiler
    max_identifier_length = 65_535
    supports_native_boolean = True
    supports_native_decimal = True
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> Any:
        """What SQLAlchemy wants of a driver: the style of its parameters and its errors."""
        errors = {name: getattr(duckdb, name) for name in dir(duckdb) if name.endswith(("Error", "Warning"))}
        return SimpleNamespace(**errors, paramstyle="qmark")

    def initialize(self, connection: sa.Connection) -> None:
        """Nothing to ask: the server is in this process."""

    def do_begin(self, dbapi_connection: Any) -> None:
        """Only reading happens here; a transaction would be the caller's."""

    do_commit = do_rollback = do_begin

    def get_columns(self, connection: sa.Connection, table_name: str, schema: str | None = None, **_: Any) -> list[Any]:
        """Names and types in their order. Raises NoSuchTableError."""
        quote = self.identifier_preparer.quote_identifier
        relation = ".".join(quote(part) for part in (schema, table_name) if part)
        try:
            rows = connection.exec_driver_sql(f"describe {relation}").fetchall()
        except sa.exc.DBAPIError as error:
            raise sa.exc.NoSuchTableError(table_name) from error
        return [{"name": row[0], "type": type_class(row[1])(), "nullable": True, "default": None} for row in rows]

    def get_pk_constraint(self, *_: Any, **__: Any) -> Any:
        """A view has no key."""
        return {"constrained_columns": [], "name": None}


class _Given:
    """The caller's connection as SQLAlchemy sees one: it can be let go, and neither closed nor committed."""

    def __init__(self, connection: Asked | None) -> None:
        self._connection = connection

    def cursor(self) -> "_Cursor":
        if self._connection is None:
            raise duckdb.ConnectionException("the engine has no connection, or none any more")
        return _Cursor(self._connection)

    def close(self) -> None:
        self._connection = None

    def commit(self) -> None: ...

    rollback = commit


class _Cursor:
    """The rows of one statement, all of them here: a cursor that outlives its connection."""

    def __init__(self, connection: Asked) -> None:
        self._connection = connection
        self._rows = iter(list[Any]())
        self.description: list[tuple[Any, ...]] | None = None
        self.rowcount = -1

    def execute(self, statement: str, parameters: tuple[Any, ...] = ()) -> None:
        result = self._connection.execute(statement, list(parameters))
        self.description = [(name, str(type_), *rest) for name, type_, *rest in result.description or ()]
        self._rows = iter(result.fetchall())

    def fetchone(self) -> Any:
        return next(self._rows, None)

    def fetchmany(self, size: int = 1) -> list[Any]:
        return list(islice(self._rows, size))

    def fetchall(self) -> list[Any]:
        return list(self._rows)

    def close(self) -> None:
        self._rows = iter(())
