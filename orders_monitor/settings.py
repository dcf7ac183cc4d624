"""The environment, read once into one frozen value. Nobody else reads an environment variable."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import urlsplit

from orders_monitor.core.environment import Environment
from orders_monitor.core.errors import SettingsInvalid

# How the stand-in behaves: honestly, or in one of the ways in which a model can go wrong.
StandInMode = Literal[
    "honest",
    "gullible",
    "looper",
    "stormer",
    "bloater",
    "liar",
    "truncator",
    "refuser",
    "flaky",
    "overbiller",
    "impostor",
    "error-propagator",
    "trespasser",
]
STAND_IN = "stand-in"
PROJECT_ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where state lives and which model answers.

    `home` holds the lake, and the journal and Dagster's storage while no database URL is set. `model` is
    `stand-in` or the release's pin (`release`): it is never inferred from the presence of a key. `model_url` is where
    it is asked: a gateway for the release's model, a served stand-in for the stand-in; None is the usual place.
    Spans are exported to `otlp_url`, and nowhere without one. `reviewers` is the reviewed file of who may decide,
    `key_file` the private key of who types commands, `proxy_header` the header in which an authenticating proxy tells
    the review page who somebody is, and `page_key_file` the page's own key, which vouches for it. Messages go to
    `webhook_url` and, from `mail_from`, through `smtp_url` (`smtp://user:password@host:port`, `smtps://` for TLS).
    """

    home: Path
    database_url: str | None = field(repr=False)
    environment: Environment
    model: Literal["stand-in", "release"]
    stand_in_mode: StandInMode = "honest"
    model_url: str | None = field(default=None, repr=False)
    otlp_url: str | None = field(default=None, repr=False)
    api_key: str | None = field(repr=False)
    ui_url: str
    review_url: str = "http://127.0.0.1:3001"
    prompts: Path
    reviewers: Path = PROJECT_ROOT / "reviewers.yaml"
    key_file: Path | None = None
    proxy_header: str | None = None
    page_key_file: Path | None = None
    webhook_url: str | None = field(default=None, repr=False)
    smtp_url: str | None = field(default=None, repr=False)
    mail_from: str = ""
    source_urls: Mapping[str, str] = field(repr=False)

    @property
    def journal_url(self) -> str:
        """SQLAlchemy URL of the journal."""
        return self.database_url or f"sqlite:///{self.home / 'journal.db'}"

    @property
    def stand_in_name(self) -> str | None:
        """How the stand-in is written down wherever a model is: None where the release's own model answers."""
        if self.model != STAND_IN:
            return None
        return STAND_IN if self.stand_in_mode == "honest" else f"{STAND_IN}:{self.stand_in_mode}"

    @property
    def lake_root(self) -> Path:
        """The folder of all data files."""
        return self.home / "lake"

    @property
    def docs_root(self) -> Path:
        """The folder of the pages of validation results."""
        return self.home / "data_docs"


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Settings from environment variables, every one with a default. Raises SettingsInvalid."""
    environment = environ.get("ORDERS_MONITOR_ENVIRONMENT", "dev")
    if environment not in get_args(Environment):
        raise SettingsInvalid(
            variable="ORDERS_MONITOR_ENVIRONMENT", why=f"{environment!r} is not one of dev, staging, prod"
        )
    model, mode = _model(environ.get("ORDERS_MONITOR_MODEL", STAND_IN))
    url = environ.get("ORDERS_MONITOR_DATABASE_URL") or None
    return Settings(
        home=Path(environ.get("ORDERS_MONITOR_HOME") or PROJECT_ROOT / ".orders_monitor").resolve(),
        database_url=None if url is None else with_driver(url),
        environment=environment,  # type: ignore[arg-type]  # just compared with the literal's values
        model=model,
        stand_in_mode=mode,
        model_url=_http_url(environ, "ORDERS_MONITOR_MODEL_URL"),
        otlp_url=_http_url(environ, "ORDERS_MONITOR_OTLP_URL"),
        api_key=_key(environ) if model == "release" else environ.get("ANTHROPIC_API_KEY") or None,
        ui_url=_http_url(environ, "ORDERS_MONITOR_UI_URL") or "http://127.0.0.1:3000",
        review_url=_http_url(environ, "ORDERS_MONITOR_REVIEW_URL") or "http://127.0.0.1:3001",
        reviewers=Path(environ.get("ORDERS_MONITOR_REVIEWERS") or PROJECT_ROOT / "reviewers.yaml").resolve(),
        key_file=_path(environ, "ORDERS_MONITOR_KEY_FILE"),
        proxy_header=_header(environ),
        page_key_file=_path(environ, "ORDERS_MONITOR_PAGE_KEY_FILE"),
        webhook_url=environ.get("ORDERS_MONITOR_WEBHOOK_URL") or None,
        smtp_url=environ.get("ORDERS_MONITOR_SMTP_URL") or None,
        mail_from=environ.get("ORDERS_MONITOR_MAIL_FROM", ""),
        prompts=Path(environ.get("ORDERS_MONITOR_PROMPTS") or PROJECT_ROOT / "prompts"),
        source_urls=dict(environ),
    )


def _model(name: str) -> tuple[Literal["stand-in", "release"], StandInMode]:
    if name == "release":
        return "release", "honest"
    kind, colon, mode = name.partition(":")
    if kind != STAND_IN:
        raise SettingsInvalid(variable="ORDERS_MONITOR_MODEL", why=f"{name!r} is neither stand-in nor release")
    if colon and mode not in get_args(StandInMode):
        modes = ", ".join(get_args(StandInMode))
        raise SettingsInvalid(variable="ORDERS_MONITOR_MODEL", why=f"{mode!r} is no mode of the stand-in: {modes}")
    return "stand-in", mode or "honest"  # type: ignore[return-value]  # just compared with the literal's values


def _key(environ: Mapping[str, str]) -> str | None:
    """A key that can be sent. What HTTP refuses to send it quotes; a key read from a file often ends with its line."""
    key = environ.get("ANTHROPIC_API_KEY") or None
    if key is not None and not all("!" <= character <= "~" for character in key):
        raise SettingsInvalid(
            variable="ANTHROPIC_API_KEY", why="it has a space, a line break or a letter that no key has"
        )
    return key


def _path(environ: Mapping[str, str], variable: str) -> Path | None:
    text = environ.get(variable)
    return Path(text).expanduser().resolve() if text else None


def _header(environ: Mapping[str, str]) -> str | None:
    name = environ.get("ORDERS_MONITOR_PROXY_HEADER") or None
    if name is not None and not name.replace("-", "").isalnum():
        raise SettingsInvalid(variable="ORDERS_MONITOR_PROXY_HEADER", why=f"{name!r} cannot be the name of a header")
    return name


def _http_url(environ: Mapping[str, str], variable: str) -> str | None:
    """An address that requests or links lead to, without its last slash. It is not quoted: it may hold a secret."""
    text = environ.get(variable)
    if not text:
        return None
    try:
        url = urlsplit(text)
        reachable = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
    except ValueError:
        reachable = False
    if not reachable or any(character.isspace() for character in text):
        raise SettingsInvalid(variable=variable, why="it must be an address such as http://127.0.0.1:8080")
    if url.username is not None or url.query or url.fragment:
        raise SettingsInvalid(variable=variable, why="an address has no user, password, query or fragment here")
    return text.rstrip("/")


def with_driver(url: str) -> str:
    """The URL with the driver that dagster-postgres installs: SQLAlchemy 2.1 reads a bare `postgresql://` as psycopg 3.

    Raises SettingsInvalid for anything that is not PostgreSQL.
    """
    for scheme in ("postgresql+psycopg2://", "postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+psycopg2://" + url.removeprefix(scheme)
    raise SettingsInvalid(variable="ORDERS_MONITOR_DATABASE_URL", why="it must begin with postgresql://")
