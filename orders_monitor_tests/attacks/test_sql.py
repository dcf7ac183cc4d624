"""Attacks by SQL: three walls (the allow-list, DuckDB's own reading of the query, the locked room), each by itself."""

import logging
import time

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orders_monitor.adapters.workbench import allowlist, engine_words
from orders_monitor.adapters.workbench.session import Session
from orders_monitor.agent.workbench import QueryRefused, Rows
from orders_monitor.core.release import SqlLimits
from orders_monitor_tests.small_room import CONTRACT, ROWS, room, write

CANARY = "canary-7f3a"
TIMEOUT_S = 1
PERSON = "user1@example.org"
# What reaches outside, and in what it would find the canary. `{folder}` is the folder of the landed file.
READS = [
    "SELECT * FROM read_text('{folder}/canary.txt')",
    "SELECT * FROM read_blob('{folder}/canary.txt')",
    "SELECT * FROM '{folder}/canary.csv'",
    'SELECT * FROM "{folder}/canary.csv"',
    "SELECT * FROM read_csv('{folder}/canary.csv')",
    "SELECT * FROM read_csv_auto('{folder}/canary.csv')",
    "SELECT * FROM sniff_csv('{folder}/canary.csv')",
    "SELECT * FROM read_json('{folder}/canary.json')",
    "SELECT * FROM read_parquet('{folder}/other.parquet')",
    "SELECT * FROM parquet_scan(['{folder}/other.parquet'])",
    "SELECT * FROM glob('{folder}/*')",
    "SELECT content FROM read_text('/etc/passwd')",
    "SELECT count(*) FROM landed, read_text('{folder}/canary.txt')",
    "SELECT * FROM landed WHERE note IN (SELECT content FROM read_text('{folder}/canary.txt'))",
    "WITH a AS (SELECT * FROM read_text('{folder}/canary.txt')) SELECT * FROM a",
    "SELECT (SELECT content FROM read_text('{folder}/canary.txt'))",
    "SELECT * FROM landed UNION ALL SELECT * FROM '{folder}/other.parquet'",
]  # fmt: skip
# What DuckDB itself leaves open, and only the reading of the query closes.
OPEN_IN_THE_ENGINE = [
    "SELECT email FROM read_parquet('{folder}/landed.parquet')",
    "SELECT * FROM parquet_metadata('{folder}/landed.parquet')",
    "SELECT * FROM query('SELECT * FROM read_text(''{folder}/canary.txt'')')",
    "SELECT * FROM query_table('landed')",
    "SELECT * FROM duckdb_settings()",
    "SELECT sql FROM duckdb_views()",
    "SELECT * FROM duckdb_variables()",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM pg_catalog.pg_views",
    "SELECT * FROM main.landed",
    "SELECT * FROM memory.main.landed",
    "SELECT * FROM pragma_database_list",
    "SELECT current_setting('allowed_paths')",
    "SELECT getvariable('x')",
    "SELECT * FROM range(1000000000)",
    "SELECT unnest(generate_series(1, 1000000000))",
    "SELECT repeat('x', 1000000000)",
    "SELECT list(email) FROM landed",
    "SELECT string_agg(note, '') FROM landed, landed b",
    "SELECT note || note FROM landed",
    "SELECT * FROM (VALUES (1)) t",
    "SELECT [x FOR x IN [1, 2]]",
    "SELECT COLUMNS('.*') FROM landed",
    "WITH RECURSIVE a AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM a) SELECT * FROM a",
    "SELECT * FROM landed WHERE order_id = $1",
    "SELECT * FROM (FROM duckdb_settings())",
    "SELECT * FROM (DESCRIBE landed)",
    "SELECT * FROM (SHOW TABLES)",
    "SELECT * FROM (SUMMARIZE landed)",
    "SELECT json_execute_serialized_sql('{{}}')",
    "SELECT now(), random(), uuid()",
    "SELECT version(), current_user, current_database()",
    "SELECT * FROM landed TABLESAMPLE 10%",
    "PIVOT landed ON status USING count(*)",
    # A table's name is its whole row: a text of texts of texts grows past every limit of memory and time.
    "SELECT CAST(t AS VARCHAR) FROM (SELECT CAST(t AS VARCHAR) AS a, CAST(t AS VARCHAR) AS b FROM landed t) t",
    "SELECT memory.main.landed FROM landed",
    "WITH a AS (SELECT 1) SELECT main.a FROM a main, a",
    "SELECT unnamed_subquery FROM (SELECT email FROM landed)",
    "SELECT count(DISTINCT (order_id, status)) FROM landed",
]
WRITES = [
    "COPY landed TO '{folder}/out.csv'",
    "COPY (SELECT 1) TO '{folder}/landed.parquet'",
    "EXPORT DATABASE '{folder}/out'",
    "ATTACH '{folder}/out.db'",
    "ATTACH ':memory:' AS other",
    "CREATE TABLE t AS SELECT * FROM landed",
    "CREATE OR REPLACE VIEW landed AS SELECT 1",
    "CREATE TEMP TABLE t AS SELECT 1",
    "CREATE MACRO f(x) AS x",
    "INSERT INTO landed SELECT * FROM landed",
    "UPDATE landed SET amount = 0",
    "DELETE FROM landed",
    "DROP VIEW landed",
    "ALTER VIEW landed RENAME TO other",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET memory_limit = '99GB'",
    "SET VARIABLE x = 1",
    "RESET memory_limit",
    "PRAGMA database_list",
    "CALL pragma_version()",
    "CHECKPOINT",
    "BEGIN TRANSACTION",
    "EXPLAIN ANALYZE SELECT 1",
    "SELECT 1; DROP VIEW landed",
    "SELECT * INTO t FROM landed",
    "SELECT 1;; SELECT 2",
    "WITH a AS (DELETE FROM landed RETURNING *) SELECT * FROM a",
]
# Names that fall through to DuckDB's own tables, or pretend to be ours.
SHADOWS = [
    "WITH landed AS (SELECT 1) SELECT * FROM landed",
    'WITH "LANDED" AS (SELECT 1) SELECT * FROM landed',
    "WITH sqlite_master AS (SELECT 1) SELECT * FROM sqlite_master",
    "SELECT * FROM (WITH sqlite_master AS (SELECT 1) SELECT * FROM sqlite_master) x, sqlite_master",
    "WITH a AS (SELECT * FROM duckdb_tables), duckdb_tables AS (SELECT 1) SELECT * FROM a",
    "WITH a AS (SELECT * FROM a) SELECT * FROM a",
    "WITH a AS (SELECT 1), a AS (SELECT * FROM sqlite_master) SELECT * FROM a",
    'WITH "x.csv" AS (SELECT 1) SELECT * FROM "x.csv"',
]
# A name that is defined on the outside, and is what it is defined to be: odd, and harmless.
MEANS_WHAT_IT_SAYS = [*SHADOWS[:3], SHADOWS[7]]
HOSTILE = [*READS, *OPEN_IN_THE_ENGINE, *WRITES, *SHADOWS]
HARMLESS = [
    "SELECT status, count(*) FROM landed GROUP BY status",
    "WITH a AS (SELECT email FROM landed) SELECT count(*) FROM a JOIN history USING (email)",
    "SELECT * FROM landed WHERE note LIKE '%order%' ORDER BY amount DESC LIMIT 3",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The landed file, with canaries around it."""
    place = tmp_path_factory.mktemp("walls")
    (place / "canary.txt").write_text(f"{CANARY}\n")
    (place / "canary.csv").write_text(f"a,b\n1,{CANARY}\n")
    (place / "canary.json").write_text(f'{{"a": "{CANARY}"}}\n')
    write(place, "other", f"SELECT '{CANARY}' AS another_partition")
    write(place, "landed", ROWS)
    return place


@pytest.fixture(scope="module")
def bench(folder):
    """A workbench in that folder."""
    with room(folder, landed=folder / "landed.parquet", timeout_s=TIMEOUT_S, memory_mb=64) as opened:
        yield opened


@pytest.fixture(scope="module")
def session(folder):
    """The locked room of that workbench, without a door in front of it."""
    limits = SqlLimits(timeout_s=2, memory_mb=64)
    opened = Session(folder / "landed.parquet", history={}, contract=CONTRACT, text_columns=(), limits=limits)
    yield opened
    opened.connection.close()


def there(folder):
    """Every file of the folder and its bytes."""
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def named(sql, folder):
    """The attack, in that folder."""
    return sql.format(folder=folder)


@pytest.mark.parametrize("sql", HOSTILE)
def test_an_attack_is_refused_before_it_runs(bench, folder, sql):
    """The allow-list refuses it with a short sentence that says nothing of what is there."""
    found = allowlist.checked(named(sql, folder), rows_max=10)

    assert isinstance(found, QueryRefused)
    assert 250 > len(found.why)
    assert found == bench.query(named(sql, folder))


@pytest.mark.parametrize("sql", [*READS, *WRITES])
def test_reaching_outside_is_an_alert_and_no_slip(folder, sql):
    """A detector can tell an attempt from a typing error."""
    assert "reach" == allowlist.checked(named(sql, folder), rows_max=10).kind


@pytest.mark.parametrize(
    "sql",
    [
        *(
            "SELEC 1",
            "SELECT",
            "SELECT (1",
            "SELECT frob(1)",
            "SELECT * FROM landed WHERE",
            "",
            "SELECT 'a",
            "SELECT now()",
        ),
        *(
            "SELECT count(DISTINCT (order_id, status)) FROM landed",
            "SELECT count(DISTINCT order_id, status) FROM landed",
        ),
        *("SELECT order_id FROM landed WHERE (order_id, status) IN ((1, 'paid'))", "SELECT max(note, 900) FROM landed"),
        *("SELECT regexp_matches(status, note) FROM landed", "SELECT count(*) FROM orders_daily"),
        *("DESCRIBE landed", "SUMMARIZE landed", "FROM landed", "TABLE landed", "SHOW TABLES"),
    ],
)
def test_a_slip_is_no_alert(bench, sql):
    """An honest model that mistypes is told, not accused."""
    assert "mistake" == bench.query(sql).kind


@pytest.mark.parametrize("sql", [sql for sql in HOSTILE if sql not in MEANS_WHAT_IT_SAYS])
def test_what_sqlglot_would_overlook_duckdbs_own_parser_does_not(session, folder, sql):
    """The second wall by itself: an attack that the first one read as something else is refused all the same."""
    tables = frozenset(allowlist.TABLES)
    assert engine_words.refusal(session.connection, named(sql, folder), tables=tables) is not None


@pytest.mark.parametrize("sql", [*READS, *(sql for sql in WRITES if "{folder}" in sql)])
def test_the_room_itself_reads_and_writes_no_other_file(session, folder, sql):
    """The third wall by itself: DuckDB is asked directly, as if nobody had read the query."""
    before = there(folder)

    with pytest.raises(duckdb.Error):
        session.connection.execute(named(sql, folder)).fetchall()
    with pytest.raises(duckdb.Error, match="locked"):
        session.connection.execute("SET enable_external_access = true")
    assert before == there(folder)


def test_a_python_variable_is_no_table(session):
    """DuckDB would look into the host's variables for a name that it does not know."""
    secrets = [CANARY]

    with pytest.raises(duckdb.CatalogException):
        session.connection.execute("SELECT * FROM secrets").fetchall()
    assert [CANARY] == secrets


BOMBS = [
    f"SELECT DISTINCT strftime(created_at, '{'%c' * 1_900}') FROM history a, history b",
    "SELECT strftime(created_at, note) FROM landed",
    "SELECT " + "(" * 400 + "1" + ")" * 400,
    "SELECT " + "NOT " * 900 + "true",
    "SELECT " + "- " * 1_500 + "1",
    "SELECT " + "CASE WHEN 1=1 THEN " * 150 + "1" + " END" * 150,
    "SELECT " + "1+" * 1_900 + "1",
    "SELECT " + "abs(" * 300 + "1" + ")" * 300,
    "SELECT count(*) FROM " + ", ".join(f"landed a{n}" for n in range(100)),
    "WITH a0 AS (SELECT * FROM landed), "
    + ", ".join(f"a{n} AS (SELECT * FROM a{n - 1} UNION ALL SELECT * FROM a{n - 1})" for n in range(1, 20))
    + " SELECT count(*) FROM a19",
    "SELECT count(*) FROM landed GROUP BY CUBE (" + ", ".join(["order_id", "status", "note", "amount"] * 10) + ")",
    "SELECT regexp_matches(note, '" + "(a*)*" * 200 + "b') FROM landed",
    "SELECT regexp_matches(note, '((a{100}){100}){100}') FROM landed",
    "SELECT '" + "x" * 5_000 + "'",
    "SELECT power(10, 400), 10 ** 10 ** 10",
    "SELECT " + ", ".join(["*"] * 400) + " FROM landed",
    "SELECT * FROM landed LIMIT " + "9" * 3_000,
    "SELECT * FROM landed LIMIT 99999999999999999999999 OFFSET 99999999999999999999",
    "SELECT * FROM landed LIMIT ²",
    # What takes the parser or its writer twice as long with each word, or makes it fall over.
    "SELECT " + "DATE (" * 19 + "1" + ")" * 19,
    "SELECT 1 FROM landed " + "JOIN landed " * 300,
    "SELECT DATE() FROM landed",
    "SELECT VAR_MAP(status), DATETIME(status), J_S_O_N_OBJECT(-1) FROM landed",
    "SELECT /*" * 500,
    "SELECT " + "a." * 900 + "b",
    "SELECT \x00 1",
    "SELECT '\ud800'",
    "\u202eSELECT 1",
]


@pytest.mark.parametrize("sql", BOMBS, ids=range(len(BOMBS)))
def test_a_bomb_is_a_value_in_bounded_time(bench, sql):
    """Nothing that a text can say breaks the parser, fills the memory or never ends."""
    began_s = time.process_time()
    found = bench.query(sql)
    bench.canonical(sql)  # a detector asks that of every query, also of one that is refused

    assert time.process_time() - began_s < 5 * TIMEOUT_S  # of which the engine's own share is bounded by the release
    assert isinstance(found, Rows | QueryRefused)
    assert "reach" != getattr(found, "kind", None)
    assert ((100,),) == bench.query("SELECT count(*) FROM landed").rows


SALT = """-- /* */ ; ' " $$ E' ( ) , :: -> FROM UNION landed AS x SELECT WITH read_text 'a.csv' ﬁle \u2019 \\' '' ""
? $1 @ # [ ] { }"""
PIECES = st.sampled_from(["\n", " ", "\u00a0", *SALT.split()])


@st.composite
def mutations(draw):
    """A hostile or harmless query, cut, spliced with another, and salted with what parsers disagree about."""
    dice = draw(st.randoms(use_true_random=False))
    sql = draw(st.sampled_from([*HOSTILE, *HARMLESS]))
    for piece in draw(st.lists(PIECES, max_size=4)):
        at = dice.randint(0, len(sql))
        sql = sql[:at] + piece + sql[at + dice.randint(0, 3) :]
    if draw(st.booleans()):
        other = draw(st.sampled_from([*HOSTILE, *HARMLESS]))
        sql = sql[: dice.randint(0, len(sql))] + " " + other[dice.randint(0, len(other)) :]
    return sql if draw(st.booleans()) else "".join(dice.choice((str.upper, str.lower))(c) for c in sql)


class Heard(logging.Handler):
    """Everything that anybody logs."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self.records = []

    def emit(self, record):
        self.records.append(record.getMessage())


def holds_whatever_is_asked(bench, folder, sql):
    """No file, no person and no secret in an answer; nothing written; nothing logged; a value, always."""
    before, heard = there(folder), Heard()
    logging.getLogger().addHandler(heard)
    try:
        found = bench.query(sql.replace("{folder}", str(folder)))
        bench.canonical(sql)
    finally:
        logging.getLogger().removeHandler(heard)

    assert isinstance(found, Rows | QueryRefused)
    assert not [secret for secret in (CANARY, PERSON, "user2@", "root:x:", "4917000") if secret in repr(found)]
    assert before == there(folder)
    assert [] == heard.records


@settings(derandomize=True, deadline=None, max_examples=40)
@example(sql="SELECT $$ $$ FROM '{folder}/other.parquet'")
@example(sql="SELECT 'a\\' FROM landed -- '")
@example(sql='SELECT 1 AS "a"" FROM read_text(\'x\')" FROM landed')
@example(sql="SELECT/**/*/**/FROM/**/read_text/**/('{folder}/canary.txt')")
@example(sql="SELECT * FROM \"read_text\"('{folder}/canary.txt')")
@example(sql="SELECT email::INTEGER FROM landed")
@example(sql="WITH a AS (EXPLAIN ANALYZE SELECT 1")
@example(sql="SELECT 1 / 0, CAST(email AS DATE) FROM landed")
@given(sql=mutations())
def test_no_mutation_of_an_attack_gets_through(bench, folder, sql):
    """Whatever is cut, spliced and salted: the walls hold."""
    holds_whatever_is_asked(bench, folder, sql)


@pytest.mark.slow
@settings(derandomize=False, deadline=None, max_examples=3_000)
@given(sql=mutations())
def test_thousands_of_mutations_do_not_either(bench, folder, sql):
    """The same with other dice every time."""
    holds_whatever_is_asked(bench, folder, sql)
