"""The shape of the house: what may import what, what loading costs, and what the code location is made of."""

import ast
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "orders_monitor"
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")
HEAVY = ("great_expectations", "anthropic", "pandas", "deltalake", "httpx2", "sqlglot", "opentelemetry.sdk")
LINES_MAX = 350
SHOWN = Path(__file__).with_name("code_location.py")

# Each contract with breaks that it alone must catch: the module that is made to import, and what it imports.
BREAKS = {
    "The arrows: definitions -> component -> pipeline -> adapters -> agent -> core": [
        ("core/plan.py", "orders_monitor.agent.loop"),
        ("agent/tools.py", "orders_monitor.adapters.stand_in.diagnosis"),
        ("adapters/releases.py", "orders_monitor.pipeline.charts"),
        ("pipeline/charts.py", "orders_monitor.component"),
        ("component.py", "orders_monitor.cli.main"),
    ],
    "Adapters do not know each other": [
        ("adapters/lake.py", "orders_monitor.adapters.engine.engine"),
        ("adapters/sources/files.py", "orders_monitor.adapters.journal.journal"),
    ],
    "Only the pipeline, what is above it and nobody else speaks Dagster": [
        ("adapters/lake.py", "dagster"),
        ("settings.py", "dagster"),
        ("core/table.py", "dagster_postgres"),
    ],
    "Core and agent speak to nobody outside": [
        ("agent/loop.py", "anthropic"),
        ("core/quality.py", "duckdb"),
        ("agent/prompts.py", "orders_monitor.settings"),
    ],
    "Core has no clock, no randomness, no socket, no environment": [
        ("core/anomaly/tolerances.py", "time"),
        ("core/policy.py", "os"),
        ("core/plan.py", "uuid"),
    ],
    "The face touches foreign libraries through adapters only": [
        ("pipeline/quality.py", "great_expectations"),
        ("cli/review.py", "duckdb"),
        ("component.py", "pandas"),
    ],
    "The review page asks the pipeline, like every other door": [("page/inbox.py", "orders_monitor.adapters.lake")],
    "Only the review page is a web server of people's": [("pipeline/deciding.py", "starlette")],
    "Nobody but its command loads the review page": [("definitions.py", "orders_monitor.page.app")],
    "One door to the published table": [
        ("pipeline/candidate.py", "orders_monitor.adapters.delta.publisher"),
        ("cli/main.py", "orders_monitor.adapters.delta.schema"),
        ("pipeline/verifying.py", "orders_monitor.adapters.delta.publisher"),
    ],
    "Few look into the published table's log": [("pipeline/publish.py", "orders_monitor.adapters.delta.log")],
}


# The one that is broken in every run of the suite: a second way to write the published table.
DOOR = ("pipeline/candidate.py", "orders_monitor.adapters.delta.publisher")


def lint(folder: Path) -> list[str]:
    """The contracts that import-linter finds broken in a folder, by name."""
    found = subprocess.run(
        [LINT_IMPORTS, "--no-logo", "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    )
    lines = found.stdout.splitlines()
    assert any(line.startswith("Contracts: ") for line in lines), found.stdout + found.stderr
    return [line.removesuffix(" BROKEN") for line in lines if line.endswith(" BROKEN")]


def broken_by(folder: Path, module: str, imported: str) -> list[str]:
    """The contracts broken in a copy of the package in which that module imports that name as well."""
    shutil.copytree(PACKAGE, folder / "orders_monitor", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    with (folder / "orders_monitor" / module).open("a") as text:
        text.write(f"\n\ndef _broken_on_purpose() -> None:\n    import {imported}\n")
    return lint(folder)


def declared_contracts() -> list[str]:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return [contract["name"] for contract in configuration["tool"]["importlinter"]["contracts"]]


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def in_a_fresh_process(*arguments: str, home: Path, project: Path = ROOT) -> str:
    """What a new interpreter prints that runs on this home and this copy of the project."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ORDERS_MONITOR_", "DAGSTER_"))}
    ran = subprocess.run(
        [sys.executable, *arguments],
        cwd=project,
        env={**kept, "ORDERS_MONITOR_HOME": str(home), "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == ran.returncode, ran.stderr
    return ran.stdout


def test_the_contracts_hold():
    """No arrow points back, and there is one door to the published table."""
    assert [] == lint(ROOT)


def test_every_contract_has_a_break():
    """No contract is declared of which it is not tried that it catches something."""
    assert declared_contracts() == list(BREAKS)


@pytest.mark.parametrize(
    ("contract", "module", "imported"),
    [
        pytest.param(contract, module, imported, marks=() if (module, imported) == DOOR else pytest.mark.slow)
        for contract, pairs in BREAKS.items()
        for module, imported in pairs
    ],
)
def test_a_contract_catches_a_break(tmp_path, contract, module, imported):
    """A contract is broken on purpose, in a copy, and exactly that contract is named."""
    assert [contract] == broken_by(tmp_path, module, imported)


def test_every_adapter_is_in_a_contract():
    """A new adapter is named where adapters are kept apart, or is a part of one that is."""
    parts = {"price_book", "quoting", "releases", "reviewers", "strict_yaml"}
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text())
    apart = next(c for c in configuration["tool"]["importlinter"]["contracts"] if c["type"] == "independence")
    adapters = {path.stem for path in (PACKAGE / "adapters").iterdir() if not path.name.startswith("_")}

    assert adapters - parts == {name.rpartition(".")[2] for name in apart["modules"]}


def test_loading_the_code_location_is_light_and_writes_nothing(tmp_path):
    """Loading every definition, as each Dagster process does, imports no heavy library, and makes no file or folder."""
    code = (
        "import sys, warnings; warnings.simplefilter('error', __import__('dagster').PreviewWarning); "
        "from orders_monitor.definitions import defs; defs().get_repository_def(); "
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )

    assert "[]\n" == in_a_fresh_process("-c", code, home=tmp_path / "home")
    assert [] == list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_second_table_is_a_folder(tmp_path):
    """A second `defs.yaml` is a second monitor: its own assets, jobs, checks and sensors, and none of the first's."""
    for name in ("orders_monitor", "prompts"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    declaration = yaml.safe_load((PACKAGE / "defs" / "orders_daily" / "defs.yaml").read_text())
    declaration["attributes"]["name"] = "second_table"
    second = tmp_path / "orders_monitor" / "defs" / "second_table"
    second.mkdir()
    (second / "defs.yaml").write_text(yaml.safe_dump(declaration))
    seen = json.loads(in_a_fresh_process(str(SHOWN), home=tmp_path / "home", project=tmp_path))
    first = {key: [line for line in lines if "second_table" not in line] for key, lines in seen.items()}
    other = {key: [line for line in lines if "second_table" in line] for key, lines in seen.items()}

    assert CODE_LOCATION == first
    assert json.loads(json.dumps(first).replace("orders_daily", "second_table")) == other


CODE_LOCATION = {
    "assets": [
        "orders_daily <- orders_daily/candidate (daily UTC, ours)",
        "orders_daily/candidate <- orders_daily/plan (daily UTC, ours)",
        "orders_daily/investigation <- orders_daily/quality (daily UTC, ours)",
        "orders_daily/landed <- orders_daily/source (daily UTC, ours)",
        "orders_daily/plan <- orders_daily/investigation (daily UTC, ours)",
        "orders_daily/profile <- orders_daily/landed (daily UTC, ours)",
        "orders_daily/quality <- orders_daily/profile (daily UTC, ours)",
        "orders_daily/source <- nothing (one for all partitions, somebody else's)",
    ],
    "checks": [
        "orders_daily/candidate: amount_be_between (shows, daily UTC)",
        "orders_daily/candidate: amount_not_be_null (shows, daily UTC)",
        "orders_daily/candidate: channel_be_in_set (shows, daily UTC)",
        "orders_daily/candidate: created_at_not_be_null (shows, daily UTC)",
        "orders_daily/candidate: currency_be_in_set (shows, daily UTC)",
        "orders_daily/candidate: currency_not_be_null (shows, daily UTC)",
        "orders_daily/candidate: customer_email_match_regex (shows, daily UTC)",
        "orders_daily/candidate: customer_email_not_be_null (shows, daily UTC)",
        "orders_daily/candidate: customer_id_not_be_null (shows, daily UTC)",
        "orders_daily/candidate: customer_note_value_lengths_to_be_between (shows, daily UTC)",
        "orders_daily/candidate: discount_be_between (shows, daily UTC)",
        "orders_daily/candidate: discount_not_be_null (shows, daily UTC)",
        "orders_daily/candidate: human_review (blocks, daily UTC)",
        "orders_daily/candidate: line_number_not_be_null (shows, daily UTC)",
        "orders_daily/candidate: order_id_not_be_null (shows, daily UTC)",
        "orders_daily/candidate: order_line_is_unique (shows, daily UTC)",
        "orders_daily/candidate: quality_gate (blocks, daily UTC)",
        "orders_daily/candidate: quantity_be_between (shows, daily UTC)",
        "orders_daily/candidate: quantity_not_be_null (shows, daily UTC)",
        "orders_daily/candidate: status_be_in_set (shows, daily UTC)",
        "orders_daily/candidate: status_not_be_null (shows, daily UTC)",
        "orders_daily/candidate: table_row_count_to_be_between (shows, daily UTC)",
        "orders_daily/candidate: unit_price_not_be_null (shows, daily UTC)",
        "orders_daily/investigation: budget (shows, daily UTC)",
        "orders_daily/source: messages_delivered (shows, one for all partitions)",
        "orders_daily/source: schema_drift (shows, one for all partitions)",
    ],
    "jobs": [
        (
            "orders_daily_nightly: orders_daily__candidate, orders_daily__checks, orders_daily__investigation, "
            "orders_daily__landed, orders_daily__plan, orders_daily__profile, orders_daily__quality"
        ),
        "orders_daily_publish: orders_daily, orders_daily__checks",
        "orders_daily_review: orders_daily_decide",
    ],
    "schedules": [
        "orders_daily_nightly_schedule -> orders_daily_nightly at 0 2 * * * UTC, RUNNING",
    ],
    "sensors": [
        "orders_daily_decisions -> orders_daily_publish every 10 s, RUNNING",
        "orders_daily_expiry -> no run every 60 s, RUNNING",
        "orders_daily_late_data -> orders_daily_nightly every 60 s, RUNNING",
        "orders_daily_messages -> no run every 30 s, RUNNING",
        "orders_daily_schema_drift -> orders_daily_nightly every 60 s, RUNNING",
    ],
}


def test_the_code_location_is_what_it_was(tmp_path):
    """No asset, dependency, check, job, schedule or sensor changes by accident."""
    assert CODE_LOCATION == json.loads(in_a_fresh_process(str(SHOWN), home=tmp_path))


def test_no_room_for_leftovers():
    """Every module has a noun of its own."""
    leftovers = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "base"}

    assert [] == [path for path in modules() if leftovers & {path.stem, path.parent.name}]


def test_no_module_is_longer_than_can_be_read():
    """A module is read in one sitting."""
    long = {str(p.relative_to(ROOT)): n for p in modules() if (n := len(p.read_text().splitlines())) > LINES_MAX}

    assert {} == long


def test_packages_say_nothing():
    """Every `__init__.py` is empty: what a module has is imported from that module."""
    assert [] == [path for path in PACKAGE.rglob("__init__.py") if path.read_text().strip()]


def test_nothing_is_left_for_later():
    """There is no TODO, and nobody catches every exception."""
    said = {
        f"{path.name}: {word}"
        for path in modules()
        for word in ("TODO", "FIXME", "except Exception", "except:")
        if word in path.read_text()
    }

    assert set() == said


def test_only_settings_reads_the_environment():
    """No other module asks for an environment variable."""
    readers = {path.name for path in modules() if "environ" in path.read_text() and _reads_environment(path)}

    assert {"settings.py"} == readers


def test_every_test_says_what_holds():
    """Each test has one sentence of its own that says what is true."""
    silent = [
        f"{path.name}: {node.name}"
        for path in (ROOT / "orders_monitor_tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and not ast.get_docstring(node)
    ]

    assert [] == silent


def _reads_environment(path: Path) -> bool:
    return any(
        (isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv"))
        for node in ast.walk(ast.parse(path.read_text()))
    )
