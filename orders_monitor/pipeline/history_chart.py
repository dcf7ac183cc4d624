"""The history of a few metrics as one small SVG image inside Markdown: the last days as a line, today in its band."""

import base64
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT, LABEL, ROOM = 560, 64, 190, 260


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
    height = HEIGHT * len(drawn) + 8
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" '
        f'font-size="12"><rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
        f"{''.join(_line(index, line) for index, line in enumerate(drawn))}</svg>"
    )
    return f"![{title}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"


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
        band = f'<rect x="{LABEL}" y="{y(line.high)}" width="{ROOM + 6}" height="{depth:.1f}" fill="#cfe3f5"/>'
    inside = line.low is None or line.high is None or line.low <= line.today <= line.high
    path = " ".join(f"{x(place)},{y(value)}" for place, value in enumerate(line.before) if value is not None)
    middle = HEIGHT * index + HEIGHT // 2
    return (
        f'<text x="4" y="{middle}" fill="#333333">{escape(_printable(line.metric[:28]))}</text>{band}'
        f'<polyline points="{path}" fill="none" stroke="#7f8c8d"/>'
        f'<circle cx="{x(len(line.before))}" cy="{y(line.today)}" r="4" fill="{"#1f6fb2" if inside else "#c0392b"}"/>'
        f'<text x="{LABEL + ROOM + 16}" y="{middle}" fill="#333333">{line.today:,.4g}</text>'
    )


def _printable(name: str) -> str:
    """XML allows no control characters: one of them would blank the picture."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in name)
