"""What Great Expectations answered, as an Outcome: few words, no value of the data unmasked, nothing of its insides."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orders_monitor.adapters.expectations.masking import is_number, is_shown, name, number, told
from orders_monitor.core.expectation import Expectation, Outcome

LISTED_MAX = 3


def answered(
    expectation: Expectation,
    answer: Any,
    *,
    types: Mapping[str, str],
    rows: int,
    values: bool,
    personal: frozenset[str],
) -> Outcome:
    """The outcome on `rows` rows with columns of those types; without `values` no value of the data is told.

    Of the columns named in `personal` numbers and times are masked like texts: a birthday names somebody too.
    """
    shown = shown_columns(types, personal)
    result = answer.result
    told_of = {"check_name": expectation.check_name, "type": expectation.type, "column": expectation.column}
    # An answer that was computed says so; one that could not be lists the metrics that failed instead.
    if answer.exception_info.get("raised_exception") is not False:
        why = _why(expectation, types)
        empty = {"passed": False, "observed": "", "rows": rows, "unexpected": 0, "raised": why}
        return Outcome.model_validate({**told_of, **empty, "severity": expectation.severity})
    return Outcome(
        **told_of,
        severity=expectation.severity,
        passed=bool(answer.success),
        observed=_observed(expectation, result, types=types, values=values, shown_columns=shown, personal=personal),
        rows=result.get("element_count", rows),
        unexpected=result.get("unexpected_count") or 0,
        sample=_sample(expectation, result.get("partial_unexpected_list") or (), shown) if values else (),
    )


def shown_columns(types: Mapping[str, str], personal: frozenset[str]) -> frozenset[str]:
    """The columns whose values are told as they are."""
    return frozenset(column for column, type_ in types.items() if is_shown(type_) and column not in personal)


def _why(expectation: Expectation, types: Mapping[str, str]) -> str:
    """Why it could not be asked, from the declaration and the schema alone.

    The exception's own text is not used: it quotes statements and values, and Great Expectations gives the last
    exception of a round to every metric that failed in it.
    """
    columns = columns_of(expectation)
    missing = [name(column) for column in columns if column not in types]
    if len(missing) == 1:
        return f"column {missing[0]} is not there"
    if missing:
        return f"columns {', '.join(missing)} are not there"
    if columns:
        return "it cannot be computed on " + " and ".join(f"{name(c)} of type {name(types[c])}" for c in columns)
    return "Great Expectations could not compute it"


def columns_of(expectation: Expectation) -> list[str]:
    """The columns whose values it is about."""
    kwargs = expectation.kwargs
    listed = () if expectation.type.startswith("expect_table_") else kwargs.get("column_list", ())
    return [*(kwargs[key] for key in ("column", "column_A", "column_B") if key in kwargs), *listed]


def _sample(expectation: Expectation, values: Iterable[Any], shown_columns: frozenset[str]) -> tuple[str, ...]:
    shown = [column in shown_columns for column in columns_of(expectation)]
    texts = (told_row(value, shown) for value in values if value is not None)
    return tuple(dict.fromkeys(texts))[:LISTED_MAX]


def told_row(value: Any, shown: Sequence[bool]) -> str:
    """An unexpected value; for several columns their values, in the order of the declaration."""
    if len(shown) == 1:
        return told(value, shown=shown[0])
    cells = value.values() if isinstance(value, dict) else value
    return "(" + ", ".join(told(cell, shown=each) for cell, each in zip(cells, shown, strict=False)) + ")"


def _observed(
    expectation: Expectation,
    result: Mapping[str, Any],
    *,
    types: Mapping[str, str],
    values: bool,
    shown_columns: frozenset[str],
    personal: frozenset[str],
) -> str:
    observed = result.get("observed_value")
    shown = expectation.column in shown_columns
    measure = _measure(expectation.type)
    if "unexpected_count" in result:
        return f"{result['unexpected_count'] or 0:,} unexpected"
    if expectation.type == "expect_column_to_exist":
        return "there" if expectation.column in types else "not there"
    if expectation.type.startswith("expect_table_columns_"):
        return _columns_compared(expectation, list(types))
    if "type" in expectation.type and isinstance(observed, str):
        return name(observed)
    if measure in ("row count", "column count") and isinstance(observed, int):
        return f"{observed:,} {measure.removesuffix(' count')}s"
    if expectation.column in personal and not measure.endswith("count") and not measure.startswith("proportion"):
        return f"{measure} not told"
    if isinstance(observed, dict) and "quantiles" in observed:
        pairs = zip(observed["quantiles"], observed["values"], strict=True)
        return "quantiles " + ", ".join(f"{at:g}: {_value(value, shown=shown, values=values)}" for at, value in pairs)
    return f"{measure} {_value(observed, shown=shown, values=values)}"


def _measure(type_: str) -> str:
    """The words for what is measured: `row count`, `mean`, `proportion of unique values`."""
    return re.sub(r"^expect_(table_|column_(?!count))?", "", type_).partition("_to_")[0].replace("_", " ")


def _value(observed: Any, *, shown: bool, values: bool) -> str:
    if observed is None:
        return "of nothing"
    if is_number(observed):
        return number(observed)
    if isinstance(observed, list | tuple | set):
        few = ", ".join(told(value, shown=shown) for value in list(observed)[:LISTED_MAX])
        return few if values and len(observed) <= LISTED_MAX else f"{len(observed):,} values"
    return told(observed, shown=shown) if values or shown else "not told"


def _columns_compared(expectation: Expectation, found: Sequence[str]) -> str:
    declared = expectation.kwargs.get("column_set") or expectation.kwargs.get("column_list") or ()
    missing = [column for column in declared if column not in found]
    more = [column for column in found if column not in declared]
    parts = [f"{len(found):,} columns", *_few("missing", missing), *_few("not declared", more)]
    return ", ".join(parts) if missing or more or list(declared) == list(found) else f"{parts[0]} in another order"


def _few(what: str, columns: Sequence[str]) -> list[str]:
    names = ", ".join(map(name, columns[:LISTED_MAX]))
    rest = len(columns) - LISTED_MAX
    return [f"{what}: {names}" + (f" and {rest:,} more" if rest > 0 else "")] if columns else []
