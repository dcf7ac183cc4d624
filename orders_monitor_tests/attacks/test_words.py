"""Names and values that came from data say nothing of their own: no link, no line, no address of a customer."""

import pytest

from orders_monitor.core.drift import ColumnAdded
from orders_monitor.core.landing import Landing
from orders_monitor.core.profile import ColumnProfile, Profile
from orders_monitor.core.schema import ColumnSchema, Schema
from orders_monitor.core.signals import assemble
from orders_monitor.pipeline import metadata, quality_metadata
from orders_monitor.pipeline.landed import land
from orders_monitor.pipeline.profile import personal_columns, scan
from orders_monitor.pipeline.sentences import plain, visible
from orders_monitor_tests.cases import CONTRACT, EXPECTATIONS
from orders_monitor_tests.small_shop import DAY, HEADER, csv_of, rows_of


@pytest.mark.parametrize("name", ["[look](javascript:alert(1))", "<img src=x onerror=alert(1)>", "a\n# approved"])
def test_a_column_is_no_markdown_in_the_report(name):
    """A column of any name is text in the quality report, also where it is part of an evidence id."""
    landing = Landing(
        table="t", partition=DAY, path="p", digest="d", rows=1, landed_schema=CONTRACT.promised_schema, problem=None
    )
    quality = assemble(
        landing,
        contract=CONTRACT,
        expectations=EXPECTATIONS,
        profile=Profile(rows=1, duplicate_rows=0, columns=()),
        changes=[ColumnAdded(column=name, type="BIGINT")],
        outcomes=[],
        baselines=[],
        anomalies=[],
    )
    report = str(quality_metadata.of_quality(quality)[metadata.REPORT].value)

    assert [False, False, False] == [
        mark in report.replace("\\[", "").replace("\\]", "").replace("\\<", "") for mark in ("](j", "<img", "\n# ")
    ]


def test_a_name_begins_no_line_in_a_terminal():
    """A line break or an escape sequence in a column's name stays within its line, as a mark."""
    assert "drift:added:x�digest 0123�[2J" == visible("drift:added:x\ndigest 0123\x1b[2J")


def test_a_text_in_the_ui_is_what_it_looks_like():
    """Nothing turns the line around, hides in it or strikes it out; nor does what is spelt out as an entity."""
    assert r"a�b�c \&#x202e; \~\~not\~\~" == plain("a\u202eb\u200bc &#x202e; ~~not~~")


@pytest.mark.parametrize("came_as", ["Email", "mail"])
def test_values_of_a_personal_column_are_not_shown_under_another_name(shop, came_as):
    """A personal column in another spelling, or renamed, is as personal as the contract says."""
    shop.arrives(DAY, csv_of(rows_of(DAY), HEADER.replace("email", came_as)))
    with shop.desk() as desk:
        land(desk, DAY)
        column = scan(desk, DAY).column(came_as) or ColumnProfile(name="", type="", nulls=0, distinct=0)

    assert (came_as, (), None) == (column.name, column.top, column.minimum)


def test_a_stranger_is_looked_at_only_where_it_may_be_a_column_that_is_not_personal(shop):
    """Values of an unknown column are needed to know a renamed one again, and otherwise to nobody."""

    def hidden(*names: str) -> set[str]:
        return set(
            personal_columns(shop.table, Schema(columns=tuple(ColumnSchema(name=n, type="VARCHAR") for n in names)))
        )

    rest = ("order_id", "quantity", "amount", "created_at")
    assert [{"email", "new"}, {"email"}, {"new"}] == [
        hidden(*rest, "status", "email", "new"),
        hidden(*rest, "email", "new"),
        hidden(*rest, "new"),
    ]
