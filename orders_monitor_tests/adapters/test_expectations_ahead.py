"""What was asked the last time is read while Great Expectations is imported, and no plan changes an answer."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orders_monitor.adapters.expectations.ahead import ReadAhead
from orders_monitor.adapters.expectations.library import with_room
from orders_monitor.adapters.expectations.plan import KeyAsked, Plan, Statement, keep, kept, statement
from orders_monitor.adapters.expectations.validate import validate
from orders_monitor.core.expectation import Expectation, Outcome

ENDLESS = Statement(text="select sum(range) from range(1000000000000000)", bound=())


def expects(what: str, /, **kwargs: Any) -> Expectation:
    return Expectation(type=f"expect_{what}", kwargs=kwargs)


SUITE = [
    expects("table_row_count_to_be_between", min_value=1),
    expects("column_values_to_not_be_null", column="n"),
    expects("column_values_to_be_between", column="n", min_value=0, max_value=60_000),
    expects("column_values_to_be_between", column="day", min_value="2020-01-01", max_value="2020-01-01"),
    expects("column_values_to_be_in_set", column="text", value_set=["a", "?"]),
    expects("column_values_to_be_unique", column="n"),
    expects("compound_columns_to_be_unique", column_list=["text", "day"]),
    expects("column_mean_to_be_between", column="n", min_value=0),
    expects("column_pair_values_a_to_be_greater_than_b", column_A="n", column_B="m"),
]


class Watched:
    """A connection that remembers the statements it ran, and whether a thread of its own did."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self.ahead: list[str] = []
        self.asked: list[str] = []
        self.interrupt = connection.interrupt
        self.extract_statements = connection.extract_statements

    def execute(self, statement: str, parameters: Any = None) -> Any:
        (self.asked if threading.current_thread() is threading.main_thread() else self.ahead).append(statement)
        return self._connection.execute(statement, parameters or [])


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute(
            "create table landed as select range + 700000 as n, -range as m, ['a', 'b'][1 + range % 2] as text, "
            "date '2020-01-01' as day from range(70000)"
        )
        yield opened


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "orders" / "read_ahead.json"


def ask(connection, file: Path | None, suite=SUITE) -> tuple[Outcome, ...]:
    return validate(connection, view="landed", expectations=suite, sample_values="masked", plan=file)


def test_the_second_time_everything_is_read_ahead(connection, file):
    """The outcomes are those of the first time, and nothing of the rows is left to ask when the suite is asked."""
    first, second = Watched(connection), Watched(connection)

    expected = ask(first, file)
    told = ask(second, file)

    assert expected == told == ask(connection, None)
    assert ([], [s for s in first.asked if s.startswith("SELECT")]) == (first.ahead, second.ahead)
    assert [] == [s for s in second.asked if s.startswith("SELECT")]


def test_other_rows_are_read_again(connection, file):
    """Nothing of the rows is remembered: the answers to the same suite about other rows are other answers."""
    ask(connection, file)
    before = file.read_bytes()
    connection.execute("update landed set text = 'a', n = 5")

    outcomes = ask(connection, file)

    assert (True, 0) == (outcomes[4].passed, outcomes[4].unexpected)
    assert (False, 70_000) == (outcomes[5].passed, outcomes[5].unexpected)
    assert before == file.read_bytes()


def test_no_value_of_the_rows_is_kept(connection, file):
    """What was written with values of this table or of another is not in the plan, and is asked when its turn comes."""
    connection.execute("create table others as select unnest([700123, 700999]) as n")
    known = expects("column_values_to_exist_in_relation", column="n", relation="others", relation_column="n")
    deviation = expects("column_stdev_to_be_between", column="n", min_value=0)
    again = Watched(connection)

    expected = ask(connection, file, [*SUITE, known, deviation])
    told = ask(again, file, [*SUITE, known, deviation])

    assert expected == told
    assert 4 == sum("others" in asked or "stddev" in asked.lower() for asked in again.asked)
    assert "7001" not in file.read_text()
    assert "7000" not in file.read_text()


def plans(question: str) -> dict[str, bytes]:
    """Files that were damaged, are of something else, or that somebody else wrote."""

    def of(*texts: str, bound: tuple[tuple[str, str], ...] = (), keys: tuple[KeyAsked, ...] = ()) -> bytes:
        statements = tuple(Statement(text=text, bound=bound) for text in texts)
        return Plan(question=question, statements=statements, keys=keys).model_dump_json().encode()

    return {
        "no text": b"\xff\xfe\x00",
        "half": of("select 1")[:-9],
        "another question": Plan(question="another", statements=(ENDLESS,)).model_dump_json().encode(),
        "no SQL": of("select from where", "?"),
        "nothing": of("", "--"),
        "a change": of("drop table landed", "select 1; drop table landed", "set threads = 1"),
        "no value": of("select ?", bound=(("int", "x"),)),
        "no type": of("select ?", bound=(("list", "[]"),)),
        "too few values": of("select ?, ?", bound=(("bool", "True"),)),
        "no column": of(keys=(KeyAsked(columns=('gone"',), sample=3), KeyAsked(columns=("n", "gone"), sample=3))),
    }


@pytest.mark.parametrize("name", plans(""))
def test_a_plan_that_is_wrong_changes_nothing(connection, file, name):
    """The outcomes are those without it, the tables stay as they are, and the plan is put right."""
    expected = ask(connection, file)
    right = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(plans(Plan.model_validate_json(right).question)[name])

    told = ask(connection, file)

    assert (expected, right) == (told, file.read_bytes())


def test_a_plan_is_for_one_declaration_and_the_types_of_the_columns(connection, file):
    """Where either is another one, nothing is read ahead, and the plan is of what was asked now."""
    ask(connection, file)
    connection.execute("alter table landed alter m type integer")
    types, fewer = Watched(connection), Watched(connection)

    ask(types, file)
    ask(fewer, file, SUITE[:4])

    assert ([], []) == (types.ahead, fewer.ahead)
    assert "day" in file.read_text()
    assert "avg" not in file.read_text()


def test_a_declaration_that_is_refused_waits_for_nothing(connection, file):
    """What is being read for nobody is given up, and the connection is free."""
    keep(file, Plan(question="asked", statements=(ENDLESS, ENDLESS)))
    with (
        pytest.raises(ValueError, match="refused"),
        ReadAhead(connection).following(file, view="landed", question="asked"),
    ):
        raise ValueError("refused")

    assert [(70_000,)] == connection.execute("select count(*) from landed").fetchall()


@pytest.mark.parametrize(
    "value",
    [
        "it's ?",
        "2020-01-01",
        7,
        -0.1,
        1e300,
        True,
        Decimal("1.50"),
        date(2020, 2, 29),
        datetime(2020, 2, 29, 1, 2, 3, 4),  # noqa: DTZ001 - a timestamp of a day's table has none
        time(1, 2),
    ],
)
def test_values_are_kept_with_their_type(file, value):
    """A bound value is read again as what it was."""
    asked = statement("select ?", [value])
    assert asked is not None
    keep(file, Plan(question="q", statements=(asked,)))
    found = kept(file, question="q")

    assert found is not None
    assert [(type(value), value)] == [(type(each), each) for each in found.statements[0].values]


@pytest.mark.parametrize("value", [b"bytes", None, ["a"], {"a": 1}])
def test_a_value_of_another_type_is_not_kept(value):
    """Its statement is asked when its turn comes."""
    assert statement("select ?", [value]) is None


def test_a_function_with_room_is_the_same_function():
    """Its arguments, answer, errors and name are those of the function, however deep it calls."""

    @with_room
    def deep(n: int, *, raising: bool = False) -> int:
        """Call itself."""
        if n == 0 and raising:
            raise LookupError("at the bottom")
        return 0 if n == 0 else 1 + deep(n - 1, raising=raising)

    assert ("deep", "Call itself.", 100) == (deep.__name__, deep.__doc__, deep(100))
    with pytest.raises(LookupError, match="at the bottom"):
        deep(3, raising=True)


ASKED = """
import sys
from pathlib import Path
import duckdb
from orders_monitor_tests.adapters.test_expectations_ahead import SUITE, ask
with duckdb.connect() as connection:
    connection.execute("create table landed as select 1 as n, 2 as m, 'a' as text, date '2020-01-01' as day")
    ask(connection, Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_every_process_asks_the_same(tmp_path):
    """Whatever order a process has its sets in, the plan is the same; otherwise none would ever be of use."""
    files = [tmp_path / seed / "plan.json" for seed in ("1", "2", "3")]
    for file in files:
        command = [sys.executable, "-c", ASKED, str(file)]
        subprocess.run(command, env={"PYTHONHASHSEED": file.parent.name}, check=True)

    assert 1 == len({file.read_text() for file in files})
