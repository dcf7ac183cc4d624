"""The settings: every variable has a default, and one that makes no sense is named in one sentence."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from orders_monitor.core.errors import SettingsInvalid
from orders_monitor.settings import PROJECT_ROOT, Settings, read_settings, with_driver


def test_nothing_has_to_be_set():
    """With an empty environment everything is local and the model is the stand-in."""
    assert Settings(
        home=PROJECT_ROOT / ".orders_monitor",
        database_url=None,
        environment="dev",
        model="stand-in",
        api_key=None,
        ui_url="http://127.0.0.1:3000",
        prompts=PROJECT_ROOT / "prompts",
        source_urls={},
    ) == read_settings({})


def test_everything_can_be_set(tmp_path):
    """Each variable changes its one setting."""
    environ = {
        "ORDERS_MONITOR_HOME": str(tmp_path / "home"),
        "ORDERS_MONITOR_DATABASE_URL": "postgresql://monitor@localhost/monitor",
        "ORDERS_MONITOR_ENVIRONMENT": "prod",
        "ORDERS_MONITOR_MODEL": "release",
        "ORDERS_MONITOR_UI_URL": "https://dagster.example/prefix/",
        "ORDERS_MONITOR_PROMPTS": str(tmp_path / "prompts"),
        "ANTHROPIC_API_KEY": "a-key",
    }

    assert Settings(
        home=tmp_path / "home",
        database_url="postgresql+psycopg2://monitor@localhost/monitor",
        environment="prod",
        model="release",
        api_key="a-key",
        ui_url="https://dagster.example/prefix",
        prompts=tmp_path / "prompts",
        source_urls=environ,
    ) == read_settings(environ)


def test_a_key_alone_calls_no_model():
    """The presence of a key chooses nothing: the stand-in answers until the setting says otherwise."""
    assert "stand-in" == read_settings({"ANTHROPIC_API_KEY": "a-key"}).model


def test_an_empty_variable_is_not_set():
    """A variable that a deployment leaves empty means its default, where empty can mean nothing else."""
    names = ("HOME", "DATABASE_URL", "PROMPTS")
    empty = read_settings({f"ORDERS_MONITOR_{name}": "" for name in names} | {"ANTHROPIC_API_KEY": ""})
    default = read_settings({})

    assert [(s.home, s.database_url, s.prompts, s.api_key) for s in (default,)] == [
        (s.home, s.database_url, s.prompts, s.api_key) for s in (empty,)
    ]


def test_the_journal_is_beside_the_lake_without_a_database():
    """Without a URL the journal is a file of the home; with one it is that database, and the lake stays in the home."""
    local = read_settings({"ORDERS_MONITOR_HOME": "/home-of-tests"})
    shared = read_settings(
        {"ORDERS_MONITOR_HOME": "/home-of-tests", "ORDERS_MONITOR_DATABASE_URL": "postgres://localhost/monitor"}
    )

    assert "sqlite:////home-of-tests/journal.db" == local.journal_url
    assert "postgresql+psycopg2://localhost/monitor" == shared.journal_url
    assert [Path("/home-of-tests/lake")] * 2 == [local.lake_root, shared.lake_root]


def test_a_relative_home_is_one_place_for_all_processes(tmp_path, monkeypatch):
    """A relative home is resolved once, so that a later change of folder does not move the state."""
    monkeypatch.chdir(tmp_path)

    assert tmp_path / "state" == read_settings({"ORDERS_MONITOR_HOME": "state"}).home


REFUSED = {
    "ORDERS_MONITOR_ENVIRONMENT": ("production", "'production' is not one of dev, staging, prod"),
    "ORDERS_MONITOR_MODEL": ("claude", "'claude' is neither stand-in nor release"),
    "ORDERS_MONITOR_DATABASE_URL": ("mysql://monitor:secret@db/monitor", "it must begin with postgresql://"),
}


@pytest.mark.parametrize(("variable", "value", "why"), [(name, *case) for name, case in REFUSED.items()], ids=REFUSED)
def test_what_makes_no_sense_is_one_sentence(variable, value, why):
    """The variable and the reason are named; the value of a URL, which may hold a password, is not."""
    with pytest.raises(SettingsInvalid) as refused:
        read_settings({variable: value})

    assert f"{variable}: {why}" == str(refused.value)


@pytest.mark.parametrize("scheme", ["postgresql+psycopg2", "postgresql", "postgres"])
def test_every_name_of_postgresql_gets_the_installed_driver(scheme):
    """SQLAlchemy would look for another driver under the bare name."""
    assert "postgresql+psycopg2://u:p@h:5432/d?sslmode=require" == with_driver(
        f"{scheme}://u:p@h:5432/d?sslmode=require"
    )


def test_secrets_are_not_in_the_text_of_the_settings():
    """Printing the settings tells neither the key nor the database's password nor the environment."""
    settings = read_settings(
        {"ANTHROPIC_API_KEY": "k-secret", "ORDERS_MONITOR_DATABASE_URL": "postgresql://u:p-secret@h/d", "X": "x-secret"}
    )

    assert "secret" not in repr(settings)


def test_settings_do_not_change():
    """What was read once stays: nobody sets a setting later."""
    with pytest.raises(FrozenInstanceError):
        read_settings({}).model = "release"  # type: ignore[misc]  # that is what is refused
