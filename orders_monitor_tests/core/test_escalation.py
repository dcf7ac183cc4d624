"""The ladder on a given clock, as a table: who is told what, and when."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from orders_monitor.core.escalation import DEFAULT, Address, Level, due, next_at

ASKED = datetime(2026, 3, 4, 2, tzinfo=UTC)
DEADLINE = ASKED + timedelta(hours=168)
OWNER, LEAD = "#orders", "lead@example.com"
LADDER = (
    Level(channel="webhook", to=OWNER),
    Level(channel="webhook", to=OWNER, after_h=24),
    Level(channel="email", to=LEAD, after_h=72, before_deadline_h=48),
    Level(channel="email", to="privacy@example.com", when=("guardrail_bypass",)),
)


def told_at(hours: float, *told: int, deadline: datetime | None = DEADLINE, **known) -> list[tuple[int, str]]:
    """What is due so many hours after it was asked."""
    now = ASKED + timedelta(hours=hours)
    return [(d.number, d.step) for d in due(LADDER, asked=ASKED, deadline=deadline, now=now, told=told, **known)]


@pytest.mark.parametrize(
    ("hours", "told", "expected"),
    [
        (0, (), [(0, "first")]),
        (0.1, (0,), []),
        (23.99, (0,), []),
        (24, (0,), [(1, "reminder")]),
        (24, (0, 1), []),
        (71.99, (0, 1), []),
        (72, (0, 1), [(2, "escalation")]),
        (500, (0, 1, 2), []),
        # Nobody was there for a day, or for three: an address hears the newest of its rungs, and as its first.
        (30, (), [(1, "first")]),
        (80, (), [(1, "first"), (2, "escalation")]),
        (80, (0,), [(1, "reminder"), (2, "escalation")]),
        (80, (1, 2), []),
    ],
)
def test_the_ladder(hours, told, expected):
    """Owner at once, reminder after a day, next level after three; each rung once."""
    assert expected == told_at(hours, *told)


def test_a_near_deadline_calls_the_next_level_sooner():
    """With a day and a half to decide the lead is told at once, for the deadline is nearer than two days."""
    near = ASKED + timedelta(hours=36)

    assert [(0, "first"), (2, "escalation")] == told_at(0, deadline=near)
    assert [(1, "reminder")] == told_at(30, 0, 2, deadline=near)


def test_what_has_no_deadline_goes_by_its_hours():
    """A held partition has no deadline: the lead is told after three days, and a rung with a deadline only never."""
    only = (Level(before_deadline_h=1),)

    assert [(2, "escalation")] == told_at(72, 0, 1, deadline=None)
    assert () == due(only, asked=ASKED, deadline=None, now=ASKED + timedelta(days=99), told=())


def test_somebody_who_takes_care_ends_the_ladder():
    """Acknowledged, an incident tells nobody more, whatever the time."""
    assert [] == told_at(80, acknowledged=True)


def test_an_incident_that_comes_back_calls_nobody_at_once():
    """The same incident again is told by the digest first; only if it stays, the owner hears of it after a day."""
    assert [] == told_at(1, again=True)
    assert [(1, "reminder")] == told_at(25, again=True)


def test_some_hear_of_some_incidents_only():
    """A rung with `when` is told of an incident of one of these modes and of no other."""
    assert [(0, "first"), (3, "first")] == told_at(0, modes=("drift", "guardrail_bypass"))
    assert [(0, "first")] == told_at(0, modes=("drift",))


def test_the_next_rung_is_known():
    """Who is told next if nothing happens, and nobody at the top of the ladder."""
    about = {"asked": ASKED, "deadline": DEADLINE}

    assert (ASKED + timedelta(hours=24), LADDER[1]) == next_at(LADDER, now=ASKED, **about)
    assert next_at(LADDER, now=ASKED + timedelta(hours=72), **about) is None


def test_a_fresh_clone_tells_its_log():
    """Without a declaration the log is told at once and after a day."""
    now = ASKED + timedelta(hours=24)

    assert ["log", "log"] == [level.channel for level in DEFAULT]
    assert [0] == [d.number for d in due(DEFAULT, asked=ASKED, deadline=None, now=ASKED, told=())]
    assert [(1, "reminder")] == [
        (d.number, d.step) for d in due(DEFAULT, asked=ASKED, deadline=None, now=now, told=(0,))
    ]


@pytest.mark.parametrize(
    "address",
    [
        {"channel": "email"},
        {"channel": "email", "to": "a@b, c@d"},
        {"channel": "email", "to": "a@b\r\nBcc: c@d"},
        {"channel": "email", "to": "nobody"},
        {"channel": "email", "to": "<a@b>"},
        {"channel": "log", "to": "two\nlines"},
        {"channel": "log", "url_env": "HOOK"},
        {"channel": "webhook", "url_env": "https://hooks.example/secret"},
    ],
)
def test_an_address_that_is_none_is_not_declared(address):
    """One address for e-mail, one line for all, and the name of a variable where a webhook's URL would be."""
    with pytest.raises(ValidationError):
        Address(**address)


def test_a_mode_that_is_none_is_not_declared():
    """A misspelt mode would be told of nothing for ever: it is refused where it is declared."""
    with pytest.raises(ValidationError, match="'renamd' is no failure mode, kind of signal or kind of drift"):
        Level(when=("renamd",))

    assert ("renamed", "failed") == Level(when=("renamed", "failed")).when
