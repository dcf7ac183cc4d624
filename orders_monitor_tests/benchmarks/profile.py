# ruff: noqa: T201 - a benchmark prints its table
"""What a profile costs beside reading the columns, and beside DuckDB's SUMMARIZE of the same file.

Reading is one query for a hash of all columns, as in the benchmark `validation`: each value is decoded and looked at
once. (DuckDB answers the largest value and the number of values from the file's statistics, and decodes nothing for
them.) Decoding, the last value of every column, looks at none and is only shown. All have two threads and 2 GB, and are
interleaved, one of each a round; the figures are medians of the rounds. The bar is for ten million rows: what is asked
of the kept rows costs the same for a tenth of them.

    python -m orders_monitor_tests.benchmarks.profile [--rows ROWS] [--rounds ROUNDS]
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from orders_monitor.adapters.engine.engine import Engine

READING_BAR = 2.0
THREADS, MEMORY = 2, "2GB"

# Fifteen columns: seven of few values and eight of many, as an orders table has them.
_ORDERS = """
    SELECT i AS order_id,
        (hash(i) % 2000000)::BIGINT AS customer_id,
        'c' || (hash(i + 7) % 1500000) || '@example' || (hash(i) % 40) || '.com' AS email,
        TIMESTAMP '2024-03-05' + INTERVAL (hash(i * 3) % 86400) SECOND AS ordered_at,
        CASE WHEN hash(i * 5) % 20 > 0
            THEN TIMESTAMP '2024-03-06' + INTERVAL (hash(i * 7) % 400000) SECOND END AS shipped_at,
        DATE '2024-03-05' AS partition_date,
        'SKU-' || lpad((least(hash(i * 11) % 5000, hash(i * 13) % 5000))::VARCHAR, 5, '0') AS sku,
        (1 + least(hash(i * 17) % 40, hash(i * 19) % 40))::INTEGER AS quantity,
        ((hash(i * 23) % 100000) / 100)::DECIMAL(12,2) AS unit_price,
        ((hash(i * 29) % 10000000) / 100)::DECIMAL(14,2) AS amount,
        (hash(i * 31) % 1000000) / 7.0::DOUBLE AS weight,
        ['EUR', 'USD', 'GBP', 'SEK'][(1 + hash(i * 37) % 4)::INTEGER] AS currency,
        ['new', 'paid', 'shipped', 'returned', 'cancelled'][(1 + hash(i * 41) % 5)::INTEGER] AS status,
        ['DE', 'FR', 'GB', 'SE', 'US', 'NL', 'IT', 'ES', 'PL', 'DK'][(1 + hash(i * 43) % 10)::INTEGER] AS country,
        hash(i * 47) % 10 = 0 AS is_gift
    FROM range({rows}) t(i)
"""


def main(arguments: list[str] | None = None) -> int:
    """Print the table; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "orders.parquet"
        write(path, rows=asked.rows)
        measured = interleaved(contenders(path), rounds=asked.rounds)
    reading, ours, summarize = (measured[name][0] for name in ("reading", "profile", "summarize"))
    print(f"{asked.rows:,} rows, 15 columns, medians of {asked.rounds} rounds")
    for name, (wall, cpu) in measured.items():
        print(f"{name:10s} {wall:8.3f} s {cpu:8.3f} s CPU {wall / reading:6.2f} x reading")
    missed = [
        *([f"profile is more than {READING_BAR} x reading"] if ours > READING_BAR * reading else []),
        *(["profile is not faster than SUMMARIZE"] if ours >= summarize else []),
    ]
    print("\n".join(missed) or f"at most {READING_BAR} x reading, and {summarize / ours:.1f} x as fast as SUMMARIZE")
    return int(bool(missed))


def write(path: Path, *, rows: int) -> None:
    """Write the orders; each number of rows has one content."""
    with duckdb.connect(config={"threads": THREADS, "memory_limit": MEMORY}) as connection:
        connection.execute(f"COPY ({_ORDERS.format(rows=rows)}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")


def contenders(path: Path) -> dict[str, Callable[[], object]]:
    """What is measured, each from opening a connection to the answer."""
    with duckdb.connect() as connection:
        names = [row[0] for row in connection.execute(f"DESCRIBE FROM '{path}'").fetchall()]
    last = ", ".join(f'last("{name}")' for name in names)
    every = ", ".join(f'"{name}"' for name in names)
    engine = Engine(threads=THREADS, memory_limit=MEMORY)
    return {
        "decoding": lambda: ask(f"SELECT {last} FROM '{path}'"),
        "reading": lambda: ask(f"SELECT bit_xor(hash({every})) FROM '{path}'"),
        "profile": lambda: engine.profile(path, personal=frozenset({"email"})),
        "summarize": lambda: ask(f"SUMMARIZE FROM '{path}'"),
    }


def ask(query: str) -> object:
    """The answer of a new connection."""
    with duckdb.connect(config={"threads": THREADS, "memory_limit": MEMORY}) as connection:
        return connection.execute(query).fetchall()


def interleaved(ways: dict[str, Callable[[], object]], *, rounds: int) -> dict[str, tuple[float, float]]:
    """Wall and CPU seconds of each way, medians; a first round only warms the file's pages."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            wall, before = time.perf_counter(), os.times()
            way()
            after = os.times()
            if turn:
                cpu = after.user + after.system - before.user - before.system
                taken[name].append((time.perf_counter() - wall, cpu))
    return {
        name: (statistics.median(wall for wall, _ in times), statistics.median(cpu for _, cpu in times))
        for name, times in taken.items()
    }


if __name__ == "__main__":
    sys.exit(main())
