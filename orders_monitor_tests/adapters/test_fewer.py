"""A partition with some of its rows left out, in real files."""

import duckdb
import pytest

from orders_monitor.adapters.engine.engine import Engine
from orders_monitor.core.errors import PlanInapplicable
from orders_monitor.core.predicate import NotIn, OutOfRange

ROWS = """
SELECT * FROM (VALUES (3, 'a'), (1, 'b'), (3, 'a'), (NULL, 'c'), (2, NULL), (NULL, 'c'), (3, 'b')) t("file row", "x""y")
"""


@pytest.fixture
def landed(tmp_path):
    path = tmp_path / "landed.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({ROWS}) TO '{path}' (FORMAT parquet)")
    return path


def rows(path):
    with duckdb.connect() as connection:
        return connection.execute(f"SELECT * FROM '{path}'").fetchall()


def test_of_equal_rows_the_first_stays_in_its_place(landed, tmp_path):
    """Nulls are equal to each other, and rows that differ in one column are not."""
    into = tmp_path / "once.parquet"

    assert (5, [(3, "a"), (1, "b"), (None, "c"), (2, None), (3, "b")]) == (Engine().once(landed, into=into), rows(into))


def test_rows_that_a_predicate_catches_are_left_out(landed, tmp_path):
    """A missing value is not caught by a set of allowed ones; the others stay in their order."""
    into = tmp_path / "without.parquet"
    kept = Engine().without(landed, NotIn(column='x"y', values=("a", "c")), into=into)

    assert (5, [(3, "a"), (3, "a"), (None, "c"), (2, None), (None, "c")]) == (kept, rows(into))


def test_a_bound_that_the_column_cannot_hold_is_refused(landed, tmp_path):
    """In words of ours, and nothing is written."""
    into = tmp_path / "without.parquet"
    with pytest.raises(PlanInapplicable):
        Engine().without(landed, OutOfRange(column="file row", minimum="soon", maximum=None), into=into)

    assert not into.exists()
