"""What landed: one immutable file named by its content."""

from pydantic import Field

from orders_monitor.core.schema import Schema
from orders_monitor.core.totals import Total
from orders_monitor.core.value import Value


class Landing(Value):
    """A partition as found. `path` is relative to the lake's root; `digest` is the SHA-256 of the file's bytes.

    `problem` is one sentence where the source had nothing, or nothing readable; the file then holds the contract's
    columns and no row, so that every later stage works on it and nothing is pretended. `unreadable` says that something
    came that is no table, or half of a delivery, where else nothing came. `totals` are the control totals
    that the source gave with the rows. `source_version` is what the source said of itself just before it was last
    asked for the partition; None where it says nothing.
    """

    table: str
    partition: str
    path: str
    digest: str
    rows: int
    landed_schema: Schema
    problem: str | None = None
    unreadable: bool = False
    totals: tuple[Total, ...] = ()
    source_version: str | None = Field(default=None, exclude_if=lambda version: version is None)
