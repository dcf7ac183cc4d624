# ruff: noqa: T201 - a benchmark prints its table
"""What the agent costs: the tokens of each simulated incident, and a naive loop that is given the raw table.

Each incident of the simulator happens on a day of its own, after a month of published days. It goes through the real
stages up to the investigation, with the stand-in for a model: it counts a token for every four bytes. The naive loop
gets the rows as CSV, in as few prompts as its context holds, with our system prompt, and answers each as our agent
answers once; it asks nothing back, so it is cheaper than a real one.

    python -m orders_monitor_tests.benchmarks.cost
"""

import datetime as dt
import math
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import get_args

import duckdb

from orders_monitor.adapters.releases import load_release
from orders_monitor.component import read_declaration
from orders_monitor.core.investigation import Investigation
from orders_monitor.core.landing import Landing
from orders_monitor.core.price import Usage
from orders_monitor.core.release import Release
from orders_monitor.core.source import Incident, IncidentKind, SimulatorSource
from orders_monitor.core.table import MonitoredTable
from orders_monitor.core.value import canonical_json
from orders_monitor.pipeline.investigation import explain
from orders_monitor.pipeline.landed import land
from orders_monitor.pipeline.profile import scan
from orders_monitor.pipeline.quality import judge
from orders_monitor.pipeline.resources import Desk, open_desk
from orders_monitor.settings import PROJECT_ROOT, read_settings

BYTES_PER_TOKEN = 4
CONTEXT_TOKENS = 200_000
HISTORY = 21
ORDERS = (600, 4_000)  # the day that is declared, and a larger one
FIRST = dt.date(2026, 3, 2)
CLEAN = "clean"


def declared(kinds: list[str], orders: int) -> MonitoredTable:
    """The repository's table, with each incident on a day of its own after the history."""
    table = read_declaration(PROJECT_ROOT / "orders_monitor" / "defs" / "orders_daily" / "defs.yaml")
    incidents = tuple(Incident(kind=kind, date=day) for kind, day in days_of(kinds).items() if kind != CLEAN)
    source = SimulatorSource(kind="simulator", orders_per_day=orders, incidents=incidents)
    return table.model_copy(update={"source": source})


def days_of(kinds: list[str]) -> dict[str, str]:
    return {kind: (FIRST + dt.timedelta(days=HISTORY + n)).isoformat() for n, kind in enumerate(kinds)}


def lived(desk: Desk, kinds: list[str]) -> dict[str, tuple[Investigation, int]]:
    """The investigation of each kind's day, and the bytes of its rows as CSV."""
    for n in range(HISTORY):
        day = (FIRST + dt.timedelta(days=n)).isoformat()
        land(desk, day)
        desk.record(day, "published_profile", scan(desk, day))
    found = {}
    for kind, day in days_of(kinds).items():
        night = replace(desk, run_id=f"night of {kind}")
        land(night, day)
        scan(night, day)
        judge(night, day)
        found[kind] = (explain(night, day, retry=0), csv_bytes(desk, day))
    return found


def csv_bytes(desk: Desk, day: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.csv"
        rows = desk.lake.path(desk.read(day, "landed", Landing).path)
        duckdb.sql(f"COPY (SELECT * FROM read_parquet('{rows}')) TO '{file}' (FORMAT csv, HEADER)")
        return file.stat().st_size


def naive(release: Release, rows_bytes: int) -> tuple[int, int]:
    """Tokens and micro-dollars of a loop that reads every row, at the same model's price."""
    asked = sum(len(prompt.text.encode()) for prompt in release.prompts)
    room = (CONTEXT_TOKENS - release.guardrails.output_tokens_max) * BYTES_PER_TOKEN - asked
    prompts = max(1, math.ceil(rows_bytes / room))
    said = len(canonical_json({"findings": [], "proposed": []}).encode()) + 400
    usages = [
        Usage(
            input_tokens=math.ceil((asked + min(room, rows_bytes - n * room)) / BYTES_PER_TOKEN),
            output_tokens=math.ceil(said / BYTES_PER_TOKEN),
        )
        for n in range(prompts)
    ]
    return sum(usage.tokens for usage in usages), sum(release.price.cost_of(usage) for usage in usages)


def times(naive_cost: int, ours: int) -> str:
    return f"{naive_cost / ours:.1f}" if ours else "-"


def main() -> int:
    kinds = [CLEAN, *get_args(IncidentKind)]
    unpaid = ("empty_partition", "nullable_column_added", CLEAN)  # nothing to explain, or nothing to explain it from
    missed: list[str] = []
    for orders in ORDERS:
        with tempfile.TemporaryDirectory() as home:
            settings = read_settings({"ORDERS_MONITOR_HOME": home})
            with open_desk(declared(kinds, orders), run_id="cost", settings=settings) as desk:
                release = load_release(settings.prompts, desk.table.agent)
                found = lived(desk, kinds)
        print(f"{orders:,} orders a day; naive: the rows as CSV, {CONTEXT_TOKENS:,} tokens of context, same price")
        print(f"{'':<24}{'calls':>6}{'tokens':>9}{'USD':>9}{'naive tokens':>14}{'USD':>9}{'x tokens':>10}{'x USD':>8}")
        for kind, (investigation, rows_bytes) in found.items():
            spend, (tokens, money) = investigation.spend, naive(release, rows_bytes)
            print(
                f"{kind:<24}{spend.calls:>6}{spend.spent_tokens:>9,}{spend.spent_micro_usd / 1e6:>9.4f}"
                f"{tokens:>14,}{money / 1e6:>9.4f}{times(tokens, spend.spent_tokens):>10}"
                f"{times(money, spend.spent_micro_usd):>8}"
            )
            if (spend.spent_tokens == 0) != (kind in unpaid):
                missed.append(f"{kind}: {spend.spent_tokens:,} tokens, {investigation.ending}")
    print("bar: a clean partition costs 0 tokens, an incident is asked about: " + ("; ".join(missed) or "held"))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
