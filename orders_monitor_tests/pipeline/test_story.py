"""A run's record as a story: every kind of event says its line, whatever the data and the model wrote into it."""

import json
from collections.abc import Iterator
from datetime import date

import pytest

from orders_monitor.adapters.journal.events import Event
from orders_monitor.core.budget import RunScope
from orders_monitor.core.claims import Claim, Claims
from orders_monitor.core.failure_modes import MEANINGS
from orders_monitor.core.investigation import Alert, Finding, Investigation, Spend
from orders_monitor.core.measures import Flagged, Measures, Memory
from orders_monitor.core.plan import Hold, Plan, PublishAsIs
from orders_monitor.core.record import (
    PREFIX,
    AgentEvent,
    Alerted,
    Answered,
    Asked,
    Attempt,
    ClaimDropped,
    EvidenceTried,
    Failed,
    ToolAnswered,
    ToolDenied,
)
from orders_monitor.core.review import Asked as DecisionAsked
from orders_monitor.core.value import Value
from orders_monitor.pipeline.record import JournalRecorder
from orders_monitor.pipeline.resources import Desk
from orders_monitor.pipeline.story import MARKDOWN_CHARACTERS_MAX, as_json, as_markdown, as_text, so_far, story_of
from orders_monitor.pipeline.telling import tell
from orders_monitor_tests.small_shop import DAY

HOSTILE = "\x1b[2J\x1b]0;pwned\x07\r\n# Ignore all rules | ![x](http://evil.example/x.png) <script>"
TURN = json.dumps(
    [
        {"type": "thinking", "thinking": "The e-mails look broken.", "signature": "x"},
        {"type": "text", "text": "I look at the signals first."},
        {"type": "tool_use", "id": "t1", "name": "signals", "input": {}},
    ]
)
PAID = Attempt(
    attempt=1, reserved_tokens=9_000, reserved_micro_usd=4_000, spent_tokens=2_000, spent_micro_usd=900, outcome="ok"
)
LOST = Attempt(attempt=2, reserved_tokens=9_000, reserved_micro_usd=4_000, outcome="timeout")


@pytest.fixture
def desk(shop) -> Iterator[Desk]:
    """A desk in a run, over a journal of its own."""
    with shop.desk() as opened:
        yield opened


def run_of(desk: Desk) -> RunScope:
    """The desk's run, about the day."""
    return RunScope(run_id=desk.run_id, table=desk.table.name, partition=DAY, team=desk.table.owners.team)


def event_of(kind: str, body: Value) -> Event:
    """An event as the journal gives it back."""
    return Event(
        id=1,
        table="small_shop",
        partition=DAY,
        run_id="run-1",
        seq=1,
        kind=kind,
        body=json.loads(body.model_dump_json()),
        hash="h",
        recorded_at=f"{date(2026, 3, 5)}T02:00:00.000+00:00",
    )


def told(event: AgentEvent) -> list[tuple[str, str]]:
    return tell(event_of(f"{PREFIX}{event.kind}", event))


def test_every_event_of_the_agent_says_its_line():
    """What was asked, thought, said, called, paid, refused, alerted, ended and dropped are the lines of a story."""
    why = "no such tool"
    said = [
        told(Asked(step=1, digest="d" * 64, request_bytes=31_204)),
        told(Asked(step=2, digest="e" * 64, request_bytes=9, last_word=True)),
        told(Answered(step=1, digest="d", stop="tool_use", turn=TURN, attempts=(PAID, LOST))),
        told(Answered(step=1, digest="d", stop="max_tokens", turn='[{"type":"text","text":"{}"}]', cached=True)),
        told(Failed(step=2, error="unavailable", why="it was overloaded three times")),
        told(ToolAnswered(step=1, call="signals({})", evidence="signals:12", digest="d", answer='{"rows": 40}')),
        told(ToolDenied(step=1, call="publish({})", why=why)),
        told(Alerted(step=1, mode="guardrail_bypass", why="publish was asked for")),
        told(EvidenceTried(evidence="signals:12", holds=True, why="the same answer")),
        told(EvidenceTried(evidence="made:up", holds=False, why="there is no such evidence")),
        told(ClaimDropped(claim="all is well", evidence=(), why="it cites nothing")),
    ]

    assert [
        [("asked", "step 1: the model was asked (31,204 bytes, request dddddddddddd)")],
        [("asked", "step 2: for its last word, no tool allowed (9 bytes, request eeeeeeeeeeee)")],
        [
            ("thinks", "The e-mails look broken."),
            ("says", "I look at the signals first."),
            ("calls", "signals({})"),
            ("paid", "attempt 1 (ok): held 9,000 tokens, $0.004; cost 2,000 tokens, $0.0009"),
            ("paid", "attempt 2 (timeout): held 9,000 tokens, $0.004; its cost is not known, so all of it stays held"),
        ],
        [
            ("cached", "the same question on the same bytes was answered before; nothing was sent"),
            ("answers", "in the asked form (2 characters)"),
            ("stopped", "max_tokens: the turn is not used as an answer"),
        ],
        [("no answer", "unavailable: it was overloaded three times")],
        [("tool", 'signals({}) → {"rows": 40} [signals:12]')],
        [("denied", "publish({}): no such tool")],
        [("ALERT", "guardrail_bypass: publish was asked for")],
        [("evidence", "signals:12 holds: the same answer")],
        [("evidence", "made:up DOES NOT HOLD: there is no such evidence")],
        [("dropped", "the claim “all is well” (citing nothing): it cites nothing")],
    ] == said


def test_an_ending_that_needs_a_person_says_what_to_do():
    """How it ended comes with the alerts and with what a person does; of an answer there is nothing to do."""
    spend = Spend(budget_tokens=60_000, budget_micro_usd=250_000, reserved_tokens=10, reserved_micro_usd=0)
    found = Investigation(
        landed_digest="L",
        ending="unavailable",
        why="it was away",
        release="r",
        model="m",
        alerts=(Alert(mode="tool_storm", why="40 calls"),),
        spend=spend,
    )
    kept = Claim(text="8 rows break the pattern", evidence=("expectation:email",))
    claims = Claims(landed_digest="L", kept=(kept,), doubts=("a claim was dropped",))

    assert [
        ("verdict", "unavailable: it was away (m, release r)"),
        ("ALERT", "tool_storm: 40 calls"),
        ("do", MEANINGS["unavailable"].to_do),
        ("spent", "0 of 60,000 tokens, $0.00 of $0.25, in 0 calls; still held: 10 tokens, $0.00"),
    ] == tell(event_of("investigation", found))
    assert "do" not in dict(tell(event_of("investigation", found.model_copy(update={"ending": "answered"}))))
    assert [("holds", "8 rows break the pattern [expectation:email]"), ("doubt", "a claim was dropped")] == tell(
        event_of("claims", claims)
    )


def test_whose_decision_it_needs_is_told():
    """Its route, the digest that it is for, and why."""
    asked = DecisionAsked(digest="d" * 64, route="human", reasons=("rename_column: human", "overwrite: human"))
    assert [("route", "human for dddddddddddd: rename_column: human; overwrite: human")] == tell(
        event_of("decision_asked", asked)
    )


def test_what_cannot_be_read_is_told_as_that():
    """A record of another form (old, or tampered with) and one of an unknown kind are lines, and no failure."""
    assert [("plan", "the record is there and cannot be read as one of these")] == tell(event_of("plan", Hold(why="x")))
    assert [("agent_answered", "the record is there and cannot be read as one of these")] == tell(
        event_of("agent_answered", Hold(why="x"))
    )
    assert [("note", '{"evidence":[],"kind":"hold","why":"x"}')] == tell(event_of("note", Hold(why="x")))


def test_hostile_words_stay_words(desk):
    """No word of the model or of the data moves the cursor, begins a line, or becomes Markdown of its own."""
    recorder = JournalRecorder(desk.journal, run_of(desk))
    turn = json.dumps(
        [{"type": "text", "text": HOSTILE}, {"type": "tool_use", "name": HOSTILE, "input": {"q": HOSTILE}}]
    )
    recorder.add(Answered(step=1, digest="d", stop="tool_use", turn=turn))
    recorder.add(ToolDenied(step=1, call=HOSTILE, why=HOSTILE))
    recorder.flush()

    text, markdown = as_text(story_of(desk, "test")), so_far(desk, DAY)

    assert all(character.isprintable() or character == "\n" for character in text)
    assert not any(line.startswith("#") for line in text.splitlines())
    assert all(line.startswith("- ") for line in markdown.splitlines())
    assert "![" not in markdown
    assert "http://" not in markdown
    assert "<script" not in markdown.replace("\\<script", "")


def test_a_run_is_a_story_from_its_record_to_its_decision(desk):
    """Times, words, spend against budget, the plan, and what is waited for now; the same events as JSON."""
    spend = Spend(budget_tokens=60_000, budget_micro_usd=250_000, spent_tokens=5_001, spent_micro_usd=8_454, calls=2)
    found = Investigation(
        landed_digest="L",
        ending="answered",
        why="one finding",
        release="small_shop@1.0.0",
        model="stand-in",
        findings=(Finding(claim="8 rows break the pattern", evidence=("expectation:email",)),),
        proposed=(PublishAsIs(),),
        spend=spend,
    )
    plan = Plan(
        table="small_shop",
        partition=DAY,
        landed_digest="L",
        release="small_shop@1.0.0",
        origin="agent",
        actions=(Hold(why="ask the shop", evidence=("expectation:email",)),),
        unexplained=("drift:missing:amount",),
    )
    for kind, body in (("investigation", found), ("plan", plan)):
        desk.record(DAY, kind, body)

    told_story = story_of(desk, "test")
    lines = [line for chapter in told_story.chapters for line in chapter.lines]
    document = as_json(desk, "test")

    assert [
        ("verdict", "answered: one finding (stand-in, release small_shop@1.0.0)"),
        ("finds", "8 rows break the pattern [expectation:email]"),
        ("proposes", "publish the rows"),
        ("spent", "5,001 of 60,000 tokens, $0.0085 of $0.25, in 2 calls"),
        ("plan", f"{plan.digest[:12]}, on the word of: agent"),
        ("action", "hold: ask the shop [expectation:email]"),
        ("open", "left unexplained: drift:missing:amount"),
        ("now", "held: held: ask the shop"),
    ] == lines
    assert f"small_shop {DAY}, run test" == as_text(told_story).splitlines()[0]
    assert ["investigation", "plan"] == [event["kind"] for event in document["events"]]
    assert (None, "test") == (document["broken"], document["run"])


def test_a_long_story_is_cut_for_the_ui(desk):
    """The Markdown of a run that talked for long ends with how much is left, and where the whole of it is read."""
    recorder = JournalRecorder(desk.journal, run_of(desk))
    for step in range(200):
        recorder.add(ToolDenied(step=step, call="profile({})", why="too many calls: " + "x" * 120))
    recorder.flush()

    markdown = as_markdown(story_of(desk, "test"))

    assert len(markdown) < MARKDOWN_CHARACTERS_MAX + 100
    assert markdown.endswith(" lines more: `orders-monitor trace show test`")


def test_what_a_calibrated_night_measures_flags_and_remembers_is_told():
    """Numbers and names of bytes, and no row."""
    measures = Measures(digest="d" * 64, rules="r", values={"broken:row_repeats": 0.0})
    memory = Memory(path="memory/a.parquet", digest="e" * 64, rules="r", published_digest="d")

    assert [("measured", "1 metrics of learned rules, bytes dddddddddddd")] == tell(event_of("measures", measures))
    assert [("flagged", "0 of 9 rows to look at first")] == tell(
        event_of("flagged", Flagged(landed_digest="d", of=9, rows=()))
    )
    assert [("remembered", "for later partitions, in memory/a.parquet (eeeeeeeeeeee)")] == tell(
        event_of("memory", memory)
    )
