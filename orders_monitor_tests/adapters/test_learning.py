"""What is learned is what holds, whatever the columns are called; what holds by accident is not learned."""

from datetime import date, timedelta
from math import isfinite

import duckdb
import pytest

from orders_monitor.adapters.engine.engine import Engine
from orders_monitor.adapters.engine.rules.candidates_between import exact_shape, loose_shape
from orders_monitor.core.contract import Column, Contract
from orders_monitor.core.rules import Level, OutOfRange, Rules

ENGINE = Engine()
CONTRACT = Contract(columns=(Column(name="id", type="BIGINT"),))
FIRST = date(2024, 3, 1)
NAMES = ("invoice", "item", "label", "quantity", "price", "amount", "customer", "country", "sold", "noise")
HOSTILE = ('"; DROP TABLE x --', "select", "{0}", "a:b", "c0", "rn", "day", "key", "né\x01e\x1b[31m", " ")
# Orders of one to four lines; an item has a label and a price, a customer a country; noise follows from nothing.
SHOP = """
    SELECT
        (CASE WHEN h % 10 = 9 THEN 'C' ELSE '' END) || (100000 + 1000 * {day} + o) AS "{0}",
        'I' || lpad(CAST(i AS VARCHAR), 3, '0') AS "{1}",
        'label ' || md5(CAST(i AS VARCHAR)) AS "{2}",
        CAST(CASE WHEN h % 10 = 9 THEN -1 ELSE 1 END * (1 + r % 50) AS INTEGER) AS "{3}",
        CAST(1.25 * pow(1.11, i) AS DECIMAL(12,2)) AS "{4}",
        CAST("{3}" * "{4}" AS DECIMAL(14,2)) AS "{5}",
        CASE WHEN h % 4 = 0 THEN NULL ELSE 500 + h % 60 END AS "{6}",
        ['FR', 'DE', 'GB', 'PL'][1 + h % 60 % 4] AS "{7}",
        TIMESTAMP '{date}' + to_minutes(CAST(420 + h % 700 AS BIGINT)) AS "{8}",
        r // 64 % 1000 AS "{9}"
    FROM (
        SELECT *, CAST(hash({day}, o) % 1000003 AS BIGINT) AS h,
            CAST(hash({day}, o, l) % 1000003 AS BIGINT) AS r, CAST(hash({day}, o, l) % 40 AS BIGINT) AS i
        FROM range(150) AS orders(o), range(4) AS lines(l) WHERE l <= hash({day}, o) % 4
    ) ORDER BY o, l
"""
FOUND = {
    "again:0", "differs:6:0", "differs:7:0", "differs:8:0", "missing:6:0", "rows_per:0",
    "unlike:2:1", "unlike:1:2", "unlike:7:6", "usual:4:1", "usual:4:2", "product:5:3:4",
}  # fmt: skip  # a set reads better


def land(folder, names, days):
    paths = []
    for number in range(days):
        at = FIRST + timedelta(days=number)
        paths.append(folder / f"{at}.parquet")
        quoted = [name.replace('"', '""') for name in names]
        query = SHOP.replace("{day}", str(number)).replace("{date}", at.isoformat())
        for place, name in enumerate(quoted):
            query = query.replace(f'"{{{place}}}"', f'"{name}"')
        with duckdb.connect() as connection:
            connection.execute(f"COPY ({query}) TO '{paths[-1]}' (FORMAT parquet)")
    return paths


def learned(folder, names):
    paths = land(folder, names, 16)
    return paths, ENGINE.learn(paths, CONTRACT, partitions=[path.stem for path in paths])


def said(rules, names):
    """The ids with the columns' places for their names."""
    return {
        ":".join([rule.id.split(":")[0], *(str(names.index(name)) for name in rule.about())]) for rule in rules.rules
    }


@pytest.mark.parametrize(
    ("value", "exact", "loose"),
    [
        ("536365", "[0-9]{6}", "[0-9]+"),
        ("C53-6.é", "[A-Z][0-9]{2}\\x{2D}[0-9]\\x{2E}\\x{E9}", "[A-Z]+[0-9]+\\x{2D}[0-9]+\\x{2E}\\x{E9}"),
        ("'));--", "\\x{27}\\x{29}{2}\\x{3B}\\x{2D}{2}", "\\x{27}\\x{29}\\x{29}\\x{3B}\\x{2D}\\x{2D}"),
    ],
)
def test_a_format_is_an_expression_that_matches_its_value(value, exact, loose):
    """No character of a value means anything in the expression that is made of it."""
    assert (exact, loose) == (exact_shape(value), loose_shape(value))
    with duckdb.connect() as connection:
        matched = "SELECT regexp_full_match(?, ?), regexp_full_match(?, ?)"
        assert (True, True) == connection.execute(matched, [value, exact, value, loose]).fetchone()


def test_without_days_nothing_is_learned():
    """No history is no error."""
    assert Rules() == ENGINE.learn([], CONTRACT, partitions=[])


EXTREME = """
    SELECT 'I' || n % 9 AS item,
        [5e-324, 1e308 + n * 1e304, -1e308 - n * 1e304, n, 'inf', 'nan'][(1 + hash(n, {day}) % 6)::BIGINT]::DOUBLE AS x,
        ['infinity'::TIMESTAMP, '-infinity'::TIMESTAMP, TIMESTAMP '{date} 08:00:00'][1 + n % 3] AS at
    FROM range(900) AS rows(n)
"""


@pytest.mark.slow
def test_numbers_and_times_at_their_limits_are_learned_from_and_measured(tmp_path):
    """Infinities, and numbers whose quotients and differences are no doubles, end no scan and give finite numbers."""
    days = [(FIRST + timedelta(days=number)).isoformat() for number in range(7)]
    paths, memories = [tmp_path / f"{day}.parquet" for day in days], [tmp_path / f"{day}.memory" for day in days[:6]]
    with duckdb.connect() as connection:
        for number, path in enumerate(paths):
            query = EXTREME.format(day=number, date=path.stem)
            connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")

    level = Level(column="x", given="item")
    rules = Rules(rules=(*ENGINE.learn(paths[:6], CONTRACT, partitions=days[:6]).rules, level))
    for path, memory in zip(paths, memories, strict=False):
        ENGINE.remember(path, rules, into=memory)
    measured = ENGINE.measure(paths[6], rules, memories, partition=days[6])

    assert {"range:x"} == {rule.id for rule in rules.rules if isinstance(rule, OutOfRange)}
    assert [] == [metric for metric, value in measured.items() if not isfinite(value)]
    assert () == ENGINE.flag(paths[6], rules, memories, partition=days[6], rows_max=9)


@pytest.mark.slow
def test_what_holds_is_learned_whatever_the_columns_are_called(tmp_path):
    """Hostile names change no rule; the relations that were put in are found, and none about the noise."""
    (tmp_path / "plain").mkdir()
    (tmp_path / "hostile").mkdir()

    paths, plain = learned(tmp_path / "plain", NAMES)
    _, hostile = learned(tmp_path / "hostile", HOSTILE)

    assert said(plain, NAMES) == said(hostile, HOSTILE)
    assert set() == FOUND - said(plain, NAMES)
    related = ("unlike", "usual", "differs", "missing", "product", "level")
    assert [] == [rule.id for rule in plain.rules if rule.id.startswith(related) and "noise" in rule.about()]
    assert plain == ENGINE.learn(paths, CONTRACT, partitions=[path.stem for path in paths])


@pytest.mark.slow
def test_one_day_and_empty_days_teach_little_and_break_nothing(tmp_path):
    """With a day there is nothing to compare; days without a row have no rules at all."""
    paths = land(tmp_path, NAMES, 1)
    empty = tmp_path / "2024-02-29.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT * FROM '{paths[0]}' LIMIT 0) TO '{empty}' (FORMAT parquet)")

    alone = ENGINE.learn(paths, CONTRACT, partitions=["2024-03-01"])
    nothing = ENGINE.learn([empty, empty], CONTRACT, partitions=["2024-02-28", "2024-02-29"])

    assert (1, 2) == (alone.days, nothing.days)
    assert [] == [rule.id for rule in nothing.rules if rule.id.startswith(("unlike", "usual", "differs", "never"))]
