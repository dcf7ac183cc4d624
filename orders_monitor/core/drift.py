"""How what landed differs from the contract: typed changes. `core.meaning` says what each means for readers.

`compare` finds them. Names are compared exactly first, then without case, then by content (`renames`). A change says
names, types, counts, shapes and currency codes, and no value of a row: it is shown wherever a signal is.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from orders_monitor.core import formats, renames, units, value_sets
from orders_monitor.core.column_type import relation
from orders_monitor.core.contract import Column, Contract
from orders_monitor.core.profile import ColumnProfile, Profile
from orders_monitor.core.schema import Schema
from orders_monitor.core.value import Value


class ColumnAdded(Value):
    """A column that the contract does not know. Additive: it is landed, and not published."""

    kind: Literal["added"] = "added"
    column: str
    type: str


class ColumnRemoved(Value):
    """A promised column that did not come. `nullable` says whether its values may be missing."""

    kind: Literal["removed"] = "removed"
    column: str
    nullable: bool = True


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


class NullabilityChanged(Value):
    """Values may be missing where none may (`nullable`), or the source promises that none is where some may be.

    `nulls` is the number of rows without one; 0 where only the source's metadata says it.
    """

    kind: Literal["nullability_changed"] = "nullability_changed"
    column: str
    nullable: bool
    nulls: int = 0


class ValueSetGrown(Value):
    """Values outside of those that the contract allows or, where it says none, new ones in a set that was closed.

    `about` says that the rows are an estimate, of a profile that did not count every one.
    """

    kind: Literal["value_set_grown"] = "value_set_grown"
    column: str
    values: int
    rows: int
    promised: bool
    about: bool = False


class UnitChanged(Value):
    """The numbers are larger or smaller by a constant factor (amounts in cents: 100), or of another currency.

    `was` and `now` name the units where they are known: of an epoch, or currencies. Another currency has no factor; it
    is said of the column that names it, with how many times larger the amounts beside it became.
    """

    kind: Literal["unit_changed"] = "unit_changed"
    column: str
    factor: int | None = None
    observed_ratio: float
    smaller: bool = False
    was: str | None = None
    now: str | None = None

    @property
    def divide_by(self) -> int | None:
        """What makes the promised unit of it; None where nothing that is proposed can."""
        return None if self.smaller else self.factor


class FormatChanged(Value):
    """Texts of another shape: the most frequent one before and now. `share` (0 to 1) of them has no known shape."""

    kind: Literal["format_changed"] = "format_changed"
    column: str
    was: str
    now: str
    share: float


Change = Annotated[
    ColumnAdded
    | ColumnRemoved
    | ColumnRenamed
    | TypeWidened
    | TypeNarrowed
    | TypeChanged
    | NullabilityChanged
    | ColumnsReordered
    | ValueSetGrown
    | UnitChanged
    | FormatChanged,
    Field(discriminator="kind"),
]
TypeChange = TypeWidened | TypeNarrowed | TypeChanged


def compare(  # one landing and what is known of the days before it, each an everyday value
    contract: Contract,
    landed: Schema,
    *,
    profile: Profile,
    reference: Profile | None,
    history: Sequence[Profile] = (),
    since: Schema | None = None,
) -> tuple[Change, ...]:
    """The differences: of each promised column in the contract's order, then what was added, then the order.

    `profile` is of the landed bytes under their own names, `reference` of the last published bytes under the
    contract's names; without it a rename is recognised only where one column went and one like it came. `history` are
    the published days up to the reference, oldest first; `since` is the schema that the source had before.
    """
    came_as = _matched(contract, landed, profile=profile, reference=reference, history=history)
    days = (history or (reference,)) if reference is not None else ()
    changes: list[Change] = []
    for column in contract.columns:
        pair = came_as.get(column.name)
        if pair is None:
            changes.append(ColumnRemoved(column=column.name, nullable=column.nullable))
            continue
        if pair.now != column.name:
            changes.append(ColumnRenamed(column=column.name, now=pair.now, score=pair.score))
        types = list(_type_change(column.name, was=column.type, now=landed.type_of(pair.now) or ""))
        values = _other_values(column, pair.now, contract=contract, profile=profile, days=days, came_as=came_as)
        changes.extend((*types, *values, *_nullability(column, pair.now, landed, profile=profile, since=since)))
    taken = {pair.now for pair in came_as.values()}
    changes.extend(ColumnAdded(column=c.name, type=c.type) for c in landed.columns if c.name not in taken)
    changes.extend(_reordered(contract, landed))
    return tuple(changes)


def is_tolerated(change: Change, contract: Contract) -> bool:
    """Whether a change needs nobody: the contract tolerates its kind, or no promise of it is broken."""
    if isinstance(change, NullabilityChanged) and not change.nullable:
        return True
    if isinstance(change, ValueSetGrown) and not change.promised:
        return True
    return change.kind in contract.tolerate


def subject(change: Change) -> str:
    """The column that a change is about, under the contract's name where it has one; `*` for the order of all."""
    return "*" if isinstance(change, ColumnsReordered) else change.column


def _matched(
    contract: Contract, landed: Schema, *, profile: Profile, reference: Profile | None, history: Sequence[Profile]
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
    found = renames.find(removed, added, profile=profile, reference=reference, history=history)
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


def _other_values(  # one column, its name as landed, and all that is known
    column: Column,
    now: str,
    *,
    contract: Contract,
    profile: Profile,
    days: Sequence[Profile],
    came_as: Mapping[str, renames.Pair],
) -> Iterator[UnitChanged | FormatChanged | ValueSetGrown]:
    """What happened to a column's values: the first of unit, format and value set, which would all say the same."""
    came, before = profile.column(now), _before(days, column.name)
    if came is None:
        return
    if before and column.name not in contract.key:
        found = units.rescaled(before, came)
        if found is not None:
            yield UnitChanged(
                column=column.name,
                factor=found.factor,
                observed_ratio=found.ratio,
                smaller=found.smaller,
                was=found.was,
                now=found.now,
            )
            return
        codes = units.currencies(before, came)
        if codes is not None:
            times = _amounts_ratio(contract, profile, days, came_as)
            yield UnitChanged(column=column.name, observed_ratio=times, was=codes[0], now=codes[1])
            return
    yield from _format_or_values(column, came, profile=profile, days=days)


def _format_or_values(
    column: Column, came: ColumnProfile, *, profile: Profile, days: Sequence[Profile]
) -> Iterator[FormatChanged | ValueSetGrown]:
    last = days[-1].column(column.name) if days else None
    if last is not None and relation(was=last.type, now=came.type) == "same":
        values = (days[-1].rows - last.nulls, profile.rows - came.nulls)
        shapes = formats.reformatted(last, came, was_values=values[0], now_values=values[1])
        if shapes is not None:
            yield FormatChanged(column=column.name, was=shapes.was, now=shapes.now, share=shapes.share)
            return
    grown = value_sets.grown(column.allowed, _before(days, column.name), came)
    if grown is not None:
        yield ValueSetGrown(
            column=column.name, values=grown.values, rows=grown.rows, promised=grown.promised, about=grown.about
        )


def _before(days: Sequence[Profile], column: str) -> list[ColumnProfile]:
    return [known for day in days if (known := day.column(column)) is not None]


def _amounts_ratio(
    contract: Contract, profile: Profile, days: Sequence[Profile], came_as: Mapping[str, renames.Pair]
) -> float:
    """How many times larger the columns with a promised unit became, the first that moved as one; 1 where none did."""
    for column in contract.columns:
        pair = came_as.get(column.name)
        came = None if pair is None or column.unit is None else profile.column(pair.now)
        before = _before(days, column.name)
        ratio = units.ratio(before, came) if came is not None and before else None
        if ratio is not None:
            return float(f"{ratio:.5g}")
    return 1.0


def _nullability(
    column: Column, now: str, landed: Schema, *, profile: Profile, since: Schema | None
) -> Iterator[NullabilityChanged]:
    came = profile.column(now)
    if not column.nullable:
        nulls = 0 if came is None else came.nulls
        if nulls or (since is not None and since.is_required(now) and not landed.is_required(now)):
            yield NullabilityChanged(column=column.name, nullable=True, nulls=nulls)
    elif landed.is_required(now):
        yield NullabilityChanged(column=column.name, nullable=False)


def _reordered(contract: Contract, landed: Schema) -> Iterator[ColumnsReordered]:
    promised = [c.name for c in contract.columns if c.name in landed.names]
    came = list(dict.fromkeys(name for name in landed.names if name in promised))
    if promised != came:
        yield ColumnsReordered(columns=tuple(came))
