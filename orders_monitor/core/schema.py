"""The schema of some bytes as a source or a file states it.

Types are DuckDB's names (`BIGINT`, `VARCHAR`, `DECIMAL(12,2)`, `TIMESTAMP`): the one vocabulary that sources,
contract and lake share.
"""

from orders_monitor.core.value import Value, digest_of


class ColumnSchema(Value):
    """One column: its name as found, and its DuckDB type."""

    name: str
    type: str


class Schema(Value):
    """The columns in their order."""

    columns: tuple[ColumnSchema, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The column names in their order."""
        return tuple(column.name for column in self.columns)

    @property
    def fingerprint(self) -> str:
        """Changes when a name, a type or the order changes, and only then."""
        return digest_of(self)

    def type_of(self, name: str) -> str | None:
        """The type of a column, or None where there is no such column."""
        return next((column.type for column in self.columns if column.name == name), None)
