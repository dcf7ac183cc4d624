"""Run declared expectations on some exact rows with Great Expectations, or check them alone: the way in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import duckdb

from orders_monitor.adapters import quoting
from orders_monitor.adapters.expectations.ahead import ReadAhead
from orders_monitor.adapters.expectations.library import great_expectations
from orders_monitor.adapters.expectations.outcome import answered
from orders_monitor.adapters.expectations.suite import build
from orders_monitor.core.expectation import Expectation, Outcome
from orders_monitor.core.value import digest_of

SampleValues = Literal["masked", "none"]

# Enough rows to find three different values among them.
_UNEXPECTED_ROWS_MAX = 20


@dataclass(frozen=True, slots=True)
class Documented:
    """The outcomes in the declared order, and Great Expectations' page of them as HTML."""

    outcomes: tuple[Outcome, ...]
    html: str


def validate(
    connection: duckdb.DuckDBPyConnection,
    *,
    view: str,
    expectations: Sequence[Expectation],
    sample_values: SampleValues,
    personal: frozenset[str] = frozenset(),
    plan: Path | None = None,
) -> tuple[Outcome, ...]:
    """What each expectation says of the rows of a table or view, one outcome each, in the declared order.

    `view` is a name in the connection's current schema. The connection is only read from, stays open, and is used by
    nobody else meanwhile. An expectation that cannot be asked of these columns is an outcome (`raised`). Another
    relation that an expectation names is a table or view of the same connection. No value of the data is remembered
    from one call to the next. Of the columns named in `personal` no value is told unmasked. In the file `plan`, made
    where it is missing, it is kept what to read: a process that asks for the first time then reads while it imports
    Great Expectations. Raises ValueError for a declaration that `check_declared` refuses, and for a view that is not
    there; StoreUnavailable where the plan cannot be kept.
    """
    answers, types, rows = _answers(connection, view, expectations, sample_values, plan)
    return _outcomes(expectations, answers, types, rows, values=sample_values == "masked", personal=personal)


def documented(
    connection: duckdb.DuckDBPyConnection,
    *,
    view: str,
    expectations: Sequence[Expectation],
    sample_values: SampleValues,
    personal: frozenset[str] = frozenset(),
    headline: str,
    plan: Path | None = None,
) -> Documented:
    """The same as `validate`, with a page of Great Expectations' results for people to read."""
    answers, types, rows = _answers(connection, view, expectations, sample_values, plan)
    values = sample_values == "masked"
    outcomes = _outcomes(expectations, answers, types, rows, values=values, personal=personal)
    from orders_monitor.adapters.expectations.page import page  # noqa: PLC0415 - seconds, see library

    html = page(expectations, answers, outcomes, types=types, personal=personal, values=values, headline=headline)
    return Documented(outcomes, html)


def check_declared(expectations: Sequence[Expectation]) -> None:
    """Refuse a declaration that cannot be asked, before a run meets it: unknown type, wrong or unknown arguments.

    Imports Great Expectations, which takes seconds: for the command line, tests and runs, not for loading code.
    Raises ValueError, in one sentence that names the expectation.
    """
    build(expectations)


def _answers(
    connection: duckdb.DuckDBPyConnection,
    view: str,
    expectations: Sequence[Expectation],
    sample_values: SampleValues,
    plan: Path | None,
) -> tuple[dict[int, Any], dict[str, str], int]:
    """Great Expectations' answers by the place in the declaration, the types by column and the number of rows."""
    ahead = ReadAhead(connection)
    types, rows = _described(ahead, view)
    unexpected_rows_max = _UNEXPECTED_ROWS_MAX if sample_values == "masked" else 0
    declared = [expectation.model_dump_json() for expectation in expectations]
    question = digest_of([view, types, declared, unexpected_rows_max, version("great_expectations")])
    with ahead.following(plan, view=view, question=question):
        great_expectations()
        from orders_monitor.adapters.expectations.asking import answers  # noqa: PLC0415 - seconds, see library

        told = answers(ahead, view=view, expectations=expectations, unexpected_rows_max=unexpected_rows_max)
    return told, types, rows


def _outcomes(
    expectations: Sequence[Expectation],
    answers: Mapping[int, Any],
    types: Mapping[str, str],
    rows: int,
    *,
    values: bool,
    personal: frozenset[str],
) -> tuple[Outcome, ...]:
    return tuple(
        answered(expectation, answers[position], types=types, rows=rows, values=values, personal=personal)
        for position, expectation in enumerate(expectations)
    )


def _described(connection: ReadAhead, view: str) -> tuple[dict[str, str], int]:
    """The types by column, in the columns' order, and the number of rows."""
    relation = quoting.name(view)
    try:
        columns = connection.read(f"describe {relation}")
    except duckdb.CatalogException as error:
        raise ValueError(f"there is no table or view {view!r}") from error
    count = connection.read(f"select count(*) from {relation}")  # noqa: S608 - a quoted identifier
    return {name: type_ for name, type_, *_ in columns}, count[0][0]
