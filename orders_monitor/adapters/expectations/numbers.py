"""Keys of whole numbers and days as numbers from 0 on, the parts of a key together, and back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa


@dataclass(frozen=True, eq=False)
class Numbers:
    """The number of a key among the `size` that lie between the smallest and the greatest of every part."""

    of_key: sa.ColumnElement[Any]
    size: int
    _lows: tuple[Any, ...]
    _spans: tuple[int, ...]

    def key(self, number: int) -> tuple[Any, ...]:
        """The parts of the key that has this number."""
        parts: list[Any] = []
        for low, span in zip(reversed(self._lows), reversed(self._spans), strict=True):
            number, distance = divmod(number, span)
            parts.append(low + timedelta(days=distance) if isinstance(low, date) else low + distance)
        return tuple(reversed(parts))


def numbered(columns: Sequence[Any], ends: Sequence[Any]) -> Numbers | None:
    """The numbers of keys of these columns, whose smallest and greatest values take turns in `ends`.

    None where there is no value, or a date that Python does not have. The numbers are BIGINTs, and are those of the
    keys in their order where `size` is one.
    """
    number: sa.ColumnElement[Any] | None = None
    lows, spans, size = ends[::2], [], 1
    for column, low, high in zip(columns, lows, ends[1::2], strict=True):
        if not all(isinstance(end, int) or _is_day(end) for end in (low, high)):
            return None
        span = (high - low).days + 1 if isinstance(low, date) else high - low + 1
        distance = _distance(column, low)
        number = distance if number is None else number * sa.literal_column(str(span)) + distance
        spans.append(span)
        size *= span
    return None if number is None else Numbers(number, size, tuple(lows), tuple(spans))


def _is_day(end: Any) -> bool:
    """Whether it is a date that Python has: DuckDB gives its other dates as texts, and infinite ones as the ends."""
    return isinstance(end, date) and date.min < end < date.max


def _distance(column: Any, low: Any) -> sa.ColumnElement[Any]:
    """How far a value is from the smallest."""
    if isinstance(low, date):
        return sa.func.datediff(sa.literal_column("'day'"), sa.literal(low), column)
    return sa.cast(column, sa.BigInteger) - sa.literal_column(f"({int(low)})")
