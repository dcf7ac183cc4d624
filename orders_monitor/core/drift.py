"""How the landed schema differs from the contract: typed changes, each with what it means for readers.

`compare` finds them. Names are compared exactly first, then without case, then by content (`renames`).
"""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, assert_never

from pydantic import Field

from orders_monitor.core import renames
from orders_monitor.core.column_type import is_numeric, relation
from orders_monitor.core.contract import Contract
from orders_monitor.core.profile import ColumnProfile, Profile
from orders_monitor.core.schema import Schema
from orders_monitor.core.value import Value

Compatibility = Literal["harmless", "additive", "breaking"]


class ColumnAdded(Value):
    """A column that the contract does not know. Additive: it is landed, and not published."""

    kind: Literal["added"] = "added"
    column: str
    type: str


class ColumnRemoved(Value):
    """A promised column that did not come."""

    kind: Literal["removed"] = "removed"
    column: str


class ColumnRenamed(Value):
    """A promised column that came under another name: same content. `score` is 0 to 1."""

    kind: Literal["renamed"] = "renamed"
    column: str
    now: str
    score: float


class TypeWidened(Value):
    """The type now holds more than was promised; every promised value still fits."""

    kind: Literal["widened"] = "widened"
    column: str
    was: str
    now: str


class TypeNarrowed(Value):
    """The type now holds less than was promised."""

    kind: Literal["narrowed"] = "narrowed"
    column: str
    was: str
    now: str


class TypeChanged(Value):
    """Another kind of type."""

    kind: Literal["type_changed"] = "type_changed"
    column: str
    was: str
    now: str


class ColumnsReordered(Value):
    """The promised columns came in another order."""

    kind: Literal["reordered"] = "reordered"
    columns: tuple[str, ...]


class UnitChanged(Value):
    """The numbers are larger or smaller by a constant factor (amounts in cents: 100)."""

    kind: Literal["unit_changed"] = "unit_changed"
    column: str
    factor: int
    observed_ratio: float


Change = Annotated[
    ColumnAdded
    | ColumnRemoved
    | ColumnRenamed
    | TypeWidened
    | TypeNarrowed
    | TypeChanged
    | ColumnsReordered
    | UnitChanged,
    Field(discriminator="kind"),
]
TypeChange = TypeWidened | TypeNarrowed | TypeChanged

# Cents and thousandths of a unit, seconds of a minute. Their neighbourhoods do not touch: 60 x 1.25 < 100 / 1.25.
UNIT_FACTORS = (60, 100, 1000)
UNIT_TOLERANCE = 1.25
_QUARTILES = slice(1, 4)
_NAME_SHOWN_MAX = 80


def compare(contract: Contract, landed: Schema, *, profile: Profile, reference: Profile | None) -> tuple[Change, ...]:
    """The differences: of each promised column in the contract's order, then what was added, then the order.

    `profile` is of the landed bytes under their own names, `reference` of the last published bytes under the
    contract's names; without it a rename is recognised only where one column went and one like it came.
    """
    came_as = _matched(contract, landed, profile=profile, reference=reference)
    changes: list[Change] = []
    for column in contract.columns:
        pair = came_as.get(column.name)
        if pair is None:
            changes.append(ColumnRemoved(column=column.name))
            continue
        if pair.now != column.name:
            changes.append(ColumnRenamed(column=column.name, now=pair.now, score=pair.score))
        changes.extend(_type_change(column.name, was=column.type, now=landed.type_of(pair.now) or ""))
        if column.name not in contract.key and reference is not None:
            changes.extend(_unit_change(column.name, reference.column(column.name), profile.column(pair.now)))
    taken = {pair.now for pair in came_as.values()}
    changes.extend(ColumnAdded(column=c.name, type=c.type) for c in landed.columns if c.name not in taken)
    changes.extend(_reordered(contract, landed))
    return tuple(changes)


def compatibility(change: Change) -> Compatibility:
    """What a change means for someone who reads by the contract."""
    match change:
        case ColumnsReordered():
            return "harmless"
        case ColumnAdded() | TypeWidened():
            return "additive"
        case ColumnRemoved() | ColumnRenamed() | TypeNarrowed() | TypeChanged() | UnitChanged():
            return "breaking"
        case _:
            assert_never(change)


def sentence(change: Change) -> str:
    """One line for people. Names are quoted: a column may be called anything."""
    match change:
        case ColumnAdded():
            return f"column {_quoted(change.column)} ({_shown(change.type)}) came and is not in the contract"
        case ColumnRemoved():
            return f"column {_quoted(change.column)} did not come"
        case ColumnRenamed():
            return f"column {_quoted(change.column)} came as {_quoted(change.now)} (score {change.score:.2f})"
        case TypeWidened() | TypeNarrowed() | TypeChanged():
            became = {"widened": "wider", "narrowed": "narrower", "type_changed": "another"}[change.kind]
            types = f"{_shown(change.was)} promised, {_shown(change.now)} came"
            return (
                f"column {_quoted(change.column)} has {became if became == 'another' else 'a ' + became} type: {types}"
            )
        case ColumnsReordered():
            return f"the {len(change.columns)} promised columns came in another order"
        case UnitChanged():
            factor = f"{change.observed_ratio:,.1f} times what they were, about {change.factor}"
            return f"numbers of column {_quoted(change.column)} are {factor}: another unit"
        case _:
            assert_never(change)


def subject(change: Change) -> str:
    """The column that a change is about, under the contract's name where it has one; `*` for the order of all."""
    return "*" if isinstance(change, ColumnsReordered) else change.column


def _matched(
    contract: Contract, landed: Schema, *, profile: Profile, reference: Profile | None
) -> Mapping[str, renames.Pair]:
    """The landed column of each promised column that came."""
    names = dict.fromkeys(landed.names)
    came_as = {c.name: renames.Pair(c.name, c.name, 1.0) for c in contract.columns if c.name in names}
    free = [name for name in names if name not in came_as]
    for column in contract.columns:
        other_case = next((name for name in free if name.lower() == column.name.lower()), None)
        if column.name not in came_as and other_case is not None:
            came_as[column.name] = renames.Pair(column.name, other_case, 1.0)
            free.remove(other_case)
    removed = {c.name: c.type for c in contract.columns if c.name not in came_as}
    added = {name: landed.type_of(name) or "" for name in free}
    found = renames.find(removed, added, profile=profile, reference=reference)
    return came_as | {pair.column: pair for pair in found}


def _type_change(column: str, *, was: str, now: str) -> Iterator[TypeChange]:
    match relation(was=was, now=now):
        case "same":
            return
        case "widened":
            yield TypeWidened(column=column, was=was, now=now)
        case "narrowed":
            yield TypeNarrowed(column=column, was=was, now=now)
        case "changed":
            yield TypeChanged(column=column, was=was, now=now)


def _unit_change(column: str, was: ColumnProfile | None, now: ColumnProfile | None) -> Iterator[UnitChanged]:
    if was is None or now is None or not (is_numeric(was.type) and is_numeric(now.type)):
        return
    pairs = list(zip(was.quantiles[_QUARTILES], now.quantiles[_QUARTILES], strict=False))
    if len(pairs) < 3 or pairs[1][0] == 0:  # noqa: PLR2004 - three quartiles
        return
    # A quartile of zero stays zero in every unit, and says nothing else.
    ratios = [b / a for a, b in pairs if a != 0]
    if any(b != 0 for a, b in pairs if a == 0) or any(ratio <= 0 or not math.isfinite(ratio) for ratio in ratios):
        return
    for factor in UNIT_FACTORS:
        if all(factor / UNIT_TOLERANCE <= ratio <= factor * UNIT_TOLERANCE for ratio in ratios):
            yield UnitChanged(column=column, factor=factor, observed_ratio=round(pairs[1][1] / pairs[1][0], 4))


def _reordered(contract: Contract, landed: Schema) -> Iterator[ColumnsReordered]:
    promised = [c.name for c in contract.columns if c.name in landed.names]
    came = list(dict.fromkeys(name for name in landed.names if name in promised))
    if promised != came:
        yield ColumnsReordered(columns=tuple(came))


def _quoted(name: str) -> str:
    """A name as it is, with its control characters made visible, and an end."""
    return repr(_shown(name))


def _shown(text: str) -> str:
    return text if len(text) <= _NAME_SHOWN_MAX else text[:_NAME_SHOWN_MAX] + "..."
