"""Where every column of the contract comes from under a plan: the landed column, its cast and its factor."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import duckdb

from orders_monitor.adapters.engine.casting import Computed, as_landed, cast, divided
from orders_monitor.adapters.engine.types import canonical
from orders_monitor.core.column_type import relation
from orders_monitor.core.contract import Contract
from orders_monitor.core.errors import PlanInapplicable
from orders_monitor.core.plan import CastColumn, Plan, RenameColumn, ScaleColumn
from orders_monitor.core.schema import Schema


@dataclass(slots=True)
class _Orders:
    """What the plan says, by the contract's column."""

    landed_names: dict[str, str] = field(default_factory=dict)
    casts: dict[str, str] = field(default_factory=dict)
    factors: dict[str, int] = field(default_factory=dict)


def project(
    connection: duckdb.DuckDBPyConnection, *, schema: Schema, plan: Plan, contract: Contract
) -> Mapping[str, Computed]:
    """The SQL of each contract column, in the contract's order, over landed columns called c0, c1, ...

    Raises PlanInapplicable for a column that neither came nor is renamed, and for a type that no action casts.
    """
    orders = _orders(plan, schema, contract)
    return {
        column.name: _computed(connection, orders, schema, column=column.name, promised=column.type)
        for column in contract.columns
    }


def _orders(plan: Plan, schema: Schema, contract: Contract) -> _Orders:
    orders = _Orders()
    for action in plan.actions:
        if isinstance(action, RenameColumn):
            _rename(orders, action, schema, contract)
    for action in plan.actions:
        if isinstance(action, CastColumn):
            orders.casts[_promised(action.column, orders, contract)] = action.type
        elif isinstance(action, ScaleColumn):
            column = _promised(action.column, orders, contract)
            if column in orders.factors:
                raise PlanInapplicable(why=f"{column} is to be divided twice")
            orders.factors[column] = action.divide_by
    return orders


def _rename(orders: _Orders, action: RenameColumn, schema: Schema, contract: Contract) -> None:
    if action.column not in schema.names:
        raise PlanInapplicable(why=f"{action.column!r} is to be renamed and did not come")
    if contract.column(action.to) is None:
        raise PlanInapplicable(why=f"{action.to!r} is not a column of the contract")
    if orders.landed_names.setdefault(action.to, action.column) != action.column:
        raise PlanInapplicable(why=f"two columns are to be renamed to {action.to!r}")


def _promised(named: str, orders: _Orders, contract: Contract) -> str:
    """The contract's column that an action means; a renamed one may be called by the name it came under."""
    if contract.column(named) is not None:
        return named
    for promised, landed in orders.landed_names.items():
        if landed == named:
            return promised
    raise PlanInapplicable(why=f"{named!r} is not a column of the contract")


def _computed(
    connection: duckdb.DuckDBPyConnection, orders: _Orders, schema: Schema, *, column: str, promised: str
) -> Computed:
    landed = orders.landed_names.get(column, column)
    if landed not in schema.names:
        raise PlanInapplicable(why=f"{column!r} did not come, and no column is renamed to it")
    position = schema.names.index(landed)
    was, now = schema.columns[position].type, canonical(connection, promised)
    asked = orders.casts.get(column)
    if asked is not None and canonical(connection, asked) != now:
        raise PlanInapplicable(why=f"{column!r} is to become {asked}; the contract says {promised}")
    if column in orders.factors:
        return divided(f"c{position}", was=was, now=now, by=orders.factors[column])
    if was == now:
        return as_landed(f"c{position}", type_name=now)
    if asked is None and relation(was=was, now=now) != "widened":
        raise PlanInapplicable(why=f"{column!r} came as {was}, the contract says {promised}, and no action casts it")
    return cast(f"c{position}", was=was, now=now)
