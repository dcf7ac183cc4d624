"""The component: one YAML is one monitored table, read the same by Dagster, by the command line and by an editor."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

from orders_monitor.component import Attributes, TableMonitor, read_declaration, read_table
from orders_monitor.core.errors import DeclarationInvalid
from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline.monitor import build_table_monitor
from orders_monitor.pipeline.resources import Stores
from orders_monitor_tests.small_shop import declared

ROOT = Path(__file__).resolve().parents[1]
DECLARED = sorted((ROOT / "orders_monitor" / "defs").glob("*/defs.yaml"))


@pytest.mark.parametrize("path", DECLARED, ids=lambda path: path.parent.name)
def test_every_declared_table_is_in_a_folder_of_its_name(path):
    """Each folder under `defs/` declares the table that it is named for, through this component."""
    table = read_declaration(path)

    assert path.parent.name == table.name
    assert "orders_monitor.component.TableMonitor" == yaml.safe_load(path.read_text())["type"]


def test_a_declaration_comes_back_as_it_was_written(tmp_path):
    """Writing a table as YAML and reading it again is the same table: nothing is lost or guessed."""
    table = declared(tmp_path)
    path = tmp_path / "defs.yaml"
    path.write_text(yaml.safe_dump({"attributes": table.model_dump(mode="json")}))

    assert table == read_declaration(path)


def test_the_component_builds_what_the_factory_builds(tmp_path):
    """The component adds nothing of its own: its definitions are those of the factory."""
    table = declared(tmp_path)
    built = TableMonitor(table).build_defs(None)  # type: ignore[arg-type]  # the context is not looked at

    assert _named(build_table_monitor(table)) == _named(built)


def test_an_editor_is_shown_what_is_read():
    """The JSON schema of the component is the one of the monitored table, field by field."""
    shown, read = Attributes.model_json_schema(), MonitoredTable.model_json_schema()

    assert TableMonitor.get_model_cls() is Attributes
    assert read["properties"] == shown["properties"]
    assert read["required"] == shown["required"]


@pytest.mark.slow
def test_a_mistake_says_the_same_sentence_everywhere(tmp_path):
    """Dagster's own validation and the command line name file, line and field of a mistake with the same words."""
    for name in ("orders_monitor", "prompts"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "workspace.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    path = tmp_path / "orders_monitor" / "defs" / "orders_daily" / "defs.yaml"
    path.write_text(path.read_text().replace("team: data-platform", "team: [data-platform]"))
    line = next(n for n, text in enumerate(path.read_text().splitlines(), start=1) if "team: [" in text)
    sentence = f"orders_monitor/defs/orders_daily/defs.yaml:{line}: owners.team: Input should be a valid string"

    assert sentence in _output(tmp_path, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml")
    assert f"{sentence}\n" == _output(tmp_path, "-m", "orders_monitor.cli.main", "status")


def test_a_name_is_not_a_path(tmp_path):
    """A table cannot be called what would lead out of its folder in the lake, or into Dagster's syntax."""
    body = declared(tmp_path).model_dump(mode="json")
    for name in ("../orders", "orders/daily", "Orders", "orders daily", "orders'; drop table x", "", "a" * 64):
        with pytest.raises(DeclarationInvalid, match=r"^x\.yaml: name: "):
            read_table(body | {"name": name}, path=Path("x.yaml"))


def _named(monitor):
    """Keys and names of everything in a monitor."""
    definitions = dg.Definitions.merge(monitor, dg.Definitions(resources={"stores": Stores()}))
    graph = definitions.resolve_asset_graph()
    return (
        sorted(key.to_user_string() for key in graph.get_all_asset_keys()),
        sorted(str(key) for key in graph.asset_check_keys),
        sorted(job.name for job in definitions.jobs),
        sorted(sensor.name for sensor in definitions.sensors),
        sorted(schedule.name for schedule in definitions.schedules),
    )


def _output(project: Path, *arguments: str) -> str:
    """What a command says in that copy of the project, which ends badly."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ORDERS_MONITOR_", "DAGSTER_"))}
    environment = {**kept, "ORDERS_MONITOR_HOME": str(project / "home"), "PYTHONPATH": str(project)}
    ran = subprocess.run(
        [sys.executable, *arguments], cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert 1 == ran.returncode, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr
