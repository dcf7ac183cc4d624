"""`orders-monitor reviewer` and `orders-monitor policy`: who may decide, on what, and what is left."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from orders_monitor.adapters.reviewers import load_reviewers
from orders_monitor.cli.main import commands
from orders_monitor_tests.small_shop import declared


@pytest.fixture
def types(tmp_path, monkeypatch):
    """A terminal on a home and a reviewers file of its own."""
    monkeypatch.setenv("ORDERS_MONITOR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ORDERS_MONITOR_REVIEWERS", str(tmp_path / "reviewers.yaml"))
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.delenv("ORDERS_MONITOR_DATABASE_URL", raising=False)
    table = declared(
        tmp_path,
        review={"assigned": [{"reviewers": ["bob", "zoe"]}]},
        policy={"routes": {"overwrite": {"dev": "human", "prod": "two_humans"}, "rename_column": "never"}},
    )
    path = tmp_path / "shop.yaml"
    path.write_text(yaml.safe_dump({"attributes": table.model_dump(mode="json")}))
    return lambda *words: CliRunner().invoke(commands, ["--declaration", str(path), *words])


def test_add_makes_a_key_and_says_what_to_do(types, tmp_path):
    """The private half is in a file of its owner's and nowhere else; the public half is in the reviewers file."""
    added = types("reviewer", "add", "ada", "--role", "lead", "--table", "small_shop")
    kept = tmp_path / "user" / ".config" / "orders-monitor" / "ada.key"
    (ada,) = load_reviewers(tmp_path / "reviewers.yaml").reviewers

    assert (0, 0o600, ("lead",), ("small_shop",)) == (
        added.exit_code,
        kept.stat().st_mode & 0o777,
        ada.roles,
        ada.tables,
    )
    assert [
        f"ada is in {tmp_path}/reviewers.yaml: commit it in a reviewed change, it counts where that is deployed",
        f"the private key is in {kept}, for ada alone; to sign with it:",
        f"    export ORDERS_MONITOR_KEY_FILE={kept}",
    ] == added.stdout.splitlines()
    secret = kept.read_text().strip()
    assert [] == [path for path in tmp_path.rglob("*") if path.is_file() and path != kept and secret in _text(path)]
    assert secret not in added.output


def _text(path: Path) -> str:
    return path.read_bytes().decode(errors="replace")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("ada",), "refused: ada is in reviewers.yaml already"),
        (("Policy",), "refused: 'Policy' is no reviewer's name"),
        (("policy",), "refused: 'policy' is nobody's name: the system itself answers by it"),
        (("\u0430da",), "refused: '\u0430da' is no reviewer's name"),
        (("bob", "--key-out", "{home}/ada.key"), "ada.key exists, and a key is never overwritten"),
    ],
)
def test_add_refuses_and_leaves_everything_as_it_was(types, tmp_path, words, why):
    """A name that is taken, or nobody's, or a key file that is there: exit code 3, and not a byte is other."""
    types("reviewer", "add", "ada", "--key-out", str(tmp_path / "ada.key"))
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    refused = types("reviewer", "add", *(word.format(home=tmp_path) for word in words))

    assert (3, True) == (refused.exit_code, why in refused.stderr)
    assert before == {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}


def test_list_says_who_may_decide_and_who_is_missing(types, tmp_path):
    """Each person is one line; who is assigned without being in the file is named."""
    empty = types("reviewer", "list").stdout.splitlines()
    types("reviewer", "add", "bob")
    types("reviewer", "page-key", "--key-out", str(tmp_path / "page.key"))
    listed = json.loads(types("reviewer", "list", "--json").stdout)
    lines = types("reviewer", "list").stdout.splitlines()

    assert "nobody; in dev a bare name is enough" == empty[0]
    assert [f"bob  reviewer  on *  key {listed['reviewers'][0]['key'][:8]}"] == lines[:1]
    assert ["zoe is assigned in a declaration and is not in reviewers.yaml"] == lines[1:]
    assert (["zoe"], "dev", 44) == (listed["assigned_but_unknown"], listed["environment"], len(listed["page_key"]))
    assert 3 == types("reviewer", "page-key", "--key-out", str(tmp_path / "other.key")).exit_code


def test_policy_show_is_the_whole_table(types):
    """Every class in every environment: what is named, the defaults, and a person for the rest."""
    shown = json.loads(types("policy", "show", "--json").stdout)
    lines = types("policy", "show").stdout.splitlines()

    assert {
        "publish_as_is": {"dev": "automatic", "staging": "automatic", "prod": "automatic"},
        "rename_column": {"dev": "never", "staging": "never", "prod": "never"},
        "overwrite": {"dev": "human", "staging": "human", "prod": "two_humans"},
        "restore_version": {"dev": "human", "staging": "human", "prod": "human"},
    }.items() <= shown["routes"].items()
    assert {"limit": 50, "used": 0, "left": 50} == shown["allowance"]["week_fixes"]
    assert "overwrite            human       human       two_humans" in lines
    assert "allowance of shop: 50 of 50 fixes are left this week" in lines
