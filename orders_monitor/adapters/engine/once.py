"""A partition with equal rows once: what it would be had nothing come twice."""

from pathlib import Path

import duckdb

from orders_monitor.adapters.engine.session import numbered, schema_of, select, write
from orders_monitor.adapters.quoting import name


def write_once(connection: duckdb.DuckDBPyConnection, path: Path, *, into: Path) -> int:
    """Write the first of all rows that are equal in every column, in their order, and count them."""
    schema = schema_of(connection, path)
    aliases = [f"c{index}" for index in range(len(schema.columns))]
    every = ", ".join(aliases)
    first = select(
        f"{every}, min(file_row_number) AS n", of=numbered(path, schema), rest=f"GROUP BY {every} ORDER BY n"
    )
    columns = ", ".join(f"{alias} AS {name(c.name)}" for alias, c in zip(aliases, schema.columns, strict=True))
    return write(connection, select(columns, of=f"({first})", rest="ORDER BY n"), into)
