"""One suite of 20 expectations for every contender, and the orders that it is asked of.

An expectation is named by what it is about. A contender reports how many rows break each one, and 0 or 1 for those
about the whole table.
"""

import json
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

DAY, NEXT_DAY = "2026-03-14", "2026-03-15"
KEY = "order_id"
NOT_NULL = ("order_id", "customer_id", "order_ts", "status", "amount", "email")
IN_SET = {
    "status": ("pending", "paid", "shipped", "delivered", "cancelled", "refunded"),
    "currency": ("EUR", "USD", "GBP", "PLN", "SEK", "CZK"),
    "channel": ("web", "app", "store", "partner"),
}
BETWEEN = {"amount": (0, 100_000), "quantity": (1, 100), "discount": (0, 1)}
MAIL = r"^[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$"
AMOUNT_TYPE = (12, 2)
MEAN = (1_000, 3_000)
QUANTILES = {0.05: (10, 1_000), 0.5: (1_000, 2_500), 0.95: (3_000, 6_900)}
READ = (*NOT_NULL, "currency", "discount", "quantity", "channel", "shipping_ts")

NAMES = (
    *(f"null_{column}" for column in NOT_NULL),
    *(f"set_{column}" for column in IN_SET),
    *(f"range_{column}" for column in (*BETWEEN, "order_ts")),
    *("unique", "mail", "shipped", "rows", "type", "mean", "quantiles"),
)

# Broken keys come in pairs: one is reported where rows beyond the first are counted, two where all of them are.
_ORDERS = """
copy (
    select
        case when i % 100003 = 7 then i - 1 else i end::bigint as order_id,
        case when i % 50021 = 3 then null else h1 % 2000000 end::bigint as customer_id,
        case when i % 200003 = 11 then ts + interval 40 day else ts end as order_ts,
        case
            when i % 30011 = 1 then 'unknwn' when i % 300007 = 2 then null
            else ['pending', 'paid', 'shipped', 'delivered', 'cancelled', 'refunded'][1 + (h2 % 6)::int]
        end as status,
        case
            when i % 250007 = 2 then 'XXX' else ['EUR', 'USD', 'GBP', 'PLN', 'SEK', 'CZK'][1 + (h3 % 6)::int]
        end as currency,
        (
            case when i % 70001 = 4 then -1 else 1 end * (5 + (h4 % 100000) / 100.0 * (1 + h5 % 7))
        )::decimal(12, 2) as amount,
        ((h5 % 40) / 100.0)::decimal(5, 4) as discount,
        case when i % 90001 = 8 then 0 else 1 + h6 % 9 end::integer as quantity,
        case
            when i % 20011 = 6 then 'user' || h1 % 2000000 || '#example.com' when i % 60013 = 7 then null
            else 'user' || h1 % 2000000 || '@' || ['example.com', 'mail.pl', 'shop.eu', 'gmail.com'][1 + (h7 % 4)::int]
        end as email,
        ['PL', 'DE', 'FR', 'US', 'GB', 'SE', 'CZ', 'NL', 'IT', 'ES'][1 + (h8 % 10)::int] as country,
        case
            when h2 % 6 not in (2, 3) then null when i % 80021 = 9 then ts - interval 2 hour
            else ts + interval 1 hour * (1 + h3 % 72)::int
        end as shipping_ts,
        ts + interval 1 minute * (h4 % 5000)::int as updated_at,
        case when i % 350003 = 5 then 'fax' else ['web', 'app', 'store', 'partner'][1 + (h6 % 4)::int] end as channel,
        case when h7 % 5 = 0 then 'PROMO' || h5 % 200 end as promo_code,
        (h8 % 5000)::integer as store_id
    from (
        select *, timestamp '{day}' + interval 1 millisecond * (hash(i, 9) % 86400000)::bigint as ts
        from (
            select i, hash(i, 1) as h1, hash(i, 2) as h2, hash(i, 3) as h3, hash(i, 4) as h4, hash(i, 5) as h5,
                hash(i, 6) as h6, hash(i, 7) as h7, hash(i, 8) as h8
            from range({rows}) as numbers(i)
        )
    )
) to '{path}' (format parquet, compression zstd)
"""


def write_orders(path: Path, rows: int) -> None:
    """So many orders of one day, fifteen columns, something wrong in most of them."""
    import duckdb  # noqa: PLC0415 - the contenders on Polars do without

    with duckdb.connect() as connection:
        connection.execute(_ORDERS.format(day=DAY, rows=rows, path=path))


def contend(validated: Callable[[str, int], Mapping[str, int]]) -> None:
    """Run a contender in this process: `python -m ... PATH ROWS`; prints what it found and took as a line of JSON."""
    path, rows = sys.argv[1], int(sys.argv[2])
    began, cpu_began = time.perf_counter(), time.process_time()
    broken = validated(path, rows)
    cpu_s = time.process_time()
    took = {"took_s": time.perf_counter() - began, "cpu_s": cpu_s - cpu_began, "process_cpu_s": cpu_s}
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({**took, "peak_mb": peak_mb, "broken": dict(broken)}))  # noqa: T201 - how it answers
