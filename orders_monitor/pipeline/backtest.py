"""backtest: incidents injected into the published partitions of a table, and what its detectors find of them.

The first part of the history calibrates, the rest is tested: nothing that is counted was learned from. Nothing is
recorded, and every injected file is deleted again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from orders_monitor.adapters.engine.engine import Engine
from orders_monitor.core import backtest as counting
from orders_monitor.core import calibration as calibrating
from orders_monitor.core.backtest import Backtest, Trial, Watched
from orders_monitor.core.calibration import DAYS_MIN
from orders_monitor.core.contract import Contract
from orders_monitor.core.injection import Kind
from orders_monitor.core.measures import Day
from orders_monitor.core.rules import Rules
from orders_monitor.pipeline.calibration import TARGET, File, Replayed, files_of, replay, require_enough, seen
from orders_monitor.pipeline.resources import Desk

TRAINED_SHARE = 0.6
TESTED_MIN = 10
# A kind that lasts takes so many partitions for each start: it is started less often.
LASTING_PARTITIONS_MAX = 120


def backtest(desk: Desk, kinds: Sequence[Kind], *, days: int) -> Backtest:
    """Inject these kinds into so many partitions each, spread evenly. Raises CalibrationRefused for a short history."""
    # Nobody asks the expectations of what is injected, so their shares are no metric here.
    files = [replace(file, day=file.day.model_copy(update={"pass_shares": {}})) for file in files_of(desk)]
    table = desk.table
    require_enough(desk, files, DAYS_MIN + TESTED_MIN)
    trained = max(DAYS_MIN, round(len(files) * TRAINED_SHARE))
    with desk.lake.scratch() as folder:
        replayed = replayed_in(folder, desk.engine, table.contract, files, trained=trained)
        calibration = calibrating.calibrate(replayed.days[:trained], replayed.rules, table=table.name, target=TARGET)
        bench = Bench(desk.engine, table.contract, files, replayed, trained)
        trials = [trial for kind in kinds for trial in bench.trials(kind, days=days)]
        ordinary, tried = counting.walk(
            replayed.days, trials, Watched(calibration, table.contract, table.tolerances), trained=trained
        )
    return counting.backtest(
        tried, ordinary, kinds, table=table.name, detector=f"orders-monitor {calibration.detector}", trained=trained
    )


def replayed_in(folder: Path, engine: Engine, contract: Contract, files: Sequence[File], *, trained: int) -> Replayed:
    """Learn from the first part of `trained` files and measure all of them; what is remembered lies in the folder."""

    def keep(file: File, rules: Rules) -> Path:
        into = folder / f"{file.partition}.parquet"
        engine.remember(file.path, rules, into=into)
        return into

    return replay(engine, contract, files, trained=trained, keep=keep)


@dataclass(frozen=True)
class Bench:
    """The history of one table, replayed, in which incidents happen; the first `trained` files stay as they are."""

    engine: Engine
    contract: Contract
    files: Sequence[File]
    replayed: Replayed
    trained: int

    def trials(self, kind: Kind, *, days: int) -> Iterator[Trial]:
        """The kind begins on so many of the tested partitions, spread evenly; left out are those that it changes not.

        What lasts is started less often, and lasts no longer than there are partitions.
        """
        tested = len(self.files) - self.trained
        lasts = min(kind.lasts, tested)
        most = days if lasts == 1 else min(days, max(1, LASTING_PARTITIONS_MAX // lasts))
        starts, room = min(most, tested - lasts + 1), tested - lasts
        for number in range(starts):
            place = self.trained + room * number // max(1, starts - 1)
            found = self._days(kind, range(place, place + lasts))
            if found:
                yield Trial(kind=kind, days=found)

    def _days(self, kind: Kind, places: range) -> tuple[Day, ...]:
        """The days of one trial, each measured after the ones before it as they were injected."""
        memories, made = list(self.replayed.memories[: places.start]), list[Day]()
        with TemporaryDirectory(prefix="orders-monitor-") as folder:
            for place in places:
                into = Path(folder) / f"{place}.parquet"
                if not self.inject(kind, places.start, place, into):
                    break
                file = self.files[place]
                day = file.day.model_copy(update={"profile": self.engine.profile(into, personal=self._personal)})
                made.append(
                    seen(self.engine, File(path=into, digest=file.digest, day=day), self.replayed.rules, memories)
                )
                if len(places) > 1:
                    memories.append(Path(folder) / f"memory-{place}.parquet")
                    self.engine.remember(into, self.replayed.rules, into=memories[-1])
        return tuple(made)

    def inject(self, kind: Kind, start: int, place: int, into: Path) -> bool:
        """Write the file of that place as it comes where the kind began at `start`; False where nothing changes."""
        done = self.engine.inject(
            self.files[place].path,
            kind.after(place - start),
            self.contract,
            # What lasts hits the same columns every day.
            seed=self.files[start].partition,
            earlier=self.files[place - 1].path if place else None,
            into=into,
        )
        return done is not None

    @property
    def _personal(self) -> frozenset[str]:
        return frozenset(column.name for column in self.contract.columns if column.personal)
