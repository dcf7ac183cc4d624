import json
from dataclasses import replace

import pytest

from orders_monitor.agent.loop import investigate
from orders_monitor.agent.model import AssistantTurn, Digests, UserText, reply_of
from orders_monitor.agent.prompts import request
from orders_monitor.agent.replay import ReplayModel
from orders_monitor.core.drift import ColumnRenamed
from orders_monitor.core.errors import BreakerOpen, BudgetExhausted, ModelUnavailable, ReplayDiverged
from orders_monitor.core.investigation import Spend
from orders_monitor.core.record import EVENT, Answered, Asked, Attempt
from orders_monitor_tests.cases import briefing, release
from orders_monitor_tests.fakes import ListRecorder, ScriptedModel

CASE = briefing(changes=(ColumnRenamed(column="amount", now="total", score=0.97),))
SPEND = Spend(budget_tokens=9, budget_micro_usd=9)
ANSWER = json.dumps(
    {"findings": [{"claim": "amount came as total", "evidence": ["drift:renamed:amount"]}], "proposed": []}
)


def turn(stop, *blocks, cached=False):
    """A reply of these blocks."""
    return reply_of(stop, AssistantTurn(json.dumps(blocks)), cached=cached)


SIGNALS = turn(
    "tool_use",
    {"type": "thinking", "thinking": "", "signature": "zß\ud7ff"},
    {"type": "tool_use", "id": "t1", "name": "signals", "input": {}},
)
CHANGES = turn("tool_use", {"type": "tool_use", "id": "t2", "name": "contract_diff", "input": {}})
ANSWERED = turn("end_turn", {"type": "text", "text": ANSWER})
GONE = BudgetExhausted(scope="run r", wanted=9, remaining=1, unit="tokens")
PAID = Attempt(attempt=1, reserved_tokens=9, reserved_micro_usd=9, spent_tokens=5, spent_micro_usd=4, outcome="settled")


def fits_without_the_last_answers(request):
    """A last word that is paid once the last answers are left out."""
    if not request.messages[-1].results[-1].refused:
        raise GONE
    return ANSWERED


class PaidModel(ScriptedModel):
    """A scripted model whose steps cost something."""

    def attempts(self):
        return (PAID,)


def converse(model, case=CASE, ours=None):
    """The investigation, and its events as they come back from where they are kept."""
    recorder = ListRecorder()
    found = investigate(case, model=model, release=ours or release(), workbench=None, recorder=recorder)
    return found, tuple(EVENT.validate_json(event.model_dump_json()) for event in recorder.events)


def replayed(events, case=CASE, ours=None):
    """The same conversation from its record."""
    model = ReplayModel(events, name="scripted", spend=SPEND)
    found, again = converse(model, case, ours)
    model.require_played_out()
    return found, again


@pytest.mark.parametrize(
    "script",
    [
        (SIGNALS, ANSWERED),
        (replace(SIGNALS, cached=True), ANSWERED),
        (SIGNALS, SIGNALS, SIGNALS),
        (turn("pause_turn"), SIGNALS, turn("max_tokens", {"type": "text", "text": "hal"})),
        (SIGNALS, GONE, ANSWERED),
        (SIGNALS, CHANGES, GONE, fits_without_the_last_answers),
        (BudgetExhausted(scope="run r", wanted=9, remaining=1, unit="micro-USD"),),
        (SIGNALS, ModelUnavailable(model="m", why="another one", reason="impostor")),
        (SIGNALS, BreakerOpen(zone="model", table="orders_daily", until_ms=5, why="HTTP 529")),
        (turn("tool_use", {"type": "tool_use", "id": "t", "name": "approve", "input": {"a": [1.5, None, "ü"]}}),),
    ],
)
def test_a_conversation_played_again_is_the_same_event_for_event(script):
    """Turns, errors, what was cached and what was paid come from the record; the rest is worked out again, equally."""
    found, events = converse(PaidModel(*script))

    again, repeated = replayed(events)

    assert events == repeated
    assert found.model_copy(update={"spend": SPEND}) == again


def test_the_last_conversation_of_a_run_is_played():
    """A step that was executed again talks again; what the crashed one said is not part of it."""
    _, crashed = converse(ScriptedModel(SIGNALS, turn("end_turn", {"type": "text", "text": "no"})))
    _, events = converse(ScriptedModel(SIGNALS, ANSWERED))

    assert "answered" == replayed((*crashed[:-2], *events))[0].ending


def test_other_data_or_another_release_is_where_it_leaves_the_record():
    """The first request that is not what it was is named, with its step."""
    _, events = converse(ScriptedModel(SIGNALS, ANSWERED))
    other_case = briefing(changes=(ColumnRenamed(column="amount", now="sum", score=0.9),))
    ours = release()
    prompts = tuple(p.model_copy(update={"text": f"{p.text} Hurry."}) for p in ours.prompts)

    with pytest.raises(ReplayDiverged, match=r"at step 2: the request is [0-9a-f]{12} .*bytes.* and was"):
        replayed(events, other_case)
    with pytest.raises(ReplayDiverged, match="at step 1: the request is"):
        replayed(events, ours=ours.model_copy(update={"prompts": prompts}))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda events: events[:-3], "at step 2: then nothing more was asked"),
        (lambda events: events[:1], "at step 1: then nothing more was asked"),
        (
            lambda events: (events[0].model_copy(update={"last_word": True}), *events[1:]),
            "at step 1: then it was step 1, a last word",
        ),
        (
            lambda events: (*events[:4], events[4].model_copy(update={"turn": "["}), *events[5:]),
            "at step 2: the recorded turn cannot be read: ",
        ),
        (
            lambda events: (
                *events[:5],
                Asked(step=3, digest="0" * 64, request_bytes=1),
                Answered(step=3, digest="0" * 64, stop="end_turn", turn="[]"),
            ),
            "at step 3: the replay ended, and then the conversation went on",
        ),
    ],
)
def test_a_record_that_is_not_whole_is_no_tape(change, what):
    """Cut off, continued or damaged: it is said at which step."""
    _, events = converse(ScriptedModel(SIGNALS, ANSWERED))

    with pytest.raises(ReplayDiverged) as left:
        replayed(change(events))

    assert what in str(left.value)


def test_a_request_is_known_by_everything_that_it_says():
    """Each part makes another digest; the same words make the same one, whoever asks and however often."""
    first = request((UserText("a"),), release=release())
    others = [
        replace(first, system="b"),
        replace(first, messages=(UserText("b"),)),
        replace(first, messages=(UserText("a"), AssistantTurn("[]"))),
        replace(first, tools=first.tools[:-1]),
        replace(first, answer_schema={}),
        replace(first, output_tokens_max=1),
        replace(first, last_word=""),
    ]

    assert len(others) + 1 == len({Digests().of(each)[0] for each in (first, *others)})
    assert Digests().of(first) == Digests().of(request((UserText("a"),), release=release()))
