"""The numbers of a partition that need its learned rules, in few scans however many rules there are."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from orders_monitor.adapters.engine.session import numbered, one, schema_of, select
from orders_monitor.core.rules import KeyRepeats, RowRepeats, Rules


def measure(
    connection: duckdb.DuckDBPyConnection, path: Path, rules: Rules, memories: Sequence[Path], *, partition: str
) -> dict[str, float]:
    """The share of rows that breaks each rule, by metric name."""
    schema = schema_of(connection, path)
    asked = {}
    for rule in rules.rules:
        if isinstance(rule, RowRepeats | KeyRepeats):
            columns = schema.names if isinstance(rule, RowRepeats) else rule.columns
            if all(column in schema.names for column in columns):
                hashed = ", ".join(f"c{schema.names.index(column)}" for column in columns)
                asked[rule.metric] = f"1 - count(DISTINCT hash({hashed})) / nullif(count(*), 0)"
    if not asked:
        return {}
    found = one(connection.execute(select(", ".join(asked.values()), of=numbered(path, schema))))
    values = zip(asked, found, strict=True)
    return {metric: float(f"{float(str(value)):.12g}") for metric, value in values if value is not None}
