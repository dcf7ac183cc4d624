"""The page of validation results, for real: what is on it, what must not be, and where it lies."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orders_monitor.adapters.expectations.docs import DataDocs
from orders_monitor.adapters.expectations.validate import documented, validate
from orders_monitor.core.errors import StoreUnavailable
from orders_monitor.core.expectation import Expectation

NAME = 'a|b "c" \n<script>alert(1)</script> $x ${y} {{ z }}'
VALUE = "<script src=//evil.example></script>"
MAIL = "ann.lee@mail.com"
BIRTHDAY = "1931-07-09"


def expects(what: str, /, **kwargs: Any) -> Expectation:
    return Expectation(type=f"expect_{what}", kwargs=kwargs)


EXPECTATIONS = [
    expects("table_row_count_to_be_between", min_value=3),
    expects("table_columns_to_match_ordered_list", column_list=["mail", "born", NAME]),
    expects("column_values_to_not_be_null", column="mail"),
    expects("column_values_to_match_regex", column="mail", regex="^[a-z]+[$]<!--"),
    expects("column_values_to_be_in_set", column=NAME, value_set=["<i>", *map(str, range(60))]),
    expects("column_values_to_be_between", column="amount", min_value=0, max_value=10),
    expects(
        "column_quantile_values_to_be_between",
        column="amount",
        quantile_ranges={"quantiles": [0.5], "value_ranges": [[0, 1]]},
    ),
    expects("column_max_to_be_between", column="born", max_value="1900-01-01"),
    expects("column_values_to_be_between", column="born", max_value="1900-01-01"),
    expects("column_pair_values_a_to_be_greater_than_b", column_A="born", column_B="amount"),
    expects("column_values_to_be_unique", column="gone"),
]


class Page(HTMLParser):
    """What a browser would find: the tags, their attributes and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str | None]] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= set(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data.strip() + " "


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    quoted = '"' + NAME.replace('"', '""') + '"'
    with duckdb.connect() as opened:
        opened.execute(f"create table people (mail varchar, born date, {quoted} varchar, amount double)")
        opened.execute("insert into people values (?, ?, ?, 12.5), (null, null, 'x', 3)", [MAIL, BIRTHDAY, VALUE])
        yield opened


def made(connection, expectations=EXPECTATIONS, **changes: Any):
    asked = {"sample_values": "masked", "personal": frozenset({"born"}), "headline": f"{NAME} 2026-11-08"}
    return documented(connection, view="people", expectations=expectations, **{**asked, **changes})


@pytest.fixture(scope="module")
def html(connection):
    return made(connection).html


def test_the_page_says_what_was_expected_and_what_was_found(html):
    """Each expectation is on the page with its arguments, its counts, a masked sample, or why it was not asked."""
    text = Page(html).text

    for words in (
        "0 of 11 expectations hold on 2 rows. Values are masked.",
        "Must have greater than or equal to 3 rows.",
        "2 rows",
        "values must match this regular expression: ^[a-z]+[$]<!-- .",
        "1 unexpected values found. 50% of 2 total rows.",
        "ana.aaa@aaaa.aam",
        "and 11 more",
        "12.5",
        "raised an exception: column gone is not there",
    ):
        assert words in text


def test_nothing_on_the_page_is_fetched_or_run(html):
    """No script, image, frame or address is on the page, whatever columns and values are called; a browser is told."""
    page = Page(html)

    assert set() == page.tags & {"script", "link", "img", "iframe", "object", "form", "base", "svg"}
    assert {"#"} == {value[0] for name, value in page.attributes if name in ("href", "src") and value}
    assert set() == {name for name, _ in page.attributes if name.startswith("on")}
    assert "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'" in {v for _, v in page.attributes}
    assert "http" not in html.replace("http-equiv", "")


def test_hostile_names_are_shown_as_they_are(html):
    """A name of quotes, tags and placeholders is text on one line of the page."""
    assert NAME.replace("\n", "?") in Page(html).text


def test_no_value_is_told_unmasked(html):
    """Texts are on the page by their shape, and personal columns tell nothing but counts."""
    for told in (MAIL, "ann.lee", VALUE, "evil.example", BIRTHDAY, "1931"):
        assert told not in html


def test_without_sample_values_none_is_on_the_page(connection):
    """Where a table tells no values, the page has the counts alone."""
    text = Page(made(connection, sample_values="none").html).text

    assert "1 unexpected values found. 50% of 2 total rows." in text
    assert "ana.aaa@aaaa.aam" not in text


def test_the_outcomes_are_those_of_a_validation(connection, html):
    """The page changes no verdict, and equal rows give an equal page."""
    expected = validate(
        connection,
        view="people",
        expectations=EXPECTATIONS,
        sample_values="masked",
        personal=frozenset({"born"}),
    )

    again = made(connection)

    assert (expected, html) == (again.outcomes, again.html)


def test_a_page_lies_where_its_question_says_and_is_replaced_in_full(tmp_path):
    """The second page of a question takes the place of the first, and nothing else is left in the folder."""
    docs, about = (
        DataDocs(tmp_path),
        {"table": "orders_daily", "partition": "2026-11-08", "question": "0123456789abcdef"},
    )

    docs.keep("one", **about)
    place = docs.keep("two \udc80", **about)

    assert tmp_path / "orders_daily" / "2026-11-08" / "0123456789ab.html" == place
    assert ("two ?", [place]) == (place.read_text(), list(place.parent.iterdir()))


@pytest.mark.parametrize("partition", ["..", "../x", "/etc", "a/b", "a\0"])
def test_a_page_lies_below_its_folder(tmp_path, partition):
    """A partition that is no name of a folder has no page."""
    with pytest.raises(ValueError, match="name no folder of pages"):
        DataDocs(tmp_path).place(table="orders_daily", partition=partition, question="0" * 64)


def test_a_disk_that_refuses_is_one_sentence(tmp_path):
    """Where the folder cannot be made the store is unavailable, and says which file."""
    (tmp_path / "orders_daily").write_text("a file")

    with pytest.raises(StoreUnavailable, match=r"^data docs: Not a directory \(.*0{12}\.html\)$"):
        DataDocs(Path(tmp_path)).keep("", table="orders_daily", partition="2026-11-08", question="0" * 64)
