"""What the agent's tools may ask of the landed rows. Behind it is a locked-down engine that holds nothing else."""

from dataclasses import dataclass
from typing import Literal, Protocol

Cell = str | int | float | bool | None


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


class Workbench(Protocol):
    """One partition and its history, read-only."""

    def query(self, sql: str) -> Rows | QueryRefused:
        """Run one SELECT over `landed` and `history`. Raises StoreUnavailable where the files cannot be read."""
        ...

    def canonical(self, sql: str) -> str | None:
        """One text for all queries that ask the same; None where it is no single SELECT."""
        ...
