"""Small charts as SVG images inside Markdown: Dagster's UI shows an image of a data URI, and no raw HTML."""

from collections.abc import Sequence

from orders_monitor.core.profile import ColumnProfile, Profile
from orders_monitor.pipeline.picture import ALARM, BAND, INK, LABEL, WIDTH, dot, picture, said

HEIGHT = 26
COLUMNS_MAX = 60

_NULLS_WIDTH = 70
_BARS_WIDTH = 180


def bars(title: str, rows: Sequence[tuple[str, float, float | None, float | None]]) -> str:
    """A Markdown image: for each row its name, its value as a dot, and the expected range (low, high) as a band.

    Every row is scaled to its own range: the question is whether the dot lies in the band. Empty text for no rows.
    """
    if not rows:
        return ""
    return picture(title, [_row(index, *row) for index, row in enumerate(rows)], line_height=HEIGHT)


def profile(found: Profile, *, personal: frozenset[str]) -> str:
    """A Markdown image: for each column its name, its share of nulls, and the shape of its values as bars.

    The bars are the histogram of numbers, the rows of each hour of times, and the frequent values of the rest, each
    scaled to its own highest. A personal column has no bars. The first COLUMNS_MAX columns; empty text for none.
    """
    shown = found.columns[:COLUMNS_MAX]
    if not shown:
        return ""
    lines = [
        _label(index, column.name)
        + _nulls(index, found.null_share(column.name) or 0.0)
        + ("" if column.name in personal else _heights(index, *_shape_of(column)))
        for index, column in enumerate(shown)
    ]
    rest = f", the first {COLUMNS_MAX} of {len(found.columns)}" if len(found.columns) > COLUMNS_MAX else ""
    return picture(f"columns{rest}: name, nulls, values", lines, line_height=HEIGHT)


def _label(index: int, name: str) -> str:
    return said(name[:28], x=4, y=HEIGHT * index + 17)


def _nulls(index: int, share: float) -> str:
    """The share of rows without a value, as a filled part of a bar and in words."""
    x, y = LABEL + 10, HEIGHT * index + 8
    return (
        f'<rect x="{x}" y="{y}" width="{_NULLS_WIDTH}" height="10" fill="{BAND}"/>'
        f'<rect x="{x}" y="{y}" width="{round(share * _NULLS_WIDTH, 1)}" height="10" fill="{ALARM}"/>'
        + said(f"{share:.1%}", x=x + _NULLS_WIDTH + 6, y=y + 9)
    )


def _shape_of(column: ColumnProfile) -> tuple[str, Sequence[int]]:
    """What the bars of a column are, and how many rows each has."""
    if column.histogram:
        return "values", [rows for _, _, rows in column.histogram]
    if column.hours:
        return "hours", column.hours
    return "frequent", [rows for _, rows in column.top]


def _heights(index: int, kind: str, counts: Sequence[int]) -> str:
    """Bars side by side, the highest as high as the line."""
    highest = max(counts, default=0)
    if highest == 0:
        return ""
    x, foot, room = WIDTH - _BARS_WIDTH - 60, HEIGHT * index + 22, HEIGHT - 6
    width = min(14.0, _BARS_WIDTH / len(counts))
    drawn = "".join(
        f'<rect x="{round(x + place * width, 1)}" y="{round(foot - count / highest * room, 1)}" '
        f'width="{round(width * 0.85, 1)}" height="{round(count / highest * room, 1)}" fill="{INK}"/>'
        for place, count in enumerate(counts)
    )
    return drawn + said(kind, x=WIDTH - 56, y=foot - 5)


def _row(index: int, name: str, value: float, low: float | None, high: float | None) -> str:
    y = HEIGHT * index + 17
    floor, top = min(value, value if low is None else low), max(value, value if high is None else high)
    room = (top - floor) or 1.0

    def x(at: float) -> float:
        return round(LABEL + 20 + (at - floor) / room * (WIDTH - LABEL - 130), 1)

    band = ""
    inside = low is None or high is None or low <= value <= high
    if low is not None and high is not None:
        band = f'<rect x="{x(low)}" y="{y - 9}" width="{max(2.0, x(high) - x(low))}" height="10" fill="{BAND}"/>'
    value_ = said(f"{value:,.4g}", x=WIDTH - 84, y=y)
    return _label(index, name) + band + dot(x=x(value), y=y - 4, inside=inside) + value_
