"""Control totals asked of the database itself: its own aggregates, in the transaction in which its rows are copied."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orders_monitor.core.totals import GROUPS_MAX, NO_VALUE, WHOLE, Control, Total, can_be_total

Column = sa.ColumnElement[Any]


def ask_totals(
    connection: Connection,
    controls: Sequence[Control],
    *,
    columns: Mapping[str, Column],
    scales: Mapping[str, int],
    wanted: sa.ColumnElement[bool],
) -> tuple[Total, ...]:
    """The total of each control whose columns are there; `columns` and `scales` (decimal places) by contract name.

    A control of more than 1,000 groups, or with a sum that nobody could compare (infinite, thousands of digits), has
    no total. Raises SQLAlchemyError.
    """
    asked = [control for control in controls if all(name in columns for name in control.columns)]
    totals = []
    for control in asked:
        groups = _groups(connection, control, columns=columns, wanted=wanted)
        if len(groups) <= GROUPS_MAX:
            scale = None if control.measure != "sum" else scales.get(control.column or "")
            told = {group: _text(value, scale) for group, value in groups.items()}
            if all(can_be_total(Decimal(number)) for number in told.values()):
                totals.append(Total(control=control.name, groups=told))
    return tuple(totals)


def _groups(
    connection: Connection, control: Control, *, columns: Mapping[str, Column], wanted: sa.ColumnElement[bool]
) -> dict[str, object]:
    measured = _measured(control, columns)
    if control.by is None:
        return {WHOLE: connection.execute(sa.select(measured).where(wanted)).scalar_one()}
    key = columns[control.by]
    query = sa.select(key, measured).where(wanted).group_by(key).limit(GROUPS_MAX + 1)
    return {NO_VALUE if group is None else str(group): value for group, value in connection.execute(query)}


def _measured(control: Control, columns: Mapping[str, Column]) -> Column:
    if control.column is None:
        return sa.func.count()
    column = columns[control.column]
    if control.measure == "distinct":
        return sa.func.count(sa.distinct(column))
    return sa.func.coalesce(sa.func.sum(column), 0)


def _text(value: object, scale: int | None) -> str:
    """The number in full. SQLite adds decimals up as doubles: what it gives has no more places than the column."""
    if not isinstance(value, float):
        return str(value)
    number = Decimal(f"{value:.15g}")
    return str(number if scale is None or not number.is_finite() else round(number, scale))
