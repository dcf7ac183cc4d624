"""The guard and the PostgreSQL fixture do what the other tests rely on."""

import socket
import subprocess
import sys

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool


@pytest.mark.parametrize("host", ["192.0.2.1", "example.com", "2001:db8::1"])
def test_no_test_leaves_this_machine(host):
    """A connection to another machine is refused by a sentence that names it, before a packet leaves."""
    with pytest.raises(RuntimeError, match=f"a test may not reach {host}: only loopback and unix sockets are open"):
        socket.create_connection((host, 80), timeout=1)


def test_loopback_stays_open():
    """A server on loopback answers, in this process and in a child process."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        socket.create_connection((host, port), timeout=5).close()
        child = f"import socket; socket.create_connection(({host!r}, {port}), timeout=5).close()"
        done = subprocess.run([sys.executable, "-c", child], check=False)

    assert 0 == done.returncode


def test_postgres_is_real_and_empty(postgres_url):
    """Every test gets an empty database of a real server."""
    engine = create_engine(make_url(postgres_url).set(drivername="postgresql+psycopg2"), poolclass=NullPool)
    with engine.connect() as connection:
        answer = connection.execute(
            text("select count(*), left(version(), 10) from information_schema.tables where table_schema = 'public'")
        ).one()

    assert (0, "PostgreSQL") == tuple(answer)
