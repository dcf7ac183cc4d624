"""The workbench: the agent's questions about rows, answered by a locked room that holds one partition and its history.

The room is opened by the first question: a partition about which nobody asks pays nothing.
"""

import datetime as dt
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from orders_monitor.agent.workbench import CELL_CHARACTERS_MAX, Cell, Flagged, QueryRefused, Repeated, Rows
from orders_monitor.core.contract import Contract
from orders_monitor.core.predicate import Predicate
from orders_monitor.core.release import SqlLimits
from orders_monitor.core.value import canonical_json

if TYPE_CHECKING:
    from orders_monitor.adapters.workbench.session import Session

_EXACT_DIGITS_MAX = 15


class Caught(Protocol):
    """SQL that is true for a row that a predicate catches, and what is bound to it."""

    @property
    def sql(self) -> str:
        """The condition."""
        ...

    @property
    def values(self) -> tuple[object, ...]:
        """What is bound to its places, in order."""
        ...


Catches = Callable[..., Caught]
"""How the engine says which rows a predicate catches: `catches(predicate, sql=..., type_name=...)`."""


@contextmanager
def open_workbench(
    landed: Path,
    *,
    history: Mapping[str, Path],
    contract: Contract,
    text_columns: Sequence[str],
    limits: SqlLimits,
    catches: Catches,
) -> Iterator["DuckWorkbench"]:
    """The workbench of one landed file and the published files of earlier partitions; closed afterwards.

    `catches` is the engine's own `conditions.condition`: what is flagged here is exactly what it would set aside.
    """
    bench = DuckWorkbench(
        landed, history=history, contract=contract, text_columns=text_columns, limits=limits, catches=catches
    )
    try:
        yield bench
    finally:
        bench.close()


class DuckWorkbench:
    """A Workbench on DuckDB. Every answer is masked, cut, and the same for the same bytes."""

    def __init__(
        self,
        landed: Path,
        *,
        history: Mapping[str, Path],
        contract: Contract,
        text_columns: Sequence[str],
        limits: SqlLimits,
        catches: Catches,
    ) -> None:
        self._landed, self._history, self._contract = landed, history, contract
        self._text_columns, self._limits, self._catches = text_columns, limits, catches

    @cached_property
    def _session(self) -> "Session":
        from orders_monitor.adapters.workbench.session import Session  # noqa: PLC0415 - a quiet night needs no room

        return Session(
            self._landed,
            history=self._history,
            contract=self._contract,
            text_columns=self._text_columns,
            limits=self._limits,
        )

    def close(self) -> None:
        """Close the room if it was opened."""
        if "_session" in self.__dict__:
            self._session.connection.close()

    def query(self, sql: str) -> Rows | QueryRefused:
        """Run one SELECT over `landed` and `history`. Raises StoreUnavailable where the files cannot be read."""
        from orders_monitor.adapters.workbench import allowlist, engine_words  # noqa: PLC0415 - the parser is heavy

        written = allowlist.checked(sql, rows_max=self._limits.rows_max + 1)
        if isinstance(written, QueryRefused):
            return written
        refused = engine_words.refusal(self._session.connection, written, tables=frozenset(allowlist.TABLES))
        if refused is not None:
            return refused
        found = self._session.run(written)
        return found if isinstance(found, QueryRefused) else _fitted(*found, limits=self._limits)

    def flagged(self, where: Predicate | Repeated, *, columns: Sequence[str]) -> Flagged | QueryRefused:
        """The landed rows that break a declared expectation, by these columns. Raises StoreUnavailable."""
        from orders_monitor.adapters.workbench.flagging import flagged  # noqa: PLC0415 - as above

        return flagged(
            self._session,
            where,
            columns=columns,
            landed=self._landed,
            contract=self._contract,
            text_columns=self._text_columns,
            catches=self._catches,
        )

    def own_words(self, sql: str) -> frozenset[Cell]:
        """The values in the query's answer that it says itself: none of them is evidence. Raises StoreUnavailable."""
        from orders_monitor.adapters.workbench.own_words import constants  # noqa: PLC0415 - as above

        answers = [self.query(f"SELECT {constant}") for constant in constants(sql)]
        return frozenset(value for rows in answers if isinstance(rows, Rows) for row in rows.rows for value in row)

    def canonical(self, sql: str) -> str | None:
        """One text for all queries that ask the same; None where it is no single SELECT."""
        from orders_monitor.adapters.workbench.canonical import canonical  # noqa: PLC0415 - the parser is heavy

        return canonical(sql)


def cell(value: object) -> Cell:
    """A value of DuckDB's as JSON has it: numbers as numbers where that loses nothing, text cut."""
    match value:
        case None | bool() | int():
            return value
        case float():
            return float(f"{value:.12g}") if math.isfinite(value) else str(value)
        case Decimal():
            exact = value.is_finite() and len(value.as_tuple().digits) <= _EXACT_DIGITS_MAX
            return float(value) if exact else format(value, "f")
        case str():
            return cut(value)
        case dt.datetime() | dt.date() | dt.time():
            return value.isoformat()
        case dt.timedelta():
            return f"{value.total_seconds():.12g} s"
    return f"({type(value).__name__})"


def cut(value: str) -> str:
    """A text cut to a cell."""
    return value if len(value) <= CELL_CHARACTERS_MAX else value[: CELL_CHARACTERS_MAX - 1] + "…"


def _fitted(columns: Sequence[str], rows: Sequence[Sequence[object]], *, limits: SqlLimits) -> Rows:
    """As many columns, rows and bytes as the limits allow, and what was left out."""
    said = []
    if len(columns) > limits.columns_max:
        said.append(f"only the first {limits.columns_max} of {len(columns):,} columns are shown")
    if len(rows) > limits.rows_max:
        said.append(f"only the first {limits.rows_max} rows are shown, there are more: aggregate instead")
    shown = [tuple(cell(value) for value in row[: limits.columns_max]) for row in rows[: limits.rows_max]]
    kept = list(_within(shown, limits.bytes_max))
    if len(kept) < len(shown):
        said.append(f"only {len(kept)} of {len(shown)} rows fit into {limits.bytes_max:,} bytes")
    named = tuple(cut(column) for column in columns[: limits.columns_max])
    return Rows(columns=named, rows=tuple(kept), cut=tuple(said))


def _within(rows: Sequence[tuple[Cell, ...]], bytes_max: int) -> Iterator[tuple[Cell, ...]]:
    room = bytes_max
    for row in rows:
        room -= len(canonical_json(row).encode("utf-8", "replace"))
        if room < 0:
            return
        yield row
