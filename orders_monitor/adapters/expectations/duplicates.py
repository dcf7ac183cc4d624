"""Exactly how many rows share their key with another row, without hashing every key.

Whole numbers and dates, also several together, are numbered; one bit each tells in a single narrow pass which blocks of
4,096 neighbouring keys hold one twice, and only the keys of those blocks are grouped. Other keys are hashed to 64 bits
first, and only the keys of a hash that is there twice are grouped. Small tables are grouped at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice, repeat
from typing import Any

import sqlalchemy as sa

from orders_monitor.adapters.expectations.dialect import WHOLE
from orders_monitor.adapters.expectations.scans import Counted, Source

Ask = Callable[[sa.Select[Any]], Sequence[Sequence[Any]]]

# Below this, grouping costs less than looking first.
_ROWS_GROUPED = 50_000
_BLOCK_BITS = 12
_BLOCK = 1 << _BLOCK_BITS
# More suspects than this do not narrow the second pass.
_SUSPECTS_MAX = 10_000
# So many times fewer rows than numbers, and most blocks would hold a key or two.
_SPARSE_BITS = 8

# Types whose values are numbered, and those whose equal values have equal hashes.
_NUMBERED = (*WHOLE, "DATE")
_HASHED = (
    *_NUMBERED,
    "UBIGINT",
    "HUGEINT",
    "DOUBLE",
    "FLOAT",
    "DECIMAL",
    "VARCHAR",
    "UUID",
    "BLOB",
    "BOOLEAN",
    "TIMESTAMP",
    "TIME",
)


@dataclass(frozen=True, eq=False)
class Key:
    """Columns that together should name one row of a source. A row in which one of them is missing has no key."""

    source: Source
    columns: tuple[str, ...]
    sample: int

    @property
    def present(self) -> sa.ColumnElement[bool]:
        """Every column of the key is there."""
        return sa.and_(*(sa.column(name).is_not(None) for name in self.columns))


def counted(key: Key, ask: Ask) -> Counted:
    """The rows that share their key with another row, and the smallest of the keys that they share."""
    ((rows,),) = ask(sa.select(sa.func.count()).select_from(key.source.rows))
    place = _place(key, rows, ask) if rows > _ROWS_GROUPED else None
    if place is None:
        return _grouped(key, ask, among=sa.true())
    suspects = [row[0] for row in ask(place.suspects.limit(_SUSPECTS_MAX + 1))]
    if not suspects:
        return Counted(0)
    few = len(suspects) <= _SUSPECTS_MAX
    return _grouped(key, ask, among=_one_of(place.of_key, suspects) if few else sa.true())


def _grouped(key: Key, ask: Ask, *, among: sa.ColumnElement[bool]) -> Counted:
    columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in key.columns]
    named = [column.label(f"part {n}") for n, column in enumerate(columns)]
    shared = sa.select(*named, sa.func.count().label("rows")).select_from(key.source.rows).where(key.present, among)
    each = list(shared.group_by(*columns).having(sa.func.count() > 1).subquery().c)
    most: sa.ColumnClause[Any] = sa.literal_column(str(max(1, key.sample)))
    rows, values = ask(sa.select(sa.func.sum(each[-1]), sa.func.min(sa.func.row(*each), most)))[0]
    repeated = (value for *parts, times in values or () for value in repeat(_plain(parts), times))
    return Counted(int(rows or 0), tuple(islice(repeated, key.sample)))


def _plain(parts: Sequence[Any]) -> Any:
    return parts[0] if len(parts) == 1 else tuple(parts)


@dataclass(frozen=True, eq=False)
class _Place:
    """Where a key belongs, and which places may hold one key twice: equal keys are in one place."""

    of_key: sa.ColumnElement[Any]
    suspects: sa.Select[Any]


def _place(key: Key, rows: int, ask: Ask) -> _Place | None:
    columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in key.columns]
    types = ask(sa.select(*(sa.func.typeof(column) for column in columns)).select_from(key.source.rows).limit(1))[0]
    if all(type_ in _NUMBERED for type_ in types):
        ends = [end(column) for column in columns for end in (sa.func.min, sa.func.max)]
        number = _number(columns, ask(sa.select(*ends).select_from(key.source.rows))[0], rows=rows)
        if number is not None:
            return _blocks(key, number)
    if all(type_.partition("(")[0].startswith(_HASHED) and not type_.endswith("]") for type_ in types):
        return _hashes(key, sa.func.hash(*columns))
    return None


def _number(columns: Sequence[Any], ends: Sequence[Any], *, rows: int) -> sa.ColumnElement[Any] | None:
    """The place of a key among all that lie between the ends; None where keys are too sparse for that to pay."""
    number: sa.ColumnElement[Any] | None = None
    size = 1
    for column, low, high in zip(columns, ends[::2], ends[1::2], strict=True):
        if not all(isinstance(end, int) or _is_day(end) for end in (low, high)):
            return None
        span = (high - low).days + 1 if isinstance(low, date) else high - low + 1
        distance = _distance(column, low)
        number = distance if number is None else number * sa.literal_column(str(span)) + distance
        size *= span
    sparse = size >> _BLOCK_BITS > (rows >> _SPARSE_BITS) + _BLOCK
    return None if sparse else number


def _is_day(end: Any) -> bool:
    """Whether it is a date that Python has: DuckDB gives its other dates as texts, and infinite ones as the ends."""
    return isinstance(end, date) and date.min < end < date.max


def _distance(column: Any, low: Any) -> sa.ColumnElement[Any]:
    """How far a value is from the smallest."""
    if isinstance(low, date):
        return sa.func.datediff(sa.literal_column("'day'"), sa.literal(low), column)
    return sa.cast(column, sa.BigInteger) - sa.literal_column(f"({int(low)})")


def _blocks(key: Key, number: sa.ColumnElement[Any]) -> _Place:
    block = number.op(">>")(sa.literal_column(str(_BLOCK_BITS)))
    bit = sa.cast(number.op("&")(sa.literal_column(str(_BLOCK - 1))), sa.Integer)
    bits = sa.func.bitstring_agg(bit, sa.literal_column("0"), sa.literal_column(str(_BLOCK - 1)))
    groups = sa.select(block).select_from(key.source.rows).where(key.present).group_by(block)
    return _Place(block, groups.having(sa.func.count() > sa.func.bit_count(bits)))


def _hashes(key: Key, hashed: sa.ColumnElement[Any]) -> _Place:
    groups = sa.select(hashed).select_from(key.source.rows).where(key.present).group_by(hashed)
    return _Place(hashed, groups.having(sa.func.count() > 1))


def _one_of(place: sa.ColumnElement[Any], suspects: Sequence[int]) -> sa.ColumnElement[bool]:
    return place.in_([sa.literal_column(str(int(suspect))) for suspect in suspects])
