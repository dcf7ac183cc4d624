"""The small shop, for tests that work at its desk without Dagster's runs: an attack does not wait for a run."""

import dagster as dg
import pytest

from orders_monitor_tests.small_shop import Shop, open_shop


@pytest.fixture
def shop(tmp_path, monkeypatch) -> Shop:
    """A small shop with stores of its own and an empty instance."""
    monkeypatch.setenv("ORDERS_MONITOR_HOME", str(tmp_path))
    monkeypatch.delenv("ORDERS_MONITOR_DATABASE_URL", raising=False)
    with dg.DagsterInstance.ephemeral() as instance:
        yield open_shop(tmp_path, instance)
