"""A recorded run made again: the same plan without a model or a network, or the step at which it is another one."""

import json
from dataclasses import replace

import pytest
import sqlalchemy as sa

from orders_monitor.adapters.journal.store import open_store
from orders_monitor.core.errors import ReplayDiverged, StageMissing
from orders_monitor.core.plan import Plan
from orders_monitor.pipeline.investigation import explain
from orders_monitor.pipeline.landed import land
from orders_monitor.pipeline.plan import draw_up
from orders_monitor.pipeline.profile import scan
from orders_monitor.pipeline.quality import judge
from orders_monitor.pipeline.replay import replay
from orders_monitor.pipeline.resources import open_desk
from orders_monitor.settings import read_settings
from orders_monitor_tests.small_shop import DAY, DAY_BEFORE, csv_of, declared, rows_of


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A shop with a clean day, and a day with two addresses that are none (run-1), landed again with one (run-2)."""
    home = tmp_path_factory.mktemp("shop")
    (home / "upstream").mkdir()
    rows = rows_of(DAY)
    rows[3][3], rows[4][3] = "nobody", "nowhere"
    night(home, DAY_BEFORE, rows_of(DAY_BEFORE), run_id="clean-1")
    night(home, DAY, rows, run_id="run-1")
    rows[4][3] = "somebody@example.com"
    night(home, DAY, rows, run_id="run-2")
    return home


def night(home, day, rows, *, run_id):
    """The stages of one partition up to its plan, with the honest stand-in."""
    (home / "upstream" / f"{day}.csv").write_text(csv_of(rows))
    with desk_of(home, run_id=run_id, ORDERS_MONITOR_MODEL="stand-in") as desk:
        for stage in (land, scan, judge):
            stage(desk, day)
        explain(desk, day, retry=0)
        draw_up(desk, day)


def desk_of(home, *, run_id="replay", **environ):
    """A desk at which nobody has a key and no model can be asked, unless the settings say otherwise."""
    settings = read_settings({"ORDERS_MONITOR_HOME": str(home), "ORDERS_MONITOR_MODEL": "release", **environ})
    return open_desk(declared(home / "upstream"), run_id=run_id, settings=settings)


def recorded(desk, run_id):
    return [event for event in desk.journal.events_of_run(run_id) if event.kind == "plan"][-1]


def said(desk, run_id):
    with pytest.raises(ReplayDiverged) as diverged:
        replay(desk, run_id)
    return str(diverged.value)


@pytest.mark.slow
def test_every_run_is_made_again_as_it_was(home):
    """A conversation, a later one on other bytes, a run without any: the recorded digests, and nothing is recorded."""
    with desk_of(home) as desk:
        again = {run_id: replay(desk, run_id) for run_id in ("clean-1", "run-1", "run-2")}
        plans = {run_id: Plan.model_validate(recorded(desk, run_id).body).digest for run_id in again}
        runs = desk.journal.runs()

    assert plans == {run_id: each.digest for run_id, each in again.items()}
    assert 3 == len(set(plans.values()))
    assert 0 == again["clean-1"].steps < again["run-1"].steps
    assert ("clean-1", "run-1", "run-2") == runs


def test_another_declaration_leaves_the_record_at_the_first_tool(home):
    """Where the tools answer something else on the same bytes, the step and the tool that does are named."""
    with desk_of(home) as desk:
        table = desk.table
        kept = tuple(e for e in table.expectations if "regex" not in e.type)
        other = replace(desk, table=table.model_copy(update={"expectations": kept}))

        assert "the replay leaves the record at step 1" in said(other, "run-2")


def test_another_release_is_named(home, tmp_path):
    """The tape fits one release of the agent; another one is named beside it."""
    prompts = tmp_path / "prompts"
    with desk_of(home) as desk:
        copied = prompts / "orders_daily"
        copied.mkdir(parents=True)
        for file in (desk.settings.prompts / "orders_daily").iterdir():
            (copied / file.name).write_text(file.read_text())
        task = copied / "task.md"
        task.write_text(task.read_text() + "\nBe brief.\n")
        sentence = said(replace(desk, settings=replace(desk.settings, prompts=prompts)), "run-1")

    assert "it was asked under orders_daily@" in sentence
    assert sentence.endswith("is what there is")


def test_a_landed_file_that_was_changed_is_another_plan(home, tmp_path):
    """Somebody rewrote the landed bytes: what comes out is not the recorded plan, and both digests are named."""
    with desk_of(home) as desk:
        landing = next(e.body for e in desk.journal.events_of_run("clean-1") if e.kind == "landed")
        file = home / "lake" / landing["path"]
        kept = file.read_bytes()
        file.chmod(0o644)
        file.write_bytes(kept + b" ")
        sentence = said(desk, "clean-1")
        file.write_bytes(kept)

    assert "the plan is " in sentence
    assert "it differs in origin, actions" in sentence


def test_a_turn_that_was_changed_is_another_conversation(home):
    """One word of the recorded tape changed behind the journal's back: the replay leaves the record and says where."""
    with desk_of(home) as desk:
        answered = [e for e in desk.journal.events_of_run("run-1") if e.kind == "agent_answered"]
        first = answered[0].body
        changed = json.dumps({**first, "turn": first["turn"].replace("contract_diff", "profile_diff")})
        store = open_store(desk.settings.journal_url)
        update = sa.text("UPDATE events SET body = :body WHERE id = :id")
        with store.writing() as connection:
            connection.execute(update, {"body": changed, "id": answered[0].id})
        sentence, broken = said(desk, "run-1"), desk.journal.verify("run-1")
        with store.writing() as connection:
            connection.execute(update, {"body": json.dumps(first), "id": answered[0].id})
        store.close()

    assert "the replay leaves the record at step 1: " in sentence
    assert answered[0].seq == broken.seq


def test_a_run_without_a_plan_is_not_made_again(home):
    """A run that ended before its plan has nothing to compare with."""
    with desk_of(home, run_id="half") as desk:
        desk.record("2026-03-01", "note", Plan.model_validate(recorded(desk, "run-1").body))
        with pytest.raises(StageMissing, match="no plan yet"):
            replay(desk, "half")
