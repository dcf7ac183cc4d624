"""A large day of `orders_daily` that keeps its contract and every expectation, made by DuckDB in one statement."""

from pathlib import Path

import duckdb
import yaml

from orders_monitor.core.table import MonitoredTable
from orders_monitor.settings import PROJECT_ROOT

DECLARATION = PROJECT_ROOT / "orders_monitor" / "defs" / "orders_daily" / "defs.yaml"

# Three lines an order; prices, customers and promotions repeat as a shop's do.
_ROWS = """
    SELECT
        {first} + i // 3 AS order_id,
        (i % 3 + 1)::INTEGER AS line_number,
        100000 + hash(i // 3, 1) % 200000 AS customer_id,
        ['shipped', 'shipped', 'delivered', 'paid', 'pending', 'cancelled'][1 + (hash(i // 3, 2) % 6)::INTEGER]
            AS status,
        ['EUR', 'EUR', 'USD', 'GBP', 'PLN', 'SEK', 'CZK'][1 + (hash(i // 3, 3) % 7)::INTEGER] AS currency,
        ((400 + hash(i, 4) % 240 * 37) / 100)::DECIMAL(12, 2) AS unit_price,
        (1 + hash(i, 5) % 4)::INTEGER AS quantity,
        CASE WHEN hash(i // 3, 6) % 8 = 0 THEN 0.1 ELSE 0 END::DECIMAL(5, 4) AS discount,
        'customer' || (hash(i // 3, 1) % 200000)::VARCHAR || '@example.com' AS customer_email,
        ['DE', 'FR', 'NL', 'US', 'GB', 'PL', 'SE', 'CZ'][1 + (hash(i // 3, 3) % 8)::INTEGER] AS country,
        ['web', 'app', 'store', 'partner'][1 + (hash(i // 3, 7) % 4)::INTEGER] AS channel,
        CASE WHEN hash(i // 3, 6) % 8 = 0 THEN 'WELCOME10' END AS promo_code,
        CASE WHEN hash(i, 8) % 14 = 0 THEN 'please leave it with number ' || (hash(i, 9) % 9000)::VARCHAR END
            AS customer_note,
        TIMESTAMP '{day} 00:00:00' + to_milliseconds((i * 86400000 // {rows})::BIGINT) AS created_at
    FROM range({rows}) AS t(i)
"""
_COLUMNS = """
    SELECT order_id::BIGINT AS order_id, line_number, customer_id::BIGINT AS customer_id, status, currency, unit_price,
        quantity, (unit_price * quantity * (1 - discount))::DECIMAL(12, 2) AS amount, discount, customer_email, country,
        channel, promo_code, customer_note, created_at,
        CASE WHEN status NOT IN ('pending', 'cancelled') THEN created_at + INTERVAL 7 MINUTE END AS paid_at,
        CASE WHEN status IN ('shipped', 'delivered') THEN created_at + INTERVAL 3 HOUR END AS shipped_at,
        created_at + INTERVAL 4 HOUR AS updated_at
"""


def write_orders(into: Path, *, rows: int, day: str) -> None:
    """Write the day's rows to a Parquet file, the same bytes for the same arguments."""
    made = _ROWS.format(rows=rows, day=day, first=int(day.replace("-", "")) * 10_000_000)
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(f"COPY ({_COLUMNS} FROM ({made})) TO '{into}' (FORMAT parquet, COMPRESSION zstd)")


def declared(folder: Path, *, start: str) -> MonitoredTable:
    """The repository's `orders_daily`, its upstream being Parquet files in a folder, a day each."""
    attributes = yaml.safe_load(DECLARATION.read_text(encoding="utf-8"))["attributes"]
    attributes |= {
        "source": {"kind": "files", "path": f"{folder}/{{partition}}.parquet"},
        "partitions": {"start": start},
        "controls": [],
    }
    return MonitoredTable.model_validate(attributes)
