"""DuckDB's type names: which are accepted, and what family a type is of."""

import re
from typing import Literal

import duckdb

from orders_monitor.core.errors import PlanInapplicable

Family = Literal["integer", "decimal", "floating", "boolean", "temporal", "text", "other"]
NUMBERS: tuple[Family, ...] = ("integer", "decimal", "floating")

# Letters, digits and one pair of sizes: nothing that could end a CAST and begin something else.
_ACCEPTED = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?: [A-Za-z]+){0,3}(?:\(\d{1,4}(?:, ?\d{1,4})?\))?")
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")

_BITS: dict[str, int] = {
    "TINYINT": 7, "SMALLINT": 15, "INTEGER": 31, "BIGINT": 63, "HUGEINT": 127,
    "UTINYINT": 8, "USMALLINT": 16, "UINTEGER": 32, "UBIGINT": 64, "UHUGEINT": 128,
}  # fmt: skip  # a table reads better than twelve lines
_DIGITS_MAX = 38


def canonical(connection: duckdb.DuckDBPyConnection, type_name: str) -> str:
    """DuckDB's own spelling of a type (`INT` is `INTEGER`). Raises PlanInapplicable for what is not a type."""
    refused = PlanInapplicable(why=f"{type_name!r} is not a type that a column can have")
    if not _ACCEPTED.fullmatch(type_name):
        raise refused
    try:
        row = connection.execute(f"SELECT typeof(CAST(NULL AS {type_name}))").fetchone()
    except (duckdb.ParserException, duckdb.CatalogException, duckdb.BinderException) as error:
        raise refused from error
    if row is None or not _ACCEPTED.fullmatch(str(row[0])):
        raise refused
    return str(row[0])


def family(type_name: str) -> Family:
    """The family of a type in DuckDB's spelling; nested and rare types are `other`."""
    if type_name in _BITS:
        return "integer"
    if _DECIMAL.fullmatch(type_name):
        return "decimal"
    if type_name in ("FLOAT", "DOUBLE"):
        return "floating"
    if type_name == "BOOLEAN":
        return "boolean"
    if type_name == "VARCHAR":
        return "text"
    return "temporal" if type_name.startswith(("DATE", "TIME")) else "other"


def decimal_size(type_name: str) -> tuple[int, int]:
    """Digits and scale of the decimal that holds every value of an integer or decimal type."""
    size = _DECIMAL.fullmatch(type_name)
    if size is not None:
        return int(size[1]), int(size[2])
    return min(_DIGITS_MAX, len(str(2 ** _BITS[type_name]))), 0


def widest_decimal(type_name: str) -> str:
    """The decimal with as many whole digits as the type and every remaining digit behind the point."""
    digits, scale = decimal_size(type_name)
    return f"DECIMAL({_DIGITS_MAX},{_DIGITS_MAX - (digits - scale)})"
