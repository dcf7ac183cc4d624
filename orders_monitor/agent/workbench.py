"""What the agent's tools may ask of the landed rows. Behind it is a locked-down engine that holds nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from orders_monitor.core.predicate import Predicate

Cell = str | int | float | bool | None
CELL_CHARACTERS_MAX = 64  # of a text in a cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The answer to a query: masked and cut. `cut` says what was left out, in words, one for each cut."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    cut: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryRefused:
    """The query was not run. `reach`: it asked for something outside of its room, and is an alert; else a mistake."""

    why: str
    kind: Literal["mistake", "reach", "limit"]


@dataclass(frozen=True, slots=True)
class Repeated:
    """The rows whose values in these columns, taken together, another row has too."""

    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """One column of the flagged rows against all rows.

    `top` is (masked value, flagged rows, all rows), the most flagged first; `hours` is (hour, flagged rows, all rows)
    of a column of times. `minimum` and `maximum` are of the flagged rows, and None where values are not shown.
    """

    column: str
    distinct: int
    top: tuple[tuple[Cell, int, int], ...]
    hours: tuple[tuple[Cell, int, int], ...] = ()
    minimum: Cell = None
    maximum: Cell = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flagged:
    """How many rows a predicate catches, and where they are. Never a row."""

    rows: int
    of: int
    facets: tuple[Facet, ...]


class Workbench(Protocol):
    """One partition and its history, read-only."""

    def query(self, sql: str) -> Rows | QueryRefused:
        """Run one SELECT over `landed` and `history`. Raises StoreUnavailable where the files cannot be read."""
        ...

    def flagged(self, where: Predicate | Repeated, *, columns: Sequence[str]) -> Flagged | QueryRefused:
        """The landed rows that break a declared expectation, by these columns. Raises StoreUnavailable.

        The predicate is code's own and sees the values themselves; what comes back is masked.
        """
        ...

    def canonical(self, sql: str) -> str | None:
        """One text for all queries that ask the same; None where it is no single SELECT."""
        ...
