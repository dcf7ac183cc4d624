"""The best DuckDB SQL that we could write by hand for this suite, on this file.

Each column is decoded once and on its own: a narrow scan that only filters skips row groups by their statistics and
compares dictionaries, where one wide scan does neither. The key is a bounded integer, so its distinct values are bits.
"""

import duckdb

from orders_monitor_tests.benchmarks.contenders.suite import (
    AMOUNT_TYPE,
    BETWEEN,
    DAY,
    IN_SET,
    KEY,
    MAIL,
    MEAN,
    NEXT_DAY,
    QUANTILES,
    contend,
)


def validate(path: str, rows: int) -> dict[str, int]:
    """Two statements: the bounds of the key, which are in the file's statistics, and everything."""
    low, high = BETWEEN["amount"]
    with duckdb.connect() as connection:
        connection.execute(f"create view orders as select * from '{path}'")
        type_ = connection.execute("select typeof(amount) from orders limit 1").fetchall()[0][0]
        first, last = connection.execute(f"select min({KEY}), max({KEY}) from orders").fetchall()[0]
        counted = {
            **{f"null_{column}": f"{column} is null" for column in ("order_id", "customer_id", "status")},
            **{f"set_{column}": f"{column} not in {allowed}" for column, allowed in IN_SET.items()},
            **{
                f"range_{column}": f"not ({column} between {low} and {high})" for column, (low, high) in BETWEEN.items()
            },
        }
        counted.pop("range_amount")
        narrow = ", ".join(f"(select count(*) from orders where {broken})" for broken in counted.values())
        cursor = connection.execute(f"""
            select {narrow}, amounts.*, mails.*, times.*, keys.*
            from (
                select count(*), count(*) - count(amount), count_if(not (amount between {low} and {high})),
                    avg(amount), quantile_disc(amount, {list(QUANTILES)}) from orders
            ) amounts, (
                select count(*) - count(email), count_if(not regexp_matches(email, '{MAIL}')) from orders
            ) mails, (
                select count(*) - count(order_ts), count_if(not (order_ts >= '{DAY}' and order_ts < '{NEXT_DAY}')),
                    count_if(shipping_ts < order_ts) from orders
            ) times, (
                select count({KEY}) - bit_count(bitstring_agg({KEY}, {first}, {last})) from orders
            ) keys""")
        found = cursor.fetchall()[0]
    broken = dict(zip(counted, found, strict=False))
    (n, broken["null_amount"], broken["range_amount"], mean, quantiles, *more) = found[len(counted) :]
    named = ("null_email", "mail", "null_order_ts", "range_order_ts", "shipped", "unique")
    return {
        **broken,
        **dict(zip(named, more, strict=True)),
        "rows": int(not rows / 2 <= n <= rows * 2),
        "type": int(type_ != "DECIMAL({},{})".format(*AMOUNT_TYPE)),
        "mean": int(not MEAN[0] <= mean <= MEAN[1]),
        "quantiles": int(not all(a <= q <= b for q, (a, b) in zip(quantiles, QUANTILES.values(), strict=True))),
    }


if __name__ == "__main__":
    contend(validate)
