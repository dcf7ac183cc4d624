# ruff: noqa: T201 - a benchmark prints its table
"""What the detectors find of incidents in a year of real days, beside detectors that people would pick instead.

UCI's Online Retail, 305 trading partitions, not shipped: `DATA=folder` says where `orders_2010_2011.parquet` is. The
first partitions calibrate; each kind of incident is injected into real bytes of the ones after, and every detector
sees the same day vectors. What it is compared with may choose its threshold after the fact, so that exactly as many
ordinary partitions alarm as with ours. Kinds that are held out were written before anybody looked, and nothing is
tuned on them. The last row is what control totals add where the source gives them: the totals of the file as it was are
what the source said, those of the injected one are what landed. On ordinary partitions they are equal.

    DATA=folder python -m orders_monitor_tests.benchmarks.detection [--days 40] [--trained 160] [--kinds NAME ...]
"""

import argparse
import copy
import json
import math
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orders_monitor.adapters.engine.engine import Engine
from orders_monitor.cli.calibration import lines_of
from orders_monitor.component import read_declaration
from orders_monitor.core import backtest as counting
from orders_monitor.core import controls
from orders_monitor.core.anomaly.vector import Standing, Watch
from orders_monitor.core.backtest import Backtest, Trial, Tried, Watched
from orders_monitor.core.calibration import calibrate
from orders_monitor.core.injection import Kind, kinds_named
from orders_monitor.core.measures import Day
from orders_monitor.core.table import MonitoredTable
from orders_monitor.core.totals import Control
from orders_monitor.pipeline.backtest import Bench, replayed_in
from orders_monitor.pipeline.calibration import TARGET, File
from orders_monitor.settings import PROJECT_ROOT

FILE = "orders_2010_2011.parquet"
DECLARATION = PROJECT_ROOT / "orders_monitor_tests" / "real" / "online_retail.yaml"
CONTENDERS = PROJECT_ROOT / "orders_monitor_tests" / "benchmarks" / "contenders" / "detectors.py"
THEIR_PYTHON = PROJECT_ROOT / ".venv-bench" / "bin" / "python"
TRAINED, DAYS = 160, 40
# What a shop's till prints at the end of a day: lines, sums of numbers, lines by country.
CONTROLS = (
    Control(measure="rows"),
    Control(measure="sum", column="quantity"),
    Control(measure="sum", column="unit_price"),
    Control(measure="rows", by="country"),
)
FLOATING = frozenset({"unit_price"})
FALSE_POSITIVES_MAX, TUNED_MIN, HELD_OUT_MIN = 0.05, 0.80, 0.60

_BENCH: Bench


def table_of(data: Path, folder: Path) -> MonitoredTable:
    """The declared table, its data in that folder."""
    declaration = folder / "online_retail.yaml"
    declaration.write_text(DECLARATION.read_text().replace("{data}", str(data)))
    return read_declaration(declaration)


def files_in(folder: Path, data: Path, table: MonitoredTable, engine: Engine) -> list[File]:
    """A Parquet file for each trading day, with the contract's columns, and its profile."""
    columns = ", ".join(f'"{was}" AS "{now}"' for was, now in table.source.columns.items())
    source = f"read_parquet('{data / FILE}')"
    personal = frozenset(column.name for column in table.contract.columns if column.personal)
    files = []
    with duckdb.connect() as connection:
        days = connection.execute(f"SELECT DISTINCT partition_date FROM {source} ORDER BY 1").fetchall()
        for (day,) in days:
            path = folder / f"{day}.parquet"
            connection.execute(
                f"COPY (SELECT {columns} FROM {source} WHERE partition_date = '{day}') TO '{path}' (FORMAT parquet)"
            )
            seen = Day(partition=day, profile=engine.profile(path, personal=personal))
            files.append(File(path=path, digest=day, day=seen))
    return files


def start(bench: Bench) -> None:
    """In each worker: what it injects into."""
    global _BENCH  # noqa: PLW0603 - a worker of a pool has no other place for it
    _BENCH = bench


@dataclass(frozen=True)
class Injection:
    """A trial, and the number of partitions before the first whose totals differ; None where none does."""

    trial: Trial
    differs: int | None


def injected(asked: tuple[Kind, int]) -> list[Injection]:
    """In a worker: the trials of one kind."""
    found = _BENCH.trials(asked[0], days=asked[1])
    return [Injection(trial, first_difference(_BENCH, trial)) for trial in found]


def first_difference(bench: Bench, trial: Trial) -> int | None:
    """On which day of a trial the landed totals are first not those of the source."""
    places = {file.partition: place for place, file in enumerate(bench.files)}
    start = places[trial.days[0].partition]
    with tempfile.TemporaryDirectory(prefix="orders-monitor-detection-") as scratch:
        into = Path(scratch) / "injected.parquet"
        for number in range(len(trial.days)):
            bench.inject(trial.kind, start, start + number, into)
            said, landed = (bench.engine.totals(path, CONTROLS) for path in (bench.files[start + number].path, into))
            found = controls.verdicts(CONTROLS, said=said, landed=landed, floating=FLOATING)
            if any(anomaly is not None for _, anomaly in found):
                return number
    return None


def all_trials(bench: Bench, kinds: Sequence[Kind], *, days: int, jobs: int) -> list[Injection]:
    """Every kind's trials, the longest first so that no worker ends alone."""
    longest = sorted(kinds, key=lambda kind: -kind.lasts)
    context = multiprocessing.get_context("spawn")
    with context.Pool(jobs, initializer=start, initargs=(bench,)) as pool:
        return [each for found in pool.imap(injected, [(kind, days) for kind in longest]) for each in found]


def with_controls(tried: Sequence[Tried], injections: Sequence[Injection]) -> list[Tried]:
    """What is found where an alarm is one of ours or a total that differs."""
    differ = {(each.trial.kind.name, each.trial.days[0].partition): each.differs for each in injections}
    both = [(trial, [trial.delay, differ[trial.kind, trial.partition]]) for trial in tried]
    return [
        trial.model_copy(update={"delay": min((delay for delay in delays if delay is not None), default=None)})
        for trial, delays in both
    ]


def vectors(days: Sequence[Day], trials: Sequence[Trial]) -> tuple[list[dict], list[list[dict]]]:
    """The standings of every day and of every day of every trial, each beside the days before it."""
    starting: dict[str, list[int]] = {}
    for number, trial in enumerate(trials):
        starting.setdefault(trial.days[0].partition, []).append(number)
    of_days, of_trials, watch = [], [[] for _ in trials], Watch()
    for day in days:
        for number in starting.get(day.partition, []):
            injected_days = trials[number].days
            other = copy.deepcopy(watch) if len(injected_days) > 1 else watch
            for each in injected_days:
                of_trials[number].append(other.stands(each))
                if len(injected_days) > 1:
                    other.sees(each)
        of_days.append(watch.stands(day))
        watch.sees(day)
    return of_days, of_trials


def theirs(of_days: list[dict], of_trials: list[list[dict]], at: Sequence[int], *, trained: int, folder: Path) -> dict:
    """What the other detectors score: on the metrics as they are, and on their distances from our forecasts."""
    metrics = sorted({metric for standings in of_days for metric in standings})
    scores = {}
    for form in ("as they are", "adjusted"):
        told = {
            "days": [_row(standings, metrics, form) for standings in of_days],
            "rows": metrics.index("rows"),
            "trained": trained,
            "trials": [
                {"at": place, "days": [_row(standings, metrics, form) for standings in found]}
                for place, found in zip(at, of_trials, strict=True)
            ],
        }
        source, target = folder / "vectors.json", folder / "scores.json"
        source.write_text(json.dumps(told))
        subprocess.run([THEIR_PYTHON, CONTENDERS, source, target], check=True)
        scores |= {f"{name} ({form})": found for name, found in json.loads(target.read_text()).items()}
    return scores


def _row(standings: dict[str, Standing], metrics: Sequence[str], form: str) -> list[float | None]:
    found = [standings.get(metric) for metric in metrics]
    if form == "adjusted":
        return [None if each is None else _distance(each) for each in found]
    return [None if each is None else each.reading.scaled for each in found]


def _distance(standing: Standing) -> float:
    """How many spreads a metric is from its forecast; where there is none, the metric as it is."""
    forecast, scaled = standing.forecast, standing.reading.scaled
    return scaled if forecast is None else (scaled - forecast.expected) / max(forecast.spread, 1e-9)


def judged(name: str, scores: dict, trials: Sequence[Trial], ours: Backtest, tested: Sequence[str]) -> Backtest:
    """A contender's table, at the threshold that lets as many ordinary partitions alarm as ours do."""
    alarms = round(ours.false_positives.value * ours.tested)
    threshold = sorted(scores["ordinary"], reverse=True)[alarms]
    ordinary = {partition: score > threshold for partition, score in zip(tested, scores["ordinary"], strict=True)}
    found = [
        counting.tried(trial, [score > threshold for score in row], ordinary if trial.kind.lasts > 1 else {})
        for trial, row in zip(trials, scores["trials"], strict=True)
    ]
    kinds = list(dict.fromkeys(trial.kind for trial in trials))
    return counting.backtest(found, ordinary, kinds, table=ours.table, detector=name, trained=ours.trained)


def compared(ours: Backtest, controlled: Backtest, others: Sequence[Backtest]) -> list[str]:
    """One line a detector, the best first, and ours beside the best of them for each kind."""
    order = [*sorted(others, key=lambda other: -(other.recall_tuned or 0.0)), controlled]
    lines = ["", f"{'detector':<40}  {'FPR':>5}  {'tuned':>5}  {'held out':>8}"]
    for made in (ours, *order):
        tuned, held_out = (math.nan if v is None else v for v in (made.recall_tuned, made.recall_held_out))
        lines.append(f"{made.detector:<40}  {made.false_positives.value:>5.3f}  {tuned:>5.2f}  {held_out:>8.2f}")
    lines += ["", "where another finds more than ours:"]
    better = [
        f"  {mine.name:<20}  {mine.recall.value:.2f}  {max(found)[0]:.2f} {max(found)[1]}"
        for mine in ours.kinds
        if (found := [(k.recall.value, o.detector) for o in others for k in o.kinds if k.name == mine.name])
        and max(found)[0] > mine.recall.value
    ]
    alone = {kind.name: kind.recall.value for kind in ours.kinds}
    more = [
        f"  {kind.name:<20}  {alone[kind.name]:.2f}  {kind.recall.value:.2f}"
        for kind in controlled.kinds
        if kind.recall.value > alone[kind.name]
    ]
    return [*lines, *(better or ["  nowhere"]), "", "found more often with control totals:", *(more or ["  nothing"])]


def missed(ours: Backtest) -> list[str]:
    """The bars that are missed, in words."""
    bars = [
        ("false positives", ours.false_positives.value < FALSE_POSITIVES_MAX),
        ("mean recall over tuned kinds", ours.recall_tuned is None or ours.recall_tuned >= TUNED_MIN),
        ("mean recall over held-out kinds", ours.recall_held_out is None or ours.recall_held_out >= HELD_OUT_MIN),
    ]
    return [f"missed: {what}" for what, met in bars if not met]


def main() -> int:
    """Measure, print the table, and say by the exit code whether every bar is met."""
    said = arguments()
    data = os.environ.get("DATA")
    if not data or not (Path(data) / FILE).is_file():
        print(f"skipped: the real data is not shipped; DATA=folder says where {FILE} is")
        return 0
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="orders-monitor-detection-") as scratch:
        folder = Path(scratch)
        measured = measure(Path(data).resolve(), folder, said)
        ours, trials, days = measured.ours, measured.trials, measured.days
        print("\n".join(lines_of(ours)))
        others = []
        if THEIR_PYTHON.exists() and not said.alone:
            places = {day.partition: place for place, day in enumerate(days)}
            at = [places[trial.days[0].partition] for trial in trials]
            scores = theirs(*vectors(days, trials), at, trained=said.trained, folder=folder)
            tested = [day.partition for day in days[said.trained :]]
            others = [judged(name, found, trials, ours, tested) for name, found in scores.items()]
        else:
            print("nothing is compared with: `make bench` makes .venv-bench")
        print("\n".join(compared(ours, measured.controlled, others)))
    print(f"\n{time.monotonic() - begun:.0f} s")
    print("\n".join(missed(ours) or ["every bar is met"]))
    return 1 if missed(ours) else 0


@dataclass(frozen=True)
class Measured:
    """What ours found, alone and with control totals, and the trials and the ordinary days that it was found in."""

    ours: Backtest
    controlled: Backtest
    trials: Sequence[Trial]
    days: Sequence[Day]


def measure(data: Path, folder: Path, said: argparse.Namespace) -> Measured:
    """Calibrate on the first partitions, inject into the rest, and count."""
    table, engine = table_of(data, folder), Engine()
    files = files_in(folder, data, table, engine)[: said.trained + said.tested]
    memories = folder / "memories"
    memories.mkdir()
    replayed = replayed_in(memories, engine, table.contract, files, trained=said.trained)
    calibration = calibrate(replayed.days[: said.trained], replayed.rules, table=table.name, target=TARGET)
    bench = Bench(Engine(threads=1), table.contract, files, replayed, said.trained)
    kinds = kinds_named(said.kinds)
    injections = all_trials(bench, kinds, days=said.days, jobs=said.jobs)
    trials = [each.trial for each in injections]
    ordinary, tried = counting.walk(
        replayed.days, trials, Watched(calibration, table.contract, table.tolerances), trained=said.trained
    )
    ours, controlled = (
        counting.backtest(found, ordinary, kinds, table=table.name, detector=name, trained=said.trained)
        for name, found in (("ours", tried), ("ours with control totals", with_controls(tried, injections)))
    )
    return Measured(ours=ours, controlled=controlled, trials=trials, days=replayed.days)


def arguments() -> argparse.Namespace:
    """What was said."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=DAYS, help="inject each kind into so many")
    parser.add_argument("--trained", type=int, default=TRAINED, help="so many partitions calibrate")
    parser.add_argument("--tested", type=int, default=10_000, help="at most so many are tested")
    parser.add_argument("--kinds", nargs="*", default=[], help="these kinds only")
    parser.add_argument("--jobs", type=int, default=2, help="worker processes")
    parser.add_argument("--alone", action="store_true", help="compare with nobody")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
