"""What has to be read of the rows for one of Great Expectations' metrics, as far as it is known here.

A metric is known by its name's ending and by what it was derived from: `<condition>.unexpected_count` is the rows that
meet a condition Great Expectations has written already. A condition that somebody else wrote is read like its own.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import isfinite
from typing import Any

import sqlalchemy as sa
from great_expectations.constants import MAX_RESULT_RECORDS
from great_expectations.core.metric_function_types import MetricPartialFunctionTypes
from great_expectations.expectations.metrics.column_aggregate_metrics.column_outlier_statistics import (
    IQR_METHOD,
    OutlierStatistics,
)
from great_expectations.expectations.registry import get_metric_provider
from great_expectations.util import convert_to_json_serializable

from orders_monitor.adapters.expectations.duplicates import Key
from orders_monitor.adapters.expectations.known_values import KNOWN, sharpened
from orders_monitor.adapters.expectations.scans import Count, Counted, Form, Source, Total

_UNIQUE = ("column_values.unique", "compound_columns.unique")
_MISSING = "column_values.nonnull"
_FORMS: Mapping[str, Form] = {
    _MISSING: "either",
    "column_values.null": "either",
    "column_values.between": "either",
    "column_values.in_set": "narrow",
    "column_values.not_in_set": "narrow",
    KNOWN: "narrow",
}

# Whole numbers and decimals add up to the same in any order; for floats DuckDB keeps what was rounded away.
_ADDED_UP: Mapping[str, tuple[Any, Any]] = {
    "column.mean": (sa.func.avg, sa.func.favg),
    "column.sum": (sa.func.sum, sa.func.fsum),
}
_FLOATS = ("DOUBLE", "FLOAT")


@dataclass(frozen=True, eq=False)
class Reading:
    """Something to read, which metrics of one key share, and how a metric's value is told from what was read.

    `sharpened` may read a little to write the same count in a way that costs less.
    """

    key: Hashable
    wanted: Count | Total | Key
    tell: Callable[[Any], Any]
    sharpened: Callable[[Count], Count] = lambda count: count

    def with_sample_of(self, other: "Reading | None") -> "Reading":
        """The same with the greater sample of the two."""
        if other is None or isinstance(self.wanted, Total) or isinstance(other.wanted, Total):
            return self
        return replace(self, wanted=replace(self.wanted, sample=max(self.wanted.sample, other.wanted.sample)))


def reading_of(metric: Any, known: Mapping[Any, Any], engine: Any) -> Reading | None:
    """What to read for a metric whose dependencies are known; None where Great Expectations has to do it itself."""
    name, _, ending = metric.metric_name.rpartition(".")
    match ending:
        case "unexpected_count":
            return _of_condition(metric, name, known, engine, sample=0, tell=lambda counted: counted.rows)
        case "unexpected_values":
            return _of_values(metric, name, known, engine)
        case "filtered_row_count":
            return _of_rows_left(metric, known, engine)
    if metric.metric_name == "column.quantile_values":
        return _of_quantiles(metric, engine)
    if metric.metric_name == "column.outlier_statistics" and metric.metric_value_kwargs.get("method") == IQR_METHOD:
        return _of_quartiles(metric, engine)
    aggregate = metric.metric_dependencies.get("metric_partial_fn")
    return None if aggregate is None else _of_aggregate(metric, aggregate, known, engine)


def _of_values(metric: Any, name: str, known: Mapping[Any, Any], engine: Any) -> Reading | None:
    asked = metric.metric_value_kwargs["result_format"]
    complete = asked["result_format"] == "COMPLETE"
    most = MAX_RESULT_RECORDS if complete else min(asked["partial_unexpected_count"], MAX_RESULT_RECORDS)
    columns = metric.metric_domain_kwargs.get("column_list")

    def tell(counted: Counted) -> list[Any]:
        if name == _MISSING:
            return [None] * min(counted.rows, most)
        values = counted.values[:most]
        return [dict(zip(columns, value, strict=True)) for value in values] if columns else list(values)

    return _of_condition(metric, name, known, engine, sample=most, tell=tell)


def _of_condition(
    metric: Any, name: str, known: Mapping[Any, Any], engine: Any, *, sample: int, tell: Callable[[Counted], Any]
) -> Reading | None:
    condition = _condition_of(metric)
    if condition is None or not _is_of_one_row(name, condition, engine):
        return None
    breaks, compute, accessor = known[condition.id]
    columns = tuple(_columns(accessor))
    if name in _UNIQUE:
        # Rows that `ignore_row_if` would drop have no key.
        return Reading(condition.id, Key(source_of(engine, compute), columns, sample), tell)
    # Great Expectations drops rows of several columns by `ignore_row_if` only where it is told the columns, too.
    source = source_of(engine, compute if "column" in accessor else {**compute, **accessor})
    form = _FORMS.get(name, "either" if len(columns) > 1 else "shared")
    count = Count(source, columns, breaks, 0 if name == _MISSING else sample, form)
    if name == KNOWN:
        return Reading(condition.id, count, tell, partial(sharpened, engine=engine, **condition.metric_value_kwargs))
    return Reading(condition.id, count, tell)


def _condition_of(metric: Any) -> Any:
    aggregate = metric.metric_dependencies.get("metric_partial_fn")
    return (aggregate or metric).metric_dependencies.get("unexpected_condition")


def _is_of_one_row(name: str, condition: Any, engine: Any) -> bool:
    """Whether the condition can be seen from a row alone, or is one that is known to be about duplicates."""
    _, provider = get_metric_provider(condition.metric_name, engine)
    return name in _UNIQUE or getattr(provider, "metric_fn_type", None) is MetricPartialFunctionTypes.MAP_CONDITION_FN


def _columns(accessor: Mapping[str, Any]) -> list[str]:
    several = accessor.get("column_list")
    return list(several) if several else [accessor[k] for k in ("column", "column_A", "column_B") if k in accessor]


def _of_rows_left(metric: Any, known: Mapping[Any, Any], engine: Any) -> Reading:
    _, compute, accessor = known[_condition_of(metric).id]
    source = source_of(engine, {**compute, **accessor})
    # A choice of rows reads the columns that it goes by.
    return Reading(("rows", source.key), Total(source, tuple(_columns(accessor)), sa.func.count()), int)


def _of_quantiles(metric: Any, engine: Any) -> Reading:
    column = metric.metric_domain_kwargs["column"]
    domain = {key: value for key, value in metric.metric_domain_kwargs.items() if key != "column"}
    quantiles = [float(each) for each in metric.metric_value_kwargs["quantiles"]]
    exact = sa.func.quantile_disc(sa.column(column), sa.literal_column(str(quantiles)))
    total = Total(source_of(engine, domain), (column,), exact)
    return Reading(metric.id, total, lambda values: [None] * len(quantiles) if values is None else list(values))


def _of_quartiles(metric: Any, engine: Any) -> Reading:
    """What lies within the middle half: Great Expectations has it for the dialects that it knows by name alone."""
    column = metric.metric_domain_kwargs["column"]
    domain = {key: value for key, value in metric.metric_domain_kwargs.items() if key != "column"}
    number: sa.ColumnElement[Any] = sa.cast(sa.column(column), sa.Double())
    quartiles = sa.func.quantile_cont(number, sa.literal_column("[0.25, 0.75]"))

    def tell(ends: list[float] | None) -> OutlierStatistics:
        if ends is None or not all(map(isfinite, ends)):
            return OutlierStatistics(None, None, None)
        low, high = ends
        return OutlierStatistics(low, high, high - low)

    return Reading(metric.id, Total(source_of(engine, domain), (column,), quartiles), tell)


def _of_aggregate(metric: Any, aggregate: Any, known: Mapping[Any, Any], engine: Any) -> Reading:
    expression, compute, accessor = known[aggregate.id]
    column = (accessor or {}).get("column")
    if metric.metric_name in _ADDED_UP and column is not None:
        # Theirs is of floats, added up in the order in which threads come to them, which would be in the result.
        exact, compensated = _ADDED_UP[metric.metric_name]
        floats = _type_of(column, known) in _FLOATS
        expression = (compensated if floats else exact)(sa.column(column))
    columns = () if column is None else (column,)
    return Reading(metric.id, Total(source_of(engine, compute), columns, expression), convert_to_json_serializable)


def _type_of(column: str, known: Mapping[Any, Any]) -> str | None:
    """DuckDB's name for the type of a column, which Great Expectations asks for before anything else."""
    described = (value for metric, value in known.items() if metric.metric_name == "table.column_types")
    return next((type(each["type"]).__name__ for each in next(described, ()) if each["name"] == column), None)


def source_of(engine: Any, domain: Mapping[str, Any]) -> Source:
    """The rows of a domain."""
    rows = engine.get_domain_records(domain_kwargs=dict(domain))
    said = sorted((key, repr(value)) for key, value in domain.items() if value is not None)
    return Source(tuple(said), rows.subquery() if isinstance(rows, sa.SelectBase) else rows)
