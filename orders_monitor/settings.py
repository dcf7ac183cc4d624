"""The environment, read once into one frozen value. Nobody else reads an environment variable."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from orders_monitor.core.errors import SettingsInvalid

Environment = Literal["dev", "staging", "prod"]
PROJECT_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where state lives and which model answers.

    `home` holds the lake, and the journal and Dagster's storage while no database URL is set. `model` is
    `stand-in` or the release's pin (`release`): it is never inferred from the presence of a key.
    """

    home: Path
    database_url: str | None = field(repr=False)
    environment: Environment
    model: Literal["stand-in", "release"]
    api_key: str | None = field(repr=False)
    ui_url: str
    prompts: Path
    source_urls: Mapping[str, str] = field(repr=False)

    @property
    def journal_url(self) -> str:
        """SQLAlchemy URL of the journal."""
        return self.database_url or f"sqlite:///{self.home / 'journal.db'}"

    @property
    def lake_root(self) -> Path:
        """The folder of all data files."""
        return self.home / "lake"


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from environment variables, every one with a default. Raises SettingsInvalid."""
    environment = environ.get("ORDERS_MONITOR_ENVIRONMENT", "dev")
    if environment not in get_args(Environment):
        raise SettingsInvalid(
            variable="ORDERS_MONITOR_ENVIRONMENT", why=f"{environment!r} is not one of dev, staging, prod"
        )
    model = environ.get("ORDERS_MONITOR_MODEL", "stand-in")
    if model not in ("stand-in", "release"):
        raise SettingsInvalid(variable="ORDERS_MONITOR_MODEL", why=f"{model!r} is neither stand-in nor release")
    url = environ.get("ORDERS_MONITOR_DATABASE_URL") or None
    return Settings(
        home=Path(environ.get("ORDERS_MONITOR_HOME") or PROJECT_ROOT / ".orders_monitor").resolve(),
        database_url=None if url is None else with_driver(url),
        environment=environment,  # type: ignore[arg-type]  # just compared with the literal's values
        model=model,  # type: ignore[arg-type]  # just compared with the literal's values
        api_key=environ.get("ANTHROPIC_API_KEY") or None,
        ui_url=environ.get("ORDERS_MONITOR_UI_URL", "http://127.0.0.1:3000").rstrip("/"),
        prompts=Path(environ.get("ORDERS_MONITOR_PROMPTS") or PROJECT_ROOT / "prompts"),
        source_urls=dict(environ),
    )


def with_driver(url: str) -> str:
    """The URL with the driver that dagster-postgres installs: SQLAlchemy 2.1 reads a bare `postgresql://` as psycopg 3.

    Raises SettingsInvalid for anything that is not PostgreSQL.
    """
    for scheme in ("postgresql+psycopg2://", "postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+psycopg2://" + url.removeprefix(scheme)
    raise SettingsInvalid(variable="ORDERS_MONITOR_DATABASE_URL", why="it must begin with postgresql://")
