"""How the rows are read for expectations: few statements, exact duplicates, expectations of somebody else's."""

import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

import duckdb
import pytest

from orders_monitor.adapters.expectations.library import great_expectations
from orders_monitor.adapters.expectations.validate import check_declared, validate
from orders_monitor.core.expectation import Expectation, Outcome


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def expects(what: str, /, **kwargs: Any) -> Expectation:
    return Expectation(type=f"expect_{what}", kwargs=kwargs)


def ask(connection, *expectations: Expectation, view: str = "landed") -> tuple[Outcome, ...]:
    return validate(connection, view=view, expectations=expectations, sample_values="masked")


class Watched:
    """A connection that remembers the statements it ran."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.statements: list[str] = []

    def execute(self, statement: str, parameters: Any = None) -> Any:
        self.statements.append(statement)
        return self._connection.execute(statement, parameters or [])


MANY = [
    expects("column_values_to_not_be_null", column="n"),
    expects("column_values_to_not_be_null", column="text"),
    expects("column_values_to_be_between", column="n", min_value=0, max_value=8),
    expects("column_values_to_be_in_set", column="text", value_set=["a", "b"]),
    expects("column_values_to_match_regex", column="text", regex="^[ab]$"),
    expects("column_value_lengths_to_be_between", column="text", max_value=1),
    expects("column_mean_to_be_between", column="n", min_value=0, max_value=9),
    expects("column_max_to_be_between", column="n", max_value=9),
    expects(
        "column_quantile_values_to_be_between",
        column="n",
        quantile_ranges={"quantiles": [0.5], "value_ranges": [[0, 9]]},
    ),
    expects("column_pair_values_a_to_be_greater_than_b", column_A="n", column_B="m"),
    expects("multicolumn_sum_to_equal", column_list=["n", "m"], sum_total=0),
    expects("table_row_count_to_be_between", min_value=1),
]


def test_a_suite_is_one_statement_over_the_rows(connection):
    """Twelve expectations, five of them failed with samples, are the number of rows and one statement."""
    connection.execute(
        "create table landed as select range as n, -range as m, ['a', 'xx'][1 + range % 2] as text from range(10)"
    )
    watched = Watched(connection)
    outcomes = ask(watched, *MANY)

    assert [True, True, False, False, False, False, True, True, True, False, True, True] == [o.passed for o in outcomes]
    assert [("9",), ("aa",), ("aa",), ("aa",), ("(0, 0)",)] == [o.sample for o in outcomes if o.sample]
    assert 2 == sum(statement.startswith("SELECT") for statement in watched.statements)


def test_what_cannot_be_computed_costs_nobody_else_their_answer(connection):
    """One condition that DuckDB refuses to compare is told so, and all the others are answered."""
    connection.execute("create table landed as select range as n, 'x' || range as text from range(10)")
    impossible = expects("column_values_to_be_in_set", column="text", value_set=[1, 2])
    outcomes = ask(connection, *[e for e in MANY if "m" not in e.kwargs.values()][:2], impossible, MANY[2])

    assert [None, None, "it cannot be computed on text of type VARCHAR", None] == [o.raised for o in outcomes]
    assert [0, 0, 0, 1] == [o.unexpected for o in outcomes]


KEYS = [
    # whole numbers without gaps, below zero too; one of them three times
    ("case when i in (7, 69999) then 9 else i end - 500", ["a"], 3, ("-491",)),
    # one pair in a block of neighbours, two pairs in another, and three times the same in a third
    (
        "case when i in (7, 5000, 5100, 60000) then i + 1 when i = 60002 then 60001 else i end",
        ["a"],
        9,
        ("8", "5001", "5101"),
    ),
    # days, of which most are there often
    ("date '2020-01-01' + (i // 2)::int", ["a"], 70_000, ("2020-01-01", "2020-01-02", "2020-01-03")),
    # the end of time twice, and a day beyond Python's years
    ("case when i in (7, 8) then 'infinity' else date '2020-01-01' + i::int end", ["a"], 2, ("9999-12-31",)),
    (
        "case i when 7 then date '5000000-01-01' when 8 then date '2020-01-01' else date '2020-01-01' + i::int end",
        ["a"],
        2,
        ("2020-01-01",),
    ),
    # far apart, as numbers that are drawn are
    ("case when i = 7 then 99 else i * 1000003000019 end", ["a"], 0, ()),
    ("case when i = 7 then 8 * 1000003000019 else i * 1000003000019 end", ["a"], 2, ("8000024000152",)),
    # texts, and a missing one twice, which is no key
    ("case when i in (7, 8) then null when i = 9 then 'k10' else 'k' || i end", ["a"], 2, ("a99",)),
    # numbers that are equal and written in two ways
    ("case when i = 7 then '-0.0'::double when i = 8 then 0.0 else i + 0.5 end", ["a"], 2, ("-0.0", "0.0")),
    # intervals, which are grouped without looking first
    (
        "case when i = 7 then interval 1 month when i = 8 then interval 30 day else interval (i + 99) day end",
        ["a"],
        2,
        None,
    ),
    # two columns, each of them full of the same values
    ("i // 2", ["a", "line"], 0, ()),
    ("case when i = 7 then 4 else i // 2 end", ["a", "line"], 2, ("(4, 1)",)),
    ("date '2020-01-01' + (case when i = 7 then 8 else i end // 2)::int", ["line", "a"], 2, ("(1, 2020-01-05)",)),
    ("case when i = 7 then 'k4' else 'k' || i // 2 end", ["a", "line"], 2, ("(a9, 1)",)),
]


@pytest.mark.parametrize(("key", "columns", "shared", "sample"), KEYS)
def test_duplicates_among_many_rows_are_counted_exactly(connection, key, columns, shared, sample):
    """Rows that share their key are counted to the last one, whatever the key is made of."""
    connection.execute(f"create table landed as select {key} as a, i % 2 as line from range(70000) t(i)")
    one = expects("column_values_to_be_unique", column="a")
    several = expects("compound_columns_to_be_unique", column_list=columns)
    (outcome,) = ask(connection, one if len(columns) == 1 else several)

    assert (shared == 0, shared, None) == (outcome.passed, outcome.unexpected, outcome.raised)
    assert sample is None or set(outcome.sample) <= set(sample)


@pytest.mark.parametrize("type_", ["bigint", "varchar", "decimal(9,1)"])
def test_values_exist_in_another_relation(connection, type_):
    """A value that the other relation has not is unexpected; a missing one is not, on either side."""
    connection.execute(f"create table landed as select unnest([1, 2, null, -4, 900])::{type_} as customer")
    connection.execute(f'create table "the ""customers" as select unnest([1, 2, null, 3, 7])::{type_} as "id ?"')
    known = {"relation": 'the "customers', "relation_column": "id ?"}
    half = expects("column_values_to_exist_in_relation", column="customer", mostly=0.5, **known)
    every = expects("column_values_to_exist_in_relation", column="customer", **known)
    gone = expects("column_values_to_exist_in_relation", column="customer", relation="gone", relation_column="id")
    passed, failed, raised = ask(connection, half, every, gone)

    assert (True, 2) == (passed.passed, passed.unexpected)
    assert (False, 2, 2) == (failed.passed, failed.unexpected, len(failed.sample))
    assert "it cannot be computed on customer of type" in str(raised.raised)


@cache
def somebody_elses() -> None:
    """Expectations as a user writes them: a condition of one row, one of many rows, and an aggregate."""
    great_expectations()
    import sqlalchemy as sa  # noqa: PLC0415 - beside the library
    from great_expectations.core.metric_function_types import MetricPartialFunctionTypes  # noqa: PLC0415 - seconds
    from great_expectations.execution_engine import SqlAlchemyExecutionEngine  # noqa: PLC0415 - seconds
    from great_expectations.expectations.expectation import ColumnMapExpectation  # noqa: PLC0415 - seconds
    from great_expectations.expectations.metrics import (  # noqa: PLC0415 - seconds
        ColumnMapMetricProvider,
        column_condition_partial,
    )

    class Even(ColumnMapMetricProvider):
        condition_metric_name = "column_values.even"

        @column_condition_partial(engine=SqlAlchemyExecutionEngine)
        def _sqlalchemy(cls, column, **_):  # noqa: N805 - called so
            return column % 2 == 0

    class ExpectColumnValuesToBeEven(ColumnMapExpectation):
        map_metric = "column_values.even"

    class Rising(ColumnMapMetricProvider):
        condition_metric_name = "column_values.rising"

        @column_condition_partial(
            engine=SqlAlchemyExecutionEngine, partial_fn_type=MetricPartialFunctionTypes.WINDOW_CONDITION_FN
        )
        def _sqlalchemy(cls, column, _table, **_):  # noqa: N805 - called so
            return column >= sa.select(sa.func.min(column)).select_from(_table).scalar_subquery()

    class ExpectColumnValuesToBeAboveTheLeast(ColumnMapExpectation):
        map_metric = "column_values.rising"


def test_expectations_that_a_user_wrote_are_asked_like_others(connection):
    """A condition of one row is read with the rest; one that needs other rows goes Great Expectations' own way."""
    somebody_elses()
    connection.execute("create table landed as select unnest([2, 4, 5, 7, null]) as n")
    asked = [
        expects("column_values_to_be_even", column="n"),
        expects("column_values_to_be_above_the_least", column="n"),
    ]
    check_declared(asked)
    even, above = ask(connection, *asked)

    assert (False, 2, ("5", "7")) == (even.passed, even.unexpected, even.sample)
    assert (True, 0, None) == (above.passed, above.unexpected, above.raised)


DISTRIBUTED = """
from great_expectations.expectations.core import ExpectColumnValuesToNotBeNull

class ExpectColumnValuesToBeThere(ExpectColumnValuesToNotBeNull):
    pass
"""

ASKED = """
import sys
from orders_monitor.adapters.expectations.validate import check_declared
from orders_monitor.core.expectation import Expectation

check_declared([Expectation(type="expect_column_values_to_be_there", kwargs={"column": "a"})])
sys.exit("scipy.stats._stats_py" in sys.modules or "altair.vegalite" in sys.modules)
"""


@pytest.mark.slow
def test_an_installed_package_brings_its_own_expectations(tmp_path):
    """A package that names a module under our entry point is found, and rarely used libraries are not loaded for it."""
    (tmp_path / "theirs.py").write_text(DISTRIBUTED)
    described = tmp_path / "theirs-1.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Name: theirs\nVersion: 1\n")
    (described / "entry_points.txt").write_text("[orders_monitor.expectations]\ntheirs = theirs\n")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{ASKED}"

    assert 0 == subprocess.run([sys.executable, "-c", program], check=False).returncode
