"""launcher: Dagster's default launcher, and its monitor told which of the launched runs are still alive.

Dagster's monitor asks a launcher whether a started run's process is there, ends a run whose process is not, and its
retries (`dagster.yaml`) start it again; but its default launcher has no answer, so that a killed run would look alive
until its maximal runtime. This one answers from the run's heartbeats: the same on this host and on another one. The
launchers for Kubernetes, Celery and the like have answers of their own and do not need it.
"""

import time

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus  # what a launcher answers; not exported
from dagster._serdes import ConfigurableClassData

from orders_monitor.core.heartbeat import Watch, watched
from orders_monitor.pipeline.pulse import heartbeats_of
from orders_monitor.pipeline.schedule import TABLE_TAG
from orders_monitor.settings import read_settings

WATCHES_MAX = 1_000
ALIVE = CheckRunHealthResult(WorkerStatus.RUNNING)


class WatchingLauncher(dg.DefaultRunLauncher):
    """Launches as Dagster's default does, and judges runs by their heartbeats."""

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(inst_data)
        self._watches: dict[str, Watch] = {}

    def now_s(self) -> float:
        """The watcher's own clock."""
        return time.monotonic()

    @property
    def supports_check_run_worker_health(self) -> bool:
        """It does: Dagster's monitor asks."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the run's process is alive. Raises StoreUnavailable, and then nobody is judged.

        A run of somebody else's job that never beat is not ours to judge; its maximal runtime ends it.
        """
        beats, host = _last_beat(run.run_id)
        if beats is None and TABLE_TAG not in run.tags:
            return ALIVE
        watch = watched(self._watches.get(run.run_id), beats=beats, now_s=self.now_s())
        self._remember(run.run_id, watch)
        if not watch.is_over:
            return ALIVE
        where = "it never beat" if host is None else f"it was on {host}"
        return CheckRunHealthResult(
            WorkerStatus.NOT_FOUND, f"no heartbeat in {watch.silent_s:.0f} seconds of watching; {where}"
        )

    def _remember(self, run_id: str, watch: Watch) -> None:
        self._watches.pop(run_id, None)
        self._watches[run_id] = watch
        if len(self._watches) > WATCHES_MAX:
            self._watches.pop(next(iter(self._watches)))


def _last_beat(run_id: str) -> tuple[int | None, str | None]:
    with heartbeats_of(read_settings()) as heartbeats:
        return heartbeats.count(run_id), heartbeats.host(run_id)
