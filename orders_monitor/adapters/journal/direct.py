"""Writing transactions in plain SQL, for what every step of the agent does: a sixth of the CPU of the usual ones."""

import hashlib
import os
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, Literal, NamedTuple, Protocol

import sqlalchemy as sa

LOCK_TIMEOUT_S = 30
KEPT_MAX = 2
# Connections that were opened before a fork are the parent's: SQLite wants them left alone, and not even closed.
PARENTS: list[object] = []


class Place(NamedTuple):
    """Where a connection leads: a file replaced by another one of its name is another place, and so is a fork."""

    path: str
    pid: int
    device: int
    inode: int


class Direct(Protocol):
    """A transaction of `Store.direct` or `Store.looking`. Parameters are written `:name`."""

    def run(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run one statement, and fetch what it returns."""
        ...

    def change(self, sql: str, parameters: Mapping[str, Any]) -> int:
        """Run one statement that returns nothing: how many rows it added or changed."""
        ...

    def add(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run one INSERT for each of these rows, in their order."""
        ...

    def lock(self, *locks: str) -> None:
        """More locks, for who had to read first to know their names."""
        ...


class InSqlite:
    """A transaction of a SQLite file, which has one writer at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute, self._executemany = connection.execute, connection.executemany

    def run(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run it."""
        return self._execute(sql, parameters).fetchall()

    def change(self, sql: str, parameters: Mapping[str, Any]) -> int:
        """Run it; a clause RETURNING would cost as much again as the statement."""
        return self._execute(sql, parameters).rowcount

    def add(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it."""
        self._executemany(sql, rows)

    def lock(self, *locks: str) -> None:
        """It is locked already."""


class InPostgres:
    """A transaction of PostgreSQL."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def run(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Run it."""
        result = self._connection.exec_driver_sql(_pyformat(sql), dict(parameters))
        return [tuple(row) for row in result] if result.returns_rows else []

    def change(self, sql: str, parameters: Mapping[str, Any]) -> int:
        """Run it."""
        return self._connection.exec_driver_sql(_pyformat(sql), dict(parameters)).rowcount

    def add(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it."""
        self._connection.exec_driver_sql(_pyformat(sql), [dict(row) for row in rows])

    def lock(self, *locks: str) -> None:
        """Have them, in the order in which they are named."""
        lock(self._connection, locks)


def within(connection: sa.Connection) -> Direct:
    """The same transaction in plain SQL, for who was handed one that writes."""
    driver = connection.connection.dbapi_connection
    return InSqlite(driver) if isinstance(driver, sqlite3.Connection) else InPostgres(connection)


class Kept:
    """A SQLite file's connections that stay out of the pool between transactions. Threads may share one.

    To ask the pool costs as much as the transaction.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._free: list[sa.PoolProxiedConnection] = []

    @contextmanager
    def transaction(self, begin: Literal["BEGIN IMMEDIATE", "BEGIN"] = "BEGIN IMMEDIATE") -> Iterator[InSqlite]:
        """BEGIN and COMMIT around what happens inside; an error rolls it back."""
        pooled = self._take()
        try:
            connection: sqlite3.Connection = pooled.dbapi_connection  # type: ignore[assignment]  # its engine's driver
            connection.execute(begin)
            yield InSqlite(connection)
            connection.execute("COMMIT")
        except BaseException:
            pooled.close()  # the pool rolls back what it takes back
            raise
        if len(self._free) < KEPT_MAX:
            self._free.append(pooled)
        else:
            pooled.close()

    def close(self) -> None:
        """Give them back to the pool."""
        while self._free:
            self._free.pop().close()

    def _take(self) -> sa.PoolProxiedConnection:
        while True:
            try:
                pooled = self._free.pop()
            except IndexError:  # asked and not looked at first: another thread may have the last one in between
                return self._engine.raw_connection()
            opened = place_in(pooled.info)
            if opened == place_of(opened.path):
                return pooled
            if opened.pid == os.getpid():
                pooled.invalidate()
            else:
                PARENTS.append(pooled)


def place_of(path: str) -> Place:
    """The file of that path as it is now, for this process; where there is none, no place is like it."""
    try:
        found = os.stat(path)  # noqa: PTH116 - each transaction asks, and Path takes three times as long
    except OSError:
        return Place(path, os.getpid(), 0, 0)
    return Place(path, os.getpid(), found.st_dev, found.st_ino)


def place_in(info: Any) -> Place:
    """What was noted in a pooled connection's info when it was opened."""
    place: Place = info["opened"]
    return place


def lock(connection: sa.Connection, locks: tuple[str, ...]) -> None:
    """PostgreSQL's locks of these names, to the end of the transaction."""
    connection.execute(sa.text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'"))
    for name in locks:
        number = int.from_bytes(hashlib.sha256(f"orders_monitor {name}".encode()).digest()[:8], signed=True)
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))


@cache
def _pyformat(sql: str) -> str:
    return re.sub(r":([a-z_]+)", r"%(\1)s", sql)
