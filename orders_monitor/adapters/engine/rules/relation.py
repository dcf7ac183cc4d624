"""The rows of a partition as learned rules see them: columns by number, and what is hashed of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orders_monitor.adapters.engine.session import numbered, schema_of, select
from orders_monitor.adapters.engine.types import NUMBERS, Family, decimal_size, family
from orders_monitor.adapters.quoting import text
from orders_monitor.core.rules import Facet
from orders_monitor.core.schema import Schema

CODES: tuple[Family, ...] = ("integer", "text")
# Whole numbers of more digits are told apart by their text: identifiers may have them.
_BIGINT_DIGITS, _DOUBLE_DIGITS = 19, 15


@dataclass(frozen=True, slots=True)
class Relation:
    """What a query can say `FROM`: columns c0, c1, ... and the row's number `rn` from 0."""

    source: str
    schema: Schema

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection, path: Path) -> "Relation":
        """The rows of a Parquet file. Raises StoreUnavailable where it is none."""
        schema = schema_of(connection, path)
        rows = select("*, file_row_number AS rn", of=numbered(path, schema))
        return cls(source=f"({rows})", schema=schema)

    def has(self, columns: Sequence[str], *families: Family) -> bool:
        """Whether these columns landed, and with values of one of the families (any, where none is named)."""
        names = self.schema.names
        return all(name in names and (not families or self.family(name) in families) for name in columns)

    def family(self, column: str) -> Family:
        """The family of a column's type."""
        return family(self.schema.columns[self.schema.names.index(column)].type)

    def sql(self, column: str) -> str:
        """The column."""
        return f"c{self.schema.names.index(column)}"

    def number(self, column: str) -> str:
        """The column as a DOUBLE; what is no finite number is NULL."""
        double = f"CAST({self.sql(column)} AS DOUBLE)"
        return f"CASE WHEN isfinite({double}) THEN {double} END" if self.family(column) == "floating" else double

    def is_dated(self, column: str) -> bool:
        """Whether values are times of some date, and not times of any day."""
        type_name = self.schema.type_of(column) or ""
        return type_name.startswith(("DATE", "TIMESTAMP")) and not type_name.endswith("]")

    def hashed(self, column: str) -> str:
        """64 bits of a value, the same when its type is widened; NULL for NULL."""
        sql, digits, too_large = self.sql(column), 0, ""
        if self.has([column], "integer", "decimal"):
            digits, _ = decimal_size(self.schema.type_of(column) or "")
        match self.family(column):
            case "integer":
                same = f"TRY_CAST({sql} AS BIGINT)"
                too_large = f"{same} IS NULL" if digits > _BIGINT_DIGITS else ""
            case "decimal" | "floating":
                same = f"CAST({sql} AS DOUBLE)"
                too_large = f"abs({sql}) >= 1e{_DOUBLE_DIGITS}" if digits > _DOUBLE_DIGITS else ""
            case "text" | "boolean":
                same = sql
            case _:
                same = f"CAST({sql} AS VARCHAR)"
        as_text = f"WHEN {too_large} THEN hash(CAST({sql} AS VARCHAR))" if too_large else ""
        return f"CASE WHEN {sql} IS NULL THEN NULL {as_text} ELSE hash({same}) END"

    def key(self, columns: Sequence[str]) -> str:
        """64 bits of a key; NULL where one of its columns is."""
        if len(columns) == 1:
            return self.hashed(columns[0])
        hashes = ", ".join(f"({self.hashed(column)})" for column in columns)
        present = " AND ".join(f"{self.sql(column)} IS NOT NULL" for column in columns)
        return f"CASE WHEN {present} THEN hash({hashes}) END"

    def facet(self, facet: Facet) -> str:
        """64 bits of what is seen of a value; NULL where there is nothing to see."""
        if facet.kind == "value":
            return self.hashed(facet.column)
        sql = self.sql(facet.column)
        if facet.kind == "missing":
            return f"hash(CAST({sql} IS NULL AS BIGINT))"
        if facet.kind == "sign":
            seen = f"CAST(sign({self.number(facet.column)}) AS BIGINT)"
        else:
            cases = " ".join(
                f"WHEN regexp_full_match({sql}, {text(each)}) THEN {place}" for place, each in enumerate(facet.formats)
            )
            seen = f"CASE WHEN {sql} IS NULL THEN NULL {cases} ELSE -1 END"
        return f"CASE WHEN {sql} IS NOT NULL THEN hash(CAST({seen} AS BIGINT)) END"

    def sees(self, facet: Facet) -> bool:
        """Whether the column landed with a type that has such a facet."""
        match facet.kind:
            case "value":
                return self.has([facet.column], "integer", "text", "boolean")
            case "sign":
                return self.has([facet.column], *NUMBERS)
            case "format":
                return self.has([facet.column], "text")
        return self.has([facet.column])
