"""A database as a source, on a real PostgreSQL and a real SQLite."""

import datetime as dt
import json
import traceback
from decimal import Decimal
from uuid import UUID

import duckdb
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

from orders_monitor.adapters.sources.database import Database
from orders_monitor.adapters.sources.sql_types import duckdb_type
from orders_monitor.core.errors import SourceUnavailable
from orders_monitor.core.schema import ColumnSchema, Schema
from orders_monitor.core.source import DatabaseSource, Fetched, Missing, Unreadable
from orders_monitor.core.totals import Control, Total

DAY = "2026-03-01"
HOSTILE = '"; drop table orders --'


@pytest.fixture
def postgres(postgres_url):
    engine = sa.create_engine(sa.make_url(postgres_url).set(drivername="postgresql+psycopg2"), poolclass=sa.NullPool)
    yield postgres_url, engine
    engine.dispose()


@pytest.fixture
def sqlite(tmp_path):
    url = f"sqlite:///{tmp_path / 'orders.db'}"
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    yield url, engine
    engine.dispose()


@pytest.fixture(params=["postgres", "sqlite"])
def database(request):
    return request.getfixturevalue(request.param)


def run(engine, *statements):
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def source(url, relation="orders", column="day", **more):
    declaration = DatabaseSource(
        kind="database", url_env="SHOP_URL", relation=relation, partition_column=column, **more
    )
    return Database(declaration, url=url)


def schema_of(**columns):
    return Schema(columns=tuple(ColumnSchema(name=name, type=kind) for name, kind in columns.items()))


def unpromised(schema):
    """The schema as a file has it: a file promises nothing of missing values."""
    return Schema(columns=tuple(column.model_copy(update={"required": None}) for column in schema.columns))


def read(file):
    return duckdb.sql("select * from read_parquet($file)", params={"file": str(file)}).fetchall()


def schema_in(file):
    described = duckdb.sql("describe select * from read_parquet($file)", params={"file": str(file)}).fetchall()
    return Schema(columns=tuple(ColumnSchema(name=row[0], type=row[1]) for row in described))


def test_the_rows_of_the_day_land_by_primary_key(database, tmp_path):
    """Only the partition's rows are copied, in the order of the primary key, with the schema that was announced."""
    url, engine = database
    run(
        engine,
        "create table orders (id bigint primary key, name varchar(20), day date)",
        "insert into orders values (3, 'c', '2026-03-01'), (1, 'a', '2026-03-01'), (2, null, '2026-03-02'), "
        "(4, null, '2026-03-01')",
    )
    orders, into = source(url), tmp_path / "out.parquet"

    assert schema_of(id="BIGINT", name="VARCHAR", day="DATE") == unpromised(orders.schema(DAY))
    assert Fetched(rows=3) == orders.fetch(DAY, into)
    day = dt.date(2026, 3, 1)
    assert [(1, "a", day), (3, "c", day), (4, None, day)] == read(into)
    assert unpromised(orders.schema(DAY)) == schema_in(into)


def test_what_must_not_be_missing_is_known_without_a_row(database):
    """NOT NULL is a promise of the source's; that a value may be missing is none, and a view promises nothing."""
    url, engine = database
    run(
        engine,
        "create table orders (id bigint not null, name varchar(20), day date not null)",
        "create view shown as select * from orders",
    )

    def required(relation):
        return [(column.name, column.required) for column in source(url, relation=relation).schema(DAY).columns]

    assert [("id", True), ("name", None), ("day", True)] == required("orders")
    assert [("id", None), ("name", None), ("day", None)] == required("shown")


def test_every_type_of_postgresql_lands_as_found(postgres, tmp_path):
    """Values keep every digit; what has no type of ours lands as the database's own text."""
    url, engine = postgres
    run(
        engine,
        "create type state as enum ('new', 'paid')",
        "create domain cents as integer",
        "create table orders (day date, a smallint, b integer, c bigint, d numeric(12,2), e numeric, f real, "
        "g double precision, h text, i boolean, j timestamp, k timestamptz, l uuid, m json, n bytea, o state, "
        "p cents, q integer[], r interval, s time, t char(3), u inet, v jsonb)",
        "insert into orders values ('2026-03-01', 1, 2, 9007199254740993, 1234567890.12, 0.000000001, 1.1, 0.1, "
        "'x', true, '2026-03-01 10:00:00.000001', '2026-03-01 10:00:00+02', "
        "'11111111-2222-3333-4444-555555555555', '{\"b\":  1, \"a\":2}', '\\x00ff', 'paid', 5, '{1,2}', '1 day', "
        "'10:30', 'ab', '10.0.0.1', '[1]')",
        "insert into orders (day) values ('2026-03-01')",
    )
    orders, into = source(url), tmp_path / "out.parquet"
    expected = schema_of(
        day="DATE", a="SMALLINT", b="INTEGER", c="BIGINT", d="DECIMAL(12,2)", e="DECIMAL(38,9)", f="FLOAT",
        g="DOUBLE", h="VARCHAR", i="BOOLEAN", j="TIMESTAMP", k="TIMESTAMP WITH TIME ZONE", l="UUID", m="VARCHAR",
        n="BLOB", o="VARCHAR", p="INTEGER", q="VARCHAR", r="VARCHAR", s="TIME", t="VARCHAR", u="VARCHAR", v="VARCHAR",
    )  # fmt: skip

    assert expected == orders.schema(DAY)
    assert Fetched(rows=2) == orders.fetch(DAY, into)
    assert expected == schema_in(into)
    first, second = read(into)
    assert (
        dt.date(2026, 3, 1), 1, 2, 9007199254740993, Decimal("1234567890.12"), Decimal("0.000000001"),
        pytest.approx(1.1), 0.1, "x", True, dt.datetime.fromisoformat("2026-03-01T10:00:00.000001"),
        dt.datetime(2026, 3, 1, 8, tzinfo=dt.UTC), UUID("11111111-2222-3333-4444-555555555555"), '{"b":  1, "a":2}',
        b"\x00\xff", "paid", 5, "{1,2}", "1 day", dt.time(10, 30), "ab ", "10.0.0.1/32", "[1]",
    ) == first  # fmt: skip
    assert (dt.date(2026, 3, 1), *[None] * 22) == second


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (
            "timestamp",
            ["2026-02-28 23:59:59.999999", "2026-03-01 00:00:00", "2026-03-01 23:59:59.999999", "2026-03-02"],
        ),
        # 01:30 in Berlin is still the day before in UTC.
        ("timestamptz", ["2026-03-01 00:30+01", "2026-03-01 01:00+01", "2026-03-02 00:59+01", "2026-03-02 01:00+01"]),
        ("text", ["2026-02-28", "2026-03-01", "2026-03-01T10:00:00", "2026-03-010"]),
    ],
)
def test_a_day_is_half_open_and_in_utc(postgres, tmp_path, kind, values):
    """The second and third value belong to the day, the others do not, whatever the column's type is."""
    url, engine = postgres
    rows = ", ".join(f"({number}, '{value}')" for number, value in enumerate(values))
    run(engine, f"create table orders (id int primary key, day {kind})", f"insert into orders values {rows}")
    into = tmp_path / "out.parquet"

    assert Fetched(rows=2) == source(url).fetch(DAY, into)
    assert [1, 2] == [row[0] for row in read(into)]


def test_midnight_belongs_to_its_day_on_sqlite(sqlite, tmp_path):
    """SQLite keeps moments as text in several forms; midnight is found in each of them."""
    url, engine = sqlite
    run(
        engine,
        "create table orders (id integer primary key, day datetime)",
        "insert into orders values (1, '2026-03-01 00:00:00'), (2, '2026-03-01 00:00:00.000000'), "
        "(3, '2026-03-01T23:00:00'), (4, '2026-03-02 00:00:00')",
    )
    into = tmp_path / "out.parquet"

    assert Fetched(rows=3) == source(url).fetch(DAY, into)
    assert [1, 2, 3] == [row[0] for row in read(into)]


def test_decimals_of_sqlite_keep_their_digits(sqlite, tmp_path):
    """A decimal is read as text and not through a float."""
    url, engine = sqlite
    run(
        engine,
        "create table orders (id integer primary key, amount decimal(12,2), day date)",
        "insert into orders values (1, 12.5, '2026-03-01'), (2, 7, '2026-03-01')",
    )
    into = tmp_path / "out.parquet"

    assert Fetched(rows=2) == source(url).fetch(DAY, into)
    assert [Decimal("12.50"), Decimal("7.00")] == [row[1] for row in read(into)]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("numeric", "0.1234567891"),
        ("numeric", "'NaN'"),
        ("date", "'12000-01-01'"),
        ("date", "'infinity'"),
        ("timestamptz", "'-infinity'"),
        ("date", "'0044-03-15 BC'"),
    ],
)
def test_a_value_that_does_not_fit_is_never_rounded(postgres, tmp_path, kind, value):
    """The partition is unreadable, the sentence keeps the value to itself, and no file is left."""
    url, engine = postgres
    run(
        engine,
        f"create table orders (day date, amount {kind})",
        f"insert into orders values ('2026-03-01', {value})",
    )
    into = tmp_path / "out.parquet"

    answer = source(url).fetch(DAY, into)

    assert isinstance(answer, Unreadable)
    assert answer.why.startswith("orders: ")
    assert value.strip("'") not in answer.why
    assert [] == list(tmp_path.iterdir())


def test_what_is_not_of_its_column_is_unreadable(sqlite, tmp_path):
    """SQLite lets text into an INTEGER column; the answer names the column and row and not the value."""
    url, engine = sqlite
    run(engine, "create table orders (id integer, day date)", "insert into orders values ('secret', '2026-03-01')")
    into = tmp_path / "out.parquet"

    expected = Unreadable(why="orders: row 1: 'id' is BIGINT: str came")
    assert expected == source(url).fetch(DAY, into)
    assert not into.exists()


def test_hostile_names_are_names(database, tmp_path):
    """Relation and columns named like attacks are read, and nothing is dropped."""
    url, engine = database
    run(
        engine,
        'create table "o""; drop table x --" ("""; drop table orders --" integer, "a%%(b)s :c" text, "DAY" date)',
        "insert into \"o\"\"; drop table x --\" values (1, ''';--', '2026-03-01')",
    )
    orders, into = source(url, relation='o"; drop table x --', column="DAY"), tmp_path / "out.parquet"
    found = orders.schema(DAY)

    assert found is not None
    assert HOSTILE == found.names[0]
    assert Fetched(rows=1) == orders.fetch(DAY, into)
    assert [(1, "';--", dt.date(2026, 3, 1))] == read(into)
    assert found == schema_in(into)


def test_three_hundred_columns_land(database, tmp_path):
    """A wide table keeps all columns in their order."""
    url, engine = database
    columns = ", ".join(f"c{number} integer" for number in range(300))
    run(
        engine,
        f"create table orders (day date, {columns})",
        f"insert into orders values ('2026-03-01', {', '.join(str(number) for number in range(300))})",
    )
    into = tmp_path / "out.parquet"

    assert Fetched(rows=1) == source(url).fetch(DAY, into)
    assert [(dt.date(2026, 3, 1), *range(300))] == read(into)


def test_names_are_mapped_where_they_are_found(database, tmp_path):
    """A mapping applies to a found column, is idle without one, and never makes two columns of one name."""
    url, engine = database
    run(
        engine,
        "create table orders (bestell_id integer, betrag integer, amount integer, day date)",
        "insert into orders values (1, 2, 3, '2026-03-01')",
    )
    mapping = {"bestell_id": "order_id", "gone": "status", "betrag": "amount"}
    orders, into = source(url, columns=mapping), tmp_path / "out.parquet"

    assert ("order_id", "betrag", "amount", "day") == orders.schema(DAY).names
    assert Fetched(rows=1) == orders.fetch(DAY, into)
    assert orders.schema(DAY) == schema_in(into)


def test_polling_reads_no_row(postgres, tmp_path):
    """The schema of a view that fails on its first row is still known; fetching it is the database's refusal."""
    url, engine = postgres
    run(
        engine,
        "create function touched() returns integer language plpgsql as "
        "$$ begin raise exception 'a row was read'; end $$",
        "create view orders as select touched() as id, date '2026-03-01' as day",
    )
    orders, into = source(url), tmp_path / "out.parquet"

    assert schema_of(id="INTEGER", day="DATE") == orders.schema(DAY)
    with pytest.raises(SourceUnavailable, match="source orders: the database refused: a row was read"):
        orders.fetch(DAY, into)
    assert [] == list(tmp_path.iterdir())


def test_a_value_that_the_database_stumbles_over_is_not_told(postgres, tmp_path):
    """The database's own words quote the value of a failing cast; ours do not."""
    url, engine = postgres
    run(
        engine,
        "create table raw (id text, day date)",
        "insert into raw values ('ada@example.com', '2026-03-01')",
        "create view orders as select id::integer as id, day from raw",
    )

    with pytest.raises(SourceUnavailable, match=r"^source orders: the database refused$"):
        source(url).fetch(DAY, tmp_path / "out.parquet")


def test_reading_cannot_write(postgres, tmp_path):
    """A view that writes when it is read is stopped by the read-only transaction."""
    url, engine = postgres
    run(
        engine,
        "create table log (id integer)",
        "create function writes() returns integer language sql as $$ insert into log values (1) returning id $$",
        "create view orders as select writes() as id, date '2026-03-01' as day",
    )

    with pytest.raises(SourceUnavailable, match="cannot execute INSERT in a read-only transaction"):
        source(url).fetch(DAY, tmp_path / "out.parquet")


def test_another_schema_is_found(postgres, tmp_path):
    """A relation may live outside the search path."""
    url, engine = postgres
    run(
        engine,
        'create schema "Shop"',
        'create table "Shop".orders (day date)',
        "insert into \"Shop\".orders values ('2026-03-01')",
    )

    assert Fetched(rows=1) == source(url, schema_name="Shop").fetch(DAY, tmp_path / "out.parquet")


def test_a_day_without_rows_is_missing(database, tmp_path):
    """No rows is what the data did: an answer, and no file."""
    url, engine = database
    run(engine, "create table orders (day date)")
    into = tmp_path / "out.parquet"

    assert Missing(why="orders has no row whose day is 2026-03-01") == source(url).fetch(DAY, into)
    assert not into.exists()


def test_many_rows_are_streamed_the_same_way_twice(postgres, tmp_path):
    """More rows than one chunk arrive whole, and two fetches give the same bytes."""
    url, engine = postgres
    run(
        engine,
        "create table orders (id bigint primary key, day date)",
        "insert into orders select i, '2026-03-01' from generate_series(1, 12001) i",
    )
    first, second = tmp_path / "1.parquet", tmp_path / "2.parquet"

    assert [Fetched(rows=12001)] * 2 == [source(url).fetch(DAY, first), source(url).fetch(DAY, second)]
    assert first.read_bytes() == second.read_bytes()
    assert list(range(1, 12002)) == [row[0] for row in read(first)]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (None, "source orders: the environment variable SHOP_URL is not set"),
        ("s3cret", "source orders: the environment variable SHOP_URL does not hold a database URL"),
        ("nosuch://u:s3cret@127.0.0.1/d", "source orders: no driver is installed for 'nosuch' databases"),
        ("mysql+pymysql://u:s3cret@127.0.0.1/d", "source orders: no driver is installed for 'mysql+pymysql' databases"),
        ("sqlite:////no/such/s3cret.db", "source orders: the SQLite file that SHOP_URL names does not exist"),
        ("postgresql://u:s3cret@127.0.0.1:1/d", "source orders: the database refused: .*Connection refused.*"),
        ("postgresql://u@127.0.0.1:1/d?password=s3cret", "source orders: the database refused: .*Connection refused.*"),
        # libpq repeats what it does not understand: such words are not repeated here.
        ("postgresql://u:s3cret@/d?host=/no/such/s3cret", "source orders: the database refused"),
    ],
)
@pytest.mark.parametrize("ask", ["schema", "fetch"])
def test_what_cannot_be_asked_is_told_without_its_password(tmp_path, url, why, ask):
    """Misconfiguration is one sentence, and neither it nor its printed causes hold the password."""
    orders = source(url)
    with pytest.raises(SourceUnavailable, match=f"^{why.replace('+', '[+]')}$") as caught:
        orders.schema(DAY) if ask == "schema" else orders.fetch(DAY, tmp_path / "out.parquet")

    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
    assert [] == list(tmp_path.iterdir())


def test_an_unknown_database_is_told(postgres):
    """The database's own first line is repeated where it holds no secret."""
    url, _ = postgres
    elsewhere = sa.make_url(url).set(database="nowhere", password=f"s3cret{1}").render_as_string(hide_password=False)

    with pytest.raises(SourceUnavailable, match='database "nowhere" does not exist'):
        source(elsewhere).schema(DAY)


@pytest.mark.parametrize(
    ("relation", "column", "why"),
    [
        ("nothing", "day", "source nothing: there is no such table or view"),
        ("orders", "date", "source orders: it has no column 'date' to pick a partition by"),
    ],
)
def test_a_missing_table_or_column_is_our_misconfiguration(database, tmp_path, relation, column, why):
    """Both questions are refused by the same sentence."""
    url, engine = database
    run(engine, "create table orders (day date)")
    orders = source(url, relation=relation, column=column)

    for ask in (lambda: orders.schema(DAY), lambda: orders.fetch(DAY, tmp_path / "out.parquet")):
        with pytest.raises(SourceUnavailable, match=why):
            ask()


@pytest.mark.parametrize("partition", ["20260301", "2026-3-1", "2026-02-30", "2026-03-01' or 1=1 --", ""])
def test_only_a_date_is_a_partition(partition, tmp_path):
    """Another key is the caller's mistake, told before anything is opened."""
    with pytest.raises(ValueError, match=r"YYYY-MM-DD|day is out of range"):
        source(None).fetch(partition, tmp_path / "out.parquet")


def test_types_have_names_in_duckdb():
    """Types that these tests have no server for, and the edges of numeric."""
    cases = {
        "UINTEGER": mysql.INTEGER(unsigned=True),
        "UBIGINT": mysql.BIGINT(unsigned=True),
        "DECIMAL(38,10)": sa.Numeric(60, 10),
        "DECIMAL(7,0)": postgresql.NUMERIC(5, -2),
        "DECIMAL(6,6)": postgresql.NUMERIC(3, 6),
        "DECIMAL(38,38)": sa.Numeric(60, 50),
        "VARCHAR": sa.types.NullType(),
    }

    assert list(cases) == [duckdb_type(kind, dialect="mysql") for kind in cases.values()], json.dumps(list(cases))


CONTROLS = (
    Control(measure="rows", by="country"),
    Control(measure="sum", column="amount"),
    Control(measure="distinct", column="id"),
    Control(measure="sum", column="not_there"),
)


def test_the_database_adds_up_what_it_hands_over(database, tmp_path):
    """Its own aggregates of the day's rows come with them, by the contract's names; what it lacks has no total."""
    url, engine = database
    run(
        engine,
        "create table orders (nr integer, day date, land varchar(2), amount numeric(12,2))",
        "insert into orders values (1, '2026-03-01', 'DE', 0.10), (2, '2026-03-01', 'DE', 0.20),"
        " (2, '2026-03-01', null, 0.30), (3, '2026-03-02', 'DE', 100)",
    )
    declaration = DatabaseSource(
        kind="database",
        url_env="SHOP_URL",
        relation="orders",
        partition_column="day",
        columns={"nr": "id", "land": "country"},
    )
    fetched = Database(declaration, url=url, controls=CONTROLS).fetch(DAY, tmp_path / "landed.parquet")

    assert (
        Fetched(
            rows=3,
            totals=(
                Total(control="rows_by_country", groups={"DE": "2", "NULL": "1"}),
                Total(control="sum_amount", groups={"": "0.60"}),
                Total(control="distinct_id", groups={"": "2"}),
            ),
        )
        == fetched
    )


def test_a_control_of_too_many_groups_has_no_total(sqlite, tmp_path):
    """A total for each customer would be the table again."""
    url, engine = sqlite
    run(engine, "create table orders (id integer, day text)")
    with engine.begin() as connection:
        many = [{"id": number} for number in range(1_001)]
        connection.execute(sa.text("insert into orders values (:id, '2026-03-01')"), many)
    declaration = DatabaseSource(kind="database", url_env="SHOP_URL", relation="orders", partition_column="day")
    controls = (Control(measure="rows", by="id"), Control(measure="rows"))

    assert Fetched(rows=1_001, totals=(Total(control="rows", groups={"": "1001"}),)) == Database(
        declaration, url=url, controls=controls
    ).fetch(DAY, tmp_path / "landed.parquet")


def test_a_sum_that_is_no_number_is_no_total(sqlite, tmp_path):
    """An infinite amount leaves nothing to compare: the rows come without that total."""
    url, engine = sqlite
    run(
        engine,
        "create table orders (amount real, day text)",
        "insert into orders values (9e999, '2026-03-01'), (1.5, '2026-03-01')",
    )
    declaration = DatabaseSource(kind="database", url_env="SHOP_URL", relation="orders", partition_column="day")
    controls = (Control(measure="sum", column="amount"), Control(measure="rows"))

    assert Fetched(rows=2, totals=(Total(control="rows", groups={"": "2"}),)) == Database(
        declaration, url=url, controls=controls
    ).fetch(DAY, tmp_path / "landed.parquet")
