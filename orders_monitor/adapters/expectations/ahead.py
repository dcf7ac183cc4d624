"""Reading while Great Expectations is imported: DuckDB needs no Python for it, and the import takes as long.

What will be asked is known from the last time (`plan`). An answer is used where exactly that statement is asked of the
same connection with the same values, so a plan that is outdated or damaged costs time and changes no result.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import duckdb

from orders_monitor.adapters.expectations.plan import KeyAsked, Plan, Statement, keep, kept, statement

_PATIENCE_S = 0.01


class Result(Protocol):
    """The rows of a statement and what their columns are."""

    @property
    def description(self) -> Sequence[tuple[Any, ...]] | None:
        """Name and type of each column."""

    def fetchall(self) -> list[Any]:
        """The rows."""


class Asked(Protocol):
    """What answers statements: a DuckDB connection, or something before one."""

    def execute(self, statement: str, parameters: Any, /) -> Result:
        """Run it."""


class ReadAhead:
    """A connection on which some statements have been run already, or are being run."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._reader = _Reader(connection)
        self._connection = connection
        self._reading: list[Future[None]] = []
        self._statements: list[Statement | None] = []
        self._keys: list[KeyAsked] = []

    def execute(self, statement: str, parameters: Any = ()) -> Result:
        """The rows, read now where they have not been read ahead. Raises duckdb.Error."""
        if self._reader.known(statement, parameters) is None:
            for each in self._reading:
                each.result()
        return self._reader.known(statement, parameters) or self._connection.execute(statement, parameters)

    def read(self, statement: str) -> list[Any]:
        """The rows, which are remembered for whoever asks for the same. Raises duckdb.Error."""
        return self._reader.execute(statement, []).fetchall()

    def note_statement(self, text: str, values: Sequence[Any]) -> None:
        """It follows from the declaration and the columns alone: the next time it can be read ahead."""
        self._statements.append(statement(text, values))

    def note_key(self, columns: tuple[str, ...], sample: int) -> None:
        """The same for columns that should be unique in all rows."""
        self._keys.append(KeyAsked(columns=columns, sample=sample))

    @contextmanager
    def following(self, file: Path | None, *, view: str, question: str) -> Iterator[None]:
        """Read what the plan in a file says, as far as it is for this question, and leave there what was asked.

        Nobody else uses the connection within this block. Raises StoreUnavailable where the plan cannot be kept.
        """
        plan = kept(file, question=question)
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="read ahead") as pool:
            try:
                if plan is not None:
                    self._begin(pool, plan, view)
                yield
            finally:
                self._stop()
        asked = Plan(question=question, statements=tuple(filter(None, self._statements)), keys=tuple(self._keys))
        if file is not None and asked != plan:
            keep(file, asked)

    def _begin(self, pool: ThreadPoolExecutor, plan: Plan, view: str) -> None:
        self._reading.append(pool.submit(self._reader.read, plan.statements))
        if plan.keys:
            # Modules that Great Expectations needs as well; meanwhile the statements are being read.
            from orders_monitor.adapters.expectations.duplicates import read_keys  # noqa: PLC0415 - as long as it takes

            self._reading.append(pool.submit(read_keys, self._reader, view, plan.keys))

    def _stop(self) -> None:
        """Read nothing more, and give up what is being read."""
        self._reader.stopped = True
        while wait(self._reading, timeout=_PATIENCE_S).not_done:
            # More than once: an interruption that comes before its statement has begun is forgotten.
            self._connection.interrupt()


@dataclass(frozen=True)
class _Rows:
    description: Sequence[tuple[Any, ...]] | None
    rows: list[Any]

    def fetchall(self) -> list[Any]:
        return self.rows


class _Reader:
    """Runs statements and remembers what they said."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._known: dict[tuple[str, str], _Rows] = {}
        self.stopped = False

    def known(self, statement: str, parameters: Any) -> _Rows | None:
        """What it said."""
        return self._known.get((statement, repr(list(parameters))))

    def execute(self, statement: str, parameters: Any) -> _Rows:
        """Run it. Raises duckdb.Error."""
        if self.stopped:
            raise duckdb.InterruptException("nobody waits for it any more")
        result = self._connection.execute(statement, parameters)
        rows = _Rows(result.description, result.fetchall())
        self._known[statement, repr(list(parameters))] = rows
        return rows

    def read(self, statements: Sequence[Statement]) -> None:
        """Run them one after another. What cannot be run is left to whoever asks for it."""
        for each in statements:
            with suppress(duckdb.Error, ValueError, LookupError, ArithmeticError):
                (only,) = self._connection.extract_statements(each.text)
                if only.type is duckdb.StatementType.SELECT:
                    self.execute(each.text, each.values)
