"""Charts as the template draws them: where each mark is, in the units of a small SVG picture; no text is drawn here."""

import math
from dataclasses import dataclass

from orders_monitor.core.casebook import MetricSeries, RowCounts

WIDTH, HEIGHT, EDGE = 320, 96, 6


@dataclass(frozen=True, slots=True)
class Chart:
    """A metric's history: a line of days, the usual band, and this partition's dot; `inside` is whether it lies in it.

    `sentence` says the same in words, for who does not see it.
    """

    metric: str
    first: str
    last: str
    line: str
    band: tuple[float, float]
    dot: tuple[float, float]
    inside: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the landed rows in a bar of WIDTH: what it is called, how many rows, where it begins, how wide."""

    kind: str
    name: str
    rows: int
    x: float
    width: float


def chart_of(series: MetricSeries) -> Chart | None:
    """The chart of a series; None where no day has a number that can be drawn."""
    points = [(day, value) for day, value in series.points if math.isfinite(value)]
    if not points:
        return None
    known = [value for _, value in points] + [bound for bound in (series.low, series.high) if math.isfinite(bound)]
    floor, room = min(known), (max(known) - min(known)) or 1.0

    def x(place: int) -> float:
        return round(EDGE + place / max(1, len(points) - 1) * (WIDTH - 2 * EDGE), 1)

    def y(value: float) -> float:
        bounded = min(max(value, min(known)), max(known))
        return round(HEIGHT - EDGE - (bounded - floor) / room * (HEIGHT - 2 * EDGE), 1)

    day, today = points[-1]
    top = y(series.high)
    usual = f"usual is {number(series.low)} to {number(series.high)}"
    days = "1 day" if len(points) == 1 else f"{len(points)} days"
    inside = series.low <= today <= series.high
    return Chart(
        metric=series.metric,
        first=points[0][0],
        last=day,
        line=" ".join(f"{x(place)},{y(value)}" for place, (_, value) in enumerate(points)),
        band=(top, max(1.0, round(y(series.low) - top, 1))),
        dot=(x(len(points) - 1) if len(points) > 1 else WIDTH / 2, y(today)),
        inside=inside,
        sentence=f"{number(today)} on {day}, {'as usual' if inside else 'unusual'}: {usual}; {days} shown",
    )


def shares(rows: RowCounts) -> tuple[Share, ...]:
    """Where the landed rows go, side by side; a part that is not empty can be seen."""
    parts = (
        ("kept", "to publish", rows.to_publish),
        ("aside", "set aside", rows.set_aside),
        ("twice", "dropped as duplicates", rows.duplicates),
    )
    widths = [max(2.0 if count else 0.0, round(count / max(1, rows.landed) * WIDTH, 1)) for _, _, count in parts]
    widest = widths.index(max(widths))
    widths[widest] = round(widths[widest] - max(0.0, sum(widths) - WIDTH), 1)
    begins = [round(sum(widths[:place]), 1) for place in range(len(parts))]
    return tuple(
        Share(kind=kind, name=name, rows=count, x=x, width=width)
        for (kind, name, count), x, width in zip(parts, begins, widths, strict=True)
    )


def number(value: float) -> str:
    """A number as short as it may be: whole ones whole, others to four digits."""
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 10**15 else f"{value:,.4g}"
