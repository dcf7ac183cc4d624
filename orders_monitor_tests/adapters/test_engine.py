"""The engine applies a plan to the landed bytes and nothing else: no row is lost, no value changes unasked."""

import hashlib
import math
from datetime import date, datetime
from decimal import Decimal

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orders_monitor.adapters.engine.application import Applied
from orders_monitor.adapters.engine.engine import Engine
from orders_monitor.core.contract import Column, Contract
from orders_monitor.core.errors import PlanInapplicable, StoreUnavailable
from orders_monitor.core.plan import (
    AcceptChange,
    CastColumn,
    DropDuplicates,
    Hold,
    Plan,
    PublishAsIs,
    QuarantineRows,
    RenameColumn,
    ScaleColumn,
)
from orders_monitor.core.predicate import IsNull, LongerThan, NotIn, NotMatching, OutOfRange
from orders_monitor.core.schema import ColumnSchema, Schema
from orders_monitor.core.totals import Control, Total

ENGINE = Engine()
HOSTILE = "\"; drop table x --'"
CONTRACT = Contract(
    columns=(
        Column(name="order_id", type="BIGINT"),
        Column(name="status", type="VARCHAR"),
        Column(name="amount", type="DECIMAL(12,2)"),
    )
)
LANDED = """
    SELECT * FROM (VALUES
        (1::BIGINT, 'paid', 10.50::DECIMAL(12,2)),
        (2, 'paid', NULL),
        (1, 'paid', 10.50),
        (3, 'lost?', -1.00),
        (4, NULL, 99.99),
        (3, 'lost?', -1.00)) AS t(order_id, status, amount)
"""


def land(folder, query, name="landed"):
    path = folder / f"{name}.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    return path


def rows(path):
    with duckdb.connect() as connection:
        return connection.execute("FROM read_parquet(?, hive_partitioning = false)", [str(path)]).fetchall()


def plan(*actions):
    return Plan(
        table="orders_daily", partition="2024-03-04", landed_digest="l", release="1", origin="agent", actions=actions
    )


def applied(folder, landed, *actions, contract=CONTRACT, engine=ENGINE):
    """What came of a plan: the counts, the candidate's rows, and the quarantine's rows or None."""
    into, aside = folder / "candidate.parquet", folder / "quarantine.parquet"
    counts = engine.apply(landed, plan(*actions), contract, into=into, quarantine_into=aside)
    return counts, rows(into), rows(aside) if aside.exists() else None


def refusal(folder, landed, *actions, contract=CONTRACT):
    with pytest.raises(PlanInapplicable) as refused:
        applied(folder, landed, *actions, contract=contract)
    return refused.value.why


# Plans


def test_published_as_is_every_row_stays_in_its_order(tmp_path):
    """Without another action the candidate is the landed rows, duplicates and all."""
    assert (
        Applied(rows=6, quarantined_rows=0, duplicate_rows=0, landed_rows=6),
        rows(land(tmp_path, LANDED, "again")),
        None,
    ) == applied(tmp_path, land(tmp_path, LANDED), PublishAsIs())


def test_what_a_plan_leaves_alone_is_the_landed_file_again(tmp_path):
    """Nothing to change gives the landed bytes, whoever wrote them; anything to change gives others."""
    landed = land(tmp_path, LANDED)
    reordered = Contract(columns=tuple(reversed(CONTRACT.columns)))
    bytes_of = {}
    for name, contract, action in (
        ("alone", CONTRACT, PublishAsIs()),
        ("reordered", reordered, PublishAsIs()),
        ("quarantined", CONTRACT, QuarantineRows(where=IsNull(column="status"))),
        ("no row quarantined", CONTRACT, QuarantineRows(where=IsNull(column="order_id"))),
    ):
        into = tmp_path / f"{name}.parquet"
        ENGINE.apply(landed, plan(action), contract, into=into, quarantine_into=tmp_path / "aside.parquet")
        bytes_of[name] = into.read_bytes() == landed.read_bytes()

    assert {"alone": True, "reordered": False, "quarantined": False, "no row quarantined": True} == bytes_of


def test_a_candidate_that_cannot_be_copied_is_a_sentence(tmp_path):
    """A folder that is not there is the store's trouble."""
    landed = land(tmp_path, LANDED)
    with pytest.raises(StoreUnavailable, match="No such file or directory"):
        ENGINE.apply(
            landed, plan(PublishAsIs()), CONTRACT, into=tmp_path / "gone" / "c.parquet", quarantine_into=tmp_path / "q"
        )


def test_duplicates_keep_the_first(tmp_path):
    """Of rows that are equal in every column the first in the file stays, where it was."""
    assert (
        Applied(rows=4, quarantined_rows=0, duplicate_rows=2, landed_rows=6),
        [
            (1, "paid", Decimal("10.50")),
            (2, "paid", None),
            (3, "lost?", Decimal("-1.00")),
            (4, None, Decimal("99.99")),
        ],
        None,
    ) == applied(tmp_path, land(tmp_path, LANDED), DropDuplicates())


def test_quarantined_rows_are_kept_as_landed_with_every_reason(tmp_path):
    """What two predicates catch lies in the quarantine once, with both reasons."""
    assert (
        Applied(rows=4, quarantined_rows=2, duplicate_rows=0, landed_rows=6),
        [
            (1, "paid", Decimal("10.50")),
            (2, "paid", None),
            (1, "paid", Decimal("10.50")),
            (4, None, Decimal("99.99")),
        ],
        [(3, "lost?", Decimal("-1.00"), "status is not an allowed value; amount is outside 0 to ...")] * 2,
    ) == applied(
        tmp_path,
        land(tmp_path, LANDED),
        QuarantineRows(where=NotIn(column="status", values=("paid", "sent"))),
        QuarantineRows(where=OutOfRange(column="amount", minimum="0")),
    )


def test_a_row_has_one_fate(tmp_path):
    """A repeated row that a predicate also catches is a dropped duplicate; its first copy is quarantined."""
    counts, kept, aside = applied(
        tmp_path,
        land(tmp_path, LANDED),
        DropDuplicates(),
        QuarantineRows(where=OutOfRange(column="amount", minimum="0")),
    )

    assert Applied(rows=3, quarantined_rows=1, duplicate_rows=2, landed_rows=6) == counts
    assert [1, 2, 4] == [row[0] for row in kept]
    assert [(3, "lost?", Decimal("-1.00"), "amount is outside 0 to ...")] == aside


def test_renamed_cast_and_scaled_at_once(tmp_path):
    """Cents under another name become the contract's amount; predicates see the amount."""
    landed = land(tmp_path, "SELECT * FROM (VALUES (1050, '7', 'paid'), (5, '8', 'paid')) t(total_cents, id, status)")

    assert (
        Applied(rows=1, quarantined_rows=1, duplicate_rows=0, landed_rows=2),
        [(7, "paid", Decimal("10.50"))],
        [(5, "8", "paid", "amount is outside 1 to ...")],
    ) == applied(
        tmp_path,
        landed,
        RenameColumn(column="total_cents", to="amount"),
        ScaleColumn(column="amount", divide_by=100),
        RenameColumn(column="id", to="order_id"),
        # Called by the name it landed under: the same column.
        CastColumn(column="id", type="INT8"),
        QuarantineRows(where=OutOfRange(column="amount", minimum="1")),
    )


def test_what_the_contract_does_not_know_is_not_published(tmp_path):
    """An accepted new column stays in the landed file; the candidate has the contract's columns in its order."""
    landed = land(
        tmp_path, "SELECT 'x' AS coupon, 1.5::DECIMAL(12,2) AS amount, 'paid' AS status, 1::BIGINT AS order_id"
    )

    assert (
        Applied(rows=1, quarantined_rows=0, duplicate_rows=0, landed_rows=1),
        [(1, "paid", Decimal("1.50"))],
        None,
    ) == applied(tmp_path, landed, AcceptChange(column="coupon"))
    assert CONTRACT.promised_schema == ENGINE.schema(tmp_path / "candidate.parquet")


def test_a_plan_that_holds_is_never_applied(tmp_path):
    """Hold means no candidate."""
    with pytest.raises(ValueError, match="a plan that holds its partition is not applied"):
        applied(tmp_path, land(tmp_path, LANDED), Hold(why="half of the day is missing"))


def test_every_row_may_be_quarantined(tmp_path):
    """A candidate without rows has the contract's columns all the same."""
    counts, kept, _ = applied(
        tmp_path,
        land(tmp_path, LANDED),
        QuarantineRows(where=NotIn(column="order_id", values=())),
    )

    assert (Applied(rows=0, quarantined_rows=6, duplicate_rows=0, landed_rows=6), []) == (counts, kept)
    assert CONTRACT.promised_schema == ENGINE.schema(tmp_path / "candidate.parquet")


def test_an_empty_landing_gives_an_empty_candidate(tmp_path):
    """The contract's columns and no row go through every kind of action."""
    ENGINE.empty(CONTRACT, tmp_path / "landed.parquet")

    assert (Applied(rows=0, quarantined_rows=0, duplicate_rows=0, landed_rows=0), [], None) == applied(
        tmp_path,
        tmp_path / "landed.parquet",
        DropDuplicates(),
        QuarantineRows(where=IsNull(column="status")),
    )


def test_hostile_names_are_names(tmp_path):
    """A column called like a statement, like our own row number or like our own reason is a column."""
    landed = land(
        tmp_path,
        f'SELECT 1::BIGINT AS "{HOSTILE.replace(chr(34), chr(34) * 2)}", 2::BIGINT AS file_row_number, '
        '3::BIGINT AS _Quarantine_Reason, 4::BIGINT AS c0, 5::BIGINT AS """"',
    )
    contract = Contract(columns=tuple(Column(name=name, type="BIGINT") for name in (HOSTILE, "file_row_number", "c0")))

    assert (
        Applied(rows=0, quarantined_rows=1, duplicate_rows=0, landed_rows=1),
        [],
        [(1, 2, 3, 4, 5, f"{HOSTILE} is not an allowed value")],
    ) == applied(
        tmp_path,
        landed,
        DropDuplicates(),
        QuarantineRows(where=NotIn(column=HOSTILE, values=("2",))),
        contract=contract,
    )
    assert "_quarantine_reason_" == ENGINE.schema(tmp_path / "quarantine.parquet").names[-1]


def test_a_folder_name_is_not_a_column(tmp_path):
    """A file under `partition_date=...` has the columns that are in it."""
    folder = tmp_path / "partition_date=2024-03-04" / "a[b]*?"
    folder.mkdir(parents=True)
    path = land(folder, "SELECT 1 AS a")

    assert Schema(columns=(ColumnSchema(name="a", type="INTEGER"),)) == ENGINE.schema(path)
    assert 1 == ENGINE.rows(path)


@pytest.mark.parametrize(
    ("landed", "actions", "why"),
    [
        ("SELECT 1::BIGINT AS order_id, 'a' AS status", (), "'amount' did not come, and no column is renamed to it"),
        (LANDED, (RenameColumn(column="total", to="amount"),), "'total' is to be renamed and did not come"),
        (LANDED, (RenameColumn(column="amount", to="total"),), "'total' is not a column of the contract"),
        (
            LANDED,
            (RenameColumn(column="amount", to="status"), RenameColumn(column="order_id", to="status")),
            "two columns are to be renamed to 'status'",
        ),
        (LANDED, (CastColumn(column="total", type="BIGINT"),), "'total' is not a column of the contract"),
        (
            LANDED,
            (CastColumn(column="amount", type="BIGINT"),),
            "'amount' is to become BIGINT; the contract says DECIMAL(12,2)",
        ),
        (
            LANDED,
            (ScaleColumn(column="amount", divide_by=10), ScaleColumn(column="amount", divide_by=10)),
            "amount is to be divided twice",
        ),
        (LANDED, (ScaleColumn(column="status", divide_by=10),), "a VARCHAR cannot be divided by 10 to give a VARCHAR"),
        (LANDED, (QuarantineRows(where=IsNull(column="total")),), "'total' is not a column of the contract"),
        (
            LANDED,
            (QuarantineRows(where=OutOfRange(column="amount", minimum="cheap")),),
            "amount is a DECIMAL(12,2), and 'cheap' is not a number",
        ),
        (LANDED, (QuarantineRows(where=NotMatching(column="status", regex="(")),), "Invalid Input Error: missing ): ("),
        # What no action asks for is not done.
        (
            "SELECT 1::BIGINT AS order_id, 'a' AS status, 1.5::DOUBLE AS amount",
            (),
            "'amount' came as DOUBLE, the contract says DECIMAL(12,2), and no action casts it",
        ),
        # What is asked for is not done where it would change a value.
        (
            "SELECT 1::BIGINT AS order_id, 'a' AS status, unnest([1.5, 1.005, NULL])::DOUBLE AS amount",
            (CastColumn(column="amount", type="DECIMAL(12,2)"),),
            "1 values of 'amount' would be lost as DECIMAL(12,2)",
        ),
        (
            "SELECT unnest(['1', 'two', '3.0', '4.5', '']) AS order_id, 'a' AS status, 1::DECIMAL(12,2) AS amount",
            (CastColumn(column="order_id", type="BIGINT"),),
            "3 values of 'order_id' would be lost as BIGINT",
        ),
        (
            "SELECT 1::BIGINT AS order_id, 'a' AS status, 1050.5::DECIMAL(12,2) AS amount",
            (ScaleColumn(column="amount", divide_by=100),),
            "1 values of 'amount' would be lost as DECIMAL(12,2)",
        ),
        # A cent beyond what a DOUBLE can hold is refused, not rounded.
        (
            "SELECT 1::BIGINT AS order_id, 'a' AS status, 9007199254740993::BIGINT AS amount",
            (ScaleColumn(column="amount", divide_by=100),),
            "1 values of 'amount' would be lost as DECIMAL(12,2)",
        ),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(tmp_path, landed, actions, why):
    """Each misfit is one sentence, and a value is never rounded, cut or emptied in silence."""
    assert why == refusal(tmp_path, land(tmp_path, landed), PublishAsIs(), *actions)


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("TINYINT", "BIGINT"),
        ("UINTEGER", "BIGINT"),
        ("DECIMAL(10,2)", "DECIMAL(12,2)"),
        ("DECIMAL(10,2)", "DECIMAL(14,4)"),
        ("FLOAT", "DOUBLE"),
        ("INTEGER", "DECIMAL(12,2)"),
        ("DATE", "TIMESTAMP"),
    ],
)
def test_a_type_that_holds_every_value_needs_no_action(tmp_path, was, now):
    """Widening is the one cast that happens unasked."""
    value = "DATE '2024-03-04'" if was == "DATE" else "7"
    contract = Contract(columns=(Column(name="a", type=now),))
    landed = land(tmp_path, f"SELECT {value}::{was} AS a")

    counts, kept, _ = applied(tmp_path, landed, PublishAsIs(), contract=contract)

    assert 1 == counts.rows
    assert [(datetime(2024, 3, 4) if was == "DATE" else 7,)] == kept  # noqa: DTZ001 - the column has no time zone
    assert contract.promised_schema == ENGINE.schema(tmp_path / "candidate.parquet")


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("BIGINT", "INTEGER"),
        ("BIGINT", "UBIGINT"),
        ("UBIGINT", "BIGINT"),
        ("DECIMAL(12,2)", "DECIMAL(10,2)"),
        ("DECIMAL(12,2)", "DECIMAL(12,4)"),
        ("TIMESTAMP", "DATE"),
        ("DOUBLE", "FLOAT"),
        ("BIGINT", "DOUBLE"),
        ("BIGINT", "VARCHAR"),
    ],
)
def test_a_type_that_may_lose_a_value_needs_an_action(tmp_path, was, now):
    """Every other cast is somebody's decision."""
    contract = Contract(columns=(Column(name="a", type=now),))
    landed = land(tmp_path, f"SELECT CAST(NULL AS {was}) AS a")

    assert f"'a' came as {was}, the contract says {now}, and no action casts it" == refusal(
        tmp_path, landed, PublishAsIs(), contract=contract
    )


@pytest.mark.parametrize(
    "type_name",
    [
        "BIGINT); DROP TABLE x; --",
        "BIGINT) FROM read_csv('/etc/passwd'",
        "INTEGER AS x",
        '"x"',
        "ENUM",
        "no such type",
        "VARCHAR[]",
        "",
    ],
)
def test_a_type_is_a_type(tmp_path, type_name):
    """A type name that is something else is refused by every method that takes one."""
    landed = land(tmp_path, "SELECT 1 AS a")

    with pytest.raises(PlanInapplicable, match="is not a type that a column can have"):
        ENGINE.castable(landed, "a", type_name)
    if type_name:
        with pytest.raises(PlanInapplicable, match="is not a type that a column can have"):
            ENGINE.empty(Contract(columns=(Column(name="a", type=type_name),)), tmp_path / "empty.parquet")


def test_a_type_that_parquet_lacks_is_refused(tmp_path):
    """A HUGEINT would be read back as a DOUBLE: the promise is refused, not bent."""
    with pytest.raises(PlanInapplicable, match="'a' as HUGEINT is not a type of Parquet"):
        ENGINE.empty(Contract(columns=(Column(name="a", type="HUGEINT"),)), tmp_path / "empty.parquet")


@pytest.mark.slow
@pytest.mark.parametrize(
    "query",
    [
        LANDED,
        # Several row groups, so that threads have something to race for.
        (
            "SELECT i % 300000 AS order_id, CASE WHEN i % 7 = 0 THEN 'lost?' ELSE 'paid' END AS status, "
            "(i % 300000 / 100)::DECIMAL(12,2) AS amount FROM range(400000) t(i)"
        ),
    ],
)
def test_the_same_inputs_make_the_same_bytes(tmp_path, query):
    """One thread or four, the candidate and the quarantine are equal byte for byte."""
    landed = land(tmp_path, query)
    digests = set()
    for attempt, threads in enumerate((1, 2, 4, 4)):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        counts, *_ = applied(
            folder,
            landed,
            DropDuplicates(),
            QuarantineRows(where=NotIn(column="status", values=("paid",))),
            engine=Engine(threads=threads),
        )
        files = (folder / "candidate.parquet", folder / "quarantine.parquet")
        digests.add((counts, *(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)))

    assert 1 == len(digests)


# Predicates


@pytest.mark.parametrize(
    ("predicate", "caught"),
    [
        (IsNull(column="t"), 1),
        (NotIn(column="t", values=("a", "B")), 1),
        (NotIn(column="t", values=()), 2),
        (NotIn(column="n", values=("1", "2.0")), 1),
        # 2.5 is not 3, and not 2.
        (NotIn(column="n", values=("2.5",)), 2),
        (OutOfRange(column="n", minimum="0.5", maximum="1.5"), 1),
        (OutOfRange(column="n"), 0),
        (OutOfRange(column="x", minimum="0"), 0),
        # A number that is none is above every bound.
        (OutOfRange(column="x", maximum="5"), 1),
        (OutOfRange(column="d", maximum="2024-03-03 23:59:59"), 1),
        (OutOfRange(column="b", minimum="true"), 1),
        (OutOfRange(column="l", minimum="[2]"), 1),
        (NotMatching(column="t", regex="^a"), 1),
        (NotMatching(column="n", regex="^1"), 1),
        (LongerThan(column="t", characters=1), 1),
        (LongerThan(column="t", characters=2), 0),
    ],
)
def test_a_predicate_catches_what_it_says(tmp_path, predicate, caught):
    """Values are compared as the column's type, and a row without a value is caught by IsNull only."""
    landed = land(
        tmp_path,
        "SELECT * FROM (VALUES ('a', 1, 'nan'::DOUBLE, DATE '2024-03-04', true, [1]), "
        "('öö', 3, 4.0, DATE '2024-03-03', false, [2]), (NULL, NULL, NULL, NULL, NULL, NULL)) v(t, n, x, d, b, l)",
    )

    assert caught == ENGINE.count(landed, predicate)


@pytest.mark.parametrize(
    ("predicate", "why"),
    [
        (IsNull(column="nowhere"), "there is no column 'nowhere'"),
        (NotMatching(column="t", regex="["), "Invalid Input Error: missing ]: ["),
        (OutOfRange(column="d", minimum="soon"), "a value is outside of what its column or a bound can hold"),
        (
            NotIn(column="n", values=("1); DROP TABLE x; --",)),
            "n is a INTEGER, and '1); DROP TABLE x; --' is not a number",
        ),
    ],
)
def test_a_predicate_that_cannot_be_asked_is_refused(tmp_path, predicate, why):
    """Each in one sentence that holds no row's value."""
    landed = land(tmp_path, "SELECT 'secret' AS t, 1 AS n, DATE '2024-03-04' AS d")

    with pytest.raises(PlanInapplicable) as refused:
        ENGINE.count(landed, predicate)
    assert why == refused.value.why


@pytest.mark.parametrize(
    ("values", "was", "now", "lost"),
    [
        ("['1', 'x', ' 7 ', NULL, '1.5', '1e2']", "VARCHAR", "INTEGER", 2),
        ("['12.50', '12.345', '1e400']", "VARCHAR", "DECIMAL(12,2)", 2),
        ("['2024-03-04', '2024-03-04 00:00:00', '2024-03-04 10:00:00', '2024-13-01']", "VARCHAR", "DATE", 2),
        ("[1.0, 1.5, 'nan', 'inf', 1e300]", "DOUBLE", "BIGINT", 4),
        ("[19.99, 0.1, 19.999]", "DOUBLE", "DECIMAL(12,2)", 1),
        ("[0, 1, 2]", "INTEGER", "BOOLEAN", 1),
        ("['2024-03-04 00:00:00', '2024-03-04 10:00:00']", "TIMESTAMP", "DATE", 1),
        ("[1, 2]", "INTEGER", "VARCHAR", 0),
        ("[9007199254740992, 9007199254740993]", "BIGINT", "DOUBLE", 1),
        ("[1, 2]", "INTEGER", "DATE", 2),
    ],
)
def test_castable_counts_what_would_be_lost(tmp_path, values, was, now, lost):
    """A value is lost where it cannot be cast, and where it comes back as another one."""
    landed = land(tmp_path, f"SELECT CAST(unnest({values}) AS {was}) AS a")

    assert lost == ENGINE.castable(landed, "a", now)


# Profiles


def test_a_profile_says_what_is_in_the_columns(tmp_path):
    """Numbers, times, texts and few values each have their statistics; empty is not zero."""
    landed = land(
        tmp_path,
        "SELECT * FROM (VALUES (1, 'a', 1.5::DECIMAL(12,2), DATE '2024-03-04', true), "
        "(3, 'bbb', NULL, DATE '2024-03-05', true), (3, 'bbb', NULL, DATE '2024-03-05', true)) t(n, t, m, d, b)",
    )

    profile = ENGINE.profile(landed, personal=frozenset())
    sketches = [len(column.sketch) for column in profile.columns]
    n, t, m, d, b = (
        column.model_dump(exclude={"sketch", "quantiles"}, exclude_defaults=True) for column in profile.columns
    )

    assert (3, 1, [2, 2, 1, 2, 1]) == (profile.rows, profile.duplicate_rows, sketches)
    assert {
        "name": "n", "type": "INTEGER", "nulls": 0, "distinct": 2, "minimum": "1", "maximum": "3",
        "mean": 2.33333333333, "deviation": 1.15470053838, "total": 7.0, "top": (("3", 2), ("1", 1)),
        "histogram": ((1.0, 2.0, 1), (2.0, 3.0, 2)),
    } == n  # fmt: skip  # one fact a pair
    assert {
        "name": "t", "type": "VARCHAR", "nulls": 0, "distinct": 2,
        "lengths": (1.0, 2.33333333333, 3.0), "top": (("bbb", 2), ("a", 1)), "patterns": (("aaa", 2), ("a", 1)),
    } == t  # fmt: skip  # one fact a pair
    assert {
        "name": "m", "type": "DECIMAL(12,2)", "nulls": 2, "distinct": 1, "minimum": "1.50", "maximum": "1.50",
        "mean": 1.5, "total": 1.5,
    } == m  # fmt: skip  # one fact a pair
    assert {
        "name": "d", "type": "DATE", "nulls": 0, "distinct": 2, "minimum": "2024-03-04", "maximum": "2024-03-05",
    } == d  # fmt: skip  # one fact a pair
    assert {"name": "b", "type": "BOOLEAN", "nulls": 0, "distinct": 1, "top": (("true", 3),)} == b
    assert 5 == len(profile.columns[0].quantiles)


def test_equal_bytes_have_equal_profiles(tmp_path):
    """However the work was shared between threads, the same file has the same profile every time."""
    skewed = "SELECT 1 + (i * 7919) % 97 / (1 + i % 13) AS price, 'a' || i % 50 AS article FROM range(3000) AS t(i)"
    landed = land(tmp_path, skewed)

    assert 1 == len({ENGINE.profile(landed, personal=frozenset()).model_dump_json() for _ in range(10)})


def test_of_personal_columns_no_value_is_shown(tmp_path):
    """Neither frequent values nor extremes, quantiles or means: hashes, counts and lengths only."""
    landed = land(tmp_path, "SELECT 'ann@example.org' AS mail, 4912345 AS phone, DATE '1990-01-01' AS born")

    profile = ENGINE.profile(landed, personal=frozenset({"mail", "phone", "born"}))

    assert [(None, None, (), ()), (None, None, None)] * 3 == [
        each
        for column in profile.columns
        for each in (
            (column.minimum, column.maximum, column.quantiles, column.top),
            (column.mean, column.deviation, column.total),
        )
    ]


def test_the_sketch_is_of_the_value_and_tells_overlap(tmp_path):
    """The 64 smallest hashes are those of the distinct values, whatever the type, and repeated values count once."""
    many = ENGINE.profile(
        land(tmp_path, "SELECT i AS a, i::VARCHAR AS b, i % 10 AS c FROM range(20000) t(i)"), personal=frozenset()
    )
    a, b, c = many.columns

    with duckdb.connect() as connection:
        smallest = connection.execute("SELECT hash(i::DOUBLE) FROM range(20000) t(i) ORDER BY 1 LIMIT 64").fetchall()
    assert tuple(row[0] for row in smallest) == a.sketch == b.sketch
    assert 10 == len(c.sketch)


@pytest.mark.parametrize("query", ["SELECT 1 AS a, 'x' AS b WHERE false", "SELECT NULL::DOUBLE AS a, NULL AS b"])
def test_nothing_gives_no_statistic(tmp_path, query):
    """No row, or no value: None, never zero or NaN."""
    profile = ENGINE.profile(land(tmp_path, query), personal=frozenset())

    assert [(None, None, None, None, (), None, (), ())] * 2 == [
        (c.minimum, c.maximum, c.mean, c.total, c.quantiles, c.lengths, c.top, c.sketch) for c in profile.columns
    ]
    assert 0 == profile.duplicate_rows


def test_what_is_no_number_gives_no_mean(tmp_path):
    """NaN, infinity and sums beyond a double are None: values are JSON, which has no such number."""
    landed = land(
        tmp_path,
        "SELECT * FROM (VALUES ('nan'::DOUBLE, 'inf'::DOUBLE, 1e308::DOUBLE), (1, 1, 1e308), (1, '-inf', 1e308)) "
        "t(a, b, c)",
    )

    profile = ENGINE.profile(landed, personal=frozenset())

    assert [(None, None, None), (None, None, None), (0.0, None, None)] == [
        (c.deviation, c.total, c.mean) for c in profile.columns
    ]
    assert all(math.isfinite(quantile) for c in profile.columns for quantile in c.quantiles)
    assert profile == type(profile).model_validate_json(profile.model_dump_json())


@pytest.mark.parametrize(
    "value",
    [
        "[1, 2]",
        "{'a': 1}",
        "MAP {'a': 1}",
        "'x'::BLOB",
        "uuid()",
        "INTERVAL 1 DAY",
        "TIME '10:00'",
        "TIMESTAMPTZ '2024-03-04 10:00:00+02'",
        "TIMESTAMP '-infinity'",
        "DATE '5000000-01-01'",
        "'{\"a\": 1}'::JSON",
        "170141183460469231731687303715884105727::HUGEINT",
        "99999999999999999999999999999999999999::DECIMAL(38,0)",
        "18446744073709551615::UBIGINT",
        "'a'::ENUM('a', 'b')",
    ],
)
def test_a_rare_type_is_profiled_and_passed_on(tmp_path, value):
    """Nothing that Parquet can hold stops the scan or the plan."""
    landed = land(tmp_path, f"SELECT {value} AS odd, 1::BIGINT AS id FROM range(2)")

    profile = ENGINE.profile(landed, personal=frozenset())

    assert (2, 0) == (profile.rows, profile.columns[0].nulls)
    assert (
        1
        == applied(
            tmp_path,
            land(tmp_path, f"SELECT a.odd, 1::BIGINT AS id FROM (SELECT {value} AS odd) a, range(2)", "twice"),
            DropDuplicates(),
            contract=Contract(columns=(Column(name="id", type="BIGINT"),)),
        )[0].duplicate_rows
    )


@pytest.mark.slow
def test_three_hundred_columns_fit(tmp_path):
    """A wide table is profiled, applied and counted within the default memory."""
    names = [f"{HOSTILE}{index}" for index in range(300)]
    quoted = ", ".join(
        f'(i * {index}) % 997 AS "{name.replace(chr(34), chr(34) * 2)}"' for index, name in enumerate(names)
    )
    landed = land(tmp_path, f"SELECT {quoted} FROM range(1000) t(i)")
    contract = Contract(columns=tuple(Column(name=name, type="BIGINT") for name in names))

    assert names == [column.name for column in ENGINE.profile(landed, personal=frozenset()).columns]
    counts, *_ = applied(tmp_path, landed, DropDuplicates(), contract=contract)
    assert Applied(rows=997, quarantined_rows=0, duplicate_rows=3, landed_rows=1000) == counts
    assert 3 == ENGINE.duplicates(landed)


def test_truncated_values_stay_short(tmp_path):
    """A frequent value is shown with at most 64 characters."""
    landed = land(tmp_path, "SELECT repeat('ä', 500) AS a")

    assert (("ä" * 64, 1),) == ENGINE.profile(landed, personal=frozenset()).columns[0].top


# Connections and files


def test_a_connection_sees_the_view_and_no_other_file(tmp_path):
    """A library that brings its own questions can ask them of one file only."""
    landed = land(tmp_path, "SELECT 1 AS a")
    other = land(tmp_path, "SELECT 2 AS a", "other")

    with ENGINE.connection(landed, view=HOSTILE) as connection:
        quoted = '"' + HOSTILE.replace('"', '""') + '"'
        assert [(1,)] == connection.execute(f"FROM {quoted}").fetchall()
        with pytest.raises(duckdb.PermissionException):
            connection.execute(f"FROM read_parquet('{other}')")
        with pytest.raises(duckdb.PermissionException):
            connection.execute(f"COPY (SELECT 1) TO '{tmp_path}/leak.csv'")


@pytest.mark.parametrize("content", [None, b"", b"not a Parquet file, whatever it is called"])
def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path, content):
    """Missing, empty or another format: StoreUnavailable from every question."""
    path = tmp_path / "broken.parquet"
    if content is not None:
        path.write_bytes(content)

    for ask in (
        lambda: ENGINE.schema(path),
        lambda: ENGINE.rows(path),
        lambda: ENGINE.profile(path, personal=frozenset()),
        lambda: ENGINE.duplicates(path),
        lambda: ENGINE.count(path, IsNull(column="a")),
        lambda: ENGINE.castable(path, "a", "BIGINT"),
        lambda: applied(tmp_path, path, PublishAsIs()),
    ):
        with pytest.raises(StoreUnavailable, match=r"broken\.parquet"):
            ask()


# Conservation

texts = st.one_of(st.none(), st.sampled_from(["paid", "sent", "", "'; --", "ö"]))
amounts = st.one_of(st.none(), st.decimals(min_value=-5, max_value=5, places=2))
tables = st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 3)), texts, amounts), max_size=12)
predicates = st.one_of(
    st.sampled_from(["order_id", "status", "amount"]).map(lambda column: IsNull(column=column)),
    st.lists(st.sampled_from(["paid", "sent", ""]), max_size=2).map(lambda v: NotIn(column="status", values=tuple(v))),
    st.integers(-5, 5).map(lambda at: OutOfRange(column="amount", minimum=f"{at}.5")),
    st.integers(0, 3).map(lambda at: OutOfRange(column="order_id", minimum="1", maximum=str(at))),
    st.just(NotMatching(column="status", regex="^p")),
    st.integers(0, 4).map(lambda length: LongerThan(column="status", characters=length)),
)


def caught(predicate, row):
    """The predicate as its docstring says it, in Python."""
    value = dict(zip(("order_id", "status", "amount"), row, strict=True))[predicate.column]
    match predicate:
        case IsNull():
            return value is None
        case _ if value is None:
            return False
        case NotIn(values=values):
            return value not in values
        case OutOfRange(minimum=low, maximum=high):
            return (low is not None and value < Decimal(low)) or (high is not None and value > Decimal(high))
        case NotMatching():
            return not value.startswith("p")
        case LongerThan(characters=longest):
            return len(value) > longest


@pytest.mark.slow
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=tables, drop=st.booleans(), where=st.lists(predicates, max_size=3))
def test_no_row_is_lost_and_none_is_made(tmp_path_factory, table, drop, where):
    """Whatever the rows and the plan, the files hold exactly the rows that a plain reading of the plan gives."""
    folder = tmp_path_factory.mktemp("conservation")
    landed = folder / "landed.parquet"
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t (order_id BIGINT, status VARCHAR, amount DECIMAL(12,2))")
        if table:
            connection.executemany("INSERT INTO t VALUES (?, ?, ?)", table)
        connection.execute(f"COPY t TO '{landed}' (FORMAT parquet)")
    once = list(dict.fromkeys(table)) if drop else table
    aside = [row for row in once if any(caught(predicate, row) for predicate in where)]
    kept = [row for row in once if row not in aside]

    actions = [*([DropDuplicates()] if drop else []), *(QuarantineRows(where=predicate) for predicate in where)]
    counts, got, quarantined = applied(folder, landed, *(actions or [PublishAsIs()]))

    assert kept == got
    assert aside == [row[:-1] for row in quarantined or []]
    assert (
        Applied(
            rows=len(kept),
            quarantined_rows=len(aside),
            duplicate_rows=len(table) - len(once),
            landed_rows=len(table),
        )
        == counts
    )
    if drop:
        assert counts.duplicate_rows == ENGINE.duplicates(landed)
    for predicate in where:
        assert sum(caught(predicate, row) for row in table) == ENGINE.count(landed, predicate)


@pytest.mark.slow
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cents=st.lists(st.integers(-(10**12) + 1, 10**12 - 1), min_size=1, max_size=20),
    factor=st.sampled_from([2, 10, 100, 1000, 3]),
)
def test_scaling_is_exact_or_refused(tmp_path_factory, cents, factor):
    """Divided money multiplied back is the money that landed; where that cannot be, nothing is written."""
    folder = tmp_path_factory.mktemp("scaling")
    landed = land(folder, f"SELECT CAST(unnest({cents}) AS BIGINT) AS amount, 1::BIGINT AS order_id, 'a' AS status")
    exact = [Decimal(value) / factor for value in cents]
    fits = all(
        Decimal(value) * 100 % factor == 0 and abs(quotient) < 10**10
        for value, quotient in zip(cents, exact, strict=True)
    )

    if fits:
        _, got, _ = applied(folder, landed, ScaleColumn(column="amount", divide_by=factor))
        assert exact == [row[2] for row in got]
    else:
        refusal(folder, landed, ScaleColumn(column="amount", divide_by=factor))
        assert not (folder / "candidate.parquet").exists()


def test_a_date_is_a_date_in_every_time_zone(tmp_path):
    """Casts of instants are made in UTC, wherever the machine stands."""
    landed = land(tmp_path, "SELECT '2024-03-04 23:30:00+00' AS moment")
    contract = Contract(columns=(Column(name="moment", type="TIMESTAMP WITH TIME ZONE"),))

    applied(tmp_path, landed, CastColumn(column="moment", type="TIMESTAMPTZ"), contract=contract)

    with ENGINE.connection(tmp_path / "candidate.parquet", view="v") as connection:
        assert [(date(2024, 3, 4),)] == connection.execute("SELECT moment::DATE FROM v").fetchall()


TOTALS = (
    Control(measure="rows"),
    Control(measure="sum", column="amount", by="status"),
    Control(measure="distinct", column="order_id"),
    Control(measure="sum", column="status"),
    Control(measure="sum", column="not_there"),
)


@pytest.mark.parametrize(
    ("once", "rows_", "lost"),
    [(False, "6", "-2.00"), (True, "4", "-1.00")],
)
def test_totals_count_every_row_or_equal_rows_once(tmp_path, once, rows_, lost):
    """What no sum can be made of has no total; a group of no value is called NULL."""
    groups = {"paid": "21.00" if not once else "10.50", "lost?": lost, "NULL": "99.99"}

    assert (
        Total(control="rows", groups={"": rows_}),
        Total(control="sum_amount_by_status", groups=groups),
        Total(control="distinct_order_id", groups={"": "4"}),
        Total(control="sum_status", groups=None),
        Total(control="sum_not_there", groups=None),
    ) == ENGINE.totals(land(tmp_path, LANDED), TOTALS, once=once)


def test_totals_that_no_number_can_hold_are_none(tmp_path):
    """Infinity is no total, and neither is a sum of more than 38 digits."""
    landed = land(
        tmp_path, "SELECT 'Infinity'::DOUBLE AS a, (10::DECIMAL(38,0) ** 37)::DECIMAL(38,0) AS b FROM range(99)"
    )
    controls = (Control(measure="sum", column="a"), Control(measure="sum", column="b"))

    assert (Total(control="sum_a", groups=None), Total(control="sum_b", groups=None)) == ENGINE.totals(landed, controls)


def test_totals_of_too_many_groups_are_none(tmp_path):
    """A column that has another value in each row is not read into memory; a thousand groups are told."""
    landed = land(tmp_path, "SELECT i AS a, i % 1000 AS b FROM range(1001) t(i)")
    of_each, of_thousand = ENGINE.totals(landed, (Control(measure="rows", by="a"), Control(measure="rows", by="b")))

    assert (None, 1_000) == (of_each.groups, len(of_thousand.groups))


def test_no_row_has_totals_of_nothing(tmp_path):
    """An empty delivery of an empty day is no difference."""
    landed = land(tmp_path, f"SELECT * FROM ({LANDED}) WHERE false")
    controls = (Control(measure="rows"), Control(measure="sum", column="amount"), Control(measure="rows", by="status"))

    assert (
        Total(control="rows", groups={"": "0"}),
        Total(control="sum_amount", groups={"": "0.00"}),
        Total(control="rows_by_status", groups={}),
    ) == ENGINE.totals(landed, controls)
