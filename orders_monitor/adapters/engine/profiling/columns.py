"""A column on its way through a profile: where it stands, what it is, and what the file's footer tells of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orders_monitor.adapters.engine.session import one, select
from orders_monitor.adapters.engine.types import NUMBERS, Family, decimal_size, family
from orders_monitor.adapters.quoting import text
from orders_monitor.core.schema import Schema

# Above this width a sum could leave DECIMAL(38) and would end the scan; a DOUBLE cannot.
_SUMMABLE_DIGITS_MAX = 27
# The later reading is tried first.
READINGS = ("TIMESTAMP", "DOUBLE")
# More digits than a double tells apart are hashed as text.
_EXACT_IN_DOUBLE = 10.0**15
_READ_CHARACTERS_MAX = {"TIMESTAMP": 26, "DOUBLE": 16}
_HASHED_AS_TIMES = ("DATE", "TIMESTAMP")

Facts = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Scanned:
    """One column: its position, whether its values may be shown, and whether it repeats too little for a dictionary.

    `looks` is how the least and the greatest text of a row group read, where that is as numbers or times; `largest` is
    the largest size of its numbers as the footer tells it, or None.
    """

    index: int
    name: str
    type: str
    personal: bool
    many: bool = False
    looks: frozenset[str] = frozenset()
    largest: float | None = None

    @property
    def c(self) -> str:
        """The column's name inside every query."""
        return f"c{self.index}"

    @property
    def family(self) -> Family:
        """The family of its type."""
        return family(self.type)

    @property
    def is_number(self) -> bool:
        """Whether it has a mean."""
        return self.family in NUMBERS

    @property
    def has_hours(self) -> bool:
        """Whether the hour of its times is counted."""
        return self.type.startswith("TIMESTAMP") and not self.personal

    @property
    def is_listed(self) -> bool:
        """Whether its frequent values may be shown."""
        return not self.personal and self.family in ("text", "boolean", "integer")

    @property
    def sql(self) -> str:
        """What is counted: nested and rare types as their text."""
        return f"CAST({self.c} AS VARCHAR)" if self.family == "other" else self.c

    @property
    def is_summed_as_double(self) -> bool:
        """Whether its sum could leave every exact type."""
        return self.family == "floating" or (self.is_number and decimal_size(self.type)[0] > _SUMMABLE_DIGITS_MAX)

    @property
    def number(self) -> str:
        """What is summed."""
        return f"CAST({self.c} AS DOUBLE)" if self.is_summed_as_double else self.c

    def hashed(self, value: str, *, looks: frozenset[str]) -> str:
        """SQL of a hash that a value keeps when the column's type changes: 3, 3.00 and '3' have the same."""
        if self.family == "floating" or (self.is_number and (self.largest or _EXACT_IN_DOUBLE) < _EXACT_IN_DOUBLE):
            return f"hash(CAST({value} AS DOUBLE))"
        if self.type.startswith(_HASHED_AS_TIMES):
            # Dates beyond the year 294,246 are no timestamps: all of them have the hash of NULL.
            return f"hash(TRY_CAST({value} AS TIMESTAMP))"
        if self.family != "text":
            return f"hash(CAST({value} AS VARCHAR))"
        hashes = [f"hash({value})"]
        for reading in READINGS:
            if reading in looks:
                tried = f"TRY_CAST({value} AS {reading})"
                short = f"{tried} IS NOT NULL AND strlen({value}) <= {_READ_CHARACTERS_MAX[reading]}"
                hashes.append(f"CASE WHEN {short} THEN hash({tried}) ELSE {hashes[-1]} END")
        return hashes[-1]


@dataclass(frozen=True, slots=True)
class Footer:
    """What is known of a file before a row is read: its rows, about how many bytes they are, and of each column."""

    rows: int
    bytes: int
    many: frozenset[int]
    looks: Mapping[int, frozenset[str]]
    largest: Mapping[int, float]


def scanned_columns(schema: Schema, footer: Footer, *, personal: frozenset[str]) -> list[Scanned]:
    """The columns of a file, in order."""
    return [
        Scanned(
            index=index,
            name=column.name,
            type=column.type,
            personal=column.name in personal,
            many=index in footer.many and column.type != "BOOLEAN",
            looks=footer.looks.get(index, frozenset()),
            largest=footer.largest.get(index),
        )
        for index, column in enumerate(schema.columns)
    ]


def footer_of(connection: duckdb.DuckDBPyConnection, path: Path) -> Footer:
    """The footer of a Parquet file. A column has many values where a row group keeps them without a dictionary."""
    file = text(str(path.absolute()))
    rows = one(connection.execute(select("num_rows", of=f"parquet_file_metadata({file})")))[0]
    ends = "list(stats_min_value) || list(stats_max_value)"
    reads = ", ".join(
        f"len(list_filter({ends}, lambda v: TRY_CAST(v AS {reading}) IS NOT NULL)) > 0" for reading in READINGS
    )
    sizes = [f"abs(TRY_CAST(stats_{end}_value AS DOUBLE))" for end in ("min", "max")]
    # A row group without a value has no extremes, and needs none.
    told = f"bool_and(({sizes[0]} + {sizes[1]}) IS NOT NULL OR stats_null_count = num_values)"
    largest = f"CASE WHEN {told} THEN max(greatest({', '.join(sizes)})) END"
    leaves = connection.execute(
        select(
            "bool_or(list_contains(string_split(encodings, ', '), 'PLAIN')), sum(total_uncompressed_size), "
            f"{largest}, {reads}",
            of=f"parquet_metadata({file})",
            rest="GROUP BY column_id ORDER BY column_id",
        )
    ).fetchall()
    places = _places(connection, file)[: len(leaves)]
    placed = list(zip(places, leaves, strict=True))
    return Footer(
        rows=int(str(rows)),
        bytes=sum(int(leaf[1] or 0) for leaf in leaves),
        many=frozenset(place for place, leaf in placed if leaf[0]),
        looks={
            place: frozenset(reading for reading, does in zip(READINGS, leaf[3:], strict=True) if does)
            for place, leaf in placed
        },
        largest={place: float(leaf[2]) for place, leaf in placed if leaf[2] is not None},
    )


def _places(connection: duckdb.DuckDBPyConnection, file: str) -> list[int]:
    """The position of the column that each leaf of the schema belongs to: a nested column has several leaves."""
    nodes = connection.execute(select("coalesce(num_children, 0)", of=f"parquet_schema({file})")).fetchall()
    places: list[int] = []
    open_below = [int(nodes[0][0])] if nodes else []
    column = -1
    for (children,) in nodes[1:]:
        while open_below and open_below[-1] == 0:
            open_below.pop()
        column += len(open_below) == 1
        open_below[-1] -= 1
        if children:
            open_below.append(int(children))
        else:
            places.append(column)
    return places
