"""What one scan says about the bytes of a partition: numbers and fingerprints, no row."""

from orders_monitor.core.value import Value


class ColumnProfile(Value):
    """The statistics of one column.

    `distinct` is approximate (HyperLogLog). `minimum`/`maximum` are texts of numbers and times only: they stay None
    for text columns, whose values are rows' contents. `quantiles` (5, 25, 50, 75, 95 %) are approximate and for numbers
    only. `lengths` is (minimum, mean, maximum) length of text. `top` (value, rows) is given only for columns with few
    distinct values that are not personal. `sketch` holds the smallest 64-bit hashes of the distinct values, from
    which two columns' overlap is estimated without showing a value. `patterns` (shape, rows) are the most frequent
    shapes of texts, each character as its class: `a`, `A`, `9`, or itself where it is a separator.
    """

    name: str
    type: str
    nulls: int
    distinct: int
    minimum: str | None = None
    maximum: str | None = None
    mean: float | None = None
    deviation: float | None = None
    total: float | None = None
    quantiles: tuple[float, ...] = ()
    lengths: tuple[float, float, float] | None = None
    top: tuple[tuple[str, int], ...] = ()
    sketch: tuple[int, ...] = ()
    patterns: tuple[tuple[str, int], ...] = ()


class Profile(Value):
    """The statistics of one partition's bytes; `landed_digest` names them where they are a landing's."""

    rows: int
    duplicate_rows: int
    columns: tuple[ColumnProfile, ...]
    landed_digest: str | None = None

    def column(self, name: str) -> ColumnProfile | None:
        """The profile of that column, or None."""
        return next((column for column in self.columns if column.name == name), None)

    def null_share(self, name: str) -> float | None:
        """Share of rows without a value, 0 to 1; None where there is no such column or no row."""
        column = self.column(name)
        return None if column is None or self.rows == 0 else column.nulls / self.rows
