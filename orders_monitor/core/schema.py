"""The schema of some bytes as a source or a file states it.

Types are DuckDB's names (`BIGINT`, `VARCHAR`, `DECIMAL(12,2)`, `TIMESTAMP`): the one vocabulary that sources,
contract and lake share.
"""

from orders_monitor.core.value import Value, digest_of


class ColumnSchema(Value):
    """One column: its name as found, its DuckDB type, and whether the source promises that no value is missing.

    `required` is None where the source says nothing of it: a file's columns all may be missing.
    """

    name: str
    type: str
    required: bool | None = None


class Schema(Value):
    """The columns in their order."""

    columns: tuple[ColumnSchema, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The column names in their order."""
        return tuple(column.name for column in self.columns)

    @property
    def fingerprint(self) -> str:
        """Changes when a name, a type, the order or what the source promises of them changes, and only then."""
        return digest_of(self.model_dump(mode="json", exclude_none=True))

    def type_of(self, name: str) -> str | None:
        """The type of a column, or None where there is no such column."""
        return next((column.type for column in self.columns if column.name == name), None)

    def is_required(self, name: str) -> bool:
        """Whether the source promises that no value of that column is missing."""
        return any(column.required is True for column in self.columns if column.name == name)
