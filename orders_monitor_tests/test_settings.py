"""The settings: every variable has a default, and one that makes no sense is named in one sentence."""

from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import get_args

import pytest

from orders_monitor.core.errors import SettingsInvalid
from orders_monitor.settings import PROJECT_ROOT, Settings, StandInMode, read_settings, with_driver


def test_nothing_has_to_be_set():
    """With an empty environment everything is local and the model is the stand-in."""
    assert Settings(
        home=PROJECT_ROOT / ".orders_monitor",
        database_url=None,
        environment="dev",
        model="stand-in",
        stand_in_mode="honest",
        model_url=None,
        otlp_url=None,
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
        "ORDERS_MONITOR_MODEL_URL": "https://gateway.example/anthropic/",
        "ORDERS_MONITOR_OTLP_URL": "http://127.0.0.1:4318",
        "ORDERS_MONITOR_UI_URL": "https://dagster.example/prefix/",
        "ORDERS_MONITOR_PROMPTS": str(tmp_path / "prompts"),
        "ANTHROPIC_API_KEY": "a-key",
    }

    assert Settings(
        home=tmp_path / "home",
        database_url="postgresql+psycopg2://monitor@localhost/monitor",
        environment="prod",
        model="release",
        stand_in_mode="honest",
        model_url="https://gateway.example/anthropic",
        otlp_url="http://127.0.0.1:4318",
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
    names = ("HOME", "DATABASE_URL", "PROMPTS", "MODEL_URL", "OTLP_URL", "UI_URL", "REVIEW_URL")
    empty = read_settings({f"ORDERS_MONITOR_{name}": "" for name in names} | {"ANTHROPIC_API_KEY": ""})
    default = read_settings({})

    assert replace(default, source_urls={}) == replace(empty, source_urls={})


@pytest.mark.parametrize("mode", [*get_args(StandInMode)])
def test_the_stand_in_is_written_down_with_its_mode(mode):
    """Every mode can be chosen; the honest one needs no name, and the release's model is no stand-in."""
    chosen = read_settings({"ORDERS_MONITOR_MODEL": f"stand-in:{mode}"})
    names = [chosen.stand_in_name, read_settings({"ORDERS_MONITOR_MODEL": "release"}).stand_in_name]

    assert ("stand-in", mode) == (chosen.model, chosen.stand_in_mode)
    assert ["stand-in" if mode == "honest" else f"stand-in:{mode}", None] == names


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


ADDRESS = "it must be an address such as http://127.0.0.1:8080"
NO_SECRETS = "an address has no user, password, query or fragment here"
REFUSED = [
    ("ENVIRONMENT", "production", "'production' is not one of dev, staging, prod"),
    ("MODEL", "claude", "'claude' is neither stand-in nor release"),
    ("MODEL", "", "'' is neither stand-in nor release"),
    ("MODEL", "release:liar", "'release:liar' is neither stand-in nor release"),
    ("MODEL", "stand-in:kind", f"'kind' is no mode of the stand-in: {', '.join(get_args(StandInMode))}"),
    ("MODEL", "stand-in:", f"'' is no mode of the stand-in: {', '.join(get_args(StandInMode))}"),
    ("DATABASE_URL", "mysql://monitor:secret@db/monitor", "it must begin with postgresql://"),
    *[("MODEL_URL", url, ADDRESS) for url in ("gateway", "ftp://gateway", "http://", "http://g:port", "http://g w")],
    ("MODEL_URL", "https://me:secret@gateway", NO_SECRETS),
    ("OTLP_URL", "http://[::1", ADDRESS),
    ("REVIEW_URL", "http://[", ADDRESS),
    ("UI_URL", "javascript:alert(1)", ADDRESS),
    ("OTLP_URL", "http://collector?token=secret", NO_SECRETS),
]


@pytest.mark.parametrize(("name", "value", "why"), REFUSED)
def test_what_makes_no_sense_is_one_sentence(name, value, why):
    """The variable and the reason are named; the value of a URL, which may hold a password, is not."""
    with pytest.raises(SettingsInvalid) as refused:
        read_settings({f"ORDERS_MONITOR_{name}": value})

    assert f"ORDERS_MONITOR_{name}: {why}" == str(refused.value)


@pytest.mark.parametrize("key", ["canary\n", " canary", "can\0ary", "canäry"])
def test_a_key_that_cannot_be_sent_is_refused_before_it_is_sent(key):
    """The HTTP client would quote it in its error: the sentence does not. The stand-in needs none and reads none."""
    with pytest.raises(SettingsInvalid) as refused:
        read_settings({"ORDERS_MONITOR_MODEL": "release", "ANTHROPIC_API_KEY": key})

    why = "it has a space, a line break or a letter that no key has"
    assert f"ANTHROPIC_API_KEY: {why}" == str(refused.value)
    assert "stand-in" == read_settings({"ANTHROPIC_API_KEY": key}).model


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
