import pytest
from pydantic import ValidationError

from orders_monitor.core.release import Release, SqlLimits, require_pinned
from orders_monitor_tests.cases import release

GUARDRAILS = release().guardrails.model_dump(mode="json")


@pytest.mark.parametrize(
    "model",
    ["claude-sonnet-5-5", "claude-opus-5", "claude-opus-4-6", "claude-fable-5-1", "claude-haiku-4-5-20251001"],
)
def test_a_snapshot_is_a_pin(model):
    """Since 4.6 an id without a date is one snapshot; before, the dated id is."""
    assert None is require_pinned(model)


@pytest.mark.parametrize(
    "model",
    [
        "claude-haiku-4-5",  # an alias that moves
        "claude-opus-4-0",
        "claude-sonnet-latest",
        "claude-3-7-sonnet-latest",
        "claude-mythos-preview",
        "claude-sonnet-5-5\n",
        "gpt-5",
        "",
    ],
)
def test_what_moves_or_is_unknown_is_no_pin(model):
    """An alias, `latest` and a name that says no version are refused."""
    with pytest.raises(ValueError, match=r"snapshot|alias"):
        require_pinned(model)


def test_the_digest_is_over_everything_but_the_price():
    """Each word of a prompt, each limit and the book's version change the digest; what the market asks does not."""
    ours = release()
    reworded = ours.prompts[0].model_copy(update={"text": ours.prompts[0].text + " "})
    stricter = ours.guardrails.model_copy(update={"steps_max": 3})
    narrower = ours.guardrails.model_copy(update={"sql": SqlLimits(rows_max=1)})
    poorer = ours.budget.model_copy(update={"run_tokens": 1})
    dearer = ours.price.model_copy(update={"checked_on": "2027-01-01"})

    digests = [
        ours.model_copy(update=update).digest
        for update in (
            {"prompts": (reworded, *ours.prompts[1:])},
            {"guardrails": stricter},
            {"guardrails": narrower},
            {"budget": poorer},
            {"price_book": "9.9.9"},
            {"version": "9.9.9"},
            {"tools": ours.tools[:1]},
        )
    ]

    assert 8 == len({ours.digest, *digests})
    assert ours.digest == ours.model_copy(update={"price": dearer}).digest


@pytest.mark.parametrize(
    ("update", "says"),
    [
        ({"version": "1.0"}, "version"),
        ({"model": "claude-haiku-4-5"}, "alias that moves"),
        ({"model": "claude-opus-5"}, "the price is of claude-sonnet-5-5"),
        ({"tools": [{"name": "signals", "calls_max": 1}] * 2}, "a tool is named twice"),
        ({"surprise": 1}, "Extra inputs"),
        ({"price_book": "new"}, "price_book"),
        ({"budget": {"run_tokens": -1, "run_micro_usd": 0}}, r"budget\.run_tokens"),
        ({"guardrails": GUARDRAILS | {"output_tokens_min": 9_000}}, "output_tokens_min is above output_tokens_max"),
        ({"guardrails": GUARDRAILS | {"finalisation_tokens": 2_000}}, "finalisation_tokens hold no prompt"),
        ({"guardrails": GUARDRAILS | {"text_columns": ["a", "a"]}}, "a text column is named twice"),
        ({"guardrails": GUARDRAILS | {"result_share_max": 1.5}}, "result_share_max"),
        ({"guardrails": GUARDRAILS | {"sql": {"memory_mb": 8}}}, r"sql\.memory_mb"),
    ],
)
def test_a_release_whose_parts_disagree_cannot_be_made(update, says):
    """A version, a pin, a price or a tool that does not fit is refused."""
    with pytest.raises(ValidationError, match=says):
        Release.model_validate(release().model_dump(mode="json") | update)


def test_an_author_is_part_of_the_digest_and_none_is_not():
    """A release that names nobody is what it was before releases had authors; another author is another release."""
    ours = release()
    named = [ours.model_copy(update={"author": name}).digest for name in ("ada", "bob")]

    assert "author" not in ours.model_dump(mode="json")
    assert 3 == len({ours.digest, *named})
