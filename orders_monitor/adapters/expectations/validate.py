"""Run declared expectations on some exact rows with Great Expectations, or check them alone: the way in."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, Literal

import duckdb

from orders_monitor.adapters.expectations.library import great_expectations
from orders_monitor.adapters.expectations.outcome import answered
from orders_monitor.adapters.expectations.suite import POSITION, build
from orders_monitor.core.expectation import Expectation, Outcome

SampleValues = Literal["masked", "none"]

# Enough rows to find three different values among them.
_UNEXPECTED_ROWS_MAX = 20

# Great Expectations has one current context a process.
_CURRENT = Lock()


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
) -> tuple[Outcome, ...]:
    """What each expectation says of the rows of a table or view, one outcome each, in the declared order.

    `view` is a name in the connection's current schema. The connection is only read from, stays open, and is used by
    nobody else meanwhile. An expectation that cannot be asked of these columns is an outcome (`raised`). Nothing is
    remembered from one call to the next. Of the columns named in `personal` no value is told unmasked. Raises
    ValueError for a declaration that `check_declared` refuses, and for a view that is not there.
    """
    answers, types, rows = _answers(connection, view, expectations, sample_values)
    return _outcomes(expectations, answers, types, rows, values=sample_values == "masked", personal=personal)


def documented(
    connection: duckdb.DuckDBPyConnection,
    *,
    view: str,
    expectations: Sequence[Expectation],
    sample_values: SampleValues,
    personal: frozenset[str] = frozenset(),
    headline: str,
) -> Documented:
    """The same as `validate`, with a page of Great Expectations' results for people to read."""
    answers, types, rows = _answers(connection, view, expectations, sample_values)
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
    connection: duckdb.DuckDBPyConnection, view: str, expectations: Sequence[Expectation], sample_values: SampleValues
) -> tuple[dict[int, Any], dict[str, str], int]:
    """Great Expectations' answers by the place in the declaration, the types by column and the number of rows."""
    suites = build(expectations)
    types, rows = _described(connection, view)
    answers: dict[int, Any] = {}
    for suite in suites:
        unexpected_rows_max = _UNEXPECTED_ROWS_MAX if sample_values == "masked" else 0
        answers |= _asked(connection, view, suite, unexpected_rows_max=unexpected_rows_max)
    return answers, types, rows


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


def _described(connection: duckdb.DuckDBPyConnection, view: str) -> tuple[dict[str, str], int]:
    """The types by column, in the columns' order, and the number of rows."""
    relation = '"' + view.replace('"', '""') + '"'
    try:
        columns = connection.execute(f"describe {relation}").fetchall()
    except duckdb.CatalogException as error:
        raise ValueError(f"there is no table or view {view!r}") from error
    count = connection.execute(f"select count(*) from {relation}").fetchall()  # noqa: S608 - a quoted identifier
    return {name: type_ for name, type_, *_ in columns}, count[0][0]


def _asked(connection: duckdb.DuckDBPyConnection, view: str, suite: Any, *, unexpected_rows_max: int) -> dict[int, Any]:
    """Great Expectations' answers by the place of the expectation in the declaration."""
    result_format = {
        "result_format": "SUMMARY",
        "partial_unexpected_count": unexpected_rows_max,
        # A statement with values of the data in it, and one that a `?` in a column's name breaks.
        "return_unexpected_index_query": False,
    }
    with _batch(connection, view) as batch:
        answers = batch.validate(suite, result_format=result_format).results
    # Of an expectation declared twice it may answer one of the two twice over; the first answer is the one computed.
    return {answer.expectation_config.meta[POSITION]: answer for answer in reversed(answers)}


@contextmanager
def _batch(connection: duckdb.DuckDBPyConnection, view: str) -> Iterator[Any]:
    """All rows of the view, in a context of its own: a kept one would keep metrics of a view that was rebuilt."""
    from sqlalchemy.sql import quoted_name  # noqa: PLC0415 - a third of a second

    with _context() as context:
        from orders_monitor.adapters.expectations.datasource import (  # noqa: PLC0415 - seconds, see library
            DuckDBDatasource,
        )

        source = DuckDBDatasource(name="given", connection=connection)
        try:
            context.data_sources.add_duckdb(source)
            # A plain text would have quotes read into it.
            table = source.add_table_asset(name="rows", table_name=quoted_name(view, quote=True))
            yield table.add_batch_definition_whole_table("all").get_batch()
        finally:
            source.let_go()


@contextmanager
def _context() -> Iterator[Any]:
    """Great Expectations without files, telemetry and progress bars; made the process's current one, and unmade."""
    library = great_expectations()
    from great_expectations.data_context.data_context.context_factory import (  # noqa: PLC0415 - seconds, see library
        set_context,
    )
    from great_expectations.data_context.types.base import (  # noqa: PLC0415 - the same
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    quiet = DataContextConfig(
        # Without its web pages, for which it would leave a temporary folder behind every time.
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
    )
    with _CURRENT:
        try:
            yield library.get_context(mode="ephemeral", project_config=quiet)
        finally:
            set_context(None)
