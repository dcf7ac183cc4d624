"""What the UI shows of the agent: spend against budget as numbers, the same in tags, metadata and the check."""

import dagster as dg
import pytest

from orders_monitor.core.failure_modes import FAILURE_MODES
from orders_monitor.core.investigation import Alert, Finding, Investigation, Spend
from orders_monitor.pipeline import agent_metadata, metadata, sentences

DIGEST = "3f2a9c01d4e7" + "0" * 52
HOSTILE = "a | b\n\n# now <img src=x> [click](http://evil) www.evil.example `code` **bold** !\\"
SPEND = Spend(
    budget_tokens=1_000,
    spent_tokens=400,
    budget_micro_usd=250_000,
    spent_micro_usd=12_300,
    calls=2,
    prompt_tokens=300,
    cache_read_tokens=100,
)
NUMBERS = {
    "budget_tokens": 1_000,
    "reserved_tokens": 0,
    "spent_tokens": 400,
    "remaining_tokens": 600,
    "budget_micro_usd": 250_000,
    "reserved_micro_usd": 0,
    "spent_micro_usd": 12_300,
    "remaining_micro_usd": 237_700,
    "model_calls": 2,
    "cache_share": 0.3333,
}


def asked(**changes) -> Investigation:
    """An investigation that spent 400 of 1,000 tokens."""
    values = {
        "landed_digest": DIGEST,
        "ending": "answered",
        "why": "the model answered",
        "release": "orders_daily 1",
        "model": "stand-in",
        "spend": SPEND,
        **changes,
    }
    return Investigation(**values)


def test_a_hostile_claim_stays_in_its_line():
    """A finding's claim is one list item of the Markdown, whatever the model wrote."""
    found = asked(findings=(Finding(claim=HOSTILE, evidence=("landing",)),))
    shown = agent_metadata.of_investigation(found, breaker="closed")
    claim, *ours = str(shown[metadata.FINDINGS].value).splitlines()

    assert (True, ["", agent_metadata.AS_WRITTEN]) == (claim.startswith("- "), ours)


def test_spend_against_budget_is_numbers():
    """Metadata and check have the same whole numbers (and one share) that Dagster plots."""
    shown = agent_metadata.of_investigation(asked(), breaker="closed")
    check = agent_metadata.budget_check(asked())

    assert NUMBERS == {name: shown[name].value for name in NUMBERS}
    assert NUMBERS == {name: value.value for name, value in check.metadata.items()}
    assert {int, float} == {type(value.value) for value in check.metadata.values()}


def test_the_tags_say_the_same_and_dagster_takes_them():
    """A run is found by its spend, its model, its release, how it ended, its alerts and its breaker."""
    found = asked(ending="tool_storm", alerts=(Alert(mode="tool_storm", why="40 calls"),) * 2)
    tags = agent_metadata.run_tags_of(found, breaker="open until 2026-11-21 06:10:00+00:00 (HTTP 529)")
    numbers = {name: str(value) for name, value in NUMBERS.items() if name not in ("model_calls", "cache_share")}
    texts = {"model": "stand-in", "release": "orders_daily 1", "ending": "tool_storm", "alerts": "tool_storm"}
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(dg.job(name="nothing")(lambda: None))
        instance.add_run_tags(run.run_id, tags)
        stored = instance.get_run_by_id(run.run_id).tags
    expected = {**numbers, **texts, "cache_share": "0.3333", "breaker": "open"}

    assert {f"orders_monitor/{name}": value for name, value in expected.items()} == tags
    assert tags.items() <= stored.items()


CHECKS = {
    "within": ({}, True, "400 of 1,000 tokens, $0.0123 of $0.25"),
    "not asked": (
        {"ending": "not_called", "spend": Spend(budget_tokens=1_000, budget_micro_usd=1)},
        True,
        "0 of 1,000 tokens, $0.00 of $0.00",
    ),
    "gone": (
        {"ending": "budget_exhausted", "why": "nothing is left"},
        False,
        "400 of 1,000 tokens, $0.0123 of $0.25; budget_exhausted: nothing is left",
    ),
    "the last word": (
        {"ending": "finalised", "why": "the budget is gone"},
        False,
        "400 of 1,000 tokens, $0.0123 of $0.25; finalised: the budget is gone",
    ),
    "unknown outcome": (
        {
            "ending": "unavailable",
            "spend": SPEND.model_copy(update={"reserved_tokens": 50, "reserved_micro_usd": 9_000}),
        },
        False,
        "400 of 1,000 tokens, $0.0123 of $0.25; still held, of unknown outcome: 50 tokens, $0.009",
    ),
    "unavailable": ({"ending": "unavailable"}, True, "400 of 1,000 tokens, $0.0123 of $0.25"),
}


@pytest.mark.parametrize(("changes", "passed", "said"), CHECKS.values(), ids=CHECKS.keys())
def test_the_check_is_amber_where_the_budget_ended_it(changes, passed, said):
    """Within budget it passes; it warns where the budget ended the conversation, or something may have been billed."""
    check = agent_metadata.budget_check(asked(**changes))

    assert (passed, dg.AssetCheckSeverity.WARN, said) == (check.passed, check.severity, check.description)


@pytest.mark.parametrize(
    ("micro_usd", "said"),
    [(0, "$0.00"), (12_345, "$0.0123"), (250_000, "$0.25"), (1_234_567_800, "$1,234.5678"), (40, "$0.00")],
)
def test_money_is_dollars(micro_usd, said):
    """Micro-dollars are shown to the hundredth of a cent."""
    assert said == sentences.of_money(micro_usd)


def test_an_alert_says_what_it_costs_and_what_to_do():
    """A failure mode that was seen is a row with its impact, its recovery and its owner; the ending has a meaning."""
    storm = FAILURE_MODES["tool_storm"]
    found = asked(ending="tool_storm", alerts=(Alert(mode="tool_storm", why="40 | calls"),))
    shown = agent_metadata.of_investigation(found, breaker="closed")
    row = {"mode": "tool_storm", "seen": "40 \\| calls", "impact": storm.impact, "recovery": storm.recovery}

    assert [{**row, "owner": storm.owner}] == [record.data for record in shown["alerts"].records]
    assert str(shown["meaning"].value).endswith(f"; {storm.recovery}")
