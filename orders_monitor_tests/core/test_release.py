import pytest
from pydantic import ValidationError

from orders_monitor.core.release import Release, require_pinned
from orders_monitor_tests.cases import release


@pytest.mark.parametrize(
    "model", ["claude-sonnet-5-5", "claude-opus-5", "claude-opus-4-6", "claude-haiku-4-5-20251001"]
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
    """Each word of a prompt and each limit changes the digest; what the market asks does not."""
    ours = release()
    reworded = ours.prompts[0].model_copy(update={"text": ours.prompts[0].text + " "})
    stricter = ours.guardrails.model_copy(update={"steps_max": 3})
    dearer = ours.price.model_copy(update={"checked_on": "2027-01-01"})

    digests = [
        ours.model_copy(update=update).digest
        for update in (
            {"prompts": (reworded, *ours.prompts[1:])},
            {"guardrails": stricter},
            {"version": "1.0.1"},
            {"tools": ours.tools[:1]},
        )
    ]

    assert 5 == len({ours.digest, *digests})
    assert ours.digest == ours.model_copy(update={"price": dearer}).digest


@pytest.mark.parametrize(
    ("update", "says"),
    [
        ({"version": "1.0"}, "version"),
        ({"model": "claude-haiku-4-5"}, "alias that moves"),
        ({"model": "claude-opus-5"}, "the price is of claude-sonnet-5-5"),
        ({"tools": [{"name": "signals", "calls_max": 1}] * 2}, "a tool is named twice"),
        ({"surprise": 1}, "Extra inputs"),
    ],
)
def test_a_release_whose_parts_disagree_cannot_be_made(update, says):
    """A version, a pin, a price or a tool that does not fit is refused."""
    with pytest.raises(ValidationError, match=says):
        Release.model_validate(release().model_dump(mode="json") | update)
