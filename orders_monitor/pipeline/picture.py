"""What every chart is: an SVG image inside Markdown, with names that may be anything."""

import base64
from collections.abc import Sequence
from html import escape

WIDTH, LABEL = 560, 190
INK, BAND, ALARM, TEXT, PAST = "#1f6fb2", "#cfe3f5", "#c0392b", "#333333", "#7f8c8d"


def picture(title: str, lines: Sequence[str], *, line_height: int) -> str:
    """A Markdown image of these lines, each a piece of SVG of that height in pixels."""
    height = line_height * len(lines) + 8
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" '
        f'font-size="12"><rect width="{WIDTH}" height="{height}" fill="#ffffff"/>{"".join(lines)}</svg>'
    )
    return f"![{title}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"


def said(text: str, *, x: float, y: float) -> str:
    """A text at that place. XML allows no control characters: one of them would blank the picture."""
    shown = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return f'<text x="{x}" y="{y}" fill="{TEXT}">{escape(shown)}</text>'


def dot(*, x: float, y: float, inside: bool) -> str:
    """A value, in another colour where it is out of its range."""
    return f'<circle cx="{x}" cy="{y}" r="4" fill="{INK if inside else ALARM}"/>'
