# ruff: noqa: T201 - a benchmark prints its table
"""A clean partition of a million rows from landed to candidate, beside the scans and writes that it cannot do without.

The baseline is the same work by DuckDB and the disk alone: the source copied to Parquet as a landing is, every column
read twice (the profile's scan and the expectations'), the landed bytes copied to the candidate, and the SHA-256 of the
file four times (landed, looked at again before the candidate, candidate, and again before the publication believes it).
Ours is the nightly job in Dagster with all of its stages and checks, in a process that has run one small partition.
CPU seconds of this process, interleaved; the figure is the median.

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

from orders_monitor.pipeline import keys
from orders_monitor.pipeline.execution import definitions_of, run_job
from orders_monitor_tests.benchmarks.big_orders import declared, write_orders

ROWS, ROUNDS = 1_000_000, 3
RATIO_MAX = 2.0
FIRST = date(2026, 3, 1)
SCANS, DIGESTS = 2, 4


def main(arguments: Sequence[str]) -> int:
    """Print the table; 1 where the stages take too long."""
    rows, rounds = (int(a) if a else d for a, d in zip([*arguments, "", ""][:2], (ROWS, ROUNDS), strict=True))
    days = [(FIRST + timedelta(days=number)).isoformat() for number in range(rounds + 1)]
    with tempfile.TemporaryDirectory() as folder, dg.DagsterInstance.ephemeral() as instance:
        upstream = Path(folder)
        os.environ["ORDERS_MONITOR_HOME"] = f"{folder}/home"
        table = declared(upstream, start=days[0])
        nightly = definitions_of(table).resolve_job_def(keys.nightly_job(table))
        ours, alone = [], []
        for day in days:
            write_orders(upstream / f"{day}.parquet", rows=2_000 if day == days[0] else rows, day=day)
            alone.append(_cpu(lambda day=day: _alone(upstream / f"{day}.parquet", upstream)))
            ours.append(_cpu(lambda day=day: _night(nightly, day, instance)))
    best, stages = statistics.median(alone[1:]), statistics.median(ours[1:])
    print(f"{rows:,} rows, median of {rounds} rounds, CPU seconds")
    print(f"  its scans and writes alone   {best:7.2f} s   1.00")
    print(f"  landed to candidate          {stages:7.2f} s   {stages / best:.2f}")
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
    """What any way of landing, profiling, validating and keeping these rows has to do."""
    landed, candidate = folder / "landed.alone", folder / "candidate.alone"
    with duckdb.connect(config={"threads": 1}) as connection:
        how = "FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880"
        connection.execute(f"COPY (FROM read_parquet('{source}')) TO '{landed}' ({how})")
    with duckdb.connect(config={"threads": 2}) as connection:
        names = [row[0] for row in connection.execute(f"DESCRIBE FROM read_parquet('{landed}')").fetchall()]
        every = ", ".join(f"max({name})" for name in names)
        for _ in range(SCANS):
            connection.execute(f"SELECT {every} FROM read_parquet('{landed}') WHERE {names[0]} IS NOT NULL").fetchall()
    shutil.copyfile(landed, candidate)
    for file in (landed, landed, candidate, candidate)[:DIGESTS]:
        with file.open("rb") as opened:
            hashlib.file_digest(opened, "sha256").hexdigest()


if __name__ == "__main__":
    warnings.simplefilter("ignore", dg.PreviewWarning)
    logging.disable(logging.WARNING)
    sys.exit(main(sys.argv[1:]))
