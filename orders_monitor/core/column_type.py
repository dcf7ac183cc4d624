"""How one column type stands to another: the same, wider, narrower, or another kind. Types are DuckDB's names."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Relation = Literal["same", "widened", "narrowed", "changed"]

_ALIASES = {
    "INT": "INTEGER",
    "INT1": "TINYINT",
    "INT2": "SMALLINT",
    "SHORT": "SMALLINT",
    "INT4": "INTEGER",
    "SIGNED": "INTEGER",
    "INT8": "BIGINT",
    "LONG": "BIGINT",
    "REAL": "FLOAT",
    "FLOAT4": "FLOAT",
    "FLOAT8": "DOUBLE",
    "BOOL": "BOOLEAN",
    "LOGICAL": "BOOLEAN",
    "TEXT": "VARCHAR",
    "STRING": "VARCHAR",
    "CHAR": "VARCHAR",
    "BPCHAR": "VARCHAR",
    "NUMERIC": "DECIMAL",
    "DATETIME": "TIMESTAMP",
    "TIMESTAMP_US": "TIMESTAMP",
    "TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE",
    "BYTEA": "BLOB",
    "BINARY": "BLOB",
    "VARBINARY": "BLOB",
}
_SIGNED_BITS = {"TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64, "HUGEINT": 128}
# Integers up to these bits are held exactly by a binary float's mantissa.
_MANTISSA_BITS = {"FLOAT": 24, "DOUBLE": 53}
_TIMES = ("DATE", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP")
# What a Delta table has, and so every reader of a published one.
PUBLISHABLE = frozenset(
    {
        *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE"),
        *("BOOLEAN", "VARCHAR", "BLOB", "DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"),
    }
)
_DECIMAL_DIGITS_MAX = 38
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")


@dataclass(frozen=True, slots=True)
class _Exact:
    """The whole numbers from `low` to `high`, with `scale` decimal places."""

    low: int
    high: int
    scale: int


@lru_cache(maxsize=1024)
def relation(*, was: str, now: str) -> Relation:
    """What became of a promised type. Narrowed means that some promised value no longer fits, within one family."""
    was, now = normal(was), normal(now)
    if was == now:
        return "same"
    if _holds(now, was):
        return "widened"
    return "narrowed" if _holds(was, now) or _family(was) == _family(now) != "other" else "changed"


def normal(type_name: str) -> str:
    """The one spelling of a type: DuckDB reads TEXT, STRING and VARCHAR(20) as VARCHAR."""
    name = re.sub(r"\s*([(),])\s*", r"\1", re.sub(r"\s+", " ", type_name.strip()))
    head, parenthesis, arguments = name.partition("(")
    if head.upper() in ("ENUM", "STRUCT", "MAP", "UNION") or name.endswith("]"):
        return head.upper() + parenthesis + arguments  # the labels' case is theirs
    base = _ALIASES.get(head.upper(), head.upper())
    if base == "VARCHAR":
        return base
    if base == "DECIMAL" and not arguments:
        return "DECIMAL(18,3)"
    if base == "DECIMAL" and "," not in arguments:
        return f"DECIMAL({arguments.removesuffix(')')},0)"
    return base + parenthesis + arguments.upper()


def is_publishable(type_name: str) -> bool:
    """Whether a published table can have columns of that type; a name that is no type at all is none either."""
    name = normal(type_name)
    size = _DECIMAL.fullmatch(name)
    if size is None:
        return name in PUBLISHABLE
    digits, scale = int(size[1]), int(size[2])
    return 1 <= digits <= _DECIMAL_DIGITS_MAX and scale <= digits


def is_numeric(type_name: str) -> bool:
    """Whether values of that type are numbers."""
    return _family(normal(type_name)) in ("exact", "float")


def is_time(type_name: str) -> bool:
    """Whether values of that type are points in time."""
    name = normal(type_name)
    return name.startswith(("DATE", "TIMESTAMP")) and not name.endswith("]")


def is_plain(type_name: str) -> bool:
    """Whether values of that type are numbers, times or yes/no: nothing in which somebody could have written words."""
    return is_numeric(type_name) or is_time(type_name) or normal(type_name) in ("TIME", "BOOLEAN")


def _family(name: str) -> str:
    if _exact(name) is not None:
        return "exact"
    if name in _MANTISSA_BITS:
        return "float"
    if name in _TIMES or name == "TIMESTAMP_NS":
        return "time"
    return "text" if name == "VARCHAR" or name.startswith("ENUM(") else "other"


def _holds(outer: str, inner: str) -> bool:
    """Whether every value of `inner` is exactly a value of `outer`."""
    families = (_family(inner), _family(outer))
    if families == ("exact", "exact"):
        return _exact_holds(_exact(outer), _exact(inner))
    if families == ("exact", "float"):
        return _float_holds(outer, _exact(inner))
    if families == ("float", "float"):
        return _MANTISSA_BITS[inner] <= _MANTISSA_BITS[outer]
    if inner in _TIMES and outer in _TIMES:
        return _TIMES.index(inner) <= _TIMES.index(outer)
    return families == ("text", "text") and outer == "VARCHAR"


def _exact(name: str) -> _Exact | None:
    bits = _SIGNED_BITS.get(name)
    if bits is not None:
        return _Exact(low=-(2 ** (bits - 1)), high=2 ** (bits - 1) - 1, scale=0)
    bits = _SIGNED_BITS.get(name.removeprefix("U")) if name.startswith("U") else None
    if bits is not None:
        return _Exact(low=0, high=2**bits - 1, scale=0)
    decimal = _DECIMAL.fullmatch(name)
    if decimal is None:
        return None
    precision, scale = int(decimal[1][:4]), int(decimal[2][:4])
    whole = 10 ** max(0, precision - scale) - 1
    return _Exact(low=-whole, high=whole, scale=scale)


def _exact_holds(outer: _Exact | None, inner: _Exact | None) -> bool:
    if outer is None or inner is None:
        return False
    return outer.low <= inner.low and inner.high <= outer.high and inner.scale <= outer.scale


def _float_holds(outer: str, inner: _Exact | None) -> bool:
    # A tenth is no binary fraction, so only whole numbers are held exactly.
    return inner is not None and inner.scale == 0 and max(-inner.low, inner.high) <= 2 ** _MANTISSA_BITS[outer]
