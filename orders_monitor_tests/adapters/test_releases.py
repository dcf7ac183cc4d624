import math
import re
import shutil
from datetime import UTC, datetime
from typing import get_args

import genai_prices
import pytest
from anthropic.types import Model

from orders_monitor.adapters.releases import PRICE_BOOK, load_price, load_prices, load_release
from orders_monitor.agent.prompts import require_usable
from orders_monitor.core.errors import ReleaseInvalid
from orders_monitor.core.price import Usage
from orders_monitor.core.release import require_pinned
from orders_monitor_tests.cases import PROMPTS

WHEN = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def prompts(tmp_path):
    """A copy of this repository's prompts, to be broken."""
    return shutil.copytree(PROMPTS, tmp_path / "prompts")


def edit(path, old, new):
    """Replace a text that is there."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_release_in_the_repository_is_whole():
    """The declared release loads, is pinned and priced, and names tools and prompts that exist."""
    release = load_release(PROMPTS, "orders_daily")

    require_usable(release)
    expected = ("orders_daily", "claude-sonnet-5-5", ("system", "task", "last_word"))
    assert expected == (release.agent, release.model, tuple(p.name for p in release.prompts))


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        (
            "release.yaml",
            "steps_max:",
            "steps_maxx:",
            r"release\.yaml:\d+: guardrails\.steps_max: this field is needed",
        ),
        (
            "release.yaml",
            "steps_max: 8",
            "steps_max: '8'",
            r"release\.yaml:\d+: guardrails\.steps_max: Input should be",
        ),
        (
            "release.yaml",
            "steps_max: 8",
            "steps_max: 8\n  steps_max: 9",
            r"release\.yaml:\d+: steps_max: this is said tw",
        ),
        (
            "release.yaml",
            "rows_max: 50",
            "rows_max: 50, x: 1",
            r"\.yaml:\d+: guardrails\.sql\.x: there is no such field",
        ),
        (
            "release.yaml",
            "  run_tokens:",
            "  run_token:",
            r"release\.yaml:\d+: budget\.run_tokens: this field is needed",
        ),
        ("release.yaml", "agent: orders_daily", "agent: other", r"release\.yaml:3: agent: it is 'other', the folder"),
        (
            "release.yaml",
            "claude-sonnet-5-5",
            "claude-sonnet-latest",
            r"release\.yaml:\d+: model: 'claude-sonnet-latest'",
        ),
        (
            "release.yaml",
            "claude-sonnet-5-5",
            "claude-haiku-4-5",
            r"release\.yaml:\d+: model: .* is an alias that moves",
        ),
        ("release.yaml", "claude-sonnet-5-5", "claude-nova-9", "there is no price of 'claude-nova-9'"),
        ("release.yaml", "price_book: 1.0.0", "price_book: 0.9.0", r"release\.yaml:\d+: price_book: it is '0\.9\.0'"),
        (
            "release.yaml",
            "{calls_max: 4}",
            "{calls_max: 4, x: 1}",
            r"release\.yaml:\d+: tools\.profile\.x: there is no",
        ),
        ("release.yaml", "{calls_max: 4}", "{calls_max: 0}", r"calls_max: Input should be greater than or equal to 1"),
        ("release.yaml", "  task: ", "  tusk: ", r"tusk\.md: there is no such file"),
        (
            "release.yaml",
            "  task: ",
            "  ../task: ",
            r"release\.yaml:\d+: prompts: '\.\./task' is not the name of a file",
        ),
        (
            "release.yaml",
            "  task: ",
            '  "t\\0": 1.0.0\n  task: ',
            r"release\.yaml:\d+: prompts: 't\\x00' is not the name",
        ),
        ("release.yaml", "  run_tokens:", "  <<: {run_tokens: 1}\n  run_tokens:", r"release\.yaml:\d+: << is not read"),
        (
            "release.yaml",
            "run_tokens: ",
            "run_tokens: 0",
            r"release\.yaml:\d+: 0\d+: write the number with decimal digits",
        ),
        (
            "release.yaml",
            "run_tokens: ",
            "run_tokens: 1:30 # ",
            r"release\.yaml:\d+: 1:30: write the number with decimal",
        ),
        ("release.yaml", "guardrails:", "guardrails: [", r"release\.yaml: it is not YAML at line \d+"),
        (
            "release.yaml",
            "guardrails:",
            "x: &a [1]\ny: *a\nguardrails:",
            r"release\.yaml:\d+: an alias is not read here",
        ),
        (
            "release.yaml",
            "agent: orders_daily",
            "agent: !!binary aGk=",
            r"release\.yaml: it holds a value that no field",
        ),
        (
            "release.yaml",
            "agent: orders_daily",
            "agent: " + "[" * 5_000,
            r"release\.yaml: it (is not YAML|holds a value)",
        ),
        (
            "release.yaml",
            "agent: orders_daily",
            "agent: 1" + "0" * 5_000,
            r"release\.yaml: it holds a value that no field",
        ),
        (
            "system.md",
            "name: system",
            "name: sistem",
            r"system\.md:2: name: it is 'sistem', the file is called 'system'",
        ),
        ("system.md", "name: system", "name: system\nx: 1", r"system\.md:3: x: there is no such field"),
        ("system.md", "\nversion: ", "\nversion: 9", r"system\.md:3: version: it is 9\d\.\d\.\d, release\.yaml names"),
        ("system.md", "---\nname", "name", r"system\.md: it must begin with front matter"),
    ],
)
def test_a_mistake_is_one_sentence_with_its_file(prompts, file, old, new, says):
    """Every mistake in a release is ReleaseInvalid, in one line that names the file."""
    edit(prompts / "orders_daily" / file, old, new)

    with pytest.raises(ReleaseInvalid) as invalid:
        load_release(prompts, "orders_daily")

    assert re.search(says, str(invalid.value))
    assert "\n" not in str(invalid.value)


def test_an_agent_without_a_folder_is_missing(tmp_path):
    """A missing prompts folder is said as what it is."""
    with pytest.raises(ReleaseInvalid, match="nobody: there is no such folder"):
        load_release(tmp_path, "nobody")


def test_a_prompt_that_is_no_text_is_refused(prompts):
    """A file that is not UTF-8 is refused."""
    (prompts / "orders_daily" / "task.md").write_bytes(b"\xff\xfe")

    with pytest.raises(ReleaseInvalid, match=r"task\.md: it cannot be read as UTF-8 text"):
        load_release(prompts, "orders_daily")


def test_an_empty_prompt_is_refused(prompts):
    """Front matter alone is no prompt."""
    (prompts / "orders_daily" / "task.md").write_text("---\nname: task\nversion: 1.0.0\n---\n\n")

    with pytest.raises(ReleaseInvalid, match=r"task\.md: there is no text after its front matter"):
        load_release(prompts, "orders_daily")


def test_an_unpriced_model_is_not_free():
    """A model that the price book does not know is refused, never priced at nothing."""
    with pytest.raises(ReleaseInvalid, match="an unpriced model is not called"):
        load_price("claude-fable-9")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("input: 2000000", "input: 0", r"rates\.input"),
        ("input: 2000000", "input: 0.5", r"rates\.input"),
        ("input: 2000000", "input: 'free'", r"rates\.input"),
        ("input: 2000000, ", "", r"rates\.input: this field is needed"),
        ("above_tokens: 100000", "above_tokens: 0", r"long_prompt\.above_tokens"),
        ("version: 1.0.0", "version: new", "version"),
        ("checked_on: 2026-11-21", "checked_on: lately", "checked_on"),
        ("claude-haiku-4-5-20251001:", "claude-haiku-4-5:", r"models\.claude-haiku-4-5: .* is an alias that moves"),
    ],
)
def test_a_price_that_nobody_could_pay_by_is_refused(tmp_path, old, new, says):
    """A rate of zero, of a fraction of a micro-dollar or of a model that moves is refused with its line."""
    book = tmp_path / "book.yaml"
    text = PRICE_BOOK.read_text()
    assert old in text
    book.write_text(text.replace(old, new))

    with pytest.raises(ReleaseInvalid, match=rf"book\.yaml:\d+: .*{says}"):
        load_price("claude-sonnet-5-5", book)


@pytest.mark.parametrize("price", load_prices(), ids=lambda price: price.model)
def test_a_price_is_what_a_second_opinion_says(price):
    """Plain, cached both ways, and around the size above which a long prompt costs more: equal to the micro-dollar."""
    edge = 100_000 if price.long_prompt is None else price.long_prompt.above_tokens
    prompts = [1_000, edge - 1_000, edge, edge + 1_000, 2 * edge, 900_000]
    kinds = ("input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens")
    usages = [
        Usage(**dict.fromkeys(kinds, 0) | {kind: size, "output_tokens": 1_000}) for kind in kinds for size in prompts
    ]
    usages += [Usage(output_tokens=7_000, **dict.fromkeys(kinds, size // 4)) for size in prompts]

    assert [second_opinion(price.model, usage) for usage in usages] == [price.cost_of(usage) for usage in usages]


def second_opinion(model, usage):
    """What genai-prices says that a usage costs, in micro-dollars. Its `input_tokens` are all that went in."""
    asked = genai_prices.Usage(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_5m_tokens + usage.cache_write_1h_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
    )
    price = genai_prices.calc_price(asked, model_ref=model, provider_id="anthropic", genai_request_timestamp=WHEN)
    return math.ceil(price.total_price * 1_000_000)


def test_every_pinned_model_of_the_sdk_is_priced_or_known_not_to_be():
    """What is missing from the book is missing for a reason; a model that the SDK learns must be judged here."""
    without = {
        "claude-fable-5-2": "no vendor page with its rates was found",
        "claude-mythos-5-2": "no vendor page with its rates was found",
        "claude-mythos-5-1": "the second opinion does not know it",
        "claude-mythos-5": "the second opinion does not know it",
        "claude-sonnet-4-5-20250929": "its end of life is on 2026-11-30",
    }
    known, *_ = get_args(Model)
    pinned = {model for model in get_args(known) if is_pinned(model)}

    assert pinned == {price.model for price in load_prices()} | set(without)


def is_pinned(model):
    """Whether the id names one snapshot for ever."""
    try:
        require_pinned(model)
    except ValueError:
        return False
    return True
