# ruff: noqa: T201 - a benchmark prints its table
"""Whether validating and profiling a partition costs the same per row at every size, and no more memory past 10M rows.

Each size is a process of its own: the declared suite of `orders_daily` and one profile, over a file of a clean day.
Linear means that at every size above 10M rows the CPU time per row is at most LINEAR_BAR times that of 10M. Smaller
sizes are only shown: in these the fixed cost of a question is a large part, which would hide that more rows cost more.
Flat means that the peak memory of every size above 10M rows is at most FLAT_BAR times that of 10M.

    python -m orders_monitor_tests.benchmarks.scaling [--rows ROWS ...]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from orders_monitor.adapters.engine.engine import Engine
from orders_monitor.adapters.expectations.validate import validate
from orders_monitor_tests.big_orders import declared, write_orders

SIZES = (1_000, 100_000, 1_000_000, 10_000_000, 50_000_000)
TEN = 10_000_000
LINEAR_BAR, FLAT_BAR = 1.3, 1.3
DAY = "2024-03-05"


def main() -> int:
    """Print the table; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure is not None:
        print(json.dumps(measured(asked.measure)))
        return 0
    found: dict[int, dict[str, float]] = {}
    print(f"{'rows':>12s} {'validate':>10s} {'profile':>10s} {'CPU s':>8s} {'us a row':>9s} {'peak MB':>8s}")
    for rows in sorted(asked.rows):
        found[rows] = apart(rows)
        at = found[rows]
        print(
            f"{rows:12,} {at['validate']:8.2f} s {at['profile']:8.2f} s {at['cpu']:8.2f} "
            f"{at['cpu'] / rows * 1e6:9.3f} {at['peak']:8.0f}",
            flush=True,
        )
    if max(found) <= TEN or TEN not in found:
        print(f"nothing is compared without {TEN:,} rows and more")
        return 0
    missed = missing(found)
    print("\n".join(missed) or f"at most {LINEAR_BAR} x the time a row and {FLAT_BAR} x the memory of {TEN:,} rows")
    return int(bool(missed))


def missing(found: dict[int, dict[str, float]]) -> list[str]:
    """The bars that are missed, as sentences."""
    said, ten = [], found[TEN]
    for rows, at in found.items():
        if rows > TEN:
            time_, memory = at["cpu"] / rows / (ten["cpu"] / TEN), at["peak"] / ten["peak"]
            said += [f"{rows:,} rows: {time_:.2f} x the time a row of {TEN:,}"] if time_ > LINEAR_BAR else []
            said += [f"{rows:,} rows: {memory:.2f} x the memory of {TEN:,}"] if memory > FLAT_BAR else []
    return said


def apart(rows: int) -> dict[str, float]:
    """One size, written and then measured in a process that did nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{DAY}.parquet"
        write_orders(path, rows=rows, day=DAY)
        command = [sys.executable, "-m", "orders_monitor_tests.benchmarks.scaling", "--measure", str(path)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {name: float(value) for name, value in json.loads(answer.splitlines()[-1]).items()}


def measured(path: Path) -> dict[str, float]:
    """Seconds of validating and of profiling, CPU seconds of both, and the process's peak memory in MB.

    Great Expectations is imported, and its memory taken, by validating an empty file first.
    """
    table, engine = declared(path.parent, start=DAY), Engine()
    empty = path.parent / "empty.parquet"
    write_orders(empty, rows=0, day=DAY)

    def ask(file: Path) -> None:
        with engine.connection(file, view=table.name) as connection:
            validate(connection, view=table.name, expectations=table.asked, sample_values="masked")

    ask(empty)
    before, start = os.times(), time.perf_counter()
    ask(path)
    between = time.perf_counter()
    engine.profile(path, personal=frozenset({"customer_email"}))
    end, after = time.perf_counter(), os.times()
    return {
        "validate": between - start,
        "profile": end - between,
        "cpu": after.user + after.system - before.user - before.system,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    sys.exit(main())
