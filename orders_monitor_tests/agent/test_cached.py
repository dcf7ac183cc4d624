from dataclasses import replace

import pytest

from orders_monitor.agent import prompts
from orders_monitor.agent.cached import CachedModel, lease_s_of
from orders_monitor.agent.model import AssistantTurn, UserText, reply_of
from orders_monitor.core.errors import ModelUnavailable
from orders_monitor.core.record import Attempt
from orders_monitor.core.value import canonical_json
from orders_monitor_tests.cases import release
from orders_monitor_tests.fakes import ScriptedModel

ANSWER = '{"findings": [], "proposed": []}'


class DictCache:
    """A Cache in a dictionary; what fails is not kept."""

    def __init__(self):
        self.bodies = {}

    def once(self, key, make):
        if key in self.bodies:
            return self.bodies[key], True
        self.bodies[key] = make()
        return self.bodies[key], False


class Paid(ScriptedModel):
    """A scripted model whose every step is one HTTP attempt."""

    def attempts(self):
        return (Attempt(attempt=1, reserved_tokens=9, reserved_micro_usd=9, outcome="answered"),)


def said(stop, *blocks):
    return reply_of(stop, AssistantTurn(canonical_json(blocks)))


def text(words):
    return {"type": "text", "text": words}


CALL = {"type": "tool_use", "id": "toolu_1", "name": "signals", "input": {}}
ASKS, ANSWERS = said("tool_use", {"type": "thinking", "signature": "s"}, CALL), said("end_turn", text(ANSWER))
REQUEST = prompts.request((UserText("what happened?"),), release=release())


@pytest.mark.parametrize("reply", [ASKS, ANSWERS], ids=["a tool call", "an answer"])
def test_a_question_is_sent_once(reply):
    """The second run is given the same turn, thinking and all, and no attempt was made for it."""
    cache, first, second = DictCache(), Paid(reply), Paid(reply)
    models = [CachedModel(model, cache, release=release()) for model in (first, second)]

    replies = [model.reply(REQUEST, step=1) for model in models]

    assert [reply, replace(reply, cached=True)] == replies
    assert ([1, 0], [1, 0]) == (
        [len(model.requests) for model in (first, second)],
        [len(model.attempts()) for model in models],
    )


@pytest.mark.parametrize(
    "reply",
    [
        said("refusal"),
        said("max_tokens", CALL),
        said("pause_turn", text("wait")),
        said("tool_use", text("none")),
        said("end_turn", text("I think that")),
    ],
    ids=lambda reply: reply.stop,
)
def test_what_the_model_may_do_better_next_time_is_not_kept(reply):
    """A refusal, a turn that was cut off and an answer in no form are passed on and asked for again."""
    model = Paid(reply, ANSWERS)
    cached = CachedModel(model, DictCache(), release=release())

    assert [reply, ANSWERS] == [cached.reply(REQUEST, step=step) for step in (1, 2)]
    assert 1 == len(cached.attempts())


def test_an_error_passes_and_is_not_kept():
    """A model that is away for one run is asked again by the next."""
    model = Paid(ModelUnavailable(model="m", why="busy"), ANSWERS)
    cached = CachedModel(model, DictCache(), release=release())

    with pytest.raises(ModelUnavailable, match="busy"):
        cached.reply(REQUEST, step=1)

    assert ANSWERS == cached.reply(REQUEST, step=2)


class Other(Paid):
    name = "another model"


@pytest.mark.parametrize(
    ("model", "of", "request_"),
    [
        (Other(ANSWERS), release(), REQUEST),
        (Paid(ANSWERS), release().model_copy(update={"version": "9.0.0"}), REQUEST),
        (Paid(ANSWERS), release(), replace(REQUEST, last_word="Answer now.")),
        (Paid(ANSWERS), release(), replace(REQUEST, messages=(UserText("what happened!"),))),
    ],
    ids=["model", "release", "last word", "words"],
)
def test_another_question_is_another_question(model, of, request_):
    """Another model, another release or another word: it is sent."""
    cache = DictCache()
    CachedModel(Paid(ANSWERS), cache, release=release()).reply(REQUEST, step=1)

    CachedModel(model, cache, release=of).reply(request_, step=1)

    assert (1, 2) == (len(model.requests), len(cache.bodies))


def test_the_model_is_closed_and_its_spend_is_its_own():
    """What holds back for a last word is closed through the cache."""
    model = Paid(ANSWERS)
    cached = CachedModel(model, DictCache(), release=release())

    cached.close()

    assert (True, model.spend(), "scripted") == (model.closed, cached.spend(), cached.name)


def test_a_lease_is_longer_than_a_step():
    """Three attempts that time out, and the waits between them, end before the lease does."""
    assert 3 * release().guardrails.reply_timeout_s + 2 * 4 < lease_s_of(release())
