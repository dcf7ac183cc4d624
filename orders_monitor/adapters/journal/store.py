"""The journal's database: opening it, its transactions and locks, and what its errors mean.

SQLite in a file (write-ahead log, every commit on disk, one writer at a time) or PostgreSQL.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from orders_monitor.adapters.journal.direct import (
    LOCK_TIMEOUT_S,
    PARENTS,
    Direct,
    InPostgres,
    Kept,
    lock,
    place_in,
    place_of,
)
from orders_monitor.core.errors import StoreUnavailable
from orders_monitor.core.times import recorded

CONNECT_TIMEOUT_S = 10
Durability = Literal["full", "normal"]

# What SQLite says when the file, the disk or another process is the trouble. Any other code (a wrong statement, a
# broken constraint) is our own mistake and is raised as it is.
_SQLITE_TROUBLES = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)
# Not psycopg2.OperationalError, and yet the server's answer: read_only_sql_transaction, insufficient_privilege.
_POSTGRES_TROUBLES = frozenset({"25006", "42501"})


@dataclass(frozen=True)
class Store:
    """An opened database. `name` may be shown: it holds no password."""

    name: str
    engine: sa.Engine

    @cached_property
    def _writer(self) -> sa.Engine:
        return self.engine.execution_options(journal_writes=True)

    @cached_property
    def _kept(self) -> Kept:
        return Kept(self.engine)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that only reads. Raises StoreUnavailable."""
        with _database_errors(self.name), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self, *locks: str) -> Iterator[sa.Connection]:
        """A transaction that holds these locks to its end, so that what it reads stays true until it has written.

        SQLite has one writer at a time and needs no names. Name locks in one order everywhere: from the wider to
        the narrower. Raises StoreUnavailable, also when a lock is not had within half a minute.
        """
        with _database_errors(self.name), self._writer.begin() as connection:
            self.lock(connection, *locks)
            yield connection

    @contextmanager
    def direct(self, *locks: str) -> Iterator[Direct]:
        """The same as `writing`, in plain SQL: for what every step of the agent does."""
        if self.engine.dialect.name == "postgresql":
            with self.writing(*locks) as connection:
                yield InPostgres(connection)
            return
        with _database_errors(self.name), self._kept.transaction() as transaction:
            yield transaction

    @contextmanager
    def looking(self) -> Iterator[Direct]:
        """The same as `reading`, in plain SQL."""
        if self.engine.dialect.name == "postgresql":
            with self.reading() as connection:
                yield InPostgres(connection)
            return
        with _database_errors(self.name), self._kept.transaction("BEGIN") as transaction:
            yield transaction

    def lock(self, connection: sa.Connection, *locks: str) -> None:
        """More locks for a writing transaction that had to read first to know their names."""
        if self.engine.dialect.name == "postgresql" and locks:
            lock(connection, locks)

    def close(self) -> None:
        """Give the connections back."""
        self._kept.close()
        self.engine.dispose()


def open_store(url: str, *, durability: Durability = "full") -> Store:
    """The database of a URL, not asked anything yet; a SQLite file's folder is made. Raises StoreUnavailable.

    `durability`: with "full" a commit survives a power cut, with "normal" the crash of any process (and a power cut
    may take the last ones). PostgreSQL does as its server is told.
    """
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        # Not chained: the error may quote a piece of the URL, and a URL carries a password.
        raise StoreUnavailable(store="journal", why="its database URL cannot be read") from None
    if "@" in (parsed.host or ""):
        # The piece of a password behind its own @ is taken for the host, and a host is shown.
        raise StoreUnavailable(store="journal", why="its database URL has two @; write the password's as %40")
    if parsed.get_backend_name() == "postgresql":
        return Store(name=_shown(parsed), engine=_postgres_engine(parsed))
    if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return Store(name=_shown(parsed), engine=_sqlite_engine(parsed, durability))
    raise StoreUnavailable(
        store="journal", why="it is kept in a SQLite file or in PostgreSQL, and the URL names neither"
    )


def utc_now() -> datetime:
    """The time in UTC."""
    return datetime.now(UTC)


def now_text() -> str:
    """The time of a record in UTC, for audit only: nothing is decided by it."""
    return recorded(utc_now())


def _shown(url: sa.URL) -> str:
    if url.get_backend_name() == "sqlite":
        return f"journal {url.database}"
    host = url.host or url.query.get("host") or "localhost"
    return f"journal {host}:{url.port or 5432}/{url.database}"


def _postgres_engine(url: sa.URL) -> sa.Engine:
    return sa.create_engine(
        # SQLAlchemy 2.1 takes a bare `postgresql://` for psycopg 3, which Dagster's storage does not bring.
        url.set(drivername="postgresql+psycopg2"),
        connect_args={"connect_timeout": CONNECT_TIMEOUT_S},
        # A transaction must see what was committed while it waited for its lock, whatever the server's default is.
        isolation_level="READ COMMITTED",
        hide_parameters=True,  # an error goes into logs and the UI, and what was being recorded does not
        pool_pre_ping=True,
        pool_size=2,
        max_overflow=8,
    )


def _sqlite_engine(url: sa.URL, durability: Durability) -> sa.Engine:
    path = Path(str(url.database))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(store=_shown(url), why=f"its folder cannot be made: {error.strerror}") from error
    engine = sa.create_engine(
        url,
        connect_args={"timeout": LOCK_TIMEOUT_S, "check_same_thread": False},
        hide_parameters=True,
        poolclass=sa.QueuePool,
        pool_size=2,
        max_overflow=30,
    )

    def prepare(connection: sqlite3.Connection, record: Any) -> None:
        # Python's own way of opening transactions begins them late and never IMMEDIATE: `_begin_sqlite` does it.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {durability}")
        record.info["opened"] = place_of(str(path))

    def is_still_there(connection: sqlite3.Connection, record: Any, __: Any) -> None:
        # A kept connection to a file that was replaced would write where nobody reads.
        opened = place_in(record.info)
        if opened == place_of(opened.path):
            return
        if opened.pid != os.getpid():
            PARENTS.append(connection)
            record.dbapi_connection = None
        raise sa.exc.DisconnectionError

    sa.event.listen(engine, "connect", prepare)
    sa.event.listen(engine, "checkout", is_still_there)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _begin_sqlite(connection: sa.Connection) -> None:
    # A transaction that reads first and writes then fails at once if another wrote in between: a writer says so first.
    writes = connection.get_execution_options().get("journal_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _database_errors(name: str) -> Iterator[None]:
    """The one place where a database's trouble becomes ours; a mistake in a statement stays what it is."""
    try:
        yield
    except (sa.exc.DBAPIError, sqlite3.Error) as error:
        if _is_damaged(error):
            # Not chained: the driver's error quotes what it could not read.
            why = "a text in it is damaged; `orders-monitor trace verify --all` names the record"
            raise StoreUnavailable(store=name, why=why) from None
        if not _is_trouble(error):
            raise
        raise StoreUnavailable(store=name, why=_first_line(getattr(error, "orig", error))) from error
    except sa.exc.TimeoutError as error:
        raise StoreUnavailable(store=name, why="every connection is in use") from error


def _is_damaged(error: sa.exc.DBAPIError | sqlite3.Error) -> bool:
    return str(getattr(error, "orig", error)).startswith("Could not decode to UTF-8")


def _is_trouble(error: sa.exc.DBAPIError | sqlite3.Error) -> bool:
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        # Extended codes keep the plain one in their low byte.
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _SQLITE_TROUBLES
    # A server that dies in the midst of an answer is a bare DatabaseError of the driver's: the connection tells.
    cut = isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated
    lost = cut or isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError)
    misspelt = str(cause).startswith("invalid dsn")  # an option in the URL that PostgreSQL does not know
    return lost or misspelt or getattr(cause, "pgcode", None) in _POSTGRES_TROUBLES


def _first_line(error: BaseException | None) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
