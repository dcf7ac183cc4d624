# ruff: noqa: T201 - a benchmark prints its table
"""A large partition from its landing to its candidate by `dagster asset materialize`, in less than 2 GB.

The baseline is DuckDB alone in a process of its own, reading every column of the same file. Memory is the largest
resident set of any one process; Dagster runs all steps in one.

    python -m orders_monitor_tests.benchmarks.materialize [ROWS]
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from orders_monitor_tests.big_orders import write_orders

ROWS = 10_000_000
MEMORY_MB_MAX = 2_000
DAY = "2026-03-01"
STAGES = ("landed", "profile", "quality", "investigation", "plan", "candidate")

_LOCATION = """
from pathlib import Path
from orders_monitor.pipeline.execution import definitions_of
from orders_monitor_tests.big_orders import declared
defs = definitions_of(declared(Path({folder!r}), start={day!r}))
"""
_READING = """
import duckdb, sys
names = [row[0] for row in duckdb.execute("DESCRIBE FROM read_parquet(?)", [sys.argv[1]]).fetchall()]
every = ", ".join(f"max(hash({name}))" for name in names)
duckdb.execute("SET threads = 2")
duckdb.execute(f"SELECT {every} FROM read_parquet(?)", [sys.argv[1]]).fetchall()
"""


def main(arguments: Sequence[str]) -> int:
    """Print the table; 1 where the run needs more memory than it may."""
    rows = int(arguments[0]) if arguments else ROWS
    with tempfile.TemporaryDirectory() as folder:
        file, location = Path(folder) / f"{DAY}.parquet", Path(folder) / "location.py"
        write_orders(file, rows=rows, day=DAY)
        location.write_text(_LOCATION.format(folder=folder, day=DAY), encoding="utf-8")
        # `ru_maxrss` of children only grows: the smaller one goes first.
        reading_s, reading_mb = _measured([sys.executable, "-c", _READING, str(file)], folder)
        selected = ",".join(f"orders_daily/{stage}" for stage in STAGES)
        command = ["dagster", "asset", "materialize", "-f", str(location), "--select", selected, "--partition", DAY]
        run_s, run_mb = _measured([str(Path(sys.executable).with_name(command[0])), *command[1:]], folder)
    print(f"{rows:,} rows, a process each")
    print(f"  reading every column with DuckDB   {reading_s:7.1f} s  {reading_mb:6,.0f} MB   1.00")
    print(f"  dagster asset materialize          {run_s:7.1f} s  {run_mb:6,.0f} MB   {run_mb / reading_mb:.2f}")
    missed = run_mb > MEMORY_MB_MAX
    print(f"bar: {MEMORY_MB_MAX:,} MB: {'MISSED' if missed else 'met'}")
    return int(missed)


def _measured(command: Sequence[str], folder: str) -> tuple[float, float]:
    """Wall seconds, and the megabytes of the largest process so far. Raises CalledProcessError where it fails."""
    begun = time.perf_counter()
    home = {"ORDERS_MONITOR_HOME": f"{folder}/home", "DAGSTER_HOME": "", "PYTHONWARNINGS": "ignore"}
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **home})
    return time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
