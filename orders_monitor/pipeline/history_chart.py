"""The history of a few metrics as one small SVG image inside Markdown: the last days as a line, today in its band."""

from collections.abc import Sequence
from typing import NamedTuple

from orders_monitor.pipeline.picture import BAND, LABEL, PAST, dot, picture, said

HEIGHT, ROOM = 64, 260


class Line(NamedTuple):
    """One metric: its values on the days before, oldest first (None where it has none), and today's in its band."""

    metric: str
    before: Sequence[float | None]
    today: float
    low: float | None
    high: float | None


def lines(title: str, drawn: Sequence[Line]) -> str:
    """A Markdown image, each metric scaled to itself; empty text where there is none."""
    if not drawn:
        return ""
    return picture(title, [_line(index, line) for index, line in enumerate(drawn)], line_height=HEIGHT)


def _line(index: int, line: Line) -> str:
    known = [value for value in (*line.before, line.today, line.low, line.high) if value is not None]
    floor, room = min(known), (max(known) - min(known)) or 1.0

    def y(value: float) -> float:
        return round(HEIGHT * (index + 1) - 10 - (value - floor) / room * (HEIGHT - 20), 1)

    def x(place: int) -> float:
        return round(LABEL + place / max(1, len(line.before)) * ROOM, 1)

    band = ""
    if line.low is not None and line.high is not None:
        depth = max(2.0, y(line.low) - y(line.high))
        band = f'<rect x="{LABEL}" y="{y(line.high)}" width="{ROOM + 6}" height="{depth:.1f}" fill="{BAND}"/>'
    inside = line.low is None or line.high is None or line.low <= line.today <= line.high
    path = " ".join(f"{x(place)},{y(value)}" for place, value in enumerate(line.before) if value is not None)
    middle = HEIGHT * index + HEIGHT // 2
    past = f'<polyline points="{path}" fill="none" stroke="{PAST}"/>'
    today = dot(x=x(len(line.before)), y=y(line.today), inside=inside)
    value = said(f"{line.today:,.4g}", x=LABEL + ROOM + 16, y=middle)
    return said(line.metric[:28], x=4, y=middle) + band + past + today + value
