"""Small charts as SVG images inside Markdown: Dagster's UI shows an image of a data URI, and no raw HTML."""

import base64
from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT, LABEL = 560, 26, 190


def bars(title: str, rows: Sequence[tuple[str, float, float | None, float | None]]) -> str:
    """A Markdown image: for each row its name, its value as a dot, and the expected range (low, high) as a band.

    Every row is scaled to its own range: the question is whether the dot lies in the band. Empty text for no rows.
    """
    if not rows:
        return ""
    lines = [_row(index, *row) for index, row in enumerate(rows)]
    height = HEIGHT * len(rows) + 8
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" '
        f'font-size="12"><rect width="{WIDTH}" height="{height}" fill="#ffffff"/>{"".join(lines)}</svg>'
    )
    return f"![{title}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"


def _row(index: int, name: str, value: float, low: float | None, high: float | None) -> str:
    y = HEIGHT * index + 17
    floor, top = min(value, value if low is None else low), max(value, value if high is None else high)
    room = (top - floor) or 1.0

    def x(at: float) -> float:
        return round(LABEL + 20 + (at - floor) / room * (WIDTH - LABEL - 130), 1)

    band = ""
    inside = low is None or high is None or low <= value <= high
    if low is not None and high is not None:
        band = f'<rect x="{x(low)}" y="{y - 9}" width="{max(2.0, x(high) - x(low))}" height="10" fill="#cfe3f5"/>'
    return (
        f'<text x="4" y="{y}" fill="#333333">{escape(_printable(name[:28]))}</text>{band}'
        f'<circle cx="{x(value)}" cy="{y - 4}" r="4" fill="{"#1f6fb2" if inside else "#c0392b"}"/>'
        f'<text x="{WIDTH - 84}" y="{y}" fill="#333333">{value:,.4g}</text>'
    )


def _printable(name: str) -> str:
    """A column may be called anything, and XML allows no control characters: one of them would blank the picture."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in name)
