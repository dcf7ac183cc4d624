"""What the detectors are given beside the partition: closed days, and what was unusual on the one before."""

from dataclasses import replace

from orders_monitor.core.calendar import Calendar
from orders_monitor.core.quality import Quality
from orders_monitor.pipeline.watching import anomalies_before, closed_among
from orders_monitor_tests.cases import anomaly
from orders_monitor_tests.small_shop import declared

SATURDAY, MONDAY, TUESDAY = "2026-11-21", "2026-11-23", "2026-11-24"


def quality_with(*anomalies):
    return Quality(
        landed_digest="d",
        problem=None,
        rows=5,
        changes=(),
        outcomes=(),
        baselines=(),
        anomalies=anomalies,
        signals=(),
    )


def test_the_closed_days_are_the_calendars(tmp_path):
    """Of the partitions that are asked about, in whatever order they come; without a calendar none is closed."""
    table = declared(tmp_path)
    closed = table.model_copy(update={"calendar": Calendar(closed_weekdays=("saturday", "sunday"))})

    assert {SATURDAY} == closed_among(closed, [MONDAY, SATURDAY])
    assert frozenset() == closed_among(table, [MONDAY, SATURDAY])
    assert frozenset() == closed_among(closed, [])


def test_what_was_unusual_before_is_that_of_the_last_partition_that_was_judged(shop):
    """A missing day between is no end of an incident, nor is a closed one; what was found out later was not known."""
    rows = anomaly("rows", 5, low=90, high=110)
    with shop.desk() as desk:
        closed = replace(desk, table=desk.table.model_copy(update={"calendar": Calendar(closed_weekdays=("monday",))}))
        desk.record(SATURDAY, "quality", quality_with(rows))
        known_at = desk.journal.latest(desk.table.name, SATURDAY, "quality").id
        desk.record(MONDAY, "quality", quality_with())

        assert {SATURDAY: (rows,)} == anomalies_before(desk, MONDAY)
        assert {MONDAY: ()} == anomalies_before(desk, TUESDAY)
        assert {SATURDAY: (rows,)} == anomalies_before(closed, TUESDAY)
        assert {SATURDAY: (rows,)} == anomalies_before(desk, TUESDAY, known_at=known_at)
