"""Declared expectations as Great Expectations' own: looked up by their registered name, their arguments checked."""

from collections.abc import Sequence
from typing import Any

import duckdb

from orders_monitor.adapters.expectations.library import great_expectations
from orders_monitor.core.expectation import Expectation

POSITION = "position"


def build(expectations: Sequence[Expectation]) -> Any:
    """The suite; each expectation carries its place in the declaration, because results come in another order.

    Raises ValueError, in one sentence that names the expectation.
    """
    library = great_expectations()
    theirs = [_theirs(expectation, position) for position, expectation in enumerate(expectations)]
    return library.ExpectationSuite(name="declared", expectations=theirs)


def check_declared(expectations: Sequence[Expectation]) -> None:
    """Refuse a declaration that cannot be asked, before a run meets it: unknown type, wrong or unknown arguments.

    Imports Great Expectations, which takes seconds: for the command line, tests and runs, not for loading code.
    Raises ValueError, in one sentence that names the expectation.
    """
    build(expectations)


def _theirs(expectation: Expectation, position: int) -> Any:
    great_expectations()
    from great_expectations.exceptions.exceptions import GreatExpectationsError  # noqa: PLC0415 - seconds, see library
    from great_expectations.expectations.registry import get_expectation_impl  # noqa: PLC0415 - the same

    try:
        theirs = get_expectation_impl(expectation.type)
        _check_names(expectation, known={*theirs.domain_keys, *theirs.success_keys} - {"batch_id"})
        built = theirs(**expectation.kwargs, meta={POSITION: position})
        _check_values(expectation, built)
    except (GreatExpectationsError, ValueError, TypeError) as error:
        raise ValueError(f"{expectation.check_name} ({expectation.type}): {_sentence(error)}") from error
    return built


def _check_names(expectation: Expectation, *, known: set[str]) -> None:
    if any(name.endswith("_query") for name in known):
        raise ValueError("it runs SQL of its own, which is not allowed here")
    for name, value in expectation.kwargs.items():
        if name not in known:
            raise ValueError(f"it has no argument {name!r}; it knows {', '.join(sorted(known))}")
        if isinstance(value, dict) and "$PARAMETER" in value:
            raise ValueError(f"{name} is a parameter; write its value")


def _check_values(expectation: Expectation, built: Any) -> None:
    low, high = getattr(built, "min_value", None), getattr(built, "max_value", None)
    if low is not None and high is not None:
        try:
            upside_down = low > high
        except TypeError as error:
            raise ValueError("min_value and max_value are of two kinds (a date and a timestamp, say)") from error
        if upside_down:
            raise ValueError("min_value is greater than max_value")
    for regex in (expectation.kwargs.get("regex"), *expectation.kwargs.get("regex_list", ())):
        if regex is not None:
            _check_regex(regex)


def _check_regex(regex: str) -> None:
    try:
        with duckdb.connect() as connection:
            connection.execute("select regexp_matches('', ?)", [regex])
    except duckdb.Error as error:
        raise ValueError(f"DuckDB does not take {regex!r} as a regular expression") from error


def _sentence(error: Exception) -> str:
    """What is wrong, without the library's name for its classes or its advice on where to read more."""
    details = getattr(error, "errors", None)
    if callable(details):
        first = details()[0]
        place = ".".join(str(part) for part in first["loc"] if part != "__root__")
        return f"{place}: {first['msg']}" if place else str(first["msg"])
    return str(error).partition("\n")[0]
