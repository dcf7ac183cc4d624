"""SQL types as DuckDB's names: how a database's column lands.

A number of no declared precision lands as DECIMAL(38,9): nine places hold any money, arithmetic stays exact, and a
value with more places is refused and never rounded. What has no type of ours (JSON, arrays, intervals, addresses)
lands as the text that the database itself writes it as.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import types
from sqlalchemy.dialects.postgresql import DOMAIN
from sqlalchemy.types import TypeEngine

PRECISION_MAX = 38
UNBOUNDED = "DECIMAL(38,9)"


def duckdb_type(sql_type: TypeEngine[Any], *, dialect: str) -> str:
    """The DuckDB name of a reflected SQL type. Unknown types are VARCHAR."""
    if isinstance(sql_type, DOMAIN):
        return duckdb_type(sql_type.data_type, dialect=dialect)
    return next((name(sql_type, dialect) for kind, name in _NAMES if isinstance(sql_type, kind)), "VARCHAR")


def decimal_places(type_: str) -> int | None:
    """The decimal places of a DECIMAL in DuckDB's spelling; None for every other type."""
    return int(type_.rpartition(",")[2].rstrip(")")) if type_.startswith("DECIMAL(") else None


def _integer(sql_type: TypeEngine[Any], dialect: str) -> str:
    if dialect == "sqlite":
        return "BIGINT"  # whatever it is called, SQLite keeps 64 bits
    size = "BIGINT" if isinstance(sql_type, types.BigInteger) else "INTEGER"
    size = "SMALLINT" if isinstance(sql_type, types.SmallInteger) else size
    return f"U{size}" if getattr(sql_type, "unsigned", False) else size


def _float(sql_type: TypeEngine[Any], dialect: str) -> str:
    return "FLOAT" if isinstance(sql_type, types.REAL) and dialect == "postgresql" else "DOUBLE"


def _decimal(sql_type: TypeEngine[Any], _dialect: str) -> str:
    precision, scale = getattr(sql_type, "precision", None), getattr(sql_type, "scale", None) or 0
    if precision is None:
        return UNBOUNDED
    # PostgreSQL's scale may be negative (thousands) or beyond the precision (0.000123); DuckDB's may not.
    whole, scale = max(precision - scale, 0), min(max(scale, 0), PRECISION_MAX)
    return f"DECIMAL({min(max(whole + scale, 1), PRECISION_MAX)},{scale})"


def _moment(sql_type: TypeEngine[Any], _dialect: str) -> str:
    return "TIMESTAMP WITH TIME ZONE" if getattr(sql_type, "timezone", False) else "TIMESTAMP"


def _time(sql_type: TypeEngine[Any], _dialect: str) -> str:
    return "VARCHAR" if getattr(sql_type, "timezone", False) else "TIME"


def _always(name: str) -> Callable[[TypeEngine[Any], str], str]:
    return lambda _sql_type, _dialect: name


_NAMES: tuple[tuple[type[TypeEngine[Any]], Callable[[TypeEngine[Any], str], str]], ...] = (
    (types.Boolean, _always("BOOLEAN")),
    (types.Integer, _integer),
    (types.Float, _float),
    (types.Numeric, _decimal),
    (types.Date, _always("DATE")),
    (types.DateTime, _moment),
    (types.Time, _time),
    (types.Uuid, _always("UUID")),
    (types.LargeBinary, _always("BLOB")),
)
