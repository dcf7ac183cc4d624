"""What goes wrong in the imaginary shop, and on which days.

An incident changes either lines (what the rows say) or the shape (which columns they come in), so the shape of a day
is known without making its rows.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from types import MappingProxyType

from orders_monitor.adapters.sources.dice import Dice, digest_of_words, weighted
from orders_monitor.adapters.sources.notes import PLANTED
from orders_monitor.adapters.sources.shop import Line
from orders_monitor.core.source import Incident, IncidentKind

LineChange = Callable[[Sequence[Line], Dice], list[Line]]
ShapeChange = Callable[[tuple["ShownColumn", ...]], tuple["ShownColumn", ...]]

_LOST_HOURS = range(8, 14)
_LOYALTY_TIERS = ((None, 0.88), ("bronze", 0.07), ("silver", 0.035), ("gold", 0.015))


@dataclass(frozen=True)
class ShownColumn:
    """One column as it is handed over: its name, DuckDB type, and the value that a line has in it."""

    name: str
    type: str
    value: Callable[[Line], object]


def _as_is(name: str, type_: str) -> ShownColumn:
    return ShownColumn(name=name, type=type_, value=attrgetter(name))


ORDINARY_SHAPE: tuple[ShownColumn, ...] = (
    _as_is("order_id", "BIGINT"),
    _as_is("line_number", "INTEGER"),
    _as_is("customer_id", "BIGINT"),
    _as_is("status", "VARCHAR"),
    _as_is("currency", "VARCHAR"),
    _as_is("unit_price", "DECIMAL(12,2)"),
    _as_is("quantity", "INTEGER"),
    _as_is("amount", "DECIMAL(12,2)"),
    _as_is("discount", "DECIMAL(5,4)"),
    _as_is("customer_email", "VARCHAR"),
    _as_is("country", "VARCHAR"),
    _as_is("channel", "VARCHAR"),
    _as_is("promo_code", "VARCHAR"),
    _as_is("customer_note", "VARCHAR"),
    _as_is("created_at", "TIMESTAMP"),
    _as_is("paid_at", "TIMESTAMP"),
    _as_is("shipped_at", "TIMESTAMP"),
    _as_is("updated_at", "TIMESTAMP"),
)


def kinds_on(incidents: Iterable[Incident], day: dt.date) -> frozenset[IncidentKind]:
    """What happens on that day."""
    return frozenset(incident.kind for incident in incidents if incident.happens_on(day))


def shape(kinds: frozenset[IncidentKind]) -> tuple[ShownColumn, ...]:
    """The columns of a day on which these incidents happen."""
    columns = ORDINARY_SHAPE
    for kind, change in SHAPE_CHANGES.items():
        if kind in kinds:
            columns = change(columns)
    return columns


def change_lines(lines: list[Line], kinds: frozenset[IncidentKind], *, seed: int, day: dt.date) -> list[Line]:
    """The lines of a day on which these incidents happen. Each has its own chance and leaves other lines alone."""
    for kind, change in LINE_CHANGES.items():
        if kind in kinds:
            lines = change(lines, Dice(seed, day, kind))
    return lines


def _cut_morning(lines: Sequence[Line], _: Dice) -> list[Line]:
    return [line for line in lines if line.created_at.hour not in _LOST_HOURS]


def _blank_emails(lines: Sequence[Line], dice: Dice) -> list[Line]:
    return _changed(lines, _share(dice, 0.6, of=lines), lambda line: line._replace(customer_email=None))


def _spoil_emails(lines: Sequence[Line], dice: Dice) -> list[Line]:
    known = [number for number, line in enumerate(lines) if line.customer_email is not None]
    spoiled = [known[place] for place in _share(dice, 0.006, of=known)]
    return _changed(lines, spoiled, lambda line: line._replace(customer_email=f"user{line.customer_id}#example.com"))


def _put_on_hold(lines: Sequence[Line], dice: Dice) -> list[Line]:
    """A status is the order's, so all lines of an order are held together."""
    orders = sorted({line.order_id for line in lines})
    held = {orders[place] for place in _share(dice, 0.03, of=orders)}
    return [line._replace(status="on_hold") if line.order_id in held else line for line in lines]


def _plant_instructions(lines: Sequence[Line], dice: Dice) -> list[Line]:
    planted = list(lines)
    families = list(PLANTED.values())
    for turn, number in enumerate(_share(dice, 0.003, of=lines)):
        note = dice.one_of(families[turn % len(families)]).format(order_id=lines[number].order_id)
        planted[number] = lines[number]._replace(customer_note=note)
    return planted


def _count_in_cents(lines: Sequence[Line], _: Dice) -> list[Line]:
    return [line._replace(unit_price=line.unit_price * 100, amount=line.amount * 100) for line in lines]


def _repeat_batch(lines: Sequence[Line], dice: Dice) -> list[Line]:
    size = _count(0.08, len(lines))
    start = dice.below(len(lines) - size + 1)
    return [*lines, *lines[start : start + size]]


def _lose_everything(_: Sequence[Line], __: Dice) -> list[Line]:
    return []


def _add_loyalty_tier(columns: tuple[ShownColumn, ...]) -> tuple[ShownColumn, ...]:
    return (*columns, ShownColumn(name="loyalty_tier", type="VARCHAR", value=_loyalty_tier))


def _loyalty_tier(line: Line) -> str | None:
    return weighted(_LOYALTY_TIERS, digest_of_words("tier", line.customer_id)[0] / 256)


def _quantity_as_text(columns: tuple[ShownColumn, ...]) -> tuple[ShownColumn, ...]:
    text = ShownColumn(name="quantity", type="VARCHAR", value=lambda line: str(line.quantity))
    return tuple(text if column.name == "quantity" else column for column in columns)


def _drop_currency(columns: tuple[ShownColumn, ...]) -> tuple[ShownColumn, ...]:
    return tuple(column for column in columns if column.name != "currency")


def _rename_email(columns: tuple[ShownColumn, ...]) -> tuple[ShownColumn, ...]:
    return tuple(replace(c, name="email_address") if c.name == "customer_email" else c for c in columns)


# In the order in which they are applied where several fall on one day. A batch is repeated after everything that
# changes a line, so that the copies are exact.
LINE_CHANGES: Mapping[IncidentKind, LineChange] = MappingProxyType(
    {
        "missing_hours": _cut_morning,
        "null_burst": _blank_emails,
        "bad_emails": _spoil_emails,
        "new_enum_value": _put_on_hold,
        "prompt_injection": _plant_instructions,
        "amounts_in_cents": _count_in_cents,
        "duplicated_batch": _repeat_batch,
        "empty_partition": _lose_everything,
    }
)
SHAPE_CHANGES: Mapping[IncidentKind, ShapeChange] = MappingProxyType(
    {
        "nullable_column_added": _add_loyalty_tier,
        "type_changed": _quantity_as_text,
        "column_dropped": _drop_currency,
        "column_renamed": _rename_email,
    }
)


def _changed(lines: Sequence[Line], numbers: Iterable[int], change: Callable[[Line], Line]) -> list[Line]:
    changed = list(lines)
    for number in numbers:
        changed[number] = change(changed[number])
    return changed


def _share(dice: Dice, share: float, *, of: Sequence[object]) -> list[int]:
    return dice.some_of(len(of), _count(share, len(of)))


def _count(share: float, count: int) -> int:
    """That share of a count, and at least one where there is anything: an incident that is declared is seen."""
    return min(count, max(1, round(share * count)))
