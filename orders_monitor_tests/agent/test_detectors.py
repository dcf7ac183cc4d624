import pytest

from orders_monitor.agent import detectors
from orders_monitor.agent.model import ToolCall
from orders_monitor.agent.moments import Calling, Concluding, Heard, Refuse, Remark, Sending, Trip, Warn
from orders_monitor.core.failure_modes import AGENTIC
from orders_monitor.core.price import LongPrompt
from orders_monitor.core.release import ToolLimit
from orders_monitor_tests.cases import release
from orders_monitor_tests.traced import read_traces

TRACES = read_traces()


def call(name="profile", number=0, **arguments):
    """A call that nobody else makes, unless its arguments are given."""
    return ToolCall(str(number), name, arguments or {"columns": [f"c{number}"]})


def limited(**guardrails):
    """The release with other guardrails."""
    ours = release()
    tools = (ToolLimit(name="profile", calls_max=4), ToolLimit(name="sql", calls_max=50))
    limits = ours.guardrails.model_copy(update=guardrails)
    return ours.model_copy(update={"guardrails": limits, "tools": tools})


def verdicts(detector, *moments):
    """What a detector says to each of these moments."""
    return [detector.see(moment) for moment in moments]


@pytest.mark.parametrize("trace", TRACES, ids=lambda trace: trace.name)
def test_a_trace_is_seen_by_its_own_detectors_and_by_no_other(trace):
    """Each detector looks at every recorded conversation; the whole table is as it says, with one alert for each."""
    assert set(trace.modes) == trace.modes_seen()
    assert list(trace.modes) == [event.mode for event in trace.events if event.kind == "alert"]
    assert trace.ending == trace.events[-1].ending


def test_every_mode_has_traces_and_so_have_honest_conversations_and_near_misses():
    """No detector is without its story, and none is only told stories in which something is wrong."""
    told = {mode for trace in TRACES for mode in trace.modes}

    assert {mode.name for mode in AGENTIC} == told
    assert 12 <= sum(not trace.modes for trace in TRACES)


@pytest.mark.slow
def test_the_traces_are_what_the_loop_records_today(tmp_path):
    """Recorded anew by the same script they end the same way, and the same detectors see them."""
    from orders_monitor_tests.asked import room  # noqa: PLC0415  # heavy
    from orders_monitor_tests.record_traces import record  # noqa: PLC0415  # heavy

    with room(tmp_path) as bench:
        recorded = {trace.name: trace for trace in record(bench)}

    assert {trace.name: trace.modes_seen() for trace in TRACES} == {n: t.modes_seen() for n, t in recorded.items()}
    assert {trace.name: trace.ending for trace in TRACES} == {n: t.ending for n, t in recorded.items()}


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        (2, None),
        (3, Trip("3 calls in one turn, 2 are allowed")),
    ],
)
def test_a_turn_has_a_ceiling(calls, expected):
    """As many calls as allowed are fine; one more ends it before any of them runs."""
    storm = detectors.ToolStorm(limited(calls_per_turn_max=2))

    assert expected == storm.see(Calling(tuple(call("sql", n) for n in range(calls))))


def test_calls_that_outrun_their_answers_are_a_storm():
    """Who asks eight times, is answered hardly ever and asks on does not read the answers."""
    storm = detectors.ToolStorm(limited(calls_max=100))
    asked = [Calling((call("sql", n), call("sql", n + 100))) for n in range(5)]
    heard = [Heard(call("sql"), "{}"), Heard(call("sql"), "", "mistake")]
    said = verdicts(storm, asked[0], heard[0], *asked[1:4], *heard, asked[4])

    expected = Trip("8 calls were asked for and 2 answered, and it asks on")
    assert [*[None] * 7, expected] == said


def test_a_refused_batch_does_not_use_up_its_tool():
    """After the refusal a smaller batch runs; past the ceiling again it ends."""
    storm = detectors.ToolStorm(limited(calls_per_turn_max=6))
    five, four, one = [Calling(tuple(call("profile", n) for n in range(size))) for size in (5, 4, 1)]

    first, second, *_, third = verdicts(storm, five, four, *[Heard(call(), "{}")] * 4, Heard(call(), "{}"), one)

    assert isinstance(first, Refuse)
    assert second is None
    assert Trip("profile may be called 4 times in a run, and it passed a ceiling again after it was told") == third


@pytest.mark.parametrize(
    ("above", "size", "expected"),
    [
        (100_000, 99_000, None),
        (
            100_000,
            99_001,
            Trip("the request may have more than 100,000 tokens, above which every token costs more"),
        ),
        (None, 200_000, None),
        (None, 200_001, Trip("the request would have 200,001 bytes, 200,000 are allowed")),
    ],
)
def test_a_request_is_not_sent_past_its_size_or_into_a_dearer_price(above, size, expected):
    """A token has at least a byte: below the cliff in bytes it is certainly below it in tokens."""
    ours = limited(request_bytes_max=200_000)
    long = None if above is None else LongPrompt(above_tokens=above, rates=ours.price.rates)
    priced = ours.model_copy(update={"price": ours.price.model_copy(update={"long_prompt": long})})

    assert expected == detectors.ContextBloat(priced).see(Sending(size))


def test_only_doubling_twice_in_a_row_is_bloat():
    """A first answer may double a small request; steady growth is what a conversation does."""
    sizes = (5_000, 12_000, 20_000, 41_000, 60_000)

    assert [None] * 5 == verdicts(detectors.ContextBloat(limited(request_bytes_max=100_000)), *map(Sending, sizes))


def test_the_model_is_told_that_another_question_had_the_same_answer():
    """The second time it is a remark, the third time the end; the id of the evidence is no difference."""
    thrash = detectors.RetrievalThrash(limited(), question=detectors.question_of)
    calls = [call("sql", n, query=f"select {n}") for n in range(3)]
    answers = [Heard(each, f'{{"evidence":"{each.evidence}","rows":[[1]]}}') for each in calls]

    expected = [None, Remark(detectors.NO_NEWS), Trip("3 questions to sql had the very same answer")]
    assert expected == verdicts(thrash, *answers)


def test_many_empty_answers_in_one_turn_are_one_turn_without_news():
    """A streak is of turns: who asks three things at once has not yet seen that the first is empty."""
    thrash = detectors.RetrievalThrash(limited(), question=detectors.question_of)
    at_once = [Heard(call("sql", n), f'{{"columns":["a{n}"],"cut":[],"rows":[]}}') for n in range(4)]

    assert [None] * 5 == verdicts(thrash, *at_once, Sending(1))


@pytest.mark.parametrize(
    ("cited", "expected"),
    [
        ("drift:one", None),
        ("expectation:shown", None),
        ('drift:added:a"b', None),
        ("sql:000000000000", Warn("its answer cites 'sql:000000000000', which nobody gave")),
        ("expectation:show", Warn("its answer cites 'expectation:show', which nobody gave")),
    ],
)
def test_evidence_that_nobody_gave_is_told(cited, expected):
    """What code found itself may be cited, and what a tool showed, as it showed it; a part of a name is no name."""
    seen = detectors.ErrorPropagation(release(), signals=frozenset({"drift:one"}))
    seen.see(Heard(call("signals"), '{"ids":["expectation:shown","drift:added:a\\"b"]}'))

    assert expected == seen.see(Concluding(frozenset({cited})))


def test_a_call_that_was_refused_and_then_answered_may_be_cited():
    """Only what was never answered is no evidence."""
    seen = detectors.ErrorPropagation(release(), signals=frozenset())
    asked = call("sql", 1)

    said = verdicts(seen, Heard(asked, "", "mistake"), Concluding(frozenset({asked.evidence})))
    assert [None, Trip(f"its answer cites {asked.evidence}, a call that was refused")] == said
    assert [None, None] == verdicts(seen, Heard(asked, "{}"), Concluding(frozenset({asked.evidence})))


def test_a_querys_question_is_its_meaning_and_any_other_calls_its_arguments():
    """Where a query has no meaning, its words are the question."""
    first, second = call("sql", 1, query="select 1"), call("sql", 2, query="SELECT 1")

    assert detectors.question_of(first, canonical=str.lower) == detectors.question_of(second, canonical=str.lower)
    assert first.sentence == detectors.question_of(first, canonical=lambda _: None)
    assert detectors.question_of(first) != detectors.question_of(second)
