# ruff: noqa: T201 - a benchmark prints its table
"""What validating costs: 20 expectations on a day of orders with defects, here and with what people would pick instead.

Every contender is a process of its own, the contenders take turns, and the figure is the median of the rounds; the slow
one (Great Expectations on pandas takes longer than all others together) has one turn. All of them must find the same
broken rows. What is compared with lives in `.venv-bench`; `make bench` makes it.

Ours runs in two ways. `ours` imports Great Expectations first, so that validating can be told from importing; a whole
process is `ours_whole`, which does both at once. As on every night but a table's first it knows what it read before.

    python -m orders_monitor_tests.benchmarks.validation [--rows N] [--rounds N] [--without NAME]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orders_monitor.settings import PROJECT_ROOT
from orders_monitor_tests.benchmarks.contenders.suite import NAMES, write_orders

THEIRS = PROJECT_ROOT / ".venv-bench" / "bin" / "python"
CONTENDERS = {
    "reading": ("reading every column asked about", sys.executable),
    "best_sql": ("best hand-written SQL", sys.executable),
    "ours": ("ours: Great Expectations, planned", sys.executable),
    "ours_whole": ("ours, importing at the same time", sys.executable),
    "with_soda": ("Soda on DuckDB", str(THEIRS)),
    "with_pandera": ("pandera on Polars", str(THEIRS)),
    "with_dataframely": ("dataframely on Polars", str(THEIRS)),
    "gx_pandas": ("Great Expectations on pandas", sys.executable),
}
OURS = ("ours", "ours_whole")
SLOW = "gx_pandas"
WARM_ROWS = 1_000

BAR_BEST_SQL = 1.25
BAR_PANDAS = 1 / 15
BAR_PEAK_MB = 600


@dataclass(frozen=True)
class Run:
    """One process: seconds and CPU seconds of validating and of the whole process, MB, broken rows by name."""

    took_s: float
    cpu_s: float
    process_s: float
    process_cpu_s: float
    peak_mb: float
    broken: Mapping[str, int]


def run(name: str, path: Path, rows: int) -> Run:
    """One turn of a contender. Raises CalledProcessError."""
    command = [CONTENDERS[name][1], "-m", f"orders_monitor_tests.benchmarks.contenders.{name}", str(path), str(rows)]
    # Everybody's modules are compiled once: an import costs what it costs where bytecode is kept.
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    began = time.perf_counter()
    done = subprocess.run(command, env=env, cwd=PROJECT_ROOT, check=True, capture_output=True, text=True)
    process_s = time.perf_counter() - began
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return Run(process_s=process_s, **answer)


def turns(names: Collection[str], path: Path, *, rows: int, rounds: int) -> dict[str, list[Run]]:
    """The contenders' runs, one of each a round."""
    runs: dict[str, list[Run]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names:
            if name != SLOW or number == 0:
                runs[name].append(run(name, path, rows))
    return runs


def median(runs: list[Run], figure: str) -> float:
    """Of a figure."""
    return statistics.median(getattr(each, figure) for each in runs)


def disagreements(runs: Mapping[str, list[Run]]) -> list[str]:
    """Who found other rows than the hand-written SQL. A key that is there twice counts once or, by others, twice."""
    expected = runs["best_sql"][0].broken
    lines = [] if set(NAMES) == set(expected) else ["the hand-written SQL does not ask all of it"]
    for name in set(runs) - {"reading"}:
        for each in runs[name]:
            found = {**each.broken}
            if found.get("unique") == 2 * expected["unique"]:
                found["unique"] = expected["unique"]
            other = sorted(what for what in NAMES if found.get(what) != expected[what])
            lines += [f"{name} finds another number of {', '.join(other)}"] if other else []
    return sorted(set(lines))


def missed(runs: Mapping[str, list[Run]]) -> list[str]:
    """The bars that were missed, each a sentence."""
    took = {name: median(each, "took_s") for name, each in runs.items()}
    process = {name: median(each, "process_s") for name, each in runs.items()}
    peak_mb = max(median(runs[name], "peak_mb") for name in OURS)
    sentences = disagreements(runs)
    if took["ours"] > BAR_BEST_SQL * took["best_sql"]:
        sentences.append(f"{took['ours'] / took['best_sql']:.2f}x the best SQL, more than {BAR_BEST_SQL}x")
    for name in ("with_soda", "with_pandera", "with_dataframely"):
        if took["ours"] >= took.get(name, float("inf")):
            sentences.append(f"no faster than {CONTENDERS[name][0]}")
    if took["ours"] > BAR_PANDAS * took.get(SLOW, float("inf")):
        sentences.append(f"more than 1/15 of {CONTENDERS[SLOW][0]}")
    if peak_mb > BAR_PEAK_MB:
        sentences.append(f"{peak_mb:,.0f} MB, more than {BAR_PEAK_MB}")
    if process["ours_whole"] > process.get("with_soda", float("inf")):
        sentences.append(f"a whole process of {process['ours_whole']:.2f} s, Soda's is {process['with_soda']:.2f} s")
    return sentences


def table(runs: Mapping[str, list[Run]]) -> list[str]:
    """The lines to print."""
    head = f"{'':36}{'validating':>11}{'of best':>9}{'CPU':>8}{'process':>9}{'of Soda':>9}{'CPU':>8}{'peak MB':>9}"
    best = median(runs["best_sql"], "took_s")
    soda = median(runs["with_soda"], "process_s") if "with_soda" in runs else float("nan")
    lines = [head]
    for name, each in runs.items():
        took, cpu, process, process_cpu, peak_mb = (
            median(each, figure) for figure in ("took_s", "cpu_s", "process_s", "process_cpu_s", "peak_mb")
        )
        validating = f"{took:10.2f}s{took / best:8.2f}x{cpu:7.2f}s"
        whole = f"{process:8.2f}s{process / soda:8.2f}x{process_cpu:7.2f}s{peak_mb:9,.0f}"
        lines.append(f"{CONTENDERS[name][0]:36}{validating}{whole}")
    return lines


def main(words: list[str]) -> int:
    """Print the table; 1 where a bar is missed, 2 where there is nobody to compare with."""
    parser = argparse.ArgumentParser(prog="validation")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--without", action="append", default=[], choices=sorted(set(CONTENDERS) - {"best_sql", *OURS}))
    chosen = parser.parse_args(words)
    names = [name for name in CONTENDERS if name not in chosen.without]
    if not THEIRS.exists():
        print("there is no .venv-bench: `make bench` makes it", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        few, path = Path(folder) / "few.parquet", Path(folder) / "orders.parquet"
        write_orders(few, WARM_ROWS)
        for name in names:
            run(name, few, WARM_ROWS)
        # A declaration's first night, which leaves behind what to read.
        run(OURS[1], few, chosen.rows)
        write_orders(path, chosen.rows)
        runs = turns(names, path, rows=chosen.rows, rounds=chosen.rounds)
    busy = f"{os.getloadavg()[1]:.1f} processes wanted {os.cpu_count()} processors"
    print(f"{len(NAMES)} expectations, {chosen.rows:,} rows, median of {chosen.rounds} rounds; {busy}")
    print("\n".join(table(runs)))
    sentences = missed(runs)
    print(f"missed: {'; '.join(sentences)}" if sentences else "kept: every bar, and all find the same broken rows")
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
