"""The profile of files too large to keep whole: one pass, the same on every machine, and near what counting gives."""

import duckdb
import pytest

from orders_monitor.adapters.engine.engine import Engine
from orders_monitor.adapters.engine.profiling.detail import edges_of
from orders_monitor.core.profile import ColumnProfile, Profile

ROWS = 200_000
QUERY = f"""
    SELECT i AS id, (i * 7919 % 50000)::INTEGER AS customer, CASE WHEN i % 10 <> 0 THEN (i * 31 % 977) / 7.0 END AS weight,
        ['new', 'paid', 'sent'][1 + i % 3] AS status, 'C-' || (i * 104729 % {ROWS}) AS code,
        TIMESTAMP '2024-03-05' + INTERVAL (i * 13 % 86400) SECOND AS at, i::DECIMAL(12,2) / 4 AS price
    FROM range({ROWS}) t(i)
"""  # noqa: E501 - a query of our own, one line a thought


@pytest.fixture(scope="module")
def landed(tmp_path_factory):
    """A file of which not every row is kept."""
    path = tmp_path_factory.mktemp("profile") / "landed.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({QUERY}) TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 20480)")
    return path


@pytest.fixture(scope="module")
def profile(landed):
    """Its profile, with a personal column."""
    return Engine(threads=2).profile(landed, personal=frozenset({"code"}))


@pytest.mark.slow
def test_threads_change_nothing(landed, profile):
    """One thread or four: equal bytes have the same profile as with two, to the last digit."""
    for threads in (1, 4):
        assert profile == Engine(threads=threads).profile(landed, personal=frozenset({"code"}))


def test_what_every_row_tells_is_exact(profile):
    """Rows, nulls, extremes, totals and means are counted, and repetitions up to a million rows."""
    assert (ROWS, 0, False) == (profile.rows, profile.duplicate_rows, profile.duplicate_rows_approximate)
    total = sum(i * 31 % 977 / 7.0 for i in range(ROWS) if i % 10)
    assert [
        (0, "0", str(ROWS - 1), (ROWS - 1) / 2, sum(range(ROWS))),
        (0, "0", "49999", 24999.5, 24999.5 * ROWS),
        (ROWS // 10, "0.0", "139.42857142857142", *(float(f"{n:.12g}") for n in (total / (ROWS * 0.9), total))),
        (0, None, None, None, None),
        (0, None, None, None, None),
        (0, "2024-03-05 00:00:00", "2024-03-05 23:59:59", None, None),
        (0, "0.0", "49999.75", 24999.875, 24999.875 * ROWS),
    ] == [(c.nulls, c.minimum, c.maximum, c.mean, c.total) for c in profile.columns]


def test_what_is_estimated_is_near_and_says_so(profile):
    """Distinct values, quantiles, frequent values, hours and bins are within a few percent, and labelled."""
    by_name = {column.name: column for column in profile.columns}
    assert ROWS > profile.sampled_rows > 0
    assert all("distinct" in c.approximate and "nulls" not in c.approximate for c in profile.columns)
    assert pytest.approx(ROWS, rel=0.03) == by_name["id"].distinct
    assert pytest.approx(50_000, rel=0.03) == by_name["customer"].distinct
    assert (977, 3) == (by_name["weight"].distinct, by_name["status"].distinct)
    assert pytest.approx([q * ROWS for q in (0.05, 0.25, 0.5, 0.75, 0.95)], rel=0.05) == by_name["id"].quantiles
    assert {"new", "paid", "sent"} == {value for value, _ in by_name["status"].top}
    assert pytest.approx([ROWS / 3] * 3, rel=0.03) == [rows for _, rows in by_name["status"].top]
    assert pytest.approx([ROWS / 24] * 24, rel=0.1) == by_name["at"].hours
    assert pytest.approx(ROWS * 0.9, rel=0.001) == sum(rows for *_, rows in by_name["weight"].histogram)


def test_the_shape_of_a_personal_column_shows_no_value(profile):
    """Of a personal column only counts, lengths, hashes and shapes are kept."""
    code = profile.column("code")

    assert (None, None, (), (), ()) == (code.minimum, code.maximum, code.quantiles, code.top, code.histogram)
    assert {"A-9", "A-99", "A-999", "A-9999", "A-99999", "A-999999"} >= {shape for shape, _ in code.patterns}


def test_the_sketch_is_of_every_value(landed, profile):
    """Of a column with many values the smallest hashes are of all of them, not of those in the sampled rows."""
    with duckdb.connect() as connection:
        found = connection.execute(
            "SELECT DISTINCT hash(customer::DOUBLE) FROM read_parquet($path) ORDER BY 1 LIMIT 64", {"path": str(landed)}
        ).fetchall()

    assert tuple(row[0] for row in found) == profile.column("customer").sketch


def test_not_a_number_leaves_no_mean(tmp_path):
    """Of a large column with NaN or infinity there is no mean, and the scan goes on."""
    path = tmp_path / "odd.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            "COPY (SELECT CASE WHEN i = 5 THEN 'nan'::DOUBLE ELSE 1 END AS a, CASE WHEN i = 5 THEN '-inf'::DOUBLE "
            f"ELSE 2 END AS b, 1e300 * (i % 2) AS c, 0.0::FLOAT AS d FROM range({ROWS}) t(i)) TO '{path}'"
        )
    profile = Engine().profile(path, personal=frozenset())

    assert [(None, None), (None, None), (5e299, 1e305), (0.0, 0.0)] == [
        (column.mean, column.total) for column in profile.columns
    ]


def test_a_profile_recorded_before_there_were_histograms_is_read(profile):
    """Fields that came later have defaults: an old journal still folds."""
    old = '{"rows":1,"duplicate_rows":0,"columns":[{"name":"a","type":"BIGINT","nulls":0,"distinct":1}]}'
    column = ColumnProfile(name="a", type="BIGINT", nulls=0, distinct=1)

    assert Profile(rows=1, duplicate_rows=0, columns=(column,)) == Profile.model_validate_json(old)
    assert max(len(c.model_dump_json()) for c in profile.columns) < 4_096


@pytest.mark.parametrize(
    ("quantiles", "low", "high", "edges"),
    [
        ((1.0, 2.0, 3.0, 4.0, 5.0), 1.0, 5.0, (1.0, 1.2, 1.4)),
        ((0.0,) * 5, 0.0, 1e9, (0.0, 5e7, 1e8)),
        ((5.0,) * 5, 5.0, 5.0, ()),
        ((), None, None, ()),
        ((-1e308, 0.0, 0.0, 0.0, 1e308), -1e308, 1e308, ()),
        ((1e18, 1e18, 1e18, 1e18, 1e18 + 256), 1e18, 1e18 + 256, ()),
    ],
)
def test_bins_have_round_edges_or_there_are_none(quantiles, low, high, edges):
    """Where numbers are too large or too near for round edges that differ, there is no histogram."""
    assert edges == edges_of(quantiles, low, high)[:3]
