"""Each kind of rule is broken by the row that breaks it and by no other; what cannot be judged has no number."""

from datetime import date, timedelta

import duckdb
import pytest

from orders_monitor.adapters.engine.engine import Engine
from orders_monitor.core.contract import Column, Contract
from orders_monitor.core.errors import StoreUnavailable
from orders_monitor.core.rules import (
    Damaged,
    Differs,
    Facet,
    FlaggedRow,
    HoursEmpty,
    KeyRepeats,
    Level,
    Missing,
    NotInOrder,
    NotProduct,
    Odd,
    OutOfRange,
    OutsideDay,
    Reason,
    RowRepeats,
    RowsPer,
    Rules,
    SeenBefore,
    TopShare,
    Unlike,
    Untrimmed,
    Usual,
    Vanished,
)

ENGINE = Engine()
FIRST, TODAY = date(2024, 3, 1), "2024-03-09"
CONTRACT = Contract(columns=(Column(name="invoice", type="VARCHAR"),))
# 40 invoices of three lines each day; an item has its name, price and quantity; every tenth invoice is a return.
SHOP = """
    SELECT
        (CASE WHEN n // 3 % 10 = 9 THEN 'C' ELSE '' END) || (100000 + 1000 * {day} + n // 3) AS invoice,
        n % 3 + 1 AS line,
        'ITEM' || lpad(CAST(n % 15 AS VARCHAR), 2, '0') AS item,
        'a fine item ' || chr(CAST(65 + n % 15 AS INTEGER)) AS description,
        (CASE WHEN n // 3 % 10 = 9 THEN -1 ELSE 1 END) * (2 + n % 4) AS quantity,
        CAST(1.5 * (1 + n % 15) AS DECIMAL(12,2)) AS price,
        CAST(price * quantity AS DECIMAL(12,2)) AS amount,
        CASE WHEN n // 3 % 4 = 3 THEN NULL ELSE 500 + n // 3 % 7 END AS customer,
        CASE n // 3 % 7 WHEN 0 THEN 'FR' WHEN 1 THEN 'DE' ELSE 'GB' END AS country,
        TIMESTAMP '{date}' + to_hours(8 + n // 3 % 10) AS ordered_at,
        TIMESTAMP '{date}' + to_hours(8 + n // 3 % 10) + to_minutes(n % 3) AS paid_at
    FROM range(120) AS rows(n) ORDER BY n
"""
FORMATS = ("[0-9]{6}", "[A-Z][0-9]{6}")


def row(column, **values):
    """A column that has another value in some rows: `n9="..."` for row 9."""
    cases = " ".join(f"WHEN {number[1:]} THEN {value}" for number, value in values.items())
    return {column: f"CASE rn {cases} ELSE {column} END"}


AGAIN = "SELECT * FROM day UNION ALL SELECT * FROM day WHERE rn = 7"
CASES = {
    "row repeated": (RowRepeats(), AGAIN, [120]),
    "key repeated": (KeyRepeats(columns=("invoice", "line")), row("line", n4="1"), [4]),
    "delivered again": (SeenBefore(columns=("invoice",)), row("invoice", n5="'103001'"), [5]),
    "lost in a group": (Missing(column="customer", given="invoice"), row("customer", n4="NULL"), [4]),
    "other than its group": (Differs(column="country", given="invoice"), row("country", n6="'FR'"), [6]),
    "another's name": (Unlike(column="description", given="item"), row("description", n8="'a fine item A'"), [8]),
    "no name": (Unlike(column="description", given="item"), row("description", n8="NULL"), [8]),
    "price away": (
        Usual(column="price", given="item", factor=1.5),
        row("price", n2="price * 2", n3="price / 2", n4="price * 1.4"),
        [2, 3],
    ),
    "quantity away": (OutOfRange(column="quantity", margin=0.5), row("quantity", n9="99", n10="9"), [9]),
    "unknown code": (Odd(facet=Facet(kind="value", column="item")), row("item", n9="'ITEM99'"), [9]),
    "unknown format": (
        Odd(facet=Facet(kind="format", column="invoice", formats=FORMATS)),
        row("invoice", n9="'10-9003'"),
        [9],
    ),
    "zero": (Odd(facet=Facet(kind="sign", column="price")), row("price", n9="0"), [9]),
    "null": (Odd(facet=Facet(kind="missing", column="ordered_at")), row("ordered_at", n9="NULL"), [9]),
    "sign that does not go with the code": (
        Odd(
            facet=Facet(kind="sign", column="quantity"),
            given=Facet(kind="format", column="invoice", formats=FORMATS),
            below=0.01,
        ),
        row("quantity", n9="-quantity", n27="-quantity"),
        [9, 27],
    ),
    "yesterday": (
        OutsideDay(column="ordered_at", low_s=0, high_s=86400),
        row("ordered_at", n9="ordered_at - INTERVAL 1 DAY", n10="ordered_at + INTERVAL 5 HOUR"),
        [9],
    ),
    "no product": (
        NotProduct(column="amount", factors=("price", "quantity"), slack=0.006),
        row("amount", n9="amount + 1"),
        [9],
    ),
    "paid too early": (
        NotInOrder(column="paid_at", given="ordered_at"),
        row("paid_at", n9="ordered_at - INTERVAL 1 MINUTE"),
        [9],
    ),
    "wrong encoding": (
        Damaged(column="description"),
        row("description", n7="'cafÃ© noir'", n8="'caf\ufffd'", n9="'caf?s'", n10="'café « noir »?'"),
        [7, 8, 9],
    ),
    "white space": (Untrimmed(column="description"), row("description", n9="' x'", n10="'x  y'"), [9]),
}


def land(folder, query, called):
    path = folder / f"{called}.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    return path


def day(number):
    return SHOP.format(day=number, date=(FIRST + timedelta(days=number)).isoformat())


def changed(change):
    """Today with a change: a query over `day`, or what columns become; `rn` is the row's number."""
    numbered = f"SELECT *, row_number() OVER () - 1 AS rn FROM ({day(8)})"
    if isinstance(change, str):
        return f"WITH day AS ({numbered}) SELECT * EXCLUDE (rn) FROM ({change})"
    replaced = ", ".join(f"{sql} AS {column}" for column, sql in change.items())
    return f"SELECT * EXCLUDE (rn) REPLACE ({replaced}) FROM ({numbered})"


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Ordinary days, the last one today, and the memories of six for the rules of all cases."""
    folder = tmp_path_factory.mktemp("shop")
    about_day = (HoursEmpty(column="ordered_at"), Vanished(column="country"), Level(column="price", given="item"))
    rules = Rules(rules=tuple({rule.id: rule for rule, _, _ in CASES.values()}.values()) + about_day)
    days = [land(folder, day(number), f"day{number}") for number in range(9)]
    memories = [folder / f"memory{number}.parquet" for number in range(6)]
    for path, memory in zip(days, memories, strict=False):
        ENGINE.remember(path, rules, into=memory)
    return folder, days, memories, rules


@pytest.mark.parametrize("case", CASES)
def test_a_rule_is_broken_by_the_rows_that_break_it(shop, case):
    """The flagged rows are the broken ones, the share is theirs."""
    folder, _, memories, _ = shop
    rule, change, broken = CASES[case]
    rules, landed = Rules(rules=(rule,)), land(folder, changed(change), "today")

    flagged = ENGINE.flag(landed, rules, memories, partition=TODAY, rows_max=50)
    share = ENGINE.measure(landed, rules, memories, partition=TODAY)[rule.metric]

    assert (broken, len(broken)) == (sorted(row.row for row in flagged), round(share * ENGINE.rows(landed)))


def test_an_ordinary_day_breaks_nothing(shop):
    """None of the rules has a broken row on a day like the others, and no row is flagged."""
    _, days, memories, rules = shop

    measured = ENGINE.measure(days[8], rules, memories, partition=TODAY)

    assert dict.fromkeys((rule.metric for rule in rules.rules), 0.0) == measured
    assert () == ENGINE.flag(days[8], rules, memories, partition=TODAY, rows_max=50)


@pytest.mark.parametrize(
    ("type_", "largest"),
    [
        ("BIGINT", 2**63 - 1),
        ("UBIGINT", 2**64 - 1),
        ("DECIMAL(18,0)", 10**18 - 1),
        ("DECIMAL(38,2)", 10**36 - 1),
        ("VARCHAR", 10**36 - 1),
    ],
)
def test_large_identifiers_are_told_apart(tmp_path, type_, largest):
    """Keys that differ in their last digit are two, however many digits they have; the one that is there twice is."""
    number = f"({largest}::HUGEINT - CASE i WHEN 7 THEN 6 ELSE i END)"
    landed = land(tmp_path, f"SELECT {number}::{type_} AS id FROM range(20) AS rows(i)", "large")

    measured = ENGINE.measure(landed, Rules(rules=(KeyRepeats(columns=("id",)),)), [], partition=TODAY)

    assert {"broken:repeats:id": 0.05} == measured


def test_too_few_days_judge_only_what_needs_none(shop):
    """Without earlier days there is no number for what is compared with them."""
    _, days, memories, rules = shop
    alone = {"row_repeats", "repeats", "missing", "differs", "day", "product", "order", "damaged", "untrimmed"}

    measured = ENGINE.measure(days[8], rules, memories[:4], partition=TODAY)

    assert {rule.metric for rule in rules.rules if rule.id.split(":")[0] in alone} == set(measured)


def test_numbers_of_the_day(shop):
    """Hours and values that are gone, the price level, the most frequent value's share, the lines of an order."""
    folder, _, memories, _ = shop
    rules = Rules(
        rules=(
            HoursEmpty(column="ordered_at"),
            Vanished(column="country"),
            Level(column="price", given="item"),
            TopShare(column="country"),
            RowsPer(column="invoice"),
        )
    )
    less = f"SELECT * REPLACE (price * 2 AS price) FROM ({day(8)}) WHERE hour(ordered_at) <> 9 AND country <> 'FR'"
    landed = land(folder, less, "less")
    with duckdb.connect() as connection:
        top = connection.execute(f"SELECT max(n) / sum(n) FROM (SELECT count(*) AS n FROM '{landed}' GROUP BY country)")
        share = top.fetchone()[0]

    assert {
        "broken:hours_empty:ordered_at": 0.1,
        "broken:vanished:country": 1.0,
        "level:price:item": 0.69314718056,
        "top_share:country": pytest.approx(share),
        "rows_per:invoice": 3.0,
    } == ENGINE.measure(landed, rules, memories, partition=TODAY)


def test_evidence_is_summed_and_ranked(shop):
    """A row with two reasons comes first, each reason as strong as it is rare; nothing of the row is said."""
    folder, _, memories, _ = shop
    sign, text = (
        Odd(facet=Facet(kind="sign", column="price"), ordinary=0.001),
        Damaged(column="description", ordinary=0.05),
    )
    change = {
        "price": "CASE WHEN rn IN (3, 5) THEN 0 ELSE price END",
        "description": "CASE WHEN rn IN (5, 6) THEN 'Ã©' ELSE description END",
    }
    landed = land(folder, changed(change), "two")

    flagged = ENGINE.flag(landed, Rules(rules=(sign, text)), memories, partition=TODAY, rows_max=50)

    rare, frequent = Reason(rule=sign.id, evidence=6.907755), Reason(rule=text.id, evidence=2.995732)
    assert (
        FlaggedRow(row=5, score=9.903488, reasons=(rare, frequent)),
        FlaggedRow(row=3, score=6.907755, reasons=(rare,)),
    ) == flagged


def test_at_most_a_twentieth_of_the_rows_is_flagged(shop):
    """Where everything is broken, no more rows are shown than a person may be asked about, or than were asked for."""
    folder, _, memories, _ = shop
    rules, landed = Rules(rules=(Damaged(column="description"),)), land(folder, changed({"description": "'Ã©'"}), "all")

    assert [6, 2] == [len(ENGINE.flag(landed, rules, memories, partition=TODAY, rows_max=most)) for most in (50, 2)]


@pytest.mark.parametrize("rows", [0, 1])
def test_hardly_any_row_is_no_error(shop, rows):
    """An empty partition has no shares, and one row breaks nothing by being alone."""
    folder, _, memories, rules = shop
    landed = land(folder, f"SELECT * FROM ({day(8)}) LIMIT {rows}", f"rows{rows}")

    ENGINE.remember(landed, rules, into=folder / "hardly.parquet")
    measured = ENGINE.measure(landed, rules, memories, partition=TODAY)

    assert set() == {metric for metric, value in measured.items() if value > 0} - {
        "broken:hours_empty:ordered_at",
        "broken:vanished:country",
    }
    assert () == ENGINE.flag(landed, rules, memories, partition=TODAY, rows_max=50)
    assert rows > 0 or "broken:row_repeats" not in measured


def test_a_column_that_did_not_land_has_no_rule(shop):
    """What is gone, or is of another type, is drift's matter: its rules are not judged, the others are."""
    folder, _, memories, _ = shop
    rules = Rules(
        rules=(Damaged(column="description"), Usual(column="price", given="item", factor=2), Damaged(column="item"))
    )
    landed = land(
        folder, f"SELECT * EXCLUDE (description) REPLACE (CAST(price AS VARCHAR) AS price) FROM ({day(8)})", "gone"
    )

    assert {"broken:damaged:item": 0.0} == ENGINE.measure(landed, rules, memories, partition=TODAY)


def test_memories_are_small_equal_and_hold_no_value(tmp_path):
    """Equal rows make equal memories, at most some thousand rows each; what they are of cannot be read there."""
    rules = Rules(
        rules=(
            SeenBefore(columns=("mail",)),
            Usual(column="x", given="mail", factor=2),
            Unlike(column="name", given="mail"),
        )
    )
    rows = "SELECT 'anna' || n || '@example.com' AS mail, 'Anna' || n AS name, n + 0.5 AS x FROM range(20000) AS r(n)"
    landed = land(tmp_path, rows, "big")
    for called in ("one", "two"):
        ENGINE.remember(landed, rules, into=tmp_path / called)

    held = (tmp_path / "one").read_bytes()

    assert held == (tmp_path / "two").read_bytes()
    assert 3 * 3500 < ENGINE.rows(tmp_path / "one") < 3 * 4700
    assert b"anna" not in held.lower()


def test_a_sample_of_many_keys_is_the_same_on_every_day(tmp_path):
    """Keys delivered again are found among those that are kept, and none is called new because it was not kept."""
    rules = Rules(rules=(SeenBefore(columns=("id",)), Odd(facet=Facet(kind="value", column="code"))))
    columns = "n + {0} AS id, 'code' || n AS code"
    memories = []
    for number in range(6):
        landed = land(tmp_path, f"SELECT {columns.format(8000 * number)} FROM range(8000) AS r(n)", f"day{number}")
        memories.append(tmp_path / f"memory{number}")
        ENGINE.remember(landed, rules, into=memories[-1])
    half = land(tmp_path, f"SELECT {columns.format(44000)} FROM range(8000) AS r(n)", "half")

    measured = ENGINE.measure(half, rules, memories, partition=TODAY)

    assert {"broken:again:id": pytest.approx(0.5, abs=0.05), "broken:never:value(code)": 0.0} == measured


@pytest.mark.parametrize("spoil", ["removed", "garbage", "another table"])
def test_a_memory_that_cannot_be_read_is_said_to_be_the_cause(shop, tmp_path, spoil):
    """Whoever looks at the night reads which store is broken, and not what DuckDB thinks of folders."""
    _, days, memories, rules = shop
    spoiled = tmp_path / "memory.parquet"
    if spoil == "garbage":
        spoiled.write_bytes(b"garbage")
    if spoil == "another table":
        duckdb.sql("SELECT 1 AS other").write_parquet(str(spoiled))

    with pytest.raises(StoreUnavailable, match=r"^memory") as refused:
        ENGINE.measure(days[8], rules, [*memories[:4], spoiled], partition=TODAY)

    assert (spoil == "removed") == ("calibrate again" in str(refused.value))
