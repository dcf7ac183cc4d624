"""Exactly how many rows share their key with another row, without hashing every key.

Whole numbers and dates, also several together, are numbered; one bit each tells in a single narrow pass which blocks of
4,096 neighbouring keys hold one twice. Where a block has one row more than keys, that row's key is what the sum of its
rows has more than the sum of its keys; only the keys of the other blocks are grouped. Other keys are hashed to 64 bits
first, and only the keys of a hash that is there twice are grouped. Small tables are grouped at once.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import islice, repeat
from typing import Any

import sqlalchemy as sa

from orders_monitor.adapters.expectations.ahead import Asked
from orders_monitor.adapters.expectations.dialect import WHOLE, engine_over
from orders_monitor.adapters.expectations.numbers import Numbers, numbered
from orders_monitor.adapters.expectations.plan import KeyAsked
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
    suspects = [] if place is None else ask(place.suspects.limit(_SUSPECTS_MAX + 1))
    if place is None or len(suspects) > _SUSPECTS_MAX:
        return _told(key, _grouped(key, ask, among=sa.true()))
    pairs, others = place.told_apart(suspects)
    if not others:
        return _told(key, pairs)
    grouped = _grouped(key, ask, among=_one_of(place.of_key, others))
    return _told(key, pairs.with_(grouped) if pairs.rows else grouped)


def read_keys(connection: Asked, view: str, keys: Sequence[KeyAsked]) -> None:
    """Run what counting these keys runs. What cannot be run is left to whoever counts them."""
    rows = sa.table(sa.sql.quoted_name(view, quote=True)).alias()
    with engine_over(connection).connect() as opened:
        for key in keys:
            with suppress(sa.exc.DBAPIError):
                counted(
                    Key(Source((), rows), key.columns, key.sample), lambda select: opened.execute(select).fetchall()
                )


@dataclass(frozen=True)
class _Shared:
    """Rows that share their key, and the smallest of these keys: their parts and how many rows have it."""

    rows: int
    keys: tuple[tuple[Any, ...], ...]

    def with_(self, other: "_Shared") -> "_Shared":
        """Both together; their keys are of types that Python orders as DuckDB does."""
        return _Shared(self.rows + other.rows, tuple(sorted(self.keys + other.keys)))


def _told(key: Key, shared: _Shared) -> Counted:
    repeated = (value for *parts, times in shared.keys for value in repeat(_plain(parts), times))
    return Counted(shared.rows, tuple(islice(repeated, key.sample)))


def _grouped(key: Key, ask: Ask, *, among: sa.ColumnElement[bool]) -> _Shared:
    columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in key.columns]
    named = [column.label(f"part {n}") for n, column in enumerate(columns)]
    shared = sa.select(*named, sa.func.count().label("rows")).select_from(key.source.rows).where(key.present, among)
    each = list(shared.group_by(*columns).having(sa.func.count() > 1).subquery().c)
    most: sa.ColumnClause[Any] = sa.literal_column(str(max(1, key.sample)))
    rows, keys = ask(sa.select(sa.func.sum(each[-1]), sa.func.min(sa.func.row(*each), most)))[0]
    return _Shared(int(rows or 0), tuple(map(tuple, keys or ())))


def _plain(parts: Sequence[Any]) -> Any:
    return parts[0] if len(parts) == 1 else tuple(parts)


@dataclass(frozen=True, eq=False)
class _Place:
    """Where a key belongs, and which places may hold one key twice: equal keys are in one place.

    `told_apart` says which keys are shared as far as that can be seen from the suspects, and the places left to group.
    """

    of_key: sa.ColumnElement[Any]
    suspects: sa.Select[Any]
    told_apart: Callable[[Sequence[Sequence[Any]]], tuple[_Shared, list[int]]]


def _place(key: Key, rows: int, ask: Ask) -> _Place | None:
    columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in key.columns]
    types = ask(sa.select(*(sa.func.typeof(column) for column in columns)).select_from(key.source.rows).limit(1))[0]
    if all(type_ in _NUMBERED for type_ in types):
        ends = [end(column) for column in columns for end in (sa.func.min, sa.func.max)]
        numbers = numbered(columns, ask(sa.select(*ends).select_from(key.source.rows))[0])
        # Where keys are too sparse, most blocks would hold a key or two.
        if numbers is not None and numbers.size >> _BLOCK_BITS <= (rows >> _SPARSE_BITS) + _BLOCK:
            return _blocks(key, numbers)
    if all(type_.partition("(")[0].startswith(_HASHED) and not type_.endswith("]") for type_ in types):
        return _hashes(key, sa.func.hash(*columns))
    return None


def _blocks(key: Key, numbers: Numbers) -> _Place:
    block = numbers.of_key.op(">>")(sa.literal_column(str(_BLOCK_BITS)))
    bit = sa.cast(numbers.of_key.op("&")(sa.literal_column(str(_BLOCK - 1))), sa.Integer)
    bits = sa.func.bitstring_agg(bit, sa.literal_column("0"), sa.literal_column(str(_BLOCK - 1)))
    more = sa.func.count() - sa.func.bit_count(bits)
    one_more = sa.case((more == sa.literal_column("1"), sa.cast(bits, sa.LargeBinary)))
    groups = sa.select(block, sa.func.sum(bit), one_more).select_from(key.source.rows).where(key.present)
    suspects = groups.group_by(block).having(more > sa.literal_column("0"))

    def told_apart(rows: Sequence[Sequence[Any]]) -> tuple[_Shared, list[int]]:
        pairs = sorted((of, total, set_) for of, total, set_ in rows if set_ is not None)
        places = ((of << _BLOCK_BITS) + total - _sum_of_places(set_) for of, total, set_ in pairs[: key.sample])
        shared = _Shared(2 * len(pairs), tuple((*numbers.key(place), 2) for place in places))
        return shared, [of for of, _, set_ in rows if set_ is None]

    return _Place(block, suspects, told_apart)


def _sum_of_places(set_: bytes) -> int:
    """The sum of the places of the bits of a block that are set, the first of which is at place 0."""
    bits = int.from_bytes(set_, "big")
    return sum((bits & mask).bit_count() << weight for weight, mask in enumerate(_masks()))


@cache
def _masks() -> tuple[int, ...]:
    """The places of a block whose number has the bit of each weight."""
    weights = (1 << n for n in range(_BLOCK_BITS))
    return tuple(int(("0" * each + "1" * each) * (_BLOCK // each // 2), 2) for each in weights)


def _hashes(key: Key, hashed: sa.ColumnElement[Any]) -> _Place:
    groups = sa.select(hashed).select_from(key.source.rows).where(key.present).group_by(hashed)
    suspects = groups.having(sa.func.count() > 1)
    return _Place(hashed, suspects, lambda rows: (_Shared(0, ()), [of for (of,) in rows]))


def _one_of(place: sa.ColumnElement[Any], suspects: Sequence[int]) -> sa.ColumnElement[bool]:
    return place.in_([sa.literal_column(str(int(suspect))) for suspect in suspects])
