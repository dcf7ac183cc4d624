"""The default source: a seeded shop with a calendar of incidents, so that a newcomer has a living upstream."""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from orders_monitor.adapters.sources import incidents
from orders_monitor.adapters.sources.shop import Line, Shop
from orders_monitor.adapters.sources.staging import write_parquet
from orders_monitor.core.schema import ColumnSchema, Schema
from orders_monitor.core.source import Fetch, Fetched, SimulatorSource
from orders_monitor.core.totals import NO_VALUE, WHOLE, Control, Total

# Far below the day's share of order ids, and more than a demonstration needs.
ORDERS_PER_DAY_MAX = 1_000_000


class Simulator:
    """The simulator as a source. Every day, past or future, has a partition; the same seed and day, the same bytes.

    The shop's own books give the control totals: what it would hand over if nothing went wrong on the way.
    Raises ValueError where more than ORDERS_PER_DAY_MAX orders are declared, or a partition is not a date.
    """

    def __init__(self, declaration: SimulatorSource, *, controls: Sequence[Control] = ()) -> None:
        if declaration.orders_per_day > ORDERS_PER_DAY_MAX:
            raise ValueError(
                f"orders_per_day is {declaration.orders_per_day:,}, at most {ORDERS_PER_DAY_MAX:,} are made"
            )
        self._declaration, self._controls = declaration, controls
        self._shop = Shop(seed=declaration.seed, orders_per_day=declaration.orders_per_day)

    def schema(self, partition: str) -> Schema:
        """The schema that the partition lands with, from the calendar alone."""
        return _schema(self._shape(dt.date.fromisoformat(partition)))

    def version(self, partition: str) -> str:  # noqa: ARG002 - the protocol's: no day of a simulated shop ever changes
        """The same text for ever."""
        return "simulated"

    def fetch(self, partition: str, into: Path) -> Fetch:
        """Write the day's rows to the Parquet file `into`. Always Fetched, an empty partition with 0 rows."""
        day = dt.date.fromisoformat(partition)
        shape = self._shape(day)
        kinds = incidents.kinds_on(self._declaration.incidents, day)
        sold = self._shop.lines(day)
        totals = tuple(_total(control, sold) for control in self._controls if {*control.columns} <= {*Line._fields})
        lines = incidents.change_lines(sold, kinds, seed=self._declaration.seed, day=day)
        rows = (tuple(column.value(line) for column in shape) for line in lines)
        return Fetched(rows=write_parquet(rows, _schema(shape), into), totals=totals)

    def _shape(self, day: dt.date) -> tuple[incidents.ShownColumn, ...]:
        return incidents.shape(incidents.kinds_on(self._declaration.incidents, day))


def _schema(shape: tuple[incidents.ShownColumn, ...]) -> Schema:
    return Schema(columns=tuple(ColumnSchema(name=column.name, type=column.type) for column in shape))


def _total(control: Control, lines: Sequence[Line]) -> Total:
    groups: defaultdict[str, list[object]] = defaultdict(list)
    if control.by is None:
        groups[WHOLE] = []  # nothing sold is a total too
    for line in lines:
        group = WHOLE if control.by is None else getattr(line, control.by)
        groups[NO_VALUE if group is None else str(group)].append(control.column and getattr(line, control.column))
    return Total(control=control.name, groups={group: _measured(control, of) for group, of in groups.items()})


def _measured(control: Control, values: Sequence[object]) -> str:
    match control.measure:
        case "rows":
            return str(len(values))
        case "distinct":
            return str(len({value for value in values if value is not None}))
        case "sum":
            return str(sum((Decimal(str(value)) for value in values if value is not None), start=Decimal(0)))
