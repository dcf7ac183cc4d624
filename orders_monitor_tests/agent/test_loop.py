import json
import subprocess
import sys
from typing import get_args

import pytest

from orders_monitor.agent import loop
from orders_monitor.agent.loop import STEPS
from orders_monitor.agent.model import AssistantTurn, Reply, StopReason, ToolCall, ToolResult, ToolResults
from orders_monitor.core.drift import ColumnRenamed
from orders_monitor.core.errors import BudgetExhausted, ModelUnavailable, ReleaseInvalid, StoreUnavailable
from orders_monitor.core.investigation import Finding, Investigation, Spend
from orders_monitor.core.plan import PublishAsIs, RenameColumn
from orders_monitor.core.release import ToolLimit
from orders_monitor_tests.cases import briefing, release
from orders_monitor_tests.fakes import ListRecorder, ScriptedModel

RENAMED = briefing(changes=(ColumnRenamed(column="amount", now="total", score=0.97),))
ANSWER = {
    "findings": [{"claim": "amount came as total", "evidence": ["drift:renamed:amount"]}],
    "proposed": [
        {"kind": "rename_column", "column": "total", "to": "amount", "evidence": ["drift:renamed:amount"]},
        {"kind": "publish_as_is", "evidence": []},
    ],
}


def investigate(case, *, model, release):
    """The loop, with nobody reading the record."""
    return loop.investigate(case, model=model, release=release, workbench=None, recorder=ListRecorder())


def says(text: str, stop: StopReason = "end_turn") -> Reply:
    return Reply(stop=stop, text=text, calls=(), turn=AssistantTurn(json.dumps([{"type": "text", "text": text}])))


def asks(*calls: ToolCall, stop: StopReason = "tool_use") -> Reply:
    return Reply(stop=stop, text="", calls=calls, turn=AssistantTurn("[]"))


def signals(call_id: str = "1") -> ToolCall:
    return ToolCall(call_id, "signals", {})


def results(model: ScriptedModel, turn: int) -> tuple[ToolResult, ...]:
    last = model.requests[turn].messages[-1]
    assert isinstance(last, ToolResults)
    return last.results


def test_every_stop_reason_of_the_sdk_has_a_step():
    """The table is total over the SDK's own list: a new reason must be classified here."""
    from anthropic.types import StopReason as SdkStopReason  # noqa: PLC0415  # heavy

    assert set(get_args(SdkStopReason)) == set(STEPS) == set(get_args(StopReason))


def test_an_answer_ends_the_investigation_with_what_it_proposes():
    """Findings, proposed actions, the questions that were asked and the spend are in one value."""
    model = ScriptedModel(asks(signals()), says(json.dumps(ANSWER)))

    expected = Investigation(
        landed_digest="d" * 64,
        ending="answered",
        why="findings: 1, proposed actions: 2",
        release=release().label,
        model="scripted",
        findings=(Finding(claim="amount came as total", evidence=("drift:renamed:amount",)),),
        proposed=(
            RenameColumn(column="total", to="amount", evidence=("drift:renamed:amount",)),
            PublishAsIs(evidence=()),
        ),
        tool_calls=("signals({})",),
        spend=Spend(budget_tokens=0, budget_micro_usd=0, calls=2),
    )
    assert expected == investigate(RENAMED, model=model, release=release())


@pytest.mark.parametrize(
    ("line", "ending", "why"),
    [
        (
            BudgetExhausted(scope="run r", wanted=9_000, remaining=1_200, unit="tokens"),
            "budget_exhausted",
            "budget of run r: wanted 9,000 tokens, 1,200 remain",
        ),
        (ModelUnavailable(model="m", why="HTTP 529: overloaded"), "unavailable", "model m: HTTP 529: overloaded"),
        (says("half an ans", "max_tokens"), "truncated", "the model's turn was cut off (max_tokens)"),
        (says("", "model_context_window_exceeded"), "truncated", "(model_context_window_exceeded)"),
        (says("no", "refusal"), "refused", "the model refused to answer"),
        (says("Sure! Here is"), "malformed", "the answer is not in the asked form: the text: Invalid JSON"),
        (says("{}"), "malformed", "findings: Field required"),
        (says('{"findings": [], "proposed": [{"kind": "drop_table"}]}'), "malformed", "proposed.0"),
        (says('{"findings": [], "proposed": [], "approve": true}'), "malformed", "approve: Extra inputs"),
        (asks(), "malformed", "stopped for tools and named none"),
        (says("", "pause_turn"), "steps_exhausted", "no answer after 8 steps"),
    ],
)
def test_every_other_way_of_ending_is_typed_and_proposes_nothing(line, ending, why):
    """Whatever the model does, the investigation ends by itself, says how, and proposes nothing."""
    investigation = investigate(RENAMED, model=ScriptedModel(line), release=release())

    assert (ending, (), ()) == (investigation.ending, investigation.findings, investigation.proposed)
    assert why in investigation.why
    assert "\n" not in investigation.why


@pytest.mark.parametrize("stop", [reason for reason in STEPS if STEPS[reason] != "run_tools"])
def test_tools_run_on_tool_use_alone(stop):
    """Calls in a turn that stopped for any other reason were never confirmed: none is run or even counted."""
    model = ScriptedModel(asks(signals(), stop=stop))

    assert () == investigate(RENAMED, model=model, release=release()).tool_calls


def test_a_question_asked_again_is_answered_with_a_note_and_a_third_time_ends_it():
    """The same tool with the same arguments: the second answer says so, the third question ends the conversation."""
    model = ScriptedModel(asks(signals()))

    investigation = investigate(RENAMED, model=model, release=release())

    assert ("steps_exhausted", "signals was asked the same question 3 times") == (
        investigation.ending,
        investigation.why,
    )
    assert 3 == len(model.requests)
    assert [False, True] == ["you asked this before" in results(model, turn)[0].text for turn in (1, 2)]


def test_parallel_calls_cannot_pass_a_ceiling_together():
    """A batch that would pass a tool's ceiling is refused as a whole before its first call runs."""
    batch = [ToolCall(str(n), "profile", {"columns": [f"c{n}"]}) for n in range(5)]
    model = ScriptedModel(asks(*batch), says(json.dumps(ANSWER)))

    investigation = investigate(RENAMED, model=model, release=release())

    expected = {"refused": "profile may be called 4 times in a run and this would be call 5: none of these calls was "}
    assert "answered" == investigation.ending
    assert [True] * 5 == [r.refused for r in results(model, 1)]
    assert all(json.loads(r.text)["refused"].startswith(expected["refused"]) for r in results(model, 1))


def test_a_storm_of_calls_ends_it_before_any_of_them_runs():
    """More calls than a run may have end the conversation at once, in whatever turns they came."""
    storm = [ToolCall(str(n), "metric_history", {"metric": f"null_share:c{n}"}) for n in range(17)]
    model = ScriptedModel(asks(*storm))

    investigation = investigate(RENAMED, model=model, release=release())

    assert "steps_exhausted" == investigation.ending
    assert "17 tool calls were asked for, 16 are allowed in a run" == investigation.why
    assert 1 == len(model.requests)


def test_a_refused_tool_call_is_the_models_to_read():
    """A tool that does not exist is refused to the model, which may still answer."""
    model = ScriptedModel(asks(ToolCall("1", "publish", {"now": True})), says(json.dumps(ANSWER)))

    investigation = investigate(RENAMED, model=model, release=release())

    assert "answered" == investigation.ending
    assert (ToolResult("1", '{"refused":"there is no such tool"}', refused=True),) == results(model, 1)


def test_our_own_errors_are_not_the_models_to_read():
    """A store that fails ends the run red; it is no ending of an investigation."""
    model = ScriptedModel(StoreUnavailable(store="journal", why="disk full"))

    with pytest.raises(StoreUnavailable, match="disk full"):
        investigate(RENAMED, model=model, release=release())


@pytest.mark.parametrize(
    "update", [{"tools": (ToolLimit(name="publish", calls_max=1),)}, {"prompts": release().prompts[:1]}]
)
def test_a_release_that_the_loop_cannot_speak_is_refused_before_the_first_request(update):
    """An unknown tool or a missing prompt is a person's mistake in the release, found before anything is sent."""
    model = ScriptedModel(says("{}"))

    with pytest.raises(ReleaseInvalid):
        investigate(RENAMED, model=model, release=release().model_copy(update=update))

    assert [] == model.requests


def test_importing_the_agent_and_its_adapters_imports_no_sdk():
    """Every Dagster process imports these modules; only who asks the model pays for the SDK."""
    program = (
        "import sys; import orders_monitor.agent.loop, orders_monitor.agent.prompts, orders_monitor.agent.tools;"
        "import orders_monitor.adapters.claude, orders_monitor.adapters.stand_in;"
        "print(sorted({'anthropic', 'httpx2', 'httpx', 'yaml'} & set(sys.modules)))"
    )

    assert "[]\n" == subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
