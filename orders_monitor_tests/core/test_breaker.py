"""When a breaker opens, who may try it again, and what closes it: facts folded at a time that the test says."""

import pytest

from orders_monitor.core.breaker import (
    Admitted,
    Breaker,
    BreakerEvent,
    Closed,
    HalfOpen,
    Open,
    Refused,
    admit,
    state_at,
)

BREAKER = Breaker()
S = 1_000
WHY = "HTTP 529"
OPENED = (0, 1 * S, 2 * S)
UNTIL = 302 * S
YEAR = 365 * 86_400 * S


def failure(at_ms: int, probe: str = "") -> BreakerEvent:
    return BreakerEvent(kind="failure", at_ms=at_ms, why=WHY, probe=probe)


def probe(at_ms: int, name: str, lease_s: int = 600) -> BreakerEvent:
    return BreakerEvent(kind="probe", at_ms=at_ms, probe=name, until_ms=at_ms + lease_s * S)


def said(kind, at_ms: int, name: str = "") -> BreakerEvent:
    return BreakerEvent(kind=kind, at_ms=at_ms, probe=name, why="because")


opened = tuple(failure(at) for at in OPENED)
half = (*opened, probe(UNTIL, "ada"))

STORIES = {
    "nothing happened": ((), 0, Closed()),
    "two failures are not three": (opened[:2], 2 * S, Closed(failures=2)),
    "what is older than the window weighs no more": (opened[:2], 301 * S, Closed(failures=1)),
    "the third after 5:00 opens": (
        (failure(0), failure(60 * S), failure(300 * S)),
        300 * S,
        Open(until_ms=600 * S, why=WHY),
    ),
    "the third after 5:01 does not": ((failure(0), failure(60 * S), failure(301 * S)), 301 * S, Closed(failures=2)),
    "a trip opens at once": ((said("trip", 7),), 8, Open(until_ms=7 + 300 * S, why="because")),
    "open to its last millisecond": (opened, UNTIL - 1, Open(until_ms=UNTIL, why=WHY)),
    "then half-open": (opened, UNTIL, HalfOpen(why=WHY)),
    "a straggler's failure opens it no longer": ((*opened, failure(200 * S)), UNTIL, HalfOpen(why=WHY)),
    "one has the lease": (half, UNTIL + 1, HalfOpen(why=WHY, lease=half[-1])),
    "and loses it": (half, UNTIL + 600 * S, HalfOpen(why=WHY)),
    "its success closes": ((*half, said("success", UNTIL + 1, "ada")), UNTIL + 1, Closed()),
    "its failure opens again": (
        (*half, failure(UNTIL + 5, "ada")),
        UNTIL + 6,
        Open(until_ms=UNTIL + 5 + 300 * S, why=WHY),
    ),
    "its giving up leaves it half-open": ((*half, said("release", UNTIL + 1, "ada")), UNTIL + 1, HalfOpen(why=WHY)),
    "another's success closes nothing": (
        (*half, said("success", UNTIL + 1, "bob")),
        UNTIL + 1,
        HalfOpen(why=WHY, lease=half[-1]),
    ),
    "who lost the lease to another is not heard": (
        (
            *half,
            probe(UNTIL + 600 * S, "bob"),
            said("success", UNTIL + 601 * S, "ada"),
            failure(UNTIL + 601 * S, "ada"),
        ),
        UNTIL + 601 * S,
        HalfOpen(why=WHY, lease=probe(UNTIL + 600 * S, "bob")),
    ),
    "a clock that was wrong keeps it open for no year": (
        (failure(YEAR), failure(YEAR), failure(YEAR)),
        1 * S,
        HalfOpen(why=WHY),
    ),
    "nor holds a lease for one": ((*opened, probe(YEAR, "ada")), UNTIL, HalfOpen(why=WHY)),
    "nor does what failed then weigh now": ((failure(YEAR), failure(YEAR), failure(0)), 1 * S, Closed(failures=1)),
    "a clock that is a minute ahead is believed": (
        (failure(60 * S), failure(60 * S), failure(60 * S)),
        0,
        Open(until_ms=360 * S, why=WHY),
    ),
    "a person closes it": ((*opened, said("close", 3 * S)), 3 * S, Closed()),
    "after that three more are needed": ((*opened, said("close", 3 * S), *opened[:2]), 4 * S, Closed(failures=2)),
}


@pytest.mark.parametrize(("events", "now_ms", "state"), STORIES.values(), ids=STORIES.keys())
def test_a_story_ends_in_one_state(events, now_ms, state):
    """The events of a zone, folded at a time, are one state."""
    assert state == state_at(events, BREAKER, now_ms=now_ms)


def test_the_declaration_says_other_numbers():
    """One failure within a second opens for two, and a lease of three, where that is declared."""
    quick = Breaker(failures_max=1, window_s=1, open_s=2, probe_lease_s=3)

    assert Open(until_ms=2 * S, why=WHY) == state_at([failure(0)], quick, now_ms=0)
    assert Admitted(probe=probe(2 * S, "ada", 3)) == admit(HalfOpen(why=WHY), quick, now_ms=2 * S, probe="ada")


ADMISSIONS = {
    "closed: everybody": (Closed(failures=2), Admitted()),
    "open: nobody": (Open(until_ms=9, why=WHY), Refused(until_ms=9, why=WHY)),
    "half-open: one": (HalfOpen(why=WHY), Admitted(probe=probe(5, "ada"))),
    "tried: nobody else": (
        HalfOpen(why=WHY, lease=probe(1, "bob")),
        Refused(until_ms=1 + 600 * S, why=f"{WHY}; somebody else is trying"),
    ),
}


@pytest.mark.parametrize(("state", "answer"), ADMISSIONS.values(), ids=ADMISSIONS.keys())
def test_who_may_pass(state, answer):
    """Each state has one answer to who asks to pass."""
    assert answer == admit(state, BREAKER, now_ms=5, probe="ada")
