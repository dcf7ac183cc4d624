"""Where Dagster keeps its own state: one `dagster.yaml` for a laptop and for a server.

`dagster.yaml` names the three classes here. Each is asked in every process of Dagster's, and each answers from the
settings: everything under `<home>/dagster`, and runs, events and schedules in PostgreSQL where a database URL is set.
So a command keeps its history although no DAGSTER_HOME is set, and ORDERS_MONITOR_HOME moves all of it.
"""

import fcntl
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from errno import ENOSPC
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._config.config_schema import UserConfigSchema
from dagster._core.instance.config import is_dagster_home_set
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClass, ConfigurableClassData

from orders_monitor.core.errors import StoreUnavailable
from orders_monitor.settings import PROJECT_ROOT, Settings, read_settings

STORAGE = "Dagster's storage"


class SettingsStorage(DagsterStorage, ConfigurableClass):
    """Chooses Dagster's storage; what it makes is Dagster's own, so there is never one of these."""

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Nothing is configured in `dagster.yaml`: the settings say it."""
        return {}

    @classmethod
    def from_config_value(  # type: ignore[override]  # it chooses: what it makes is another storage
        cls,
        inst_data: ConfigurableClassData | None,
        config_value: Mapping[str, Any],  # noqa: ARG003 - Dagster's call
    ) -> DagsterStorage[Any]:
        """SQLite under the home, or PostgreSQL where the settings have a URL. Raises StoreUnavailable."""
        settings = read_settings()
        with _one_at_a_time(dagster_home(settings)):
            if settings.database_url is None:
                return DagsterSqliteStorage.from_local(str(dagster_home(settings)), inst_data=inst_data)
            return _postgres(settings.database_url, inst_data)


class SettingsArtifacts(LocalArtifactStorage):
    """Files of runs, under the home."""

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Nothing is configured in `dagster.yaml`: the settings say it."""
        return {}

    @classmethod
    def from_config_value(
        cls,
        inst_data: ConfigurableClassData | None,
        config_value: Mapping[str, Any],  # noqa: ARG003 - Dagster's call
    ) -> "SettingsArtifacts":
        """The folder under the home."""
        return cls(str(dagster_home(read_settings())), inst_data=inst_data)


class SettingsLogs(LocalComputeLogManager):
    """What the steps printed, under the home."""

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Nothing is configured in `dagster.yaml`: the settings say it."""
        return {}

    @classmethod
    def from_config_value(
        cls,
        inst_data: ConfigurableClassData | None,
        config_value: Mapping[str, Any],  # noqa: ARG003 - Dagster's call
    ) -> "SettingsLogs":
        """The folder under the home."""
        return cls(str(dagster_home(read_settings()) / "storage"), inst_data=inst_data)


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Two processes that make Dagster's tables at once note their version twice, and no process opens them again."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".opening").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield


def dagster_home(settings: Settings) -> Path:
    """The folder of everything that Dagster writes to disk."""
    return settings.home / "dagster"


@contextmanager
def open_instance() -> Iterator[dg.DagsterInstance]:
    """The instance that `dagster dev` uses: of DAGSTER_HOME where that is set, else of the project's `dagster.yaml`.

    Raises StoreUnavailable where its storage cannot be reached or written, also while it is open: the server is away,
    or the disk is full.
    """
    from sqlalchemy.exc import OperationalError  # noqa: PLC0415 - a command alone needs it, and not every Dagster process

    home = is_dagster_home_set()
    try:
        with dg.DagsterInstance.get() if home else dg.DagsterInstance.from_config(str(PROJECT_ROOT)) as instance:
            yield instance
    except OperationalError as error:
        raise StoreUnavailable(store=STORAGE, why=_why(str(error.orig))) from error
    except OSError as error:
        if error.errno != ENOSPC:
            raise
        raise StoreUnavailable(store=STORAGE, why=_why(str(error))) from error


def _why(said: str) -> str:
    """What the driver or the disk says. SQLite calls a full disk an I/O error: the disk itself is asked."""
    folder = dagster_home(read_settings())
    if folder.is_dir() and shutil.disk_usage(folder).free == 0:
        return f"No space left on device ({folder})"
    return (said.strip().splitlines() or ["it gave no reason"])[0]


def _postgres(url: str, inst_data: ConfigurableClassData | None) -> DagsterStorage[Any]:
    from dagster_postgres import DagsterPostgresStorage  # noqa: PLC0415 - only where it is used
    from dagster_postgres.utils import DagsterPostgresException  # noqa: PLC0415 - the same
    from sqlalchemy.exc import OperationalError  # noqa: PLC0415 - the same

    try:
        return DagsterPostgresStorage(url, inst_data=inst_data)
    except (DagsterPostgresException, OperationalError) as error:
        raise StoreUnavailable(store=STORAGE, why="the PostgreSQL server cannot be reached") from error
