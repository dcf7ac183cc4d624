"""calibration: the history of a table replayed, so that its detectors know what is ordinary there.

Every published partition is measured with nothing but what was known before it. The rules are learned from the first
part of the history and measured on the rest, which they have not seen: a rule that never failed where it was learned
fails now and then, and the thresholds have to know how often.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from orders_monitor.adapters.engine.engine import Engine
from orders_monitor.core import calibration as calibrating
from orders_monitor.core.anomaly.vector import recorded
from orders_monitor.core.calibration import DAYS_MAX, DAYS_MIN, Calibration
from orders_monitor.core.contract import Contract
from orders_monitor.core.errors import CalibrationRefused
from orders_monitor.core.measures import Day, Memory
from orders_monitor.core.rules import Rules
from orders_monitor.pipeline.resources import Desk
from orders_monitor.pipeline.watching import Past, closed_among, measured, past_of, remembered

TARGET = 0.05
TAUGHT_SHARE = 0.6

# After every partition that can be.
_END = "9999-12-31"


@dataclass(frozen=True)
class File:
    """A published partition: its bytes, and what is known of them without a rule."""

    path: Path
    digest: str
    day: Day

    @property
    def partition(self) -> str:
        """The day, an ISO date."""
        return self.day.partition


@dataclass(frozen=True)
class Replayed:
    """The rules, each day as they saw it, and the file in which each is remembered, in the order of the days."""

    rules: Rules
    days: tuple[Day, ...]
    memories: tuple[Path, ...]


def calibrate(desk: Desk, *, target: float = TARGET) -> Calibration:
    """Learn from all published partitions, and keep what was learned as the table's next calibration.

    What was judged before stays as it was judged. Raises CalibrationRefused where the history is too short.
    """
    files, memories = files_of(desk), list[Memory]()
    require_enough(desk, files, DAYS_MIN)

    def keep(file: File, rules: Rules) -> Path:
        memories.append(remembered(desk, file.path, rules, partition=file.partition, digest=file.digest))
        return desk.lake.path(memories[-1].path)

    replayed = replay(desk.engine, desk.table.contract, files, trained=len(files), keep=keep)
    contract = desk.table.contract
    made = calibrating.calibrate(replayed.days, replayed.rules, table=desk.table.name, target=target, contract=contract)
    for (day, metrics), memory in zip(recorded(replayed.days), memories, strict=True):
        _record(desk, day, metrics, memory)
    # Last of all: whoever finds the calibration finds every day of it.
    return desk.journal.calibrated(made)


def replay(
    engine: Engine,
    contract: Contract,
    files: Sequence[File],
    *,
    trained: int,
    keep: Callable[[File, Rules], Path],
) -> Replayed:
    """Learn rules from the first part of `trained` files, and measure every file by what the ones before it left.

    `keep` remembers a file.
    """
    taught = files[: round(trained * TAUGHT_SHARE)]
    rules = engine.learn([file.path for file in taught], contract, partitions=[file.partition for file in taught])
    days: list[Day] = []
    memories: list[Path] = []
    for file in files:
        days.append(seen(engine, file, rules, memories))
        memories.append(keep(file, rules))
    return Replayed(rules=rules, days=tuple(days), memories=tuple(memories))


def seen(engine: Engine, file: File, rules: Rules, memories: Sequence[Path]) -> Day:
    """A day as the rules see it after these memories."""
    past = Past(days=(), memories=tuple(memories))
    measures = measured(engine, file.path, rules, past, partition=file.partition, digest=file.digest)
    return file.day.model_copy(update={"measures": measures})


def files_of(desk: Desk) -> tuple[File, ...]:
    """The last published partitions with rows, oldest first; of closed days there is nothing to learn."""
    past = past_of(desk, _END, Rules(), journal=desk.journal, whole=True)
    cases = desk.journal.cases(desk.table.name, environment=desk.settings.environment)
    published = {case.partition: case.published for case in cases}
    closed = closed_among(desk.table, [day.partition for day in past.days])
    days = [day for day in past.days if day.partition not in closed and day.profile.rows > 0]
    paths = [(day, claim.path) for day in days if (claim := published.get(day.partition)) is not None]
    return tuple(
        File(
            # A published file is named by its content.
            path=desk.lake.unchanged(path, Path(path).stem),
            digest=Path(path).stem,
            day=day.model_copy(update={"measures": None}),
        )
        for day, path in paths[-DAYS_MAX:]
    )


def require_enough(desk: Desk, files: Sequence[File], days_min: int) -> None:
    """Raise CalibrationRefused where fewer partitions are published than that."""
    if len(files) < days_min:
        why = f"{len(files)} published partitions are too few to learn from: {days_min} are needed"
        raise CalibrationRefused(table=desk.table.name, why=why)


def _record(desk: Desk, day: Day, metrics: dict[str, float], memory: Memory) -> None:
    seen = None if day.measures is None else day.measures.model_copy(update={"of_day": metrics})
    bodies = [("memory", memory), *([] if seen is None else [("published_measures", seen)])]
    desk.journal.record_all(
        table=desk.table.name,
        partition=day.partition,
        run_id=f"calibration-{desk.table.name}-{memory.rules[:12]}",
        bodies=bodies,
    )
