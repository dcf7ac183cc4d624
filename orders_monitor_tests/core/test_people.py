"""Who may decide, as values: roles, assignments, and what a signature is over."""

import pytest

from orders_monitor.core.investigation import Alert, Investigation, Spend
from orders_monitor.core.modes import MODES, modes_of
from orders_monitor.core.people import Assignment, Reviewer, assigned, is_nobodys, signed_text
from orders_monitor.core.quality import Quality, Signal
from orders_monitor_tests.core.cases import decision


@pytest.mark.parametrize(
    ("roles", "tables", "may", "leads"),
    [
        (("reviewer",), ("*",), True, False),
        (("viewer",), ("*",), False, False),
        (("viewer", "reviewer"), ("orders",), True, False),
        (("lead",), ("orders", "refunds"), True, True),
        (("lead",), ("refunds",), False, False),
    ],
)
def test_a_role_is_for_tables(roles, tables, may, leads):
    """A viewer never decides, a reviewer and a lead on their tables; a lead decides what is assigned to others too."""
    person = Reviewer(name="ada", roles=roles, tables=tables)

    assert (may, leads) == (person.may_decide("orders"), person.is_lead("orders"))


@pytest.mark.parametrize(
    ("modes", "names"),
    [((), ("max",)), (("drift",), ("ada", "bob", "max")), (("renamed", "drift"), ("ada", "bob", "eve", "max"))],
)
def test_a_case_is_everybodys_whose_words_it_has(modes, names):
    """Each assignment that speaks of the case adds its people, once; one without words is for every case."""
    declared = (
        Assignment(reviewers=("ada", "bob"), when=("drift", "tool_storm")),
        Assignment(reviewers=("bob", "eve"), when=("renamed",)),
        Assignment(reviewers=("max",)),
    )

    assert names == assigned(declared, modes)
    assert () == assigned((), modes)


def test_the_modes_of_a_case_are_its_signals_and_what_detectors_saw():
    """What is only information says nothing about whose it is."""
    signals = (
        Signal(id="drift:renamed:status", kind="drift", severity="gate", sentence="x"),
        Signal(id="drift:added:extra", kind="drift", severity="info", sentence="x"),
        Signal(id="anomaly:rows", kind="anomaly", severity="warn", sentence="x"),
    )
    quality = Quality(
        landed_digest="one",
        problem=None,
        rows=1,
        changes=(),
        outcomes=(),
        baselines=(),
        anomalies=(),
        signals=signals,
    )
    found = Investigation(
        landed_digest="one",
        ending="tool_storm",
        why="x",
        release="1",
        model="m",
        alerts=(Alert(mode="tool_storm", why="x"), Alert(mode="tool_storm", why="y")),
        spend=Spend(budget_tokens=1, budget_micro_usd=1),
    )
    modes = modes_of(quality, found)

    assert ("drift", "renamed", "anomaly", "tool_storm") == modes
    assert set(modes) <= MODES
    assert () == modes_of(None, None)


def test_every_word_of_a_decision_is_signed():
    """Another digest, verdict, name, note, moment, door of the proxy or environment is another text."""
    one = decision(1, "digest")
    others = [
        one.model_copy(update=change)
        for change in (
            {"table": "refunds"},
            {"partition": "2026-03-03"},
            {"digest": "other"},
            {"verdict": "reject"},
            {"reviewer": "bob"},
            {"note": "x"},
            {"seen": 7},
            {"source": "proxy"},
        )
    ]
    texts = {signed_text(each, environment="prod") for each in (one, *others)}

    assert len(others) + 1 == len(texts)
    assert signed_text(one, environment="staging") not in texts
    assert signed_text(one.model_copy(update={"id": 9, "recorded_at": "later"}), environment="prod") in texts


@pytest.mark.parametrize(
    ("name", "nobodys"), [("policy", True), ("Ex-Piry", True), ("pol icy", True), ("polly", False)]
)
def test_the_systems_names_are_nobodys(name, nobodys):
    """However they are written."""
    assert nobodys == is_nobodys(name)
