"""Incidents in real bytes: what each kind does to a small table whose columns nobody named in the code."""

from collections import Counter

import duckdb
import pytest

from orders_monitor.adapters.engine.engine import Engine
from orders_monitor.core.contract import Column, Contract
from orders_monitor.core.injection import KINDS, kinds_named
from orders_monitor_tests.published import day_of

COUNT = 400
CONTRACT = Contract(
    columns=(
        Column(name="bon", type="VARCHAR"),
        Column(name='Artikel "Nr" x', type="VARCHAR"),
        Column(name="text", type="VARCHAR"),
        Column(name="land", type="VARCHAR"),
        Column(name="menge", type="BIGINT"),
        Column(name="preis", type="DECIMAL(10,2)", unit="EUR"),
        Column(name="summe", type="DOUBLE", unit="EUR"),
        Column(name="kunde", type="BIGINT", personal=True),
        Column(name="zeit", type="TIMESTAMP"),
        Column(name="tag", type="VARCHAR"),
    )
)  # fmt: skip  # a table
ROWS = """
SELECT
    'B' || (536000 + {day} * 100 + i // 5) AS bon,
    'A' || (1000 + hash(i, {day}) % 60) AS "Artikel ""Nr"" x",
    'a nice thing ' || (hash(i, {day}) % 60) AS "text",
    CASE WHEN i % 10 < 7 THEN 'Germany' WHEN i % 10 < 9 THEN 'France' ELSE 'Spain' END AS land,
    CAST(1 + i % 12 AS BIGINT) AS menge,
    CAST(1.25 + hash(i, {day}) % 60 AS DECIMAL(10,2)) AS preis,
    (1 + i % 12) * (1.25 + hash(i, {day}) % 60) AS summe,
    CAST(20000 + i // 5 % 37 AS BIGINT) AS kunde,
    TIMESTAMP '{date} 08:00:00' + INTERVAL (i * 36000 // {count}) SECOND AS zeit,
    '{date}' AS tag
FROM range({count}) t(i)
"""


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    """Two days that follow on each other."""
    folder = tmp_path_factory.mktemp("days")
    paths = [folder / "before.parquet", folder / "today.parquet"]
    with duckdb.connect() as connection:
        for number, path in enumerate(paths):
            sql = ROWS.format(day=number, date=day_of(number), count=COUNT)
            connection.execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet)")
    return paths


@pytest.fixture
def inject(days, tmp_path):
    """Inject a kind into today and give what was done and the rows."""
    before, today = days

    def done(name: str, seed: str = "seed", earlier=before):
        (kind,), into = kinds_named([name]), tmp_path / f"{name}.parquet"
        found = Engine().inject(today, kind, CONTRACT, seed=seed, earlier=earlier, into=into)
        return found, rows_of(into) if found else None

    return done


def rows_of(path) -> list[tuple]:
    with duckdb.connect() as connection:
        return connection.execute(f"SELECT * FROM read_parquet('{path}')").fetchall()


@pytest.mark.slow
@pytest.mark.parametrize("name", [kind.name for kind in KINDS])
def test_every_kind_changes_rows_and_no_column(name, inject, days):
    """Every kind finds its column here; names, types and order stay, and what it says that it changed is changed."""
    found, rows = inject(name)
    was, now = Counter(rows_of(days[1])), Counter(rows)

    assert (found.rows, found.rows_changed) == (len(rows), max((was - now).total(), (now - was).total()))
    assert found.rows_changed > 0


def test_the_same_seed_makes_the_same_bytes(inject, tmp_path):
    """Another seed hits other rows."""
    first = (inject("nulls_at_random"), (tmp_path / "nulls_at_random.parquet").read_bytes())
    again = (inject("nulls_at_random"), (tmp_path / "nulls_at_random.parquet").read_bytes())
    other = (inject("nulls_at_random", seed="other"), (tmp_path / "nulls_at_random.parquet").read_bytes())

    assert first == again != other


def test_amounts_of_one_unit_change_together(inject, days):
    """A unit is not one column's: the price and the sum come in hundredths, the number of pieces does not."""
    found, rows = inject("amounts_x100")
    expected = [(*r[:5], r[5] * 100, pytest.approx(r[6] * 100), *r[7:]) for r in rows_of(days[1])]

    assert (("preis", "summe"), COUNT) == (found.columns, found.rows_changed)
    assert expected == rows


def test_yesterdays_rows_come_under_todays_name(inject, days):
    """What is one value all day is today's, everything else is as it was yesterday."""
    _, rows = inject("yesterday_again")

    assert sorted((*row[:9], day_of(1)) for row in rows_of(days[0])) == sorted(rows)


def test_more_of_the_same_business_has_identifiers_of_its_own(inject, days):
    """Three times the rows are no repetition: every further copy is of other orders."""
    _, rows = inject("volume_tripled")

    assert (3 * COUNT, 3 * len({row[0] for row in rows_of(days[1])})) == (len(rows), len({row[0] for row in rows}))


def test_whole_groups_are_hit(inject):
    """Of an order every line loses its value, or none."""
    found, rows = inject("nulls_in_groups", seed="2")
    place = [column.name for column in CONTRACT.columns].index(found.columns[0])
    missing = {bon: {row[place] is None for row in rows if row[0] == bon} for bon in {row[0] for row in rows}}

    assert {1} == {len(each) for each in missing.values()}


def test_what_a_table_does_not_have_is_not_changed(tmp_path):
    """A table of numbers has no texts and no times: nothing is written."""
    path, into = tmp_path / "numbers.parquet", tmp_path / "into.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT i, i * 1.5 AS x FROM range(50) t(i)) TO '{path}' (FORMAT parquet)")
    contract = Contract(columns=(Column(name="i", type="BIGINT"), Column(name="x", type="DOUBLE")))
    kinds = kinds_named(["encoding_damaged", "hours_missing", "category_lost", "day_before"])

    assert [None] * 4 == [Engine().inject(path, kind, contract, seed="s", earlier=None, into=into) for kind in kinds]
    assert not into.exists()
