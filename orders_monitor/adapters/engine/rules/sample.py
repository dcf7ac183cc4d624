"""What rules are looked for in: a block of rows out of each of some earlier days, on one connection as a table."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orders_monitor.adapters.engine.rules.relation import CODES, Relation
from orders_monitor.adapters.engine.session import one, select

# What is looked at is bounded: at most 30 days of 4,000 rows, whatever the table's size.
DAYS_NEWEST = 15
DAYS_SPREAD = 15
ROWS_A_DAY_MAX = 4000
# What makes a column one of few values, of groups, of items or unique (`Traits`). These are judgements: what they give
# on a real shop's days is measured by the benchmarks `row_flags` and `detection`.
FEW_VALUES_MAX = 64
FEW_ROWS_A_VALUE = 30
GROUP_ROWS = 1.2
GROUP_KNOWN_MAX = 0.02
GROUPS_MIN = 30
ITEM_KNOWN_MIN = 0.2
ITEM_ROWS = 3
UNIQUE_MIN = 100


@dataclass(frozen=True)
class Day:
    """An earlier partition that is looked at."""

    partition: str
    relation: Relation


@dataclass(frozen=True)
class Traits:
    """What a column is like.

    `day_distinct` sums the different values of each day; `known` is the share of the later days' rows whose value an
    earlier day had.
    """

    name: str
    family: str
    values: int
    nulls: int
    distinct: int
    day_distinct: int
    known: float

    @property
    def is_few(self) -> bool:
        """Few values, each on many rows."""
        return 1 < self.distinct <= FEW_VALUES_MAX and self.values >= FEW_ROWS_A_VALUE * self.distinct

    @property
    def is_group(self) -> bool:
        """Values that several rows of a day share and no other day has: an order's number."""
        shared = self.values >= GROUP_ROWS * self.day_distinct and self.distinct >= GROUPS_MIN
        return self.family in CODES and shared and self.known <= GROUP_KNOWN_MAX

    @property
    def is_item(self) -> bool:
        """Values that come back on other days: an article's or a customer's number, a currency."""
        shared = self.values >= ITEM_ROWS * self.distinct and self.distinct > 1
        return self.family in CODES and shared and self.known >= ITEM_KNOWN_MIN

    @property
    def is_unique(self) -> bool:
        """Values that no second row of a day has."""
        alone = self.nulls == 0 and self.values == self.day_distinct and self.distinct >= UNIQUE_MIN
        return self.family in CODES and alone


@dataclass(frozen=True)
class Sample:
    """The table `sample` (columns c0, c1, ..., `day`, `rn`), and what the columns are like that differ on a day."""

    connection: duckdb.DuckDBPyConnection
    relation: Relation
    rows: int
    days: int
    traits: tuple[Traits, ...]

    def share(self, broken: str, *, of: str = "true", source: str = "sample") -> float:
        """The share of judged rows in which a condition is true; 1 where none is judged."""
        query = f"count(*) FILTER (WHERE ({of}) AND ({broken})) / nullif(count(*) FILTER (WHERE {of}), 0)"
        found = one(self.connection.execute(select(query, of=source)))[0]
        return 1.0 if found is None else float(str(found))

    def mate(self, column: str, sql: str) -> str:
        """An expression over one column, as it is of the row that stands beside."""
        return re.sub(rf"\b{self.relation.sql(column)}\b", f"d{self.relation.sql(column)[1:]}", sql)

    @property
    def middle(self) -> int:
        """The first of the later days."""
        return self.days // 2

    def of_family(self, *families: str) -> list[Traits]:
        """The columns with values of these families that differ within a day."""
        return [each for each in self.traits if each.family in families]


def days_of(connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], partitions: Sequence[str]) -> list[Day]:
    """The newest days that have the newest one's columns, and some evenly out of those before; in their order."""
    found = [Day(partition, Relation.of(connection, path)) for path, partition in zip(paths, partitions, strict=True)]
    alike = [day for day in found if day.relation.schema == found[-1].relation.schema]
    before, newest = alike[:-DAYS_NEWEST], alike[-DAYS_NEWEST:]
    step = max(1.0, len(before) / DAYS_SPREAD)
    return [before[int(n * step)] for n in range(min(DAYS_SPREAD, len(before)))] + newest


def sample_of(connection: duckdb.DuckDBPyConnection, days: Sequence[Day]) -> Sample:
    """Rows out of the middle of each day, together where they are together in the file: groups stay whole.

    Beside each row (c0, c1, ...) stands another one of its day, drawn by hash (d0, d1, ...): what holds between a row
    and that one holds by accident.
    """
    schema = days[-1].relation.schema
    blocks = " UNION ALL ".join(_block(connection, day, number) for number, day in enumerate(days))
    in_order, by_chance = (f"row_number() OVER (PARTITION BY day ORDER BY {by})" for by in ("rn", "hash(rn), rn"))
    placed = select(f"*, {in_order} AS p, {by_chance} AS q", of=f"({blocks})")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE placed AS {placed}")
    mates = ", ".join(f"mate.c{n} AS d{n}" for n in range(len(schema.columns)))
    joined = select(
        f"one.*, {mates}", of="placed AS one", rest="JOIN placed AS mate ON one.day = mate.day AND one.p = mate.q"
    )
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE sample AS {select('*', of=f'({joined})', rest='ORDER BY day, rn')}"
    )
    relation = Relation(source="sample", schema=schema)
    traits = [each for each in _traits(connection, relation, len(days)) if each.day_distinct > len(days)]
    rows = int(str(one(connection.execute("SELECT count(*) FROM sample"))[0]))
    return Sample(connection, relation, rows, len(days), tuple(traits))


def _block(connection: duckdb.DuckDBPyConnection, day: Day, number: int) -> str:
    rows = int(str(one(connection.execute(select("count(*)", of=day.relation.source)))[0]))
    first = max(0, (rows - ROWS_A_DAY_MAX) // 2)
    return select(
        f"*, {number} AS day", of=day.relation.source, rest=f"WHERE rn >= {first} AND rn < {first + ROWS_A_DAY_MAX}"
    )


def _traits(connection: duckdb.DuckDBPyConnection, relation: Relation, days: int) -> list[Traits]:
    return [_traits_of(connection, relation, column.name, days // 2) for column in relation.schema.columns]


def _traits_of(connection: duckdb.DuckDBPyConnection, relation: Relation, column: str, middle: int) -> Traits:
    hashes = select(f"day, {relation.hashed(column)} AS h", of="sample")
    days = "count(DISTINCT day) AS days, min(day) AS first"
    of_each = f"h, count(*) AS n, {days}, count(*) FILTER (WHERE day >= {middle}) AS late"
    counted = select(of_each, of=f"({hashes})", rest="GROUP BY h")
    present = "FILTER (WHERE h IS NOT NULL)"
    what = (
        f"sum(n) {present}, sum(n) FILTER (WHERE h IS NULL), count(*) {present}, sum(days) {present},"
        f" sum(late) FILTER (WHERE h IS NOT NULL AND first < {middle}), sum(late) {present}"
    )
    found = one(connection.execute(select(what, of=f"({counted})")))
    values, nulls, distinct, day_distinct, known, late = (int(str(n or 0)) for n in found)
    return Traits(
        name=column,
        family=relation.family(column),
        values=values,
        nulls=nulls,
        distinct=distinct,
        day_distinct=day_distinct,
        known=known / max(1, late),
    )
