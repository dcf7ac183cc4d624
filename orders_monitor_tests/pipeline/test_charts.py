"""The charts: a picture that the UI shows, true to its numbers, whatever a column is called."""

import base64
import re
from xml.etree import ElementTree as ET

import pytest

from orders_monitor.pipeline.charts import bars

SVG = "{http://www.w3.org/2000/svg}"
INSIDE, OUTSIDE = "#1f6fb2", "#c0392b"


def drawn(*rows: tuple[str, float, float | None, float | None]) -> ET.Element:
    """The picture of a chart, parsed as the browser does."""
    found = re.fullmatch(r"!\[metrics\]\(data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)", bars("metrics", rows))
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
