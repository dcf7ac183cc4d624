"""Which column of some bytes plays which role: found in their types and values, so that it works on any table."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import duckdb

from orders_monitor.adapters.engine.session import one, select
from orders_monitor.adapters.engine.types import NUMBERS, family
from orders_monitor.core.contract import Contract
from orders_monitor.core.injection import Role
from orders_monitor.core.schema import Schema

_CATEGORY_VALUES_MAX = 50
_CATEGORY_ROWS_MIN = 5
_COUNTED_MAX = 1_000
_WORDS_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One column of the table `came`: c<index>, and what its values are like."""

    index: int
    name: str
    type: str
    unit: str | None
    personal: bool
    rows: int
    distinct: int
    runs: int
    low: float | None
    spaced: float

    @property
    def sql(self) -> str:
        """The column as the table `came` calls it."""
        return f"c{self.index}"

    @property
    def is_constant(self) -> bool:
        """One value, or none, all day."""
        return self.distinct <= 1

    @property
    def is_category(self) -> bool:
        """A text of few values, each in many rows."""
        few = 1 < self.distinct <= min(_CATEGORY_VALUES_MAX, self.rows / _CATEGORY_ROWS_MIN)
        return self.is_text and few

    @property
    def is_text(self) -> bool:
        """A text of any kind."""
        return family(self.type) == "text"

    @property
    def is_words(self) -> bool:
        """A text that somebody reads: most values have a space."""
        return self.is_text and self.spaced > _WORDS_SHARE and not self.is_category

    @property
    def is_code(self) -> bool:
        """A text that names something."""
        return self.is_text and not self.is_words and not self.is_category and not self.personal

    @property
    def is_amount(self) -> bool:
        """A number with decimals."""
        return family(self.type) in ("decimal", "floating")

    @property
    def is_counted(self) -> bool:
        """A number that counts something: an integer whose smaller values are small, and no number of a customer."""
        small = self.low is not None and self.low <= _COUNTED_MAX
        return family(self.type) == "integer" and small and not self.personal


@dataclass(frozen=True)
class Cast:
    """The columns of the table `came` by role; `seed` decides which of several plays it."""

    columns: tuple[Found, ...]
    key: tuple[str, ...]
    seed: str

    def playing(self, role: Role) -> tuple[Found, ...]:
        """The columns that may play a role, in their order."""
        return tuple(column for column in self.columns if not column.is_constant and self._plays(column, role))

    def _plays(self, column: Found, role: Role) -> bool:
        plays: dict[Role, bool] = {
            "amount": column.is_amount,
            "count": column.is_counted and column.name not in self.key,
            "number": column.is_amount or (column.is_counted and column.name not in self.key),
            "category": column.is_category,
            "code": column.is_code,
            "words": column.is_words,
            "text": column.is_text,
            "identifier": column is self.group,
            "time": column.type.startswith("TIMESTAMP"),
            "any": True,
        }
        return plays[role]

    @cached_property
    def group(self) -> Found | None:
        """What names groups of neighbouring rows, as an order does: the column that changes least often down the file.

        The first of a declared key of several columns, where there is one.
        """
        if len(self.key) > 1:
            return next((column for column in self.columns if column.name == self.key[0]), None)
        named = [c for c in self.columns if c.is_code or (family(c.type) == "integer" and not c.personal)]
        grouping = [c for c in named if not c.is_constant and not c.is_category and c.runs < c.rows / 2]
        return min(grouping, key=lambda c: (c.runs, c.index), default=None)

    @cached_property
    def item(self) -> Found | None:
        """What names the thing that a row is about: the code, else the number, with most values below one a row."""
        others = [c for c in self.columns if c is not self.group and c.name not in self.key[:1] and not c.personal]
        named = [c for c in others if c.is_code] or [c for c in others if c.is_category]
        return max(named, key=lambda c: (c.distinct, -c.index), default=None)

    def dice(self, about: str) -> int:
        """A number of 64 bits, the same for the same seed and question."""
        return int.from_bytes(hashlib.sha256(f"{self.seed}/{about}".encode()).digest()[:8])

    def drawn(self, columns: Sequence[Found], about: str) -> Found | None:
        """One of the columns."""
        return columns[self.dice(about) % len(columns)] if columns else None


def cast_of(connection: duckdb.DuckDBPyConnection, schema: Schema, contract: Contract, *, seed: str) -> Cast:
    """Look once at every column of the table `came` (n, c0, c1, ...)."""
    facts = [f"count(*), {', '.join(_facts(index, column.type) for index, column in enumerate(schema.columns))}"]
    before = ", ".join(f"lag(c{index}) OVER (ORDER BY n) AS before{index}" for index in range(len(schema.columns)))
    row = one(connection.execute(select(", ".join(facts), of=f"({select(f'*, {before}', of='came')})")))
    rows, numbers = int(str(row[0])), row[1:]
    columns = []
    for index, landed in enumerate(schema.columns):
        distinct, runs, low, spaced = numbers[4 * index : 4 * index + 4]
        promised = contract.column(landed.name)
        columns.append(
            Found(
                index=index,
                name=landed.name,
                type=landed.type,
                unit=None if promised is None else promised.unit,
                personal=promised is not None and promised.personal,
                rows=rows,
                distinct=int(str(distinct)),
                runs=int(str(runs)),
                low=None if low is None else float(str(low)),
                spaced=float(str(spaced or 0.0)),
            )
        )
    return Cast(columns=tuple(columns), key=contract.key, seed=seed)


def _facts(index: int, type_name: str) -> str:
    column, kind = f"c{index}", family(type_name)
    low = f"quantile_disc(abs({column}::DOUBLE), 0.05)" if kind in NUMBERS else "NULL"
    spaced = f"avg(({column} LIKE '% %')::INT)" if kind == "text" else "NULL"
    return f"count(DISTINCT {column}), count(*) FILTER (WHERE {column} IS DISTINCT FROM before{index}), {low}, {spaced}"
