"""Rows into Parquet: exact, deterministic, whole or not at all."""

import datetime as dt
import math
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders_monitor.adapters.sources.staging import CHUNK_ROWS, write_parquet
from orders_monitor.core.schema import ColumnSchema, Schema


def schema_of(**types: str) -> Schema:
    return Schema(columns=tuple(ColumnSchema(name=name, type=type_) for name, type_ in types.items()))


def read(path: Path) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        return connection.read_parquet(str(path)).fetchall()


def landed_schema(path: Path) -> Schema:
    with duckdb.connect() as connection:
        relation = connection.read_parquet(str(path))
        return schema_of(**dict(zip(relation.columns, map(str, relation.types), strict=True)))


EVERY_TYPE = schema_of(
    big="BIGINT",
    small="INTEGER",
    money="DECIMAL(12,2)",
    wide="DECIMAL(38,10)",
    real="DOUBLE",
    yes="BOOLEAN",
    text="VARCHAR",
    day="DATE",
    hour="TIME",
    moment="TIMESTAMP",
    instant="TIMESTAMP WITH TIME ZONE",
    key="UUID",
    raw="BLOB",
)
INSTANT = dt.datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=dt.UTC)
FULL_ROW = (
    2**63 - 1,
    -(2**31),
    Decimal("-9999999999.99"),
    Decimal("1234567890123456789012345678.0123456789"),
    0.1,
    True,
    'it\'s "quoted",\r\na new line, a tab\t, a \\N, NULL and a NUL \x00 ünïcode 🛒',
    dt.date(1969, 12, 31),
    dt.time(1, 2, 3, 4),
    dt.datetime(1999, 12, 31, 23, 59, 59, 1),  # noqa: DTZ001 - a TIMESTAMP has no zone
    INSTANT,
    UUID("12345678-1234-5678-1234-567812345678"),
    b"\x00\xff'",
)


def test_every_type_comes_back_as_it_went(tmp_path):
    """Each stageable type keeps its value and its NULL, in order."""
    rows = [FULL_ROW, (None,) * len(FULL_ROW), FULL_ROW]

    assert 3 == write_parquet(rows, EVERY_TYPE, tmp_path / "rows.parquet")

    assert rows == read(tmp_path / "rows.parquet")
    assert EVERY_TYPE == landed_schema(tmp_path / "rows.parquet")


def test_empty_string_is_not_null(tmp_path):
    """An empty string, a blank and the words that other tools read as NULL stay what they are."""
    rows = [("",), (None,), (" ",), ("NULL",), ("null",), ("\\N",), ("NaN",)]

    write_parquet(rows, schema_of(text="VARCHAR"), tmp_path / "rows.parquet")

    assert rows == read(tmp_path / "rows.parquet")


def test_no_rows_keep_the_schema(tmp_path):
    """A file without rows still says which columns it has."""
    assert 0 == write_parquet([], EVERY_TYPE, tmp_path / "rows.parquet")

    assert [] == read(tmp_path / "rows.parquet")
    assert EVERY_TYPE == landed_schema(tmp_path / "rows.parquet")


def test_chunks_keep_the_order(tmp_path):
    """Rows that need several chunks come from any iterable and stay in order."""
    count = CHUNK_ROWS * 2 + 7

    assert count == write_parquet(((n,) for n in range(count)), schema_of(n="BIGINT"), tmp_path / "rows.parquet")

    assert [(n,) for n in range(count)] == read(tmp_path / "rows.parquet")


def test_same_rows_give_the_same_bytes(tmp_path):
    """Written twice, the files are equal to the byte."""
    for name in ("one", "two"):
        write_parquet([FULL_ROW] * 5000, EVERY_TYPE, tmp_path / name)

    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_names_are_names(tmp_path):
    """A column name with quotes, SQL or a line break is a column of that name."""
    hostile = 'a"); DROP TABLE staged; --\n'

    write_parquet([(1,)], schema_of(**{hostile: "BIGINT"}), tmp_path / "it's.parquet")

    assert schema_of(**{hostile: "BIGINT"}) == landed_schema(tmp_path / "it's.parquet")


@pytest.mark.parametrize(
    ("type_", "value", "why"),
    [
        ("BIGINT", "2", "row 2: 'n' is BIGINT: str came"),
        ("BIGINT", 1.5, "row 2: 'n' is BIGINT: float came"),
        ("BIGINT", True, "row 2: 'n' is BIGINT: bool came"),
        ("BIGINT", 2**63, "rows 1 to 2: a value does not fit its column's type"),
        ("BOOLEAN", 1, "row 2: 'n' is BOOLEAN: int came"),
        ("VARCHAR", 1, "row 2: 'n' is VARCHAR: int came"),
        ("VARCHAR", "\ud800", "rows 1 to 2: a value does not fit its column's type"),
        ("DECIMAL(12,2)", 0.1, "row 2: 'n' is DECIMAL(12,2): float came"),
        ("DECIMAL(12,2)", Decimal("0.001"), "row 2: 'n' is DECIMAL(12,2): a number with more decimal places came"),
        ("DECIMAL(12,2)", Decimal("NaN"), "row 2: 'n' is DECIMAL(12,2): a number that is not finite came"),
        ("DECIMAL(4,2)", Decimal(100), "rows 1 to 2: a value does not fit its column's type"),
        ("DATE", INSTANT, "row 2: 'n' is DATE: datetime came"),
        ("TIMESTAMP", INSTANT, "row 2: 'n' is TIMESTAMP: a time with a time zone came"),
        (
            "TIMESTAMP WITH TIME ZONE",
            INSTANT.replace(tzinfo=None),
            "row 2: 'n' is TIMESTAMP WITH TIME ZONE: a time without a time zone came",
        ),
    ],
)
def test_a_value_of_another_type_is_refused(tmp_path, type_, value, why):
    """Nothing is coerced or rounded: the refusal names row and column, and no file is left."""
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the whole message is compared below
        write_parquet([(None,), (value,)], schema_of(n=type_), tmp_path / "rows.parquet")

    assert why == str(refused.value)
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "type_", ["HUGEINT", "INTEGER); DROP TABLE staged; --", "bigint", "DECIMAL(12, 2)", "STRUCT(a INTEGER)"]
)
def test_a_type_that_is_not_listed_is_refused(tmp_path, type_):
    """Types come from a closed list, so nothing else reaches the SQL text."""
    with pytest.raises(ValueError, match="rows cannot be staged as"):
        write_parquet([], schema_of(n=type_), tmp_path / "rows.parquet")


@pytest.mark.parametrize("names", [(), ("email", "Email")])
def test_columns_that_are_no_table_are_refused(tmp_path, names):
    """No column, or two of one name (case does not count), is no table."""
    with pytest.raises(ValueError, match="these columns cannot be one table"):
        write_parquet([], schema_of(**dict.fromkeys(names, "BIGINT")), tmp_path / "rows.parquet")


def test_a_row_of_another_length_is_refused(tmp_path):
    """A short row is refused by number."""
    with pytest.raises(ValueError, match="row 2 has 1 values for 2 columns"):
        write_parquet([(1, 2), (1,)], schema_of(a="BIGINT", b="BIGINT"), tmp_path / "rows.parquet")


def test_what_the_rows_raise_passes_through_and_leaves_nothing(tmp_path):
    """A source that breaks half-way leaves no file and no scratch."""

    def breaking():
        yield (1,)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        write_parquet(breaking(), schema_of(n="BIGINT"), tmp_path / "rows.parquet")

    assert [] == list(tmp_path.iterdir())


def test_infinities_and_nan_are_numbers(tmp_path):
    """A DOUBLE may be infinite or not a number."""
    write_parquet([(math.inf,), (-math.inf,), (math.nan,)], schema_of(n="DOUBLE"), tmp_path / "rows.parquet")

    up, down, nan = [row[0] for row in read(tmp_path / "rows.parquet")]
    assert (math.inf, -math.inf, True) == (up, down, math.isnan(nan))


@pytest.mark.slow
@settings(max_examples=20, deadline=None)  # each example writes and reads a file
@given(
    st.lists(
        st.tuples(
            st.none()
            | st.decimals(
                allow_nan=False, allow_infinity=False, places=2, max_value=10**10 - 1, min_value=-(10**10) + 1
            ),
            st.none() | st.text(st.characters(exclude_categories=["Cs"])),
            st.none() | st.datetimes(),
        ),
        max_size=20,
    )
)
def test_money_text_and_time_survive(tmp_path_factory, rows):
    """Whatever the amounts, texts and moments are, they come back equal."""
    path = tmp_path_factory.mktemp("staging") / "rows.parquet"

    write_parquet(rows, schema_of(money="DECIMAL(12,2)", text="VARCHAR", moment="TIMESTAMP"), path)

    assert rows == read(path)
