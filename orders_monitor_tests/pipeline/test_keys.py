from datetime import UTC, datetime

import pytest

from orders_monitor.pipeline.keys import complete_partitions
from orders_monitor_tests.small_shop import declared

LONG_AFTER = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("partitions", "at", "expected"),
    [
        ({"start": "2026-03-01", "end": "2026-03-03"}, LONG_AFTER, ["2026-03-01", "2026-03-02", "2026-03-03"]),
        ({"start": "2026-03-01", "end": "2026-03-01"}, LONG_AFTER, ["2026-03-01"]),
        (
            {"start": "2026-03-01", "end": "2026-03-09"},
            datetime(2026, 3, 3, 1, tzinfo=UTC),
            ["2026-03-01", "2026-03-02"],
        ),
        ({"start": "2026-03-01"}, datetime(2026, 3, 3, 1, tzinfo=UTC), ["2026-03-01", "2026-03-02"]),
        # In Warsaw the third of March is over an hour before it is in UTC.
        (
            {"start": "2026-03-02", "timezone": "Europe/Warsaw"},
            datetime(2026, 3, 3, 23, 30, tzinfo=UTC),
            ["2026-03-02", "2026-03-03"],
        ),
        ({"start": "2026-03-03"}, datetime(2026, 3, 3, 1, tzinfo=UTC), []),
    ],
)
def test_the_complete_partitions_are_from_the_start_to_the_end(tmp_path, partitions, at, expected):
    """The declared end is the last partition; without one every day that is over in the table's zone is a partition."""
    table = declared(tmp_path, partitions=partitions)

    assert expected == complete_partitions(table, at)
