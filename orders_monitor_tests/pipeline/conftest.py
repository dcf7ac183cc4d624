"""The small shop for the tests of the pipeline."""

import shutil

import dagster as dg
import pytest

from orders_monitor_tests.restorable import published_twice
from orders_monitor_tests.small_shop import Shop, open_shop


@pytest.fixture
def shop(tmp_path, monkeypatch) -> Shop:
    """A small shop with stores of its own and an empty instance."""
    monkeypatch.setenv("ORDERS_MONITOR_HOME", str(tmp_path))
    monkeypatch.delenv("ORDERS_MONITOR_DATABASE_URL", raising=False)
    with dg.DagsterInstance.ephemeral() as instance:
        yield open_shop(tmp_path, instance)


@pytest.fixture(scope="module")
def _home(tmp_path_factory):
    """A home in which the day was published twice: made once, copied for each test."""
    home = tmp_path_factory.mktemp("twice") / "home"
    with pytest.MonkeyPatch.context() as environment, dg.DagsterInstance.ephemeral() as instance:
        environment.setenv("ORDERS_MONITOR_HOME", str(home))
        environment.delenv("ORDERS_MONITOR_DATABASE_URL", raising=False)
        publications = published_twice(open_shop(home, instance))
    return home, publications


@pytest.fixture
def twice(_home, tmp_path, monkeypatch):
    """The shop, and the two publications of its day: versions 1 and 2."""
    home, publications = _home
    shutil.copytree(home, tmp_path / "home")
    monkeypatch.setenv("ORDERS_MONITOR_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ORDERS_MONITOR_DATABASE_URL", raising=False)
    with dg.DagsterInstance.ephemeral() as instance:
        yield open_shop(tmp_path / "home", instance), *publications
