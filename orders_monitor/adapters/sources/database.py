"""A table or view of a database as a source, through SQLAlchemy. Nothing here writes, and polling reads no row.

Values are copied as found; a value that is not exactly one of its column's type makes the partition Unreadable. The
reading transaction is read-only on PostgreSQL and SQLite; elsewhere give the URL's user no more than SELECT.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, NoSuchModuleError, NoSuchTableError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from orders_monitor.adapters.sources.as_found import contract_names, day_of
from orders_monitor.adapters.sources.database_totals import ask_totals
from orders_monitor.adapters.sources.sql_types import decimal_places, duckdb_type
from orders_monitor.adapters.sources.staging import write_parquet
from orders_monitor.core.errors import SourceUnavailable
from orders_monitor.core.schema import ColumnSchema, Schema
from orders_monitor.core.source import VERSION_CHARACTERS, DatabaseSource, Fetch, Fetched, Missing, Unreadable
from orders_monitor.core.totals import Control, Total
from orders_monitor.core.value import digest_of

CHUNK_ROWS = 5_000
CONNECT_S_MAX = 10

# One snapshot for the rows and their totals: a row that comes between the two must be in both or in neither.
_READ_ONLY: Mapping[str, str] = {
    "postgresql": "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    "sqlite": "PRAGMA query_only = ON",
}
# SQLAlchemy 2.1 takes the bare name for psycopg 3; this project has psycopg2.
_DRIVERS: Mapping[str, str] = {"postgresql": "postgresql+psycopg2", "postgres": "postgresql+psycopg2"}
_SECRET_WORDS = ("pass", "secret", "token", "key")


class Database:
    """The relation that a declaration names. `url` carries the password and appears in no message."""

    def __init__(self, declaration: DatabaseSource, *, url: str | None, controls: Sequence[Control] = ()) -> None:
        self._declaration, self._url, self._controls = declaration, url, controls

    def schema(self, partition: str) -> Schema | None:
        """The schema that any partition would land with, from the catalogue alone.

        A relation has one schema: the answer is the same for every day, whether or not it has rows.
        Raises SourceUnavailable, and ValueError where the partition is not a date.
        """
        day_of(partition)
        with self._connect() as connection:
            return self._landing_schema(self._relation(connection))

    def version(self, partition: str) -> str | None:
        """Another text once a row of the partition came, went or was written again, by the declared `changed_column`.

        One query for its newest value and the count of rows; None without the declaration, and without a row. Raises
        SourceUnavailable, and ValueError where the partition is not a date.
        """
        day, changed = day_of(partition), self._declaration.changed_column
        if changed is None:
            return None
        with self._connect() as connection:
            relation = self._relation(connection)
            if changed not in {column.name for column in relation.columns}:
                raise self._unavailable(f"it has no column {changed!r} to see changes by")
            table = self._table(relation)
            newest = sa.cast(sa.func.max(table.c[changed]), sa.Text)
            query = sa.select(newest, sa.func.count()).where(self._wanted(table, relation, day))
            found, rows = connection.execute(query).one()
        return digest_of([found, rows])[:VERSION_CHARACTERS] if rows else None

    def fetch(self, partition: str, into: Path) -> Fetch:
        """Copy the rows of the partition to the Parquet file `into`, by primary key where the relation has one.

        A moment with a time zone belongs to its day in UTC. Raises SourceUnavailable, and ValueError where the
        partition is not a date.
        """
        day = day_of(partition)
        with self._connect() as connection:
            relation = self._relation(connection)
            table = self._table(relation)
            wanted = self._wanted(table, relation, day)
            totals = self._totals(connection, table, relation, wanted) if self._controls else ()
            rows = _rows(connection, relation, _query(table, relation, wanted))
            try:
                first = next(rows, None)
                if first is None:
                    column = self._declaration.partition_column
                    return Missing(why=f"{self._name} has no row whose {column} is {partition}")
                written = write_parquet(chain([first], rows), self._landing_schema(relation), into)
                return Fetched(rows=written, totals=totals)
            except ValueError as error:
                return Unreadable(why=f"{self._name}: {error}")

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        url = self._parsed()
        engine = self._engine(url)
        try:
            with engine.connect() as connection:
                if engine.dialect.name in _READ_ONLY:
                    connection.exec_driver_sql(_READ_ONLY[engine.dialect.name])
                yield connection
        except SQLAlchemyError as error:
            # `from None`: a driver's own error may quote the URL or rows, and would be printed as the cause.
            raise self._unavailable(_told(error, url=url)) from None
        finally:
            engine.dispose()

    def _parsed(self) -> URL:
        variable = self._declaration.url_env
        if self._url is None:
            raise self._unavailable(f"the environment variable {variable} is not set")
        try:
            url = sa.make_url(self._url)
        except (ArgumentError, ValueError):
            raise self._unavailable(f"the environment variable {variable} does not hold a database URL") from None
        if "@" in (url.host or ""):
            # The piece of a password behind its own @ is taken for the host, and drivers quote a host.
            raise self._unavailable(f"the URL in {variable} has two @; write the password's as %40")
        url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
        # SQLite would create the database that it does not find.
        file = url.database or ""
        if url.get_backend_name() == "sqlite" and not (Path(file).is_file() or file.startswith("file:")):
            raise self._unavailable(f"the SQLite file that {variable} names does not exist")
        return url

    def _engine(self, url: URL) -> Engine:
        wait = {"connect_timeout": CONNECT_S_MAX} if url.drivername == "postgresql+psycopg2" else {}
        if "connect_timeout" in url.query:
            wait = {}
        try:
            return sa.create_engine(url, poolclass=NullPool, connect_args=wait, hide_parameters=True)
        except (NoSuchModuleError, ModuleNotFoundError, ArgumentError, TypeError):
            raise self._unavailable(f"no driver is installed for {url.drivername!r} databases") from None

    def _relation(self, connection: Connection) -> "_Relation":
        inspector, name, schema = sa.inspect(connection), self._declaration.relation, self._declaration.schema_name
        try:
            found = inspector.get_columns(name, schema=schema)
        except NoSuchTableError:
            raise self._unavailable("there is no such table or view") from None
        dialect = connection.dialect.name
        columns = tuple(
            _Column(c["name"], c["type"], duckdb_type(c["type"], dialect=dialect), required=not c["nullable"])
            for c in found
        )
        names = [column.name for column in columns]
        if self._declaration.partition_column not in names:
            raise self._unavailable(f"it has no column {self._declaration.partition_column!r} to pick a partition by")
        key = inspector.get_pk_constraint(name, schema=schema)["constrained_columns"]
        return _Relation(dialect, columns, tuple(key))

    def _table(self, relation: "_Relation") -> sa.TableClause:
        # SQLAlchemy's preparer quotes every name that is not a plain lower-case word, and binds every value.
        return sa.table(
            self._declaration.relation,
            *(sa.column(column.name, column.sql_type) for column in relation.columns),
            schema=self._declaration.schema_name,
        )

    def _wanted(self, table: sa.TableClause, relation: "_Relation", day: dt.date) -> sa.ColumnElement[bool]:
        partition = next(c for c in relation.columns if c.name == self._declaration.partition_column)
        return self._is_of_day(table.c[partition.name], partition, day=day, dialect=relation.dialect)

    def _totals(
        self, connection: Connection, table: sa.TableClause, relation: "_Relation", wanted: sa.ColumnElement[bool]
    ) -> tuple[Total, ...]:
        lands = list(zip(self._landing_schema(relation).columns, relation.columns, strict=True))
        return ask_totals(
            connection,
            self._controls,
            columns={landing.name: table.c[column.name] for landing, column in lands},
            scales={
                landing.name: places for landing, _ in lands if (places := decimal_places(landing.type)) is not None
            },
            wanted=wanted,
        )

    def _is_of_day(
        self, value: sa.ColumnElement[object], column: "_Column", *, day: dt.date, dialect: str
    ) -> sa.ColumnElement[bool]:
        if column.type == "DATE":
            return value == day
        if column.type.startswith("TIMESTAMP") and dialect != "sqlite":
            zone = dt.UTC if column.type.endswith("ZONE") else None
            midnight = dt.datetime.combine(day, dt.time(), tzinfo=zone)
            return sa.and_(value >= midnight, value < midnight + dt.timedelta(days=1))
        if column.type != "VARCHAR" and dialect != "sqlite":
            raise self._unavailable(f"{column.name!r} is {column.type}; a partition is picked by a date, time or text")
        # SQLite's moments are text too, and midnight may be written with or without its seconds.
        plain = dialect == "sqlite" or (
            isinstance(column.sql_type, sa.String) and not isinstance(column.sql_type, sa.Enum)
        )
        text, iso = sa.type_coerce(value, sa.Text) if plain else sa.cast(value, sa.Text), day.isoformat()
        return sa.or_(text == iso, text.like(f"{iso} %"), text.like(f"{iso}T%"))

    def _landing_schema(self, relation: "_Relation") -> Schema:
        names = contract_names([column.name for column in relation.columns], self._declaration.columns)
        pairs = zip(names, relation.columns, strict=True)
        # That a value may be missing is no news: views say it of every column.
        return Schema(
            columns=tuple(ColumnSchema(name=n, type=c.type, required=True if c.required else None) for n, c in pairs)
        )

    @property
    def _name(self) -> str:
        schema = self._declaration.schema_name
        return self._declaration.relation if schema is None else f"{schema}.{self._declaration.relation}"

    def _unavailable(self, why: str) -> SourceUnavailable:
        return SourceUnavailable(source=self._name, why=why)


@dataclass(frozen=True)
class _Column:
    """One column of the relation: its name and type there, the DuckDB type that it lands with, and NOT NULL."""

    name: str
    sql_type: sa.types.TypeEngine[object]
    type: str
    required: bool

    def read(self, value: sa.ColumnElement[object], dialect: str) -> sa.ColumnElement[object]:
        """How the column is selected: as itself, or as the database's own text of it."""
        foreign = self.type == "VARCHAR" and not isinstance(self.sql_type, sa.String)
        return sa.cast(value, sa.Text) if foreign or self.parser(dialect) is not None else value

    def parser(self, dialect: str) -> Callable[[str], object] | None:
        """What makes the value of its text, where the driver's own value would be another one.

        SQLite's decimals come as floats, and psycopg2 makes 9999-12-31 of a date that is infinite. Those texts are
        no dates, so the partition becomes Unreadable.
        """
        if dialect == "sqlite":
            return Decimal if self.type.startswith("DECIMAL") else None
        if dialect == "postgresql" and self.type == "DATE":
            return dt.date.fromisoformat
        return dt.datetime.fromisoformat if dialect == "postgresql" and self.type.startswith("TIMESTAMP") else None


@dataclass(frozen=True)
class _Relation:
    """What the catalogue says of the table or view."""

    dialect: str
    columns: tuple[_Column, ...]
    key: tuple[str, ...]


def _query(table: sa.TableClause, relation: _Relation, wanted: sa.ColumnElement[bool]) -> sa.Select[*tuple[Any, ...]]:
    selected = [column.read(table.c[column.name], relation.dialect) for column in relation.columns]
    return sa.select(*selected).where(wanted).order_by(*(table.c[name] for name in relation.key))


def _rows(
    connection: Connection, relation: _Relation, query: sa.Select[*tuple[Any, ...]]
) -> Iterator[Sequence[object]]:
    """The rows, a chunk at a time from a server-side cursor. Raises ValueError where one cannot be told in Python."""
    parsers = [(i, column.parser(relation.dialect)) for i, column in enumerate(relation.columns)]
    parsed = [(i, parser) for i, parser in parsers if parser is not None]
    try:
        for row in connection.execution_options(yield_per=CHUNK_ROWS).execute(query):
            yield _with_values(row, parsed)
    except (ValueError, TypeError, OverflowError, InvalidOperation):
        # Not with the driver's words: they quote the value.
        raise ValueError("a value is not one of its column's type") from None


def _with_values(row: Sequence[Any], parsed: Sequence[tuple[int, Callable[[str], object]]]) -> Sequence[object]:
    values = list(row)
    for position, parser in parsed:
        if values[position] is not None:
            values[position] = parser(values[position])
    return values


def _told(error: SQLAlchemyError, *, url: URL) -> str:
    """What the database said, in one line, or only that it refused where its words hold a secret of the URL."""
    # A DataError quotes the value that it stumbled over.
    said = str(error.orig or "") if isinstance(error, DBAPIError) and not isinstance(error, DataError) else ""
    line = next((line.strip() for line in said.splitlines() if line.strip()), "")
    if not line or any(secret in said for secret in _secrets(url)):
        return "the database refused"
    return f"the database refused: {line}"


def _secrets(url: URL) -> set[str]:
    plain = {str(url.password or "")}
    plain |= {str(value) for key, value in url.query.items() if any(word in key.lower() for word in _SECRET_WORDS)}
    return {form for secret in plain if secret for form in (secret, quote(secret), quote_plus(secret))}
