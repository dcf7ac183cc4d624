"""A partition with some of its rows left out: what it would be had they not come."""

from pathlib import Path

import duckdb

from orders_monitor.adapters.engine.conditions import condition
from orders_monitor.adapters.engine.session import numbered, schema_of, select, write
from orders_monitor.adapters.quoting import name
from orders_monitor.core.predicate import Predicate
from orders_monitor.core.schema import Schema


def write_once(connection: duckdb.DuckDBPyConnection, path: Path, *, into: Path) -> int:
    """Write the first of all rows that are equal in every column, in their order, and count them."""
    schema = schema_of(connection, path)
    every = ", ".join(f"c{index}" for index in range(len(schema.columns)))
    first = select(
        f"{every}, min(file_row_number) AS file_row_number", of=numbered(path, schema), rest=f"GROUP BY {every}"
    )
    return _write(connection, f"({first})", schema, into)


def write_without(connection: duckdb.DuckDBPyConnection, path: Path, predicate: Predicate, *, into: Path) -> int:
    """Write the rows that a predicate does not catch, in their order, and count them.

    Raises PlanInapplicable where a bound is not of the column's type, and ValueError where there is no such column.
    """
    schema = schema_of(connection, path)
    place = schema.names.index(predicate.column)
    where = condition(predicate, sql=f"c{place}", type_name=schema.columns[place].type)
    # What is copied takes no bound values, nor does a table that is made of a query.
    connection.execute("CREATE TEMP TABLE gone (n BIGINT NOT NULL)")
    caught = select("file_row_number", of=numbered(path, schema), rest=f"WHERE {where.sql}")
    connection.execute(f"INSERT INTO gone {caught}", list(where.values))
    kept = select(
        "*, file_row_number", of=numbered(path, schema), rest=f"WHERE file_row_number NOT IN ({select('n', of='gone')})"
    )
    return _write(connection, f"({kept})", schema, into)


def _write(connection: duckdb.DuckDBPyConnection, source: str, schema: Schema, into: Path) -> int:
    columns = ", ".join(f"c{place} AS {name(column.name)}" for place, column in enumerate(schema.columns))
    return write(connection, select(columns, of=source, rest="ORDER BY file_row_number"), into)
