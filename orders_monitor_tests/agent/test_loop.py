import hashlib
import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orders_monitor.agent import loop
from orders_monitor.agent.loop import STEPS
from orders_monitor.agent.model import (
    AssistantTurn,
    Digests,
    Reply,
    StopReason,
    ToolCall,
    ToolResult,
    ToolResults,
)
from orders_monitor.agent.prompts import NO_ROOM, last_word_text
from orders_monitor.core.drift import ColumnRenamed
from orders_monitor.core.errors import (
    BreakerOpen,
    BudgetExhausted,
    ModelUnavailable,
    ReleaseInvalid,
    StoreUnavailable,
)
from orders_monitor.core.investigation import Alert, Finding, Investigation, Question, Spend
from orders_monitor.core.plan import PublishAsIs, RenameColumn
from orders_monitor.core.profile import ColumnProfile
from orders_monitor.core.record import Ended
from orders_monitor.core.release import ToolLimit
from orders_monitor_tests.cases import briefing, release
from orders_monitor_tests.fakes import ListRecorder, ListTracer, ScriptedModel

RENAMED = briefing(changes=(ColumnRenamed(column="amount", now="total", score=0.97),))
ANSWER = {
    "findings": [{"claim": "amount came as total", "evidence": ["drift:renamed:amount"]}],
    "proposed": [
        {"kind": "rename_column", "column": "total", "to": "amount", "evidence": ["drift:renamed:amount"]},
        {"kind": "publish_as_is", "evidence": []},
    ],
}


def investigate(case, *, model, release, recorder=None, **more):
    """The loop without rows, and with nobody reading the record unless somebody does."""
    return loop.investigate(
        case, model=model, release=release, workbench=None, recorder=recorder or ListRecorder(), **more
    )


def says(text: str, stop: StopReason = "end_turn") -> Reply:
    return Reply(stop=stop, text=text, calls=(), turn=AssistantTurn(json.dumps([{"type": "text", "text": text}])))


def asks(*calls: ToolCall, stop: StopReason = "tool_use") -> Reply:
    return Reply(stop=stop, text="", calls=calls, turn=AssistantTurn("[]"))


def signals(call_id: str = "1") -> ToolCall:
    return ToolCall(call_id, "signals", {})


def profiled(name):
    """A landed column of that name."""
    return ColumnProfile(name=name, type="string", nulls=0, distinct=len(name))


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
    model, recorder = ScriptedModel(asks(signals()), says(json.dumps(ANSWER))), ListRecorder()

    investigation = investigate(RENAMED, model=model, release=release(), recorder=recorder)

    digest = hashlib.sha256(results(model, 1)[0].text.encode()).hexdigest()
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
        questions=(Question(evidence=signals().evidence, tool="signals", arguments="{}", answer_digest=digest),),
        spend=Spend(budget_tokens=0, budget_micro_usd=0, calls=2),
    )
    assert expected == investigation
    assert model.closed


def test_everything_that_happens_is_written_down_once_a_step():
    """The record holds each request by its digest, each turn as it came, each answer, and the end; a flush a reply."""
    model, recorder = ScriptedModel(asks(signals()), says(json.dumps(ANSWER))), ListRecorder()

    investigate(RENAMED, model=model, release=release(), recorder=recorder)

    assert ["asked", "answered", "tool", "asked", "answered", "ended"] == [e.kind for e in recorder.events]
    assert [1, 4, 6] == recorder.flushed
    asked = [event.digest for event in recorder.events if event.kind == "asked"]
    assert [Digests().of(request)[0] for request in model.requests] == asked
    assert [results(model, 1)[0].text] == [event.answer for event in recorder.events if event.kind == "tool"]


def test_each_tool_is_a_span():
    """A tool's span says its step and its name, and no value; the model's calls are the SDK's own spans."""
    tracer = ListTracer()

    investigate(RENAMED, model=ScriptedModel(asks(signals()), says("no")), release=release(), tracer=tracer)

    tool = {"step": 1, "operation": "execute_tool", "tool": "signals"}
    assert [("agent.tool signals", tool)] == tracer.spans


@pytest.mark.parametrize(
    ("line", "ending", "why"),
    [
        (
            BudgetExhausted(scope="run r", wanted=9_000, remaining=1_200, unit="tokens"),
            "budget_exhausted",
            "budget of run r: wanted 9,000 tokens, 1,200 remain",
        ),
        (ModelUnavailable(model="m", why="HTTP 529: overloaded"), "unavailable", "model m: HTTP 529: overloaded"),
        (ModelUnavailable(model="m", why="x", reason="impostor"), "impostor", "model m: x"),
        (ModelUnavailable(model="m", why="x", reason="overbilled"), "overbilled", "model m: x"),
        (BreakerOpen(zone="model", table="t", until_ms=0, why="529"), "breaker_open", "is open (529)"),
        (says("half an ans", "max_tokens"), "truncated", "the model's turn was cut off (max_tokens)"),
        (says("", "model_context_window_exceeded"), "truncated", "(model_context_window_exceeded)"),
        (says("no", "refusal"), "refused", "the model refused to answer"),
        (says("Sure! Here is"), "malformed", "the answer is not in the asked form: the text: Invalid JSON"),
        (says("{}"), "malformed", "findings: Field required"),
        # No word of the model's is in a sentence of ours: it becomes the reason of a hold.
        (says('{"findings": [], "proposed": [{"kind": "9 ok"}]}'), "malformed", "proposed.0: there is no such kind"),
        (says('{"findings": [], "proposed": [], "9 ok": 1}'), "malformed", "the text: something that nobody asked for"),
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

    why = "signals was asked the same question 3 times"
    assert ("retrieval_thrash", why, (Alert(mode="retrieval_thrash", why=why),)) == (
        investigation.ending,
        investigation.why,
        investigation.alerts,
    )
    assert 3 == len(model.requests)
    assert [False, True] == ["you asked this before" in results(model, turn)[0].text for turn in (1, 2)]


def test_answers_are_asked_of_the_cache_once():
    """What another process found out about the same case is not worked out again; the record says so."""
    kept, recorder = {}, ListRecorder()

    class Shelf:
        def once(self, key, make):
            known = key in kept
            kept[key] = kept.get(key) or make()
            return kept[key], known

    for _ in range(2):
        model = ScriptedModel(asks(signals()), says(json.dumps(ANSWER)))
        investigate(RENAMED, model=model, release=release(), recorder=recorder, cache=Shelf())

    assert [False, True] == [event.cached for event in recorder.events if event.kind == "tool"]
    assert 1 == len(kept)


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
    """More calls than a turn may have end the conversation at once; each of them is in the record as not run."""
    storm = [ToolCall(str(n), "metric_history", {"metric": f"null_share:c{n}"}) for n in range(7)]
    model, recorder = ScriptedModel(asks(*storm)), ListRecorder()

    investigation = investigate(RENAMED, model=model, release=release(), recorder=recorder)

    assert ("tool_storm", "7 calls in one turn, 6 are allowed") == (investigation.ending, investigation.why)
    assert ["asked", "answered", *["denied"] * 7, "alert", "ended"] == [event.kind for event in recorder.events]


def test_a_refused_tool_call_is_the_models_to_read():
    """A call that makes no sense is refused to the model, which may still answer."""
    model = ScriptedModel(asks(ToolCall("1", "signals", {"now": True})), says(json.dumps(ANSWER)))

    investigation = investigate(RENAMED, model=model, release=release())

    assert "answered" == investigation.ending
    expected = ToolResult("1", '{"refused":"now: Extra inputs are not permitted"}', refused=True)
    assert (expected,) == results(model, 1)


def test_a_call_that_is_nobodys_to_make_ends_it_before_its_neighbours_run():
    """A tool outside of the release ends the conversation; the honest call beside it does not run either."""
    model, recorder = ScriptedModel(asks(signals(), ToolCall("2", "publish", {}))), ListRecorder()

    investigation = investigate(RENAMED, model=model, release=release(), recorder=recorder)

    assert ("guardrail_bypass", ()) == (investigation.ending, investigation.questions)
    assert "it called 'publish': approvals, budgets and publishing are not its business" == investigation.why
    assert ["asked", "answered", "denied", "denied", "alert", "ended"] == [event.kind for event in recorder.events]


def gone(request):
    """What a model says that has no budget left but for the last word."""
    if request.last_word is None and len(request.messages) > 1:
        raise BudgetExhausted(scope="run r", wanted=9_000, remaining=1_200, unit="tokens")
    return says(json.dumps(ANSWER)) if request.last_word else asks(signals())


def test_a_budget_that_ends_in_between_buys_one_last_word():
    """With something known, the last request asks for the answer and forbids tools; the ending says that it was cut."""
    model, recorder = ScriptedModel(gone), ListRecorder()

    investigation = investigate(RENAMED, model=model, release=release(), recorder=recorder)

    assert ("finalised", 1, 2) == (investigation.ending, len(investigation.findings), len(investigation.proposed))
    assert investigation.why.startswith("budget of run r: wanted 9,000 tokens, 1,200 remain; its last word: ")
    assert [None, None, last_word_text(release())] == [request.last_word for request in model.requests]
    asked = [(event.step, event.last_word) for event in recorder.events if event.kind == "asked"]
    assert [(1, False), (2, False), (3, True)] == asked


def test_steps_that_end_buy_one_last_word_too():
    """The conversation has at most one reply more than the release has steps."""
    names = iter("abcdefgh")
    columns = (profiled("a"), profiled("b"))
    case = briefing(changes=(ColumnRenamed(column="amount", now="total", score=0.97),), columns=columns)

    def wanders(request):
        if request.last_word:
            return says(json.dumps(ANSWER))
        return asks(ToolCall("1", "profile", {"columns": [next(names)]}))

    guarded = release().guardrails.model_copy(update={"steps_max": 2})
    model = ScriptedModel(wanders)
    investigation = investigate(case, model=model, release=release().model_copy(update={"guardrails": guarded}))

    assert ("finalised", 3) == (investigation.ending, len(model.requests))
    assert investigation.why.startswith("no answer after 2 steps; its last word: ")


def test_a_last_word_with_no_room_for_the_last_answers_is_said_without_them():
    """What was answered before stays; each of the last answers is left out, and the model is told why."""
    case = briefing(changes=(ColumnRenamed(column="amount", now="total", score=0.97),), columns=(profiled("a"),))

    def pays_for_little(request):
        if request.last_word and request.messages[-1].results[0].refused:
            return says(json.dumps(ANSWER))
        if request.last_word or len(request.messages) == 5:
            raise BudgetExhausted(scope="run r", wanted=9_000, remaining=1_200, unit="tokens")
        return asks(signals() if len(request.messages) == 1 else ToolCall("2", "profile", {"columns": ["a"]}))

    model, recorder = ScriptedModel(pays_for_little), ListRecorder()
    investigation = investigate(case, model=model, release=release(), recorder=recorder)

    assert ("finalised", 2) == (investigation.ending, len(investigation.proposed))
    asked = [(event.step, event.last_word) for event in recorder.events if event.kind == "asked"]
    assert [(1, False), (2, False), (3, False), (4, True), (4, True)] == asked
    assert (ToolResult("2", NO_ROOM, refused=True),) == results(model, 4)
    assert model.requests[3].messages[:-1] == model.requests[4].messages[:-1]
    assert [False, False] == [result.refused for turn in (1, 3) for result in results(model, turn)]


@pytest.mark.parametrize(
    ("last", "ending", "why"),
    [
        (asks(signals("9")), "budget_exhausted", "the model asked for tools where it may have none"),
        (says("well"), "budget_exhausted", "the answer is not in the asked form"),
        (says("", "max_tokens"), "budget_exhausted", "cut off"),
        (says("", "pause_turn"), "budget_exhausted", "paused"),
        (BudgetExhausted(scope="r", wanted=2, remaining=1, unit="tokens"), "budget_exhausted", "wanted 2 tokens"),
        (ModelUnavailable(model="m", why="another", reason="impostor"), "impostor", "another"),
    ],
)
def test_a_last_word_that_is_none_leaves_the_cause_as_the_ending(last, ending, why):
    """Nothing is proposed then; a model that is not itself is told as that. All that is known is never left out."""
    budget = BudgetExhausted(scope="run r", wanted=9_000, remaining=1_200, unit="tokens")
    model = ScriptedModel(asks(signals()), budget, last)

    investigation = investigate(RENAMED, model=model, release=release())

    assert (ending, (), 3) == (investigation.ending, investigation.proposed, len(model.requests))
    assert why in investigation.why


def test_our_own_errors_are_not_the_models_to_read():
    """A store that fails ends the run red; it is no ending of an investigation."""
    model, recorder = ScriptedModel(StoreUnavailable(store="journal", why="disk full")), ListRecorder()

    with pytest.raises(StoreUnavailable, match="disk full"):
        investigate(RENAMED, model=model, release=release(), recorder=recorder)

    ended = Ended(step=1, ending="broken", why="an error of ours ended it: StoreUnavailable")
    assert (ended, True) == (recorder.events[-1], model.closed)


@pytest.mark.parametrize(
    "update", [{"tools": (ToolLimit(name="publish", calls_max=1),)}, {"prompts": release().prompts[:1]}]
)
def test_a_release_that_the_loop_cannot_speak_is_refused_before_the_first_request(update):
    """An unknown tool or a missing prompt is a person's mistake in the release, found before anything is sent."""
    model = ScriptedModel(says("{}"))

    with pytest.raises(ReleaseInvalid):
        investigate(RENAMED, model=model, release=release().model_copy(update=update))

    assert [] == model.requests


OURS = release()
NAMES = st.sampled_from(["signals", "profile", "metric_history", "contract_diff", "sql", "publish", "approve_plan", ""])
ARGUMENTS = st.sampled_from(
    [
        {},
        {"columns": []},
        {"columns": ["a"]},
        {"columns": ["nobody"]},
        {"metric": "rows"},
        {"query": "select 1"},
        {"columns": "\ud800"},
        {"deep": [[[{"a": None}]]]},
    ]
)
CALLS = st.lists(st.tuples(NAMES, ARGUMENTS), max_size=9)
TEXTS = st.sampled_from(
    [
        "",
        "[]",
        "{}",
        json.dumps(ANSWER),
        '{"findings":[{"claim":"c","evidence":["sql:0"]}],"proposed":[]}',
        "x" * 40_000,
    ]
)
REPLIES = st.builds(
    lambda stop, text, calls: Reply(
        stop=stop,
        text=text,
        calls=tuple(ToolCall(f"t{n}", name, arguments) for n, (name, arguments) in enumerate(calls)),
        turn=AssistantTurn(json.dumps([text, calls])),
    ),
    st.sampled_from(sorted(STEPS)),
    TEXTS,
    CALLS,
)
ERRORS = st.sampled_from(
    [
        BudgetExhausted(scope="run r", wanted=2, remaining=1, unit="tokens"),
        ModelUnavailable(model="m", why="x"),
        ModelUnavailable(model="m", why="x", reason="impostor"),
        BreakerOpen(zone="model", table="t", until_ms=0, why="x"),
        StoreUnavailable(store="journal", why="disk full"),
    ]
)
# Mostly calls, so that conversations get long; an error now and then.
LINES = st.one_of(REPLIES, REPLIES.map(lambda reply: replace(reply, stop="tool_use")), REPLIES, ERRORS)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(script=st.lists(LINES, min_size=1, max_size=10))
def test_no_model_keeps_it_talking(script):
    """Whatever is said: two requests more than steps at most, the model closed, one ending, no call run unjudged."""
    model, recorder, ours = ScriptedModel(*script), ListRecorder(), OURS
    try:
        found = investigate(RENAMED, model=model, release=ours, recorder=recorder)
    except StoreUnavailable:
        found = None

    kinds = Counter(event.kind for event in recorder.events)
    ended = [event for event in recorder.events if isinstance(event, Ended)]
    assert len(model.requests) <= ours.guardrails.steps_max + 2
    assert (True, 1) == (model.closed, len(ended))
    assert ended[0].ending == ("broken" if found is None else found.ending)
    assert len(recorder.events) == recorder.flushed[-1]
    assert kinds["asked"] == len(model.requests)
    assert kinds["tool"] <= ours.guardrails.calls_max
    assert all(ours.tool(event.call.split("(")[0]) for event in recorder.events if event.kind == "tool")
    if found is not None and found.ending not in ("answered", "finalised"):
        assert ((), ()) == (found.findings, found.proposed)


def test_importing_the_agent_and_its_adapters_imports_no_sdk():
    """Every Dagster process imports these modules; only who asks the model pays for the SDK."""
    program = (
        "import sys; import orders_monitor.agent.loop, orders_monitor.agent.prompts, orders_monitor.agent.tools;"
        "import orders_monitor.adapters.claude.model, orders_monitor.adapters.stand_in;"
        "print(sorted({'anthropic', 'httpx2', 'httpx', 'yaml'} & set(sys.modules)))"
    )

    assert "[]\n" == subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
