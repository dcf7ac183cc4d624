"""What a person reads: bounded lines in which nothing hostile calls, leads or hides; and several as one."""

from orders_monitor.core.casebook import CaseView, Finding, Links, RowCounts
from orders_monitor.core.escalation import Address, Due, Level
from orders_monitor.core.incident import Incident, Trouble
from orders_monitor.core.messages import (
    LINE_MAX,
    LINES_MAX,
    SUBJECT_MAX,
    Link,
    of_case,
    of_failure,
    tamed,
    together,
)

HOSTILE = "a\r\nSubject: b\x1b[2J @channel @Here see https://evil.example www.evil.example \u202egnp"
OWNER = Level(to="#orders")
WAITS = Trouble(table="orders", kind="case", about="2026-03-04", causes=("drift",), at="2026-03-05T02:00:00+00:00")


def incident(trouble: Trouble = WAITS, **more) -> Incident:
    own = (trouble.about,)
    known = {"members": own, "ever": own, "rounds": 1, "asked_at": trouble.at, "last_at": trouble.at, **more}
    return Incident(key="orders:2026-03-04:0f0f0f0f", trouble=trouble, **known)


def view(**more) -> CaseView:
    known = {
        "table": "orders",
        "partition": "2026-03-04",
        "environment": "dev",
        "status": "awaiting",
        "verdict": "order_status looks renamed; to do: read status from order_status; waits for a decision on 0a0a",
        "digest": "0a" * 32,
        "release": "1",
        "plan_digest": "0b" * 32,
        "actions": (Finding(id="rename_column", severity="", sentence="read status from order_status"),),
        "claims": (Finding(id="claim 1", severity="", sentence="renamed upstream"),),
        "evidence": (
            Finding(id="drift", severity="gate", sentence="status is gone"),
            Finding(id="more", severity="info", sentence="a nullable column came"),
        ),
        "schema_changes": (),
        "failing": (),
        "rows": RowCounts(landed=40, to_publish=38, set_aside=2, duplicates=0),
        "samples": (),
        "series": (),
        "route": "human",
        "reasons": ("rename_column: human",),
        "asked_at": WAITS.at,
        "deadline": "2026-03-12T02:00:00+00:00",
        "team": "shop",
        "contacts": ("#orders-data",),
        "assigned": ("ada",),
        "modes": ("drift", "renamed"),
        "cost": "6,732 tokens, $0.0109",
        "effect": ("38 rows become visible",),
        "undo": "orders-monitor restore 2026-03-04 --to 3",
        "changed": (),
        "decisions": (),
        "publications": (),
        "links": Links(case="http://review/cases/orders/2026-03-04", plan="http://ui/plan", run="", launchpad=""),
    }
    return CaseView(**{**known, **more})


def test_a_case_says_all_that_is_needed_to_decide():
    """What, evidence, impact, proposal, cost, deadline, whose it is, what to type, and where to look."""
    told = of_case(view(), incident(), Due(number=0, step="first", level=OWNER), alive=[WAITS])

    assert f"orders 2026-03-04: {view().verdict}" == told.subject
    assert (
        "what: order_status looks renamed; to do: read status from order_status; waits for a decision on 0a0a",
        "evidence: status is gone",
        "the agent says: renamed upstream",
        "impact: readers do not see this day; 40 landed, 38 to publish, 2 set aside, 0 duplicates",
        "proposal: read status from order_status",
        "if approved: 38 rows become visible",
        "to undo: orders-monitor restore 2026-03-04 --to 3",
        "decides: rename_column: human",
        "cost so far: 6,732 tokens, $0.0109",
        "deadline: 2026-03-12T02:00:00+00:00, then it is rejected",
        "asked: since 2026-03-05T02:00:00+00:00 of #orders; decides: ada",
        "see: orders-monitor --table orders review show 2026-03-04",
        "taken care of: orders-monitor --table orders messages ack orders:2026-03-04:0f0f0f0f --note why",
    ) == told.lines
    assert [("decide", "http://review/cases/orders/2026-03-04"), ("plan", "http://ui/plan")] == [
        (link.label, link.url) for link in told.links
    ]
    assert ("orders:2026-03-04:0f0f0f0f#1:0", "case", Address(to="#orders")) == (told.key, told.kind, told.address)


def test_a_reminder_says_so_and_names_all_that_wait():
    """A reminder and an escalation begin with what they are, and name the partitions of the incident."""
    days = [WAITS.model_copy(update={"about": f"2026-03-{day:02d}"}) for day in range(4, 9)]
    told = of_case(view(), incident(), Due(number=1, step="reminder", level=OWNER), alive=days)
    called = of_case(view(), incident(), Due(number=2, step="escalation", level=OWNER), alive=days)

    assert ("reminder", "escalation") == (told.kind, called.kind)
    assert told.subject.startswith("still waiting: orders 2026-03-04: ")
    assert called.subject.startswith("escalated: orders 2026-03-04: ")
    assert "partitions: 2026-03-04, 2026-03-05, 2026-03-06 and 2 more" in told.lines


def test_what_is_broken_says_what_and_about_which():
    """A failed run is told with its own sentence, what it is about and where its log is."""
    broken = WAITS.model_copy(update={"kind": "failed"})
    due = Due(number=0, step="first", level=OWNER)
    link = Link(label="run", url="http://ui/runs/1")
    told = of_failure(incident(broken), due, why="source shop: gone", team="shop", alive=[broken], links=[link])

    assert ("failed", "orders 2026-03-04: broken: source shop: gone") == (told.kind, told.subject)
    assert ("what: source shop: gone", "about: 2026-03-04") == told.lines[:2]
    assert (link,) == told.links


def test_no_text_is_more_than_a_line_of_text():
    """Whatever data says is one line with an end; it calls nobody, leads nowhere and turns nothing around."""
    line = tamed(HOSTILE)

    assert (
        "a Subject: b\N{REPLACEMENT CHARACTER}[2J @\N{ZERO WIDTH SPACE}channel @\N{ZERO WIDTH SPACE}Here see "
        "https:\N{ZERO WIDTH SPACE}//evil.example www\N{ZERO WIDTH SPACE}.evil.example \N{REPLACEMENT CHARACTER}gnp"
    ) == line
    assert LINE_MAX == len(tamed("x" * 9_999))


def test_a_message_of_hostile_texts_is_bounded():
    """A case whose every text is hostile and endless has a subject and lines within their limits."""
    long = HOSTILE * 99
    bad = tuple(Finding(id=long, severity="gate", sentence=long) for _ in range(99))
    hostile = view(verdict=long, evidence=bad, claims=bad, actions=bad, reasons=(long,) * 99, effect=(long,) * 9)
    told = of_case(hostile, incident(), Due(number=0, step="first", level=OWNER), alive=[WAITS])

    assert SUBJECT_MAX >= len(told.subject)
    assert LINE_MAX >= max(map(len, told.lines))
    assert LINES_MAX >= len(told.lines)
    assert not [text for text in (told.subject, *told.lines) if "://" in text or "@channel" in text or "\n" in text]


def test_several_messages_are_one():
    """What belongs together is one delivery with the subject of each, its first lines and its links, each once."""
    due = Due(number=0, step="first", level=OWNER)
    told = [of_case(view(partition=f"2026-03-{n:02d}"), incident(), due, alive=[WAITS]) for n in range(1, 11)]
    one, many = together(told[:1], name="id"), together(told, name="id")

    assert (told[0].subject, told[0].lines) == (one.subject, one.lines)
    assert many.subject.startswith("10 messages: orders 2026-03-01: ")
    assert tuple(line for each in told for line in (f"— {each.subject}", *each.lines[:2])) == many.lines
    assert told[0].links == many.links
