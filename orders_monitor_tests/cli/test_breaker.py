"""`orders-monitor breaker`: what is open is shown with the way to close it, and closing it is recorded."""

import json
from datetime import UTC, datetime

import pytest
import yaml
from click.testing import CliRunner

from orders_monitor.cli.main import commands
from orders_monitor.pipeline import breaker
from orders_monitor.pipeline.resources import open_desk
from orders_monitor_tests.small_shop import declared

NOW_MS = breaker.now_ms()
OPEN_S = 86_400  # longer than any suite takes from here to the last of these tests
UNTIL = datetime.fromtimestamp(NOW_MS / 1_000 + OPEN_S, UTC).isoformat(sep=" ", timespec="seconds")


@pytest.fixture
def types(tmp_path, monkeypatch):
    """A terminal on a home of its own, where the model has tripped."""
    monkeypatch.setenv("ORDERS_MONITOR_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ORDERS_MONITOR_DATABASE_URL", raising=False)
    table = declared(tmp_path, breaker={"open_s": OPEN_S})
    path = tmp_path / "shop.yaml"
    path.write_text(yaml.safe_dump({"attributes": table.model_dump(mode="json")}))
    with open_desk(table, run_id="test") as desk:
        breaker.enter(desk, "model").tripped("somebody else answered")
        breaker.enter(desk, "source", clock=lambda: NOW_MS).tripped("no\x1b[2J answer")
    return lambda *words: CliRunner().invoke(commands, ["--declaration", str(path), "breaker", *words])


def test_show_says_what_is_open_until_when_and_what_to_type(types, tmp_path):
    """Each zone is one line; an open one says why, until when, and how a person closes it."""
    lines = types("show").stdout.splitlines()
    typed = f"orders-monitor --declaration {tmp_path}/shop.yaml breaker close source --note why"

    assert lines[0].startswith("model      open until 20")
    assert lines[0].endswith("(somebody else answered)")
    assert [
        f"source     open until {UNTIL} (no\N{REPLACEMENT CHARACTER}[2J answer)",
        f"           it works again? {typed}",
        "warehouse  closed",
        "publish    closed",
        "notify_webhook  closed",
        "notify_email  closed",
    ] == lines[2:]


def test_show_as_json_is_one_list(types):
    """The JSON names table, zone and state of each, and what the state knows."""
    rows = {row["zone"]: row for row in json.loads(types("show", "--json").stdout)}

    assert ["model", "source", "warehouse", "publish", "notify_webhook", "notify_email"] == list(rows)
    assert {"table": "small_shop", "zone": "publish", "state": "closed", "failures": 0} == rows["publish"]
    assert ("open", NOW_MS + 1_000 * OPEN_S) == (rows["source"]["state"], rows["source"]["until_ms"])


def test_close_is_a_persons_word(types):
    """A closed breaker is closed at once, and without a reason it is not closed at all."""
    closed, *refused = (
        types("close", "source", "--note", "rebooted"),
        types("close", "model"),
        types("close", "model", "--note", " "),
        types("close", "model", "--note", "rebooted", "--who", ""),
        types("close", "model", "--note", "\udcff is no text"),
        types("close", "x"),
    )
    states = {row["zone"]: row["state"] for row in json.loads(types("show", "--json").stdout)}

    assert [0, 2, 2, 2, 2, 2] == [closed.exit_code, *(each.exit_code for each in refused)]
    assert "source of small_shop: closed\n" == closed.stdout
    assert ("open", "closed") == (states["model"], states["source"])
