"""The contract of a table: what its readers were promised about every column."""

from typing import Literal

from pydantic import Field, model_validator

from orders_monitor.core.schema import ColumnSchema, Schema
from orders_monitor.core.value import Value

ChangeKind = Literal[
    "added",
    "removed",
    "renamed",
    "widened",
    "narrowed",
    "type_changed",
    "nullability_changed",
    "reordered",
    "value_set_grown",
    "unit_changed",
    "format_changed",
]


class Column(Value):
    """One promised column. `type` is DuckDB's name; `unit` says what a number counts (EUR, cents, kg)."""

    name: str = Field(min_length=1)
    type: str = Field(min_length=1)
    nullable: bool = True
    unit: str | None = None
    allowed: tuple[str, ...] | None = None
    description: str = ""
    personal: bool = False


class Contract(Value):
    """The promised columns in order, the key, and the kinds of change that need no person."""

    columns: tuple[Column, ...] = Field(min_length=1)
    key: tuple[str, ...] = ()
    tolerate: tuple[ChangeKind, ...] = ("added", "reordered")

    @model_validator(mode="after")
    def _names_agree(self) -> "Contract":
        names = [column.name for column in self.columns]
        if len({name.lower() for name in names}) != len(names):
            raise ValueError("two columns have the same name (DuckDB does not tell upper from lower case)")
        unknown = [name for name in self.key if name not in names]
        if unknown:
            raise ValueError(f"key names {unknown[0]!r}, which is not a column of the contract")
        return self

    @property
    def promised_schema(self) -> Schema:
        """The promised schema, to compare with a landed one."""
        return Schema(columns=tuple(ColumnSchema(name=c.name, type=c.type) for c in self.columns))

    def column(self, name: str) -> Column | None:
        """The promised column of that name, or None."""
        return next((column for column in self.columns if column.name == name), None)
