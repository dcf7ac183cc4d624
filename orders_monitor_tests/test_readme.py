"""The README is executed and compared: its commands run, its tables are what the code says, its links lead on."""

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import pytest
import yaml
from click.testing import CliRunner

from orders_monitor.cli.main import commands as typed
from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline import keys
from orders_monitor_tests.small_shop import DAY, csv_of, declared, open_shop, rows_of

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
REFERENCE = (ROOT / "docs" / "reference.md").read_text()
LINES_MAX = 170


def commands() -> list[str]:
    """Every line of every console block."""
    blocks = re.findall(r"^```console\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


def rows_under(heading: str, text: str = README) -> dict[str, list[str]]:
    """The rows of the table whose header row begins with this cell: first cell to the other cells."""
    lines = text.splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    rows: dict[str, list[str]] = {}
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        rows[name.strip("`")] = cells
    return rows


def quoted(cell: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", cell))


def without_settings() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if not k.startswith(("ORDERS_MONITOR_", "DAGSTER_"))}


OURS = ".venv/bin/orders-monitor "


# `dagster asset materialize` loads all that these do, and the snapshot of the graph lists it.
SLOW = ("asset materialize", "dg check", "dg list", "dagster definitions validate")


def marked(command: str) -> object:
    """The command; slow where it takes seconds to say what another one says."""
    return pytest.param(command, marks=pytest.mark.slow) if any(part in command for part in SLOW) else command


@pytest.mark.parametrize("command", [marked(c) for c in commands() if not c.startswith(("make ", OURS))])
def test_every_command_runs(command, tmp_path):
    """Each command of the README, typed in the repository's root, ends well on an empty home."""
    here = command.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    environment = {**without_settings(), "ORDERS_MONITOR_HOME": str(tmp_path)}
    ran = subprocess.run(here.split(), cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert 0 == ran.returncode, ran.stdout + ran.stderr
    assert "PreviewWarning" not in ran.stdout + ran.stderr


@pytest.mark.parametrize("command", [c for c in commands() if c.startswith(OURS)])
def test_every_command_of_ours_runs(command, tmp_path, monkeypatch):
    """Each `orders-monitor` command of the README ends well on an empty home."""
    monkeypatch.setenv("ORDERS_MONITOR_HOME", str(tmp_path))
    ran = CliRunner().invoke(typed, shlex.split(command.removeprefix(OURS)))

    assert (0, "") == (ran.exit_code, ran.stderr)


EXAMPLES = [line.strip() for line in README.splitlines() if line.startswith("    .venv/bin/")]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_understood(example, tmp_path, monkeypatch):
    """The examples are commands as they are typed: on an empty home only the partition that they name is refused."""
    monkeypatch.setenv("ORDERS_MONITOR_HOME", str(tmp_path))
    program, *words = shlex.split(example)
    answered = CliRunner().invoke(typed, words)

    assert (".venv/bin/orders-monitor", 3 if "2026-" in example else 0) == (program, answered.exit_code)
    assert "2026-" not in example or re.match(r"refused: .*2026-11-08", answered.stderr)


@pytest.mark.parametrize("example", [line.strip() for line in README.splitlines() if line.startswith("    source: ")])
def test_every_example_of_a_source_is_a_declaration(example, tmp_path):
    """The sources that the README shows can be declared as they are written there."""
    attributes = declared(tmp_path).model_dump(mode="json") | yaml.safe_load(example)

    assert yaml.safe_load(example)["source"]["kind"] == MonitoredTable.model_validate(attributes).source.kind


DETECTORS = (ROOT / "docs" / "detectors.md").read_text()


def test_every_example_about_detectors_is_a_declaration(tmp_path):
    """The controls and the calendar that the page shows can be declared as they are written there."""
    indented = [line for line in DETECTORS.splitlines() if re.match(r" {4,}(controls|calendar|- \{)", line)]
    examples = yaml.safe_load("\n".join(line.removeprefix("    ") for line in indented))
    declared_ = declared(tmp_path).model_dump(mode="json") | examples
    columns = [{"name": name, "type": "DECIMAL(12,2)"} for name in ("amount",)]
    columns += [{"name": name, "type": "VARCHAR"} for name in ("currency", "customer_id")]
    table = MonitoredTable.model_validate(declared_ | {"contract": {"columns": columns}, "expectations": []})

    assert ["rows", "sum_amount_by_currency", "distinct_customer_id"] == [control.name for control in table.controls]
    assert "2026-12-27" == str(table.calendar.open[0])


@pytest.mark.parametrize("example", [line.strip() for line in DETECTORS.splitlines() if "bin/orders-monitor" in line])
def test_every_command_about_detectors_is_understood(example, tmp_path, monkeypatch):
    """They are commands as they are typed: on an empty home there is too little history, and that is all."""
    monkeypatch.setenv("ORDERS_MONITOR_HOME", str(tmp_path))
    answered = CliRunner().invoke(typed, shlex.split(example)[1:])

    assert (0 if "list" in example else 3) == answered.exit_code


@pytest.mark.parametrize("target", ["run", "run-once", "setup", "test", "bench"])
def test_every_make_target_exists(target):
    """The targets that the README names are there, and make knows what it would do for them."""
    planned = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)

    assert 0 == planned.returncode, planned.stderr
    assert f"make {target}" in README


def test_the_settings_are_those_that_are_read():
    """The table of settings names the variables that settings.py reads, and the one key beside them."""
    tree = ast.parse((ROOT / "orders_monitor" / "settings.py").read_text())
    said = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    read = {text for text in said if re.fullmatch(r"(ORDERS_MONITOR|ANTHROPIC)_[A-Z_]+", text)}

    assert read - {"ANTHROPIC_API_KEY"} == set(rows_under("setting", REFERENCE))
    assert "`ANTHROPIC_API_KEY`" in REFERENCE


@pytest.mark.slow
def test_the_assets_are_those_of_the_graph(tmp_path):
    """The table of assets is the code location's assets, in the order of a partition's way."""
    script = ROOT / "orders_monitor_tests" / "code_location.py"
    environment = {**without_settings(), "ORDERS_MONITOR_HOME": str(tmp_path)}
    printed = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=True)
    lines = json.loads(printed.stdout)["assets"]
    ours = {line.partition(" <- ")[0] for line in lines if line.endswith(", ours)")}
    in_order = [*(f"orders_daily/{stage}" for stage in keys.STAGES), "orders_daily"]

    assert ours == set(in_order)
    assert in_order == list(rows_under("asset"))


@pytest.fixture
def emitted(tmp_path, monkeypatch) -> Mapping[str, set[str]]:
    """The metadata keys that one night and its publication really emit, by asset or check."""
    monkeypatch.setenv("ORDERS_MONITOR_HOME", str(tmp_path))
    monkeypatch.delenv("ORDERS_MONITOR_DATABASE_URL", raising=False)
    with dg.DagsterInstance.ephemeral() as instance:
        shop = open_shop(tmp_path, instance)
        shop.arrives(DAY, csv_of(rows_of(DAY)))
        results = [shop.night(DAY), shop.publication(DAY)]
    found: dict[str, set[str]] = {}
    for result in results:
        for event in result.get_asset_materialization_events():
            name = event.asset_key.path[-1].replace("small_shop", "orders_daily")
            found.setdefault(name, set()).update(event.materialization.metadata)
        for evaluation in result.get_asset_check_evaluations():
            found.setdefault(evaluation.check_name, set()).update(evaluation.metadata)
    return found


def test_the_metadata_keys_are_those_that_a_run_emits(emitted):
    """The table of metadata keys is what a night and its publication really emit, for each asset and check."""
    listed = {name: quoted(" ".join(cells)) for name, cells in rows_under("asset or check", REFERENCE).items()}
    of_expectations = [found for name, found in emitted.items() if name.startswith("order_id")]
    seen = {name: found for name, found in emitted.items() if name in listed}
    # A held partition has no candidate, and says so under this key instead of the others.
    seen["candidate"] |= {"status"}

    assert {**seen, "an expectation": of_expectations[0]} == listed
    assert all(found == of_expectations[0] for found in of_expectations)


def test_the_links_lead_to_files():
    """Every relative link, and every file that is named, is there."""
    links = [link for link in re.findall(r"\]\(([^)]+)\)", README + REFERENCE) if not link.startswith("http")]
    named = re.findall(r"`((?:adapters|pipeline|core|agent)/[\w/]+\.py)`", README)

    assert [] == [link for link in links if not (ROOT / link).exists()]
    assert [] == [name for name in named if not (ROOT / "orders_monitor" / name).exists()]


def test_the_readme_is_short_and_names_no_other_machine():
    """It is read in one sitting, and names no host but this one and no folder of somebody's machine."""
    hosts = set(re.findall(r"https?://([^/\s)>`:]+)", README + REFERENCE))

    assert LINES_MAX >= len(README.splitlines())
    assert {"127.0.0.1"} == hosts
    assert [] == re.findall(r"(?<![\w.])/(?:home|work|root|Users|tmp|mnt)/", README)
