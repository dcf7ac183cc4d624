"""One dagster.yaml for both modes: commands keep their history with nothing set, on SQLite and on PostgreSQL."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

from orders_monitor.core.errors import StoreUnavailable
from orders_monitor.pipeline.instance import dagster_home, open_instance
from orders_monitor.settings import PROJECT_ROOT, read_settings

DEFINITIONS = '''
import dagster as dg


@dg.asset
def heartbeat() -> None:
    """An asset of nobody's."""
    print("said by the step")


defs = dg.Definitions([heartbeat], executor=dg.in_process_executor)
'''


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A folder with our dagster.yaml and a code location of its own, and an environment that says only the home."""
    for name in [name for name in os.environ if name.startswith(("DAGSTER_", "ORDERS_MONITOR_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ORDERS_MONITOR_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(PROJECT_ROOT))
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "throwaway.py").write_text(DEFINITIONS)
    shutil.copy(PROJECT_ROOT / "dagster.yaml", folder)
    return folder


def materialize(project: Path) -> None:
    command = [Path(sys.executable).with_name("dagster"), "asset", "materialize"]
    done = subprocess.run(
        [*command, "--python-file", "throwaway.py", "--select", "heartbeat"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


def materializations() -> int:
    with open_instance() as instance:
        return len(instance.fetch_materializations(dg.AssetKey("heartbeat"), limit=10).records)


@pytest.mark.slow
def test_commands_keep_their_history_on_sqlite(project):
    """Two commands with nothing set but the home are two materializations, and nothing is left outside the home."""
    materialize(project)
    materialize(project)

    said = (project.parent / "home" / "dagster" / "storage").glob("*/compute_logs/*.out")
    assert 2 == materializations()
    assert ["said by the step\n"] * 2 == [log.read_text() for log in said]
    assert {"dagster.yaml", "throwaway.py"} == {path.name for path in project.iterdir()} - {"__pycache__"}


@pytest.mark.slow
def test_commands_keep_their_history_on_postgresql(project, postgres_url, monkeypatch):
    """With the database URL the same two commands are in PostgreSQL, and no SQLite file is made."""
    monkeypatch.setenv("ORDERS_MONITOR_DATABASE_URL", postgres_url)

    materialize(project)
    materialize(project)

    assert 2 == materializations()
    assert [] == list((project.parent / "home").rglob("*.db"))


@pytest.mark.slow
def test_another_home_is_another_history(project, monkeypatch):
    """ORDERS_MONITOR_HOME moves everything that Dagster writes."""
    with open_instance() as instance:
        instance.report_runless_asset_event(dg.AssetMaterialization("heartbeat"))
        folders = (instance.root_directory, instance.storage_directory())
    here = materializations()
    monkeypatch.setenv("ORDERS_MONITOR_HOME", str(project / "elsewhere"))

    home = project.parent / "home" / "dagster"
    assert (str(home), str(home / "storage")) == folders
    assert (1, 0) == (here, materializations())


def test_without_a_home_state_is_in_the_project(project):
    """With nothing set at all, Dagster's state is beside the journal in the git-ignored folder."""
    assert PROJECT_ROOT / ".orders_monitor" / "dagster" == dagster_home(read_settings({}))
    assert ".orders_monitor/" in (PROJECT_ROOT / ".gitignore").read_text().splitlines()


def test_dagster_home_is_honoured(project, monkeypatch):
    """Where DAGSTER_HOME is set, its dagster.yaml is the instance, as for every command of Dagster's."""
    elsewhere = project.parent / "dagster_home"
    elsewhere.mkdir()
    (elsewhere / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    monkeypatch.setenv("DAGSTER_HOME", str(elsewhere))

    with open_instance() as instance:
        assert str(elsewhere) == instance.root_directory


def test_the_instance_is_configured_as_declared(project):
    """Dagster accepts dagster.yaml, and reads from it what it is meant to say."""
    with open_instance() as instance:
        concurrency = instance.get_concurrency_config()
        assert 4 == concurrency.run_queue_config.max_concurrent_runs
        assert [
            {"key": "dagster/backfill", "limit": 3},
            {"key": "orders_monitor/partition", "value": {"applyLimitPerUniqueValue": True}, "limit": 1},
        ] == concurrency.run_queue_config.tag_concurrency_limits
        assert ("op", 1) == (
            concurrency.pool_config.pool_granularity.value,
            concurrency.pool_config.default_pool_limit,
        )
        assert (True, 1_800) == (instance.run_monitoring_enabled, instance.run_monitoring_max_runtime_seconds)
        assert (True, 2, False) == (
            instance.run_retries_enabled,
            instance.get_settings("run_retries")["max_retries"],
            instance.run_retries_retry_on_asset_or_op_failure,
        )
        assert (False, False) == (instance.telemetry_enabled, instance.nux_enabled)


@pytest.mark.slow
def test_an_unreachable_server_is_one_sentence(project, monkeypatch):
    """Dagster's storage says that the server does not answer, and not with which password it was asked."""
    monkeypatch.setenv("ORDERS_MONITOR_DATABASE_URL", "postgresql://ada:s3cret@127.0.0.1:1/orders")

    with pytest.raises(StoreUnavailable) as caught, open_instance():
        pass

    assert "Dagster's storage: the PostgreSQL server cannot be reached" == str(caught.value)


@pytest.mark.slow
def test_the_instance_is_cheap_to_import():
    """Every process of Dagster's imports the instance: it brings Dagster, settings, and nothing heavy."""
    script = (
        "import sys, orders_monitor.pipeline.instance\n"
        "rooms = {name for name in sys.modules if name.startswith('orders_monitor')}\n"
        "heavy = {'great_expectations', 'anthropic', 'pandas', 'deltalake', 'duckdb', 'dagster_postgres'}\n"
        "print(sorted(rooms), sorted(heavy & set(sys.modules)))"
    )

    printed = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )

    rooms = [
        "orders_monitor",
        "orders_monitor.core",
        "orders_monitor.core.environment",
        "orders_monitor.core.errors",
        "orders_monitor.core.times",
        "orders_monitor.pipeline",
        "orders_monitor.pipeline.instance",
        "orders_monitor.settings",
    ]
    assert f"{rooms} []\n" == printed.stdout


def test_the_workspace_is_one_location():
    """workspace.yaml loads the package's definitions as the location `orders_monitor`."""
    location = {"module_name": "orders_monitor.definitions", "location_name": "orders_monitor"}

    assert {"load_from": [{"python_module": location}]} == yaml.safe_load((PROJECT_ROOT / "workspace.yaml").read_text())
