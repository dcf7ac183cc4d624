"""The control totals of a Parquet file, as a source would give them: one query for each way of grouping."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import duckdb

from orders_monitor.adapters.engine.session import numbered, schema_of, select
from orders_monitor.adapters.engine.types import NUMBERS, family
from orders_monitor.adapters.quoting import text
from orders_monitor.core.schema import Schema
from orders_monitor.core.totals import GROUPS_MAX, NO_VALUE, WHOLE, Control, Total


def totals_of(
    connection: duckdb.DuckDBPyConnection, path: Path, controls: Sequence[Control], *, once: bool
) -> tuple[Total, ...]:
    """One total for each control, in their order; `once` counts rows that are equal in every column as one.

    What has more than 1,000 groups has no total: no source says as many, and bytes may have one for each row.
    """
    schema = schema_of(connection, path)
    source = numbered(path, schema)
    if once:
        # The table's own name is kept outside: `numbered` names the columns.
        source = f"({select('DISTINCT *', of=source)}) AS landed"
    known = {control.name: _sql(control, schema) for control in controls}
    groups: dict[str, dict[str, str] | None] = {}
    for by in dict.fromkeys(control.by for control in controls):
        asked = {c.name: sql for c in controls if c.by == by and (sql := known[c.name]) is not None}
        groups |= (
            _grouped(connection, source, asked, by=None if by is None else schema.names.index(by)) if asked else {}
        )
    return tuple(Total(control=control.name, groups=groups.get(control.name)) for control in controls)


def _sql(control: Control, schema: Schema) -> str | None:
    """The aggregate; None where a column is not there, or its sum is none."""
    if any(name not in schema.names for name in control.columns):
        return None
    if control.column is None:
        return "count(*)"
    position = schema.names.index(control.column)
    if control.measure == "distinct":
        return f"count(DISTINCT c{position})"
    # A sum of no value is 0 to whoever adds up, and NULL to SQL.
    summable = family(schema.columns[position].type) in NUMBERS
    return f"coalesce(sum(c{position}), 0)" if summable else None


def _grouped(
    connection: duckdb.DuckDBPyConnection, source: str, asked: Mapping[str, str], *, by: int | None
) -> Mapping[str, dict[str, str] | None]:
    key = text(WHOLE) if by is None else f"coalesce(CAST(c{by} AS VARCHAR), {text(NO_VALUE)})"
    rest = "" if by is None else f"GROUP BY 1 LIMIT {GROUPS_MAX + 1}"
    try:
        rows = connection.execute(select(", ".join([key, *asked.values()]), of=source, rest=rest)).fetchall()
    except duckdb.OutOfRangeException:  # a sum beyond 38 digits
        return dict.fromkeys(asked)
    if len(rows) > GROUPS_MAX:
        return dict.fromkeys(asked)
    columns = {name: {str(row[0]): row[place] for row in rows} for place, name in enumerate(asked, start=1)}
    return {name: dict(_texts(groups)) if _finite(groups) else None for name, groups in columns.items()}


def _texts(groups: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for group, value in groups.items():
        # Sums of doubles depend in their last digits on which thread added first.
        yield group, f"{value:.12g}" if isinstance(value, float) else str(value)


def _finite(groups: Mapping[str, object]) -> bool:
    return all(Decimal(str(value)).is_finite() for value in groups.values())
