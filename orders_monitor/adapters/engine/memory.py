"""What is kept of a partition so that later ones can be compared with it: one small Parquet file, hashes and numbers."""

from pathlib import Path

import duckdb

from orders_monitor.adapters.engine.session import parquet, select, write
from orders_monitor.core.rules import Rules


def remember(connection: duckdb.DuckDBPyConnection, path: Path, rules: Rules, *, into: Path) -> None:
    """Write the memory of a partition."""
    empty = "''::VARCHAR AS topic, NULL::UBIGINT AS key, NULL::UBIGINT AS other"
    numbers = "count(*) AS n, NULL::DOUBLE AS low, NULL::DOUBLE AS mid, NULL::DOUBLE AS high"
    write(connection, select(f"{empty}, {numbers}", of=parquet(path)), into)
