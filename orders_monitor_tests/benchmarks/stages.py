# ruff: noqa: T201 - a benchmark prints its table
"""A clean partition of a million rows from landed to candidate, beside the scans and writes that it cannot do without.

The baseline is each scan and write alone, without anything around it: the source copied to Parquet as a landing is, the
scan that makes the profile, the declared expectations as one hand-written statement, the landed bytes copied to the
candidate, and the SHA-256 of the file for each time that it is believed. The floor below it only copies, reads every
column twice, and copies and digests again. Ours is the nightly job in Dagster with all of its stages and checks, in a
process that has run one small partition. CPU seconds of this process, interleaved; the figure is the median.

    python -m orders_monitor_tests.benchmarks.stages [ROWS] [ROUNDS]
"""

import hashlib
import logging
import os
import shutil
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import duckdb

from orders_monitor.adapters.engine.engine import Engine
from orders_monitor.pipeline import keys
from orders_monitor.pipeline.execution import definitions_of, run_job
from orders_monitor_tests.big_orders import declared, write_orders

ROWS, ROUNDS = 1_000_000, 3
RATIO_MAX = 2.0
FIRST = date(2026, 3, 1)
SCANS = 2

# What the declaration asks, as somebody would write it by hand.
_BY_HAND = """
    SELECT count(*), count(*) - count(DISTINCT order_id * 1000 + line_number),
        count(*) FILTER (order_id IS NULL), count(*) FILTER (line_number IS NULL),
        count(*) FILTER (customer_id IS NULL), count(*) FILTER (unit_price IS NULL),
        count(*) FILTER (created_at IS NULL), count(*) FILTER (amount IS NULL),
        count(*) FILTER (customer_email IS NULL), count(*) FILTER (quantity IS NULL),
        count(*) FILTER (discount IS NULL),
        count(*) FILTER (status NOT IN ('pending', 'paid', 'shipped', 'delivered', 'cancelled', 'refunded')),
        count(*) FILTER (currency NOT IN ('EUR', 'USD', 'GBP', 'PLN', 'SEK', 'CZK')),
        count(*) FILTER (channel NOT IN ('web', 'app', 'store', 'partner')),
        count(*) FILTER (quantity NOT BETWEEN 1 AND 100), count(*) FILTER (amount NOT BETWEEN 0 AND 100000),
        count(*) FILTER (discount NOT BETWEEN 0 AND 1), count(*) FILTER (length(customer_note) > 280),
        count(*) FILTER (NOT regexp_matches(customer_email, '^[^@\\s]+@[^@\\s]+\\.[A-Za-z]{2,}$'))
    FROM read_parquet(?)
"""


def main(arguments: Sequence[str]) -> int:
    """Print the table; 1 where the stages take too long."""
    rows, rounds = (int(a) if a else d for a, d in zip([*arguments, "", ""][:2], (ROWS, ROUNDS), strict=True))
    days = [(FIRST + timedelta(days=number)).isoformat() for number in range(rounds + 1)]
    with tempfile.TemporaryDirectory() as folder, dg.DagsterInstance.ephemeral() as instance:
        upstream = Path(folder)
        os.environ["ORDERS_MONITOR_HOME"] = f"{folder}/home"
        table = declared(upstream, start=days[0])
        nightly = definitions_of(table).resolve_job_def(keys.nightly_job(table))
        floor, alone, ours = [], [], []
        for day in days:
            source = upstream / f"{day}.parquet"
            write_orders(source, rows=2_000 if day == days[0] else rows, day=day)
            floor.append(_cpu(lambda source=source: _touched(source, upstream)))
            alone.append(_cpu(lambda source=source: _alone(source, upstream)))
            ours.append(_cpu(lambda day=day: _night(nightly, day, instance)))
    least, best, stages = (statistics.median(each[1:]) for each in (floor, alone, ours))
    print(f"{rows:,} rows, median of {rounds} rounds, CPU seconds")
    print(f"  every byte touched as often   {least:7.2f} s   {least / best:.2f}")
    print(f"  its scans and writes alone    {best:7.2f} s   1.00")
    print(f"  landed to candidate           {stages:7.2f} s   {stages / best:.2f}")
    missed = stages > RATIO_MAX * best
    print(f"bar: {RATIO_MAX:.1f} of the scans and writes: {'MISSED' if missed else 'met'}")
    return int(missed)


def _cpu(work: Callable[[], None]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _night(nightly: dg.JobDefinition, day: str, instance: dg.DagsterInstance) -> None:
    broken = run_job(nightly, day, instance)
    if broken is not None:
        raise RuntimeError(f"{day}: {broken}")


def _alone(source: Path, folder: Path) -> None:
    """Each scan and write that the stages are made of."""
    landed = _landed(source, folder)
    Engine().profile(landed, personal=frozenset())
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(_BY_HAND, [str(landed)]).fetchall()
    _kept(landed, folder)


def _touched(source: Path, folder: Path) -> None:
    """The same bytes written, read and digested as often, and nothing found out about them."""
    landed = _landed(source, folder)
    with duckdb.connect(config={"threads": 2}) as connection:
        names = [row[0] for row in connection.execute("DESCRIBE FROM read_parquet(?)", [str(landed)]).fetchall()]
        every = ", ".join(f"max(hash({name}))" for name in names)
        for _ in range(SCANS):
            connection.execute(f"SELECT {every} FROM read_parquet(?)", [str(landed)]).fetchall()
    _kept(landed, folder)


def _landed(source: Path, folder: Path) -> Path:
    landed = folder / "landed.alone"
    with duckdb.connect(config={"threads": 1}) as connection:
        how = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880"
        connection.execute(f"COPY (FROM read_parquet('{source}')) TO '{landed}' ({how})")
    return landed


def _kept(landed: Path, folder: Path) -> None:
    candidate = folder / "candidate.alone"
    shutil.copyfile(landed, candidate)
    # Landed, looked at again before the candidate is made of it, the candidate, and again before it is published.
    for file in (landed, landed, candidate, candidate):
        with file.open("rb") as opened:
            hashlib.file_digest(opened, "sha256").hexdigest()


if __name__ == "__main__":
    warnings.simplefilter("ignore", dg.PreviewWarning)
    logging.disable(logging.WARNING)
    sys.exit(main(sys.argv[1:]))
