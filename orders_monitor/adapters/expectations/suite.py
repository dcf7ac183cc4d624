"""Declared expectations as Great Expectations' own: looked up by their registered name, their arguments checked."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import duckdb

from orders_monitor.adapters.expectations.library import great_expectations
from orders_monitor.core.expectation import Expectation

POSITION = "position"

# Great Expectations computes two of these on one column once, with the arguments of one, and answers both with it.
_ONE_A_BATCH = ("expect_column_quantile_values_to_be_between", "expect_table_row_count_to_equal_other_table")

# Ours to give, or deprecated.
_NOT_DECLARED = {"batch_id", "condition_parser"}

# Row by row only in pandas; with SQL the type of the column answers.
_READ_FROM_THE_SCHEMA = ("column_values.of_type", "column_values.in_type_list")


def build(expectations: Sequence[Expectation]) -> list[Any]:
    """The suites, nearly always one, each to be asked of a batch of its own.

    Every expectation carries its place in the declaration, because results come in another order.
    Raises ValueError, in one sentence that names the expectation.
    """
    library = great_expectations()
    seen: Counter[tuple[str, str | None]] = Counter()
    rounds: dict[int, list[Any]] = {}
    for position, expectation in enumerate(expectations):
        alike = (expectation.type, expectation.column)
        rounds.setdefault(seen[alike], []).append(_theirs(expectation, position))
        seen[alike] += expectation.type in _ONE_A_BATCH
    return [library.ExpectationSuite(name=f"declared {n}", expectations=theirs) for n, theirs in rounds.items()]


def _theirs(expectation: Expectation, position: int) -> Any:
    great_expectations()
    from great_expectations.exceptions.exceptions import GreatExpectationsError  # noqa: PLC0415 - seconds, see library
    from great_expectations.expectations.registry import get_expectation_impl  # noqa: PLC0415 - the same

    try:
        theirs = get_expectation_impl(expectation.type)
        _check_engine(theirs)
        _check_names(expectation, known={*theirs.domain_keys, *theirs.success_keys} - _NOT_DECLARED)
        built = theirs(**expectation.kwargs, meta={POSITION: position})
        _check_values(expectation, built)
    except (GreatExpectationsError, ValueError, TypeError) as error:
        raise ValueError(f"{expectation.check_name} ({expectation.type}): {_sentence(error)}") from error
    return built


def _check_engine(theirs: Any) -> None:
    from great_expectations.exceptions.exceptions import MetricProviderError  # noqa: PLC0415 - seconds, see library
    from great_expectations.expectations.registry import (  # noqa: PLC0415 - the same
        get_sqlalchemy_metric_provider,
    )

    metric = getattr(theirs, "map_metric", None)
    if metric is None or metric in _READ_FROM_THE_SCHEMA:
        return
    try:
        get_sqlalchemy_metric_provider(f"{metric}.condition")
    except MetricProviderError as error:
        raise ValueError("Great Expectations has no SQL for it") from error


def _check_names(expectation: Expectation, *, known: set[str]) -> None:
    if any(name.endswith("_query") for name in known):
        raise ValueError("it runs SQL of its own, which is not allowed here")
    for name, value in expectation.kwargs.items():
        if name not in known:
            raise ValueError(f"it has no argument {name!r}; it knows {', '.join(sorted(known))}")
        if isinstance(value, dict) and "$PARAMETER" in value:
            raise ValueError(f"{name} is a parameter; write its value")
        if name == "row_condition" and not isinstance(value, dict):
            raise ValueError(
                "row_condition is not {type: comparison, column: {name: ...}, operator: ..., parameter: ...}"
            )


def _check_values(expectation: Expectation, built: Any) -> None:
    low, high = getattr(built, "min_value", None), getattr(built, "max_value", None)
    if low is not None and high is not None:
        try:
            upside_down = low > high
        except TypeError as error:
            raise ValueError("min_value and max_value are of two kinds (a date and a timestamp, say)") from error
        if upside_down:
            raise ValueError("min_value is greater than max_value")
    for type_ in (expectation.kwargs.get("type_"), *expectation.kwargs.get("type_list", ())):
        if type_ is not None and not str(type_).isupper():
            raise ValueError(f"type {type_!r} is not written as DuckDB writes it, in capital letters")
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
