"""What an operator types about what readers see (history, restore, verify, vacuum), what they read, the exit codes."""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest
import yaml
from click.testing import CliRunner, Result

from orders_monitor.cli.main import commands
from orders_monitor_tests.restorable import published_twice
from orders_monitor_tests.small_shop import DAY, Shop, open_shop


@dataclass(frozen=True)
class Terminal:
    """A terminal on a shop whose day was published twice: versions 1 (40 rows) and 2 (42 rows)."""

    shop: Shop
    declaration: Path

    def types(self, *words: str) -> Result:
        """A command."""
        return CliRunner().invoke(commands, ["--declaration", str(self.declaration), *words])


@pytest.fixture(scope="module")
def _home(tmp_path_factory):
    home = tmp_path_factory.mktemp("twice") / "home"
    with pytest.MonkeyPatch.context() as environment, dg.DagsterInstance.ephemeral() as instance:
        environment.setenv("ORDERS_MONITOR_HOME", str(home))
        environment.delenv("ORDERS_MONITOR_DATABASE_URL", raising=False)
        published_twice(open_shop(home, instance))
    return home


@pytest.fixture
def terminal(_home, tmp_path, monkeypatch, request):
    """The terminal, in a copy of its own; the parameter replaces attributes of the declaration."""
    shutil.copytree(_home, tmp_path / "home")
    monkeypatch.setenv("ORDERS_MONITOR_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ORDERS_MONITOR_DATABASE_URL", raising=False)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    with dg.DagsterInstance.ephemeral() as instance:
        shop = open_shop(tmp_path / "home", instance, **getattr(request, "param", {}))
        declaration = tmp_path / "shop.yaml"
        declaration.write_text(yaml.safe_dump({"attributes": shop.table.model_dump(mode="json")}))
        yield Terminal(shop, declaration)


def plain(text: str) -> list[str]:
    """The lines without what differs from run to run."""
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "RUN", text)
    return re.sub(r"\b[0-9a-f]{12}\b", "DIGEST", text).splitlines()


def test_a_restore_is_published_at_once_and_told(terminal):
    """In the development environment one person's word is enough: a command, and readers see the rows of then."""
    restored = terminal.types("restore", DAY, "--to", "1", "--reviewer", "ada", "--note", "42 was wrong")
    told = json.loads(terminal.types("history", DAY, "--json").stdout)
    one, two = "version 1 (publication 1) with 40 rows", "version 2 (publication 2) with 42 rows"

    assert [
        f"small_shop {DAY}: {one} in place of {two}; digest DIGEST",
        f"small_shop {DAY}: published as version 3",
    ] == plain(restored.stdout)
    assert (0, 3, 40) == (restored.exit_code, told["readers_see"]["number"], told["readers_see"]["rows"])
    assert ["landed", "planned", "asked", "approved", "published"] * 3 == [m["what"] for m in told["moments"]]
    assert ["ada", "42 was wrong", "true"] == [told["moments"][-2]["about"][k] for k in ("reviewer", "note", "trusted")]


@pytest.mark.slow
@pytest.mark.parametrize(
    "terminal", [{"policy": {"routes": {"restore_version": "two_humans"}}}], indirect=True, ids=["two people"]
)
def test_where_two_people_are_needed_it_says_what_to_type(terminal):
    """One approval is recorded, and the other person reads their command; the second approval publishes."""
    first = terminal.types("restore", DAY, "--to", "1", "--reviewer", "ada")
    again = terminal.types("restore", DAY, "--to", "1", "--reviewer", "grace")

    assert 0 == first.exit_code, first.output
    assert plain(first.stdout)[1] == f"small_shop {DAY}: approved by ada, waits for a second person on DIGEST"
    assert "2 people must approve it (restore_version: two_humans;" in first.stdout
    assert f"review approve {DAY} --digest" in first.stdout
    assert (0, f"small_shop {DAY}: published as version 3") == (again.exit_code, again.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("restore", DAY, "--to", "2"), 0, "readers see these bytes already, as version 2 (publication 2)"),
        (("restore", DAY, "--to", "9"), 3, "not restored: there is no version 9; the newest is 2"),
        (("restore", DAY, "--to", "0"), 3, "a restore gives bytes back, and takes no partition away"),
        (("restore", "2025-01-01", "--to", "1"), 3, "no such partition; there are 2026-03-01 to "),
        (("restore", DAY, "--to", "x"), 2, "'x' is not a valid integer"),
        (("restore", DAY), 2, "Missing option '--to'"),
        (("history", "yesterday"), 3, "no such partition"),
        (("vacuum", "--keep-days", "0"), 2, "0 is not in the range 1<=x<=36500"),
        (("vacuum", "--keep-days", "3000000"), 2, "3000000 is not in the range 1<=x<=36500"),
        (("vacuum", "--dry-run"), 0, "0 files and 0 scratch folders would be removed, 0 bytes; 4 files are kept"),
        (("verify",), 0, "lake, log and journal agree"),
    ],
)
def test_what_is_typed_ends_in_a_sentence_and_a_code(terminal, words, code, said):
    """Nothing to do, nothing such, and wrong words are told apart by the exit code, each in one sentence."""
    answer = terminal.types(*words)

    assert (code, True) == (answer.exit_code, said in answer.output), answer.output


@pytest.mark.slow
def test_what_differs_is_said_with_its_command_and_ends_in_one(terminal):
    """A published file that somebody changed: the difference, what mends it, and exit code 1, as text and as JSON."""
    with terminal.shop.desk() as desk:
        file = desk.lake.path(desk.case(DAY).published.path)
    file.chmod(0o644)
    file.write_bytes(b"something else")
    told, as_json = terminal.types("verify", DAY), terminal.types("verify", DAY, "--json")

    assert (1, 1) == (told.exit_code, as_json.exit_code)
    assert f"mend: rm {file}; orders-monitor --table small_shop run --partition {DAY} --again" in told.stdout
    assert [DAY] == [each["partition"] for each in json.loads(as_json.stdout)["differences"]]
