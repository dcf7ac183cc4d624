"""`orders-monitor trace` and `replay`: stories, broken records and plans made again, as they are typed."""

import json
import shutil

import pytest
import sqlalchemy as sa
import yaml
from click.testing import CliRunner

from orders_monitor.adapters.journal.store import open_store
from orders_monitor.cli.main import commands
from orders_monitor.core.plan import Hold
from orders_monitor.core.record import ToolDenied
from orders_monitor.pipeline.investigation import explain
from orders_monitor.pipeline.landed import land
from orders_monitor.pipeline.plan import draw_up
from orders_monitor.pipeline.profile import scan
from orders_monitor.pipeline.quality import judge
from orders_monitor.pipeline.resources import open_desk
from orders_monitor.settings import read_settings
from orders_monitor_tests.small_shop import DAY, csv_of, declared, rows_of


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A home with one planned night and two runs of another partition, and the declaration of its table."""
    home = tmp_path_factory.mktemp("recorded")
    table = declared(home)
    (home / "shop.yaml").write_text(yaml.safe_dump({"attributes": table.model_dump(mode="json")}))
    (home / f"{DAY}.csv").write_text(csv_of(rows_of(DAY)))
    settings = read_settings({"ORDERS_MONITOR_HOME": str(home)})
    with open_desk(table, run_id="night-1", settings=settings) as desk:
        for stage in (land, scan, judge):
            stage(desk, DAY)
        explain(desk, DAY, retry=0)
        draw_up(desk, DAY)
    for run_id in ("other-1", "other-2"):
        with open_desk(table, run_id=run_id, settings=settings) as desk:
            desk.record("2026-03-01", "note", Hold(why="x"))
            desk.record("2026-03-01", "agent_denied", ToolDenied(step=1, call="a\x1b[2J", why="no"))
    return home


@pytest.fixture
def types(recorded, tmp_path, monkeypatch):
    """A terminal on a copy of that home."""
    shutil.copytree(recorded, tmp_path / "home")
    monkeypatch.setenv("ORDERS_MONITOR_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ORDERS_MONITOR_DATABASE_URL", raising=False)

    def typed(*words):
        result = CliRunner().invoke(commands, ["--declaration", str(recorded / "shop.yaml"), *words])
        return result.exit_code, (result.stdout + result.stderr).strip()

    return typed


def change(home, statement):
    store = open_store(f"sqlite:///{home}/home/journal.db")
    with store.writing() as connection:
        connection.execute(sa.text(statement))
    store.close()


def test_a_story_is_found_by_run_beginning_or_partition(types):
    """A run's whole id, its beginning and its partition show the same story; the JSON is its record."""
    code, text = types("trace", "show", "night-1")
    _, document = types("trace", "show", DAY, "--json")
    _, hostile = types("trace", "show", "other-1")

    assert (0, f"small_shop {DAY}, run night-1") == (code, text.splitlines()[0])
    assert (0, text) == types("trace", "show", "night") == types("trace", "show", DAY)
    assert "landed     40 rows, 6 columns" in text
    assert ["landed", "profile"] == [event["kind"] for event in json.loads(document)["events"]][:2]
    assert "\x1b" not in hostile


def test_what_is_not_there_is_said(types):
    """No such run is refused; the beginning of two runs, and neither a run nor all of them, is a wrong command."""
    unknown = types("trace", "show", "nobody\x1b[2J")

    assert (3, "refused: no run 'nobody\N{REPLACEMENT CHARACTER}[2J' has recorded") == (unknown[0], unknown[1][:41])
    assert 3 == types("trace", "verify", "nobody")[0] == types("replay", "nobody")[0]
    assert (2, True) == (types("trace", "show", "other")[0], "other-1, other-2" in types("trace", "show", "other")[1])
    assert 2 == types("trace", "verify")[0] == types("trace", "verify", "night-1", "--all")[0]


def test_a_broken_record_is_named_and_a_whole_one_too(types, tmp_path):
    """One changed byte, a run that is gone and a body that is no JSON any more: a sentence each, and exit code 1."""
    whole, every = types("trace", "verify", DAY), types("trace", "verify", "--all")
    change(tmp_path, "UPDATE events SET body = replace(body, '40', '41') WHERE run_id = 'night-1' AND kind = 'landed'")
    flipped, story = types("trace", "verify", "night-1"), types("trace", "show", "night-1")
    change(tmp_path, "DELETE FROM events WHERE run_id = 'other-1'")
    gone, both = types("trace", "verify", "other-1"), types("trace", "verify", "--all")
    change(tmp_path, "UPDATE events SET body = '{' WHERE run_id = 'night-1' AND kind = 'landed'")

    flipped_sentence = "run night-1: event 1: the body of landed is not the one that was recorded"
    gone_sentence = "run other-1: event 2: the event is gone when run other-2 was begun after it"
    assert (0, "run night-1: the record is what was written") == whole
    assert (0, "3 runs: the record is what was written") == every
    assert (1, flipped_sentence) == flipped
    assert "NOT WHAT WAS WRITTEN from event 1 on: the body of landed" in story[1]
    assert (1, gone_sentence) == gone
    assert (1, f"{flipped_sentence}\n{gone_sentence}") == both
    assert (1, True) == (types("trace", "show", "night-1")[0], "cannot be read" in types("trace", "show", "night-1")[1])
    assert 1 == types("trace", "verify", "night-1")[0]


def test_replay_ends_with_the_digest_or_with_what_differs(types, tmp_path):
    """The same plan is exit code 0 and its digest; another one is exit code 1 and one sentence."""
    code, said = types("replay", DAY)
    (file,) = (tmp_path / "home" / "lake").rglob("*.parquet")
    file.chmod(0o644)
    file.write_bytes(file.read_bytes() + b" ")
    other, sentence = types("replay", "night-1")

    assert (0, True) == (code, said.startswith("run night-1: the same plan "))
    assert said.endswith(" (without a conversation)")
    assert (1, 1) == (other, len(sentence.splitlines()))
    assert "the plan is " in sentence
