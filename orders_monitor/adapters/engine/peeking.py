"""A few rows of a file as texts, for a person to look at: bounded, cut, and of hidden columns nothing is read."""

from collections.abc import Collection, Sequence
from pathlib import Path

import duckdb

from orders_monitor.adapters.engine.projection import project
from orders_monitor.adapters.engine.session import numbered, schema_of, select
from orders_monitor.core.contract import Contract
from orders_monitor.core.errors import PlanInapplicable
from orders_monitor.core.plan import Plan
from orders_monitor.core.schema import ColumnSchema
from orders_monitor.core.value import Value

ROWS_MAX = 20
COLUMNS_MAX = 40
CHARACTERS_MAX = 64


class Peeked(Value):
    """Some rows: their columns as the file has them, and each cell as a text, cut; None where it has no value."""

    columns: tuple[ColumnSchema, ...]
    rows: tuple[tuple[str | None, ...], ...]


def peek(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    columns: Sequence[str],
    *,
    at: Sequence[int] | None,
    rows_max: int,
    hidden: Collection[str],
) -> Peeked:
    """The first rows, or those of these numbers (from 0) in their order; a hidden column's cells are None."""
    schema = schema_of(connection, path)
    shown = [schema.columns[schema.names.index(name)] for name in columns if name in schema.names][:COLUMNS_MAX]
    places = {column.name: f"c{schema.names.index(column.name)}" for column in shown}
    cells = ", ".join("NULL" if column.name in hidden else _cut(places[column.name]) for column in shown)
    numbers = None if at is None else list(at)[: min(rows_max, ROWS_MAX)]
    if not shown or numbers == []:
        return Peeked(columns=tuple(shown), rows=())
    among = "" if numbers is None else f"WHERE file_row_number IN ({', '.join('?' * len(numbers))})"
    limit = f"ORDER BY file_row_number LIMIT {min(rows_max, ROWS_MAX)}"
    query = select(f"file_row_number, {cells}", of=numbered(path, schema), rest=f"{among} {limit}")
    found = {row[0]: tuple(row[1:]) for row in connection.execute(query, numbers or []).fetchall()}
    order = list(found) if numbers is None else [number for number in numbers if number in found]
    return Peeked(columns=tuple(shown), rows=tuple(found[number] for number in order))


def before_and_after(
    connection: duckdb.DuckDBPyConnection, landed: Path, plan: Plan, contract: Contract, column: str, *, rows_max: int
) -> Peeked:
    """The first values of a promised column as they landed, and as the plan makes them.

    Raises PlanInapplicable where the plan does not fit these bytes.
    """
    schema = schema_of(connection, landed)
    made = project(connection, schema=schema, plan=plan, contract=contract)[column]
    renamed = next((a.column for a in plan.actions if a.kind == "rename_column" and a.to == column), column)
    came = schema.columns[schema.names.index(renamed)]
    place = f"c{schema.names.index(renamed)}"
    query = select(
        f"{_cut(place)}, {_cut(made.sql)}",
        of=numbered(landed, schema),
        rest=f"WHERE {place} IS NOT NULL ORDER BY file_row_number LIMIT {min(rows_max, ROWS_MAX)}",
    )
    try:
        rows = connection.execute(query).fetchall()
    except duckdb.Error as error:
        # DuckDB's own message may quote a row's value.
        raise PlanInapplicable(why=f"{column!r} cannot be made of what landed") from error
    return Peeked(
        columns=(came, ColumnSchema(name=column, type=made.type)), rows=tuple((row[0], row[1]) for row in rows)
    )


def _cut(sql: str) -> str:
    return f"left(CAST({sql} AS VARCHAR), {CHARACTERS_MAX})"
