"""Pandera on Polars, all failures collected."""

import os

os.environ["PANDERA_VALIDATION_DEPTH"] = "SCHEMA_AND_DATA"

from datetime import datetime
from typing import Any

import pandera.polars as pa
import polars as pl
from pandera.errors import SchemaErrorReason

from orders_monitor_tests.benchmarks.contenders.suite import (
    AMOUNT_TYPE,
    BETWEEN,
    DAY,
    IN_SET,
    KEY,
    MAIL,
    MEAN,
    NAMES,
    NEXT_DAY,
    NOT_NULL,
    QUANTILES,
    READ,
    contend,
)


def schema(rows: int) -> pa.DataFrameSchema:
    """One column object a column; what is about the whole column or two columns is a check of the frame."""
    checks: dict[str, list[pa.Check]] = {column: [] for column in READ}
    for column, allowed in IN_SET.items():
        checks[column].append(pa.Check.isin(allowed, name=f"set_{column}"))
    for column, (low, high) in BETWEEN.items():
        checks[column].append(pa.Check.in_range(low, high, name=f"range_{column}"))
    begin, end = datetime.fromisoformat(DAY), datetime.fromisoformat(NEXT_DAY)
    checks["order_ts"].append(pa.Check.in_range(begin, end, include_max=False, name="range_order_ts"))
    checks["email"].append(pa.Check(_matches, name="mail"))
    types = {"amount": pl.Decimal(*AMOUNT_TYPE)}
    return pa.DataFrameSchema(
        {
            column: pa.Column(types.get(column), checks[column], nullable=column not in NOT_NULL, unique=column == KEY)
            for column in READ
        },
        checks=[
            pa.Check(lambda frame: _one(frame, pl.len().is_between(rows // 2, rows * 2)), name="rows"),
            pa.Check(lambda frame: _one(frame, pl.col("amount").mean().is_between(*MEAN)), name="mean"),
            pa.Check(lambda frame: _one(frame, _quantiles()), name="quantiles"),
            pa.Check(
                lambda frame: frame.lazyframe.select(pl.col("shipping_ts") >= pl.col("order_ts")),
                name="shipped",
                ignore_na=True,
            ),
        ],
    )


def _matches(data: Any) -> pl.LazyFrame:
    return data.lazyframe.select(pl.col(data.key).str.contains(MAIL))


def _quantiles() -> pl.Expr:
    held = (pl.col("amount").quantile(at, "lower").is_between(*bounds) for at, bounds in QUANTILES.items())
    return pl.all_horizontal(*held)


def _one(data: Any, held: pl.Expr) -> bool:
    return bool(data.lazyframe.select(held).collect().item())


def validated(path: str, rows: int) -> dict[str, int]:
    """The counts of what it raises at the end."""
    broken = dict.fromkeys(NAMES, 0)
    try:
        schema(rows).validate(pl.read_parquet(path, columns=list(READ)), lazy=True)
    except pa.errors.SchemaErrors as error:
        for each in error.schema_errors:
            broken[_name(each)] = 1 if each.failure_cases is None else len(each.failure_cases)
    return broken


def _name(error: Any) -> str:
    if error.reason_code is SchemaErrorReason.SERIES_CONTAINS_NULLS:
        return f"null_{error.schema.name}"
    if error.reason_code is SchemaErrorReason.SERIES_CONTAINS_DUPLICATES:
        return "unique"
    return "type" if error.reason_code is SchemaErrorReason.WRONG_DATATYPE else str(error.check.name)


if __name__ == "__main__":
    contend(validated)
