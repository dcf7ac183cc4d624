"""The charts: a picture that the UI shows, true to its numbers, whatever a column is called."""

import base64
import re
from xml.etree import ElementTree as ET

import pytest

from orders_monitor.core.profile import ColumnProfile, Profile
from orders_monitor.pipeline.charts import bars
from orders_monitor.pipeline.charts import profile as profile_chart
from orders_monitor.pipeline.history_chart import Line, lines

SVG = "{http://www.w3.org/2000/svg}"
INSIDE, OUTSIDE = "#1f6fb2", "#c0392b"


def drawn(*rows: tuple[str, float, float | None, float | None]) -> ET.Element:
    """The picture of a chart, parsed as the browser does."""
    return parsed(bars("metrics", rows))


def parsed(markdown: str) -> ET.Element:
    """The picture in a Markdown image."""
    found = re.fullmatch(r"!\[[a-z ,:0-9]+\]\(data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)", markdown)
    assert found
    return ET.fromstring(base64.b64decode(found[1]))  # noqa: S314 - our own picture


def texts(picture: ET.Element) -> list[str]:
    return [text.text or "" for text in picture.iter(f"{SVG}text")]


def test_nothing_to_show_is_no_picture():
    """Without a metric there is no chart."""
    assert "" == bars("metrics", [])


def test_each_metric_is_a_row_with_its_name_and_value():
    """Every row has its name, its value, and a dot inside its band."""
    picture = drawn(("rows", 40.0, 30.0, 50.0), ("null_share:email", 0.25, 0.0, 0.5))
    dots, bands = list(picture.iter(f"{SVG}circle")), list(picture.iter(f"{SVG}rect"))[1:]

    assert ["rows", "40", "null_share:email", "0.25"] == texts(picture)
    assert [INSIDE, INSIDE] == [dot.get("fill") for dot in dots]
    for dot, band in zip(dots, bands, strict=True):
        left, width, at = (float(x or "nan") for x in (band.get("x"), band.get("width"), dot.get("cx")))
        assert left <= at <= left + width


@pytest.mark.parametrize("value", [29.0, 51.0, 0.0, 1e9])
def test_a_metric_outside_its_range_is_red_and_beside_the_band(value):
    """What is unusual is seen: the dot is red and not in the band."""
    picture = drawn(("rows", value, 30.0, 50.0))
    dot, band = next(picture.iter(f"{SVG}circle")), list(picture.iter(f"{SVG}rect"))[1]
    left, width, at = (float(x or "nan") for x in (band.get("x"), band.get("width"), dot.get("cx")))

    assert OUTSIDE == dot.get("fill")
    assert not left < at < left + width


def test_a_metric_without_a_range_is_a_dot_alone():
    """A cold start has no band, and nothing is red."""
    picture = drawn(("rows", 0.0, None, None))

    assert (1, [INSIDE]) == (
        len(list(picture.iter(f"{SVG}rect"))),
        [d.get("fill") for d in picture.iter(f"{SVG}circle")],
    )


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", '"/><image href="x', "a]()(b", "nul\x00bell\x07", "&amp;"]
)
def test_a_column_may_be_called_anything(name):
    """A hostile column name is text in the picture and nothing else, and the picture stays whole."""
    picture = drawn((name, 1.0, 0.0, 2.0))
    kinds = {element.tag.removeprefix(SVG) for element in picture.iter()}

    assert {"svg", "rect", "text", "circle"} == kinds
    assert re.sub(r"[\x00-\x1f]", "\N{REPLACEMENT CHARACTER}", name)[:28] == texts(picture)[0]


def column(name: str, **statistics: object) -> ColumnProfile:
    """A column of a profile of four rows."""
    return ColumnProfile.model_validate({"name": name, "type": "BIGINT", "nulls": 1, "distinct": 2, **statistics})


def test_a_profile_shows_nulls_and_the_shape_of_each_column():
    """Numbers as a histogram, times by hour, others by frequent value; each with its share of nulls."""
    columns = (
        column("amount", histogram=((0.0, 1.0, 1), (1.0, 2.0, 2))),
        column("at", hours=(3, *[0] * 23)),
        column("status", top=(("<b>", 2), ("new", 1))),
        column("note"),
    )
    picture = parsed(profile_chart(Profile(rows=4, duplicate_rows=0, columns=columns), personal=frozenset()))
    heights = [float(bar.get("height") or "nan") for bar in picture.iter(f"{SVG}rect") if bar.get("fill") == INSIDE]

    assert [
        "amount",
        "25.0%",
        "values",
        "at",
        "25.0%",
        "hours",
        "status",
        "25.0%",
        "frequent",
        "note",
        "25.0%",
    ] == texts(picture)
    assert [10.0, 20.0, 20.0, *[0.0] * 23, 20.0, 10.0] == heights


def test_a_personal_column_has_no_shape():
    """Of a personal column the picture shows its name and its nulls."""
    secret = column("<mail>", histogram=((0.0, 1.0, 3),), hours=(3, *[0] * 23), top=(("ann", 3),))
    found = Profile(rows=4, duplicate_rows=0, columns=(secret,))

    assert ["<mail>", "25.0%"] == texts(parsed(profile_chart(found, personal=frozenset({"<mail>"}))))
    assert "" == profile_chart(Profile(rows=0, duplicate_rows=0, columns=()), personal=frozenset())


def test_a_wide_table_is_cut():
    """Sixty columns are drawn, and the title says of how many."""
    found = Profile(rows=0, duplicate_rows=0, columns=tuple(column(f"c{n}", nulls=0) for n in range(61)))
    chart = profile_chart(found, personal=frozenset())

    assert chart.startswith("![columns, the first 60 of 61: name, nulls, values](")
    assert 120 == len(texts(parsed(chart)))


def test_the_history_of_a_metric_is_a_line_that_ends_in_todays_dot():
    """A day without the metric is left out of the line; today's dot has the colour of its place in the band."""
    found = parsed(lines("the last 3 days", [Line("rows", [10.0, None, 12.0], 40.0, 8.0, 14.0)]))
    (line,) = found.iter(f"{SVG}polyline")
    (dot,) = found.iter(f"{SVG}circle")

    assert (2, OUTSIDE, ["rows", "40"]) == (len(line.attrib["points"].split()), dot.attrib["fill"], texts(found))
    assert "" == lines("the last 0 days", [])
