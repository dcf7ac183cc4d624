"""What one scan says about the bytes of a partition: numbers and fingerprints, no row."""

from datetime import UTC, datetime

from orders_monitor.core.value import Value


class ColumnProfile(Value):
    """The statistics of one column.

    `minimum`/`maximum` are texts of numbers and times only: they stay None for text columns, whose values are rows'
    contents. `quantiles` (5, 25, 50, 75, 95 %) and `histogram` (low, high, rows; the low end is in the bin, the high
    one only in the last) are for numbers only. `lengths` is (minimum, mean, maximum) length of text in characters.
    `top` (value, rows) is given only for columns with few distinct values that are not personal. `patterns` (shape,
    rows) are the most frequent shapes of text: A for a capital, a for another letter, 9 for a digit, everything else
    as it is. `hours` are the rows of each hour of the day (UTC), 0 to 23, of times. `sketch` holds the smallest
    64-bit hashes of the distinct values, from which two columns' overlap is estimated without showing a value; numbers
    of every type, and texts of numbers, hash alike.

    `approximate` names the fields above that are estimates and not counts of every row; in profiles that were recorded
    before there was this field nothing is named, and `distinct` and `quantiles` are estimates.
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
    histogram: tuple[tuple[float, float, int], ...] = ()
    patterns: tuple[tuple[str, int], ...] = ()
    hours: tuple[int, ...] = ()
    approximate: tuple[str, ...] = ()


class Profile(Value):
    """The statistics of one partition's bytes; `landed_digest` names them where they are a landing's.

    `sampled_rows` is the number of rows that the approximate statistics were taken from, None where that was every
    row. `duplicate_rows_approximate` says that the repeated rows are estimated.
    """

    rows: int
    duplicate_rows: int
    columns: tuple[ColumnProfile, ...]
    landed_digest: str | None = None
    sampled_rows: int | None = None
    duplicate_rows_approximate: bool = False

    def column(self, name: str) -> ColumnProfile | None:
        """The profile of that column, or None."""
        return next((column for column in self.columns if column.name == name), None)

    def null_share(self, name: str) -> float | None:
        """Share of rows without a value, 0 to 1; None where there is no such column or no row."""
        column = self.column(name)
        return None if column is None or self.rows == 0 else column.nulls / self.rows


def moment(text: str | None) -> datetime | None:
    """The moment that the minimum or maximum of a column of times states, in UTC where it says no zone; else None."""
    try:
        stated = None if text is None else datetime.fromisoformat(text)
    except ValueError:
        return None
    return stated if stated is None or stated.tzinfo is not None else stated.replace(tzinfo=UTC)
