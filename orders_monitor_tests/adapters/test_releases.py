import shutil

import pytest

from orders_monitor.adapters.releases import PRICE_BOOK, load_price, load_release
from orders_monitor.agent.prompts import require_usable
from orders_monitor.core.errors import ReleaseInvalid
from orders_monitor_tests.cases import PROMPTS


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
    expected = ("orders_daily", "claude-sonnet-5-5", ("system", "task"))
    assert expected == (release.agent, release.model, tuple(p.name for p in release.prompts))


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("release.yaml", "steps_max: 8", "steps_maxx: 8", "release.yaml: guardrails.steps_max"),
        ("release.yaml", "agent: orders_daily", "agent: other", "release.yaml: agent is 'other'"),
        ("release.yaml", "claude-sonnet-5-5", "claude-sonnet-latest", "release.yaml: model: 'claude-sonnet-latest'"),
        ("release.yaml", "claude-sonnet-5-5", "claude-nova-9", "there is no price of 'claude-nova-9'"),
        ("release.yaml", "{calls_max: 4}", "{calls_max: 4, x: 1}", "release.yaml: tools.profile.x"),
        ("release.yaml", "  task: 1.0.0", "  tusk: 1.0.0", "tusk.md: there is no such file"),
        ("release.yaml", "  task: 1.0.0", "  ../task: 1.0.0", "is not the name of a file"),
        ("release.yaml", "version: 1.0.0\n#", "version: [\n#", "release.yaml: it is not YAML at line"),
        ("release.yaml", "version: 1.0.0\n#", "version: 1.0\n#", "release.yaml: version"),
        ("system.md", "version: 1.0.0", "version: 1.0.1", "system.md: it is version 1.0.1, release.yaml names 1.0.0"),
        ("system.md", "name: system", "name: sistem", "system.md: its front matter calls it 'sistem'"),
        ("system.md", "name: system", "name: system\nx: 1", "system.md: x: Extra inputs"),
        ("system.md", "---\nname", "name", "system.md: it must begin with front matter"),
    ],
)
def test_a_mistake_is_one_sentence_with_its_file(prompts, file, old, new, says):
    """Every mistake in a release is ReleaseInvalid, in one line that names the file."""
    edit(prompts / "orders_daily" / file, old, new)

    with pytest.raises(ReleaseInvalid) as invalid:
        load_release(prompts, "orders_daily")

    assert says in str(invalid.value)
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

    with pytest.raises(ReleaseInvalid, match=r"task\.md: text"):
        load_release(prompts, "orders_daily")


def test_an_unpriced_model_is_not_free():
    """A model that the price book does not know is refused, never priced at nothing."""
    with pytest.raises(ReleaseInvalid, match="an unpriced model is not called"):
        load_price("claude-fable-9")


def test_a_price_is_a_whole_number_above_zero(tmp_path):
    """A rate of zero or of a fraction of a micro-dollar is refused."""
    for rate in ("0", "0.5", "'free'"):
        book = tmp_path / "book.yaml"
        book.write_text(PRICE_BOOK.read_text().replace("input: 2000000", f"input: {rate}"))

        with pytest.raises(ReleaseInvalid, match=r"rates\.input"):
            load_price("claude-sonnet-5-5", book)
