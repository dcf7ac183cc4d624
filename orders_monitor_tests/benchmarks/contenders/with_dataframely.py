"""Dataframely on Polars: rows that break a rule are filtered out and counted by rule."""

from datetime import datetime

import dataframely as dy
import polars as pl

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


class Orders(dy.Schema):
    """The columns that are asked about, with the rules that dataframely has for them."""

    order_id = dy.Int64(nullable=False)
    customer_id = dy.Int64(nullable=False)
    order_ts = dy.Datetime(
        nullable=False, min=datetime.fromisoformat(DAY), max_exclusive=datetime.fromisoformat(NEXT_DAY)
    )
    status = dy.String(nullable=False, check={"set": lambda value: value.is_in(IN_SET["status"])})
    currency = dy.String(nullable=True, check={"set": lambda value: value.is_in(IN_SET["currency"])})
    amount = dy.Decimal(
        *AMOUNT_TYPE, nullable=False, check={"range": lambda value: value.is_between(*BETWEEN["amount"])}
    )
    discount = dy.Decimal(5, 4, nullable=True, check={"range": lambda value: value.is_between(*BETWEEN["discount"])})
    quantity = dy.Int32(nullable=True, min=BETWEEN["quantity"][0], max=BETWEEN["quantity"][1])
    email = dy.String(nullable=False, regex=MAIL)
    channel = dy.String(nullable=True, check={"set": lambda value: value.is_in(IN_SET["channel"])})
    shipping_ts = dy.Datetime(nullable=True)

    @dy.rule()
    def unique(cls) -> pl.Expr:  # noqa: N805 - dataframely hands over the class
        return pl.col(KEY).is_unique()

    @dy.rule()
    def shipped(cls) -> pl.Expr:  # noqa: N805 - dataframely hands over the class
        return pl.col("shipping_ts") >= pl.col("order_ts")


_RULES = {
    **{f"null_{column}": (f"{column}|nullability",) for column in NOT_NULL},
    **{f"set_{column}": (f"{column}|check__set",) for column in IN_SET},
    **{f"range_{column}": (f"{column}|check__range", f"{column}|min", f"{column}|max") for column in BETWEEN},
    "range_order_ts": ("order_ts|min", "order_ts|max_exclusive"),
    "mail": ("email|regex",),
    "type": ("amount|dtype",),
}


def validated(path: str, rows: int) -> dict[str, int]:
    """The counts by rule. It has no rules about a whole table: those are three expressions of Polars' beside it."""
    frame = pl.read_parquet(path, columns=list(READ))
    counts = Orders.filter(frame)[1].counts()
    amount = pl.col("amount")
    held = frame.select(
        rows=pl.len().is_between(rows // 2, rows * 2),
        mean=amount.mean().is_between(*MEAN),
        quantiles=pl.all_horizontal(
            *(amount.quantile(at, "lower").is_between(*bounds) for at, bounds in QUANTILES.items())
        ),
    ).row(0, named=True)
    return {
        **{name: sum(counts.get(rule, 0) for rule in _RULES.get(name, (name,))) for name in NAMES},
        **{name: int(not holds) for name, holds in held.items()},
    }


if __name__ == "__main__":
    contend(validated)
