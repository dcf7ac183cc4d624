"""A contract's columns as the columns of a Delta table."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from orders_monitor.core.column_type import normal
from orders_monitor.core.contract import Contract
from orders_monitor.core.errors import StoreUnavailable
from orders_monitor.core.table import PARTITION_COLUMN

if TYPE_CHECKING:
    # Heavy: a process that publishes nothing does not pay for it.
    from deltalake import DeltaTable, Schema

_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_DELTA_TYPES: Mapping[str, str] = {
    "BOOLEAN": "boolean",
    "TINYINT": "byte",
    "SMALLINT": "short",
    "INTEGER": "integer",
    "BIGINT": "long",
    "FLOAT": "float",
    "DOUBLE": "double",
    "VARCHAR": "string",
    "BLOB": "binary",
    "DATE": "date",
    "TIMESTAMP": "timestamp_ntz",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
}


def schema_of(contract: Contract) -> "Schema":
    """The Delta schema of a contract: its columns, then the day. Raises StoreUnavailable, naming the column."""
    from deltalake import Field, Schema  # noqa: PLC0415 - heavy, and only publishing needs it
    from deltalake.schema import PrimitiveType  # noqa: PLC0415 - heavy, and only publishing needs it

    if any(column.name.lower() == PARTITION_COLUMN for column in contract.columns):
        raise StoreUnavailable(
            store="published table", why=f"a column is called {PARTITION_COLUMN!r}, which names the partition"
        )
    # Nullable whatever the contract says: the gate judges nulls, and a person may let some through.
    fields = [Field(column.name, PrimitiveType(_delta_type(column.name, column.type))) for column in contract.columns]
    return Schema([*fields, Field(PARTITION_COLUMN, PrimitiveType("date"))])


def _delta_type(column: str, type_name: str) -> str:
    name = normal(type_name)
    size = _DECIMAL.fullmatch(name)
    if size is not None:
        return f"decimal({size[1]},{size[2]})"
    known = _DELTA_TYPES.get(name)
    if known is None:
        raise StoreUnavailable(
            store="published table", why=f"column {column!r} is a {type_name}, which a Delta table does not have"
        )
    return known


def fitting(table: "DeltaTable", name: str, schema: "Schema") -> "DeltaTable":
    """The table, if the files it has can be read with the new schema: columns may come and go, types may not change."""
    promised = {field.name: field.type for field in schema.fields}
    for field in table.schema().fields:
        if field.name in promised and promised[field.name] != field.type:
            raise StoreUnavailable(
                store=f"table {name}",
                why=f"column {field.name!r} is {field.type} in the published files and would become "
                f"{promised[field.name]}; give the changed table another name",
            )
    return table
