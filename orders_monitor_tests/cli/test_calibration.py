"""`orders-monitor calibrate` and `backtest`: what is learned, what is refused, and what is printed."""

import json

import pytest
import yaml
from click.testing import CliRunner

from orders_monitor.cli.main import commands
from orders_monitor.core.calibration import DAYS_MIN
from orders_monitor_tests.published import day_of, history_of
from orders_monitor_tests.small_shop import declared

DAYS = DAYS_MIN + 13


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A small shop whose home is empty."""
    monkeypatch.setenv("ORDERS_MONITOR_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ORDERS_MONITOR_DATABASE_URL", raising=False)
    return declared(tmp_path, partitions={"start": "2026-01-05"})


@pytest.fixture
def types(tmp_path, table):
    """A terminal on that table."""
    path = tmp_path / "shop.yaml"
    path.write_text(yaml.safe_dump({"attributes": table.model_dump(mode="json")}))
    return lambda *words: CliRunner().invoke(commands, ["--declaration", str(path), *words])


def test_a_short_history_is_refused_with_one_sentence(types):
    """Nobody learns from nothing: how many partitions are needed is said, and nothing is kept."""
    refused, tested, listed = types("calibrate"), types("backtest", "--inject"), types("calibrate", "list")

    said = "refused: small_shop: 0 published partitions are too few to learn from: {} are needed\n"
    assert (3, said.format(DAYS_MIN)) == (refused.exit_code, refused.stderr)
    assert (3, said.format(DAYS_MIN + 10)) == (tested.exit_code, tested.stderr)
    assert listed.stdout.startswith("small_shop has no calibration: orders-monitor --declaration ")
    assert (3, "refused: small_shop has no calibration 2\n") == (
        (shown := types("calibrate", "show", "2")).exit_code,
        shown.stderr,
    )


def test_a_kind_that_there_is_not_is_named(types):
    """A misspelt kind is a wrong command, and so is one that is to be injected and yet not."""
    assert 2 == (misspelt := types("backtest", "--inject", "earthquake")).exit_code
    assert "no kind 'earthquake'; there are: volume_half, " in misspelt.stderr
    assert (2, True) == ((not_said := types("backtest", "volume_half")).exit_code, "say --inject" in not_said.stderr)


@pytest.mark.slow
def test_what_was_learned_is_printed_and_kept_as_a_version(types, table):
    """Days, rules, thresholds and the rate with its interval; each calibration is the next version."""
    with history_of(table, DAYS):
        pass
    first, second = types("calibrate"), json.loads(types("calibrate", "--json").stdout)
    listed = json.loads(types("calibrate", "list", "--json").stdout)

    assert first.stdout.startswith(f"small_shop calibration 1: {DAYS} days ({day_of(0)} to {day_of(DAYS - 1)}), ")
    assert ("thresholds: " in first.stdout, 2, 0.05) == (True, second["version"], second["target"])
    assert [(1, DAYS), (2, DAYS)] == [(made["version"], made["days"]) for made in listed]
    assert first.stdout == types("calibrate", "show", "1").stdout


@pytest.mark.slow
def test_a_backtest_prints_one_table(types, table):
    """Recall with its interval, precision and delay of each kind and class, beside the ordinary days that alarm."""
    with history_of(table, DAYS):
        pass
    printed = types("backtest", "--inject", "volume_tenth", "loaded_twice", "--days", "3").stdout
    made = json.loads(types("backtest", "--inject", "volume_tenth", "--days", "3", "--json").stdout)

    assert f"small_shop: calibrated on {DAYS_MIN} partitions, tested on the 13 after them" in printed
    assert ["volume_tenth", "loaded_twice"] == [
        line.split()[0] for line in printed.splitlines() if line.startswith(("volume_", "loaded_"))
    ]
    assert ({"value": 1.0, "of": 3}, 0.0) == (
        {name: made["kinds"][0]["recall"][name] for name in ("value", "of")},
        made["kinds"][0]["delay"],
    )
    assert [] == json.loads(types("calibrate", "list", "--json").stdout)
