"""How the landed schema differs from the contract: typed changes, each with what it means for readers.

The change types; `compare` finds them.
"""

from typing import Annotated, Literal

from pydantic import Field

from orders_monitor.core.value import Value

Compatibility = Literal["harmless", "additive", "breaking"]


class ColumnAdded(Value):
    """A column that the contract does not know. Additive: it is landed, and not published."""

    kind: Literal["added"] = "added"
    column: str
    type: str


class ColumnRemoved(Value):
    """A promised column that did not come."""

    kind: Literal["removed"] = "removed"
    column: str


class ColumnRenamed(Value):
    """A promised column that came under another name: same content. `score` is 0 to 1."""

    kind: Literal["renamed"] = "renamed"
    column: str
    now: str
    score: float


class TypeWidened(Value):
    """The type now holds more than was promised; every promised value still fits."""

    kind: Literal["widened"] = "widened"
    column: str
    was: str
    now: str


class TypeNarrowed(Value):
    """The type now holds less than was promised."""

    kind: Literal["narrowed"] = "narrowed"
    column: str
    was: str
    now: str


class TypeChanged(Value):
    """Another kind of type."""

    kind: Literal["type_changed"] = "type_changed"
    column: str
    was: str
    now: str


class ColumnsReordered(Value):
    """The promised columns came in another order."""

    kind: Literal["reordered"] = "reordered"
    columns: tuple[str, ...]


class UnitChanged(Value):
    """The numbers are larger or smaller by a constant factor (amounts in cents: 100)."""

    kind: Literal["unit_changed"] = "unit_changed"
    column: str
    factor: int
    observed_ratio: float


Change = Annotated[
    ColumnAdded
    | ColumnRemoved
    | ColumnRenamed
    | TypeWidened
    | TypeNarrowed
    | TypeChanged
    | ColumnsReordered
    | UnitChanged,
    Field(discriminator="kind"),
]
