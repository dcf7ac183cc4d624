"""The review page behind a socket: one process, threads for its requests, no state of its own."""

import logging
import secrets
import socket
from collections.abc import Iterable
from datetime import UTC, datetime

import uvicorn

from orders_monitor.core.review import Gate
from orders_monitor.core.table import MonitoredTable
from orders_monitor.page.app import review_app
from orders_monitor.page.room import Room
from orders_monitor.pipeline.instance import open_instance
from orders_monitor.pipeline.resources import open_desk
from orders_monitor.pipeline.showing import show
from orders_monitor.settings import Settings

BACKLOG = 64
KEEP_ALIVE_S = 5


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes any free one. Raises OSError where the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)


def serve(tables: Iterable[MonitoredTable], settings: Settings, at: socket.socket) -> None:
    """Serve the page on that socket until a signal ends it. The log goes to standard error, without any value."""
    room = Room(
        tables={table.name: table for table in tables},
        settings=settings,
        now=lambda: datetime.now(UTC),
        desk=lambda table: open_desk(table, run_id="page", settings=settings),
        told=lambda table, gate: _told(table, gate, settings),
        secret=secrets.token_bytes(32),
    )
    _log_to_standard_error()
    config = uvicorn.Config(
        review_app(room),
        access_log=False,  # it has the query of every address; the guard's has not
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        ws="none",
        lifespan="off",
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    uvicorn.Server(config).run(sockets=[at])


def _log_to_standard_error() -> None:
    """One line a request: time, method, place, status and milliseconds."""
    lines = logging.StreamHandler()
    lines.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log = logging.getLogger("orders_monitor.page")
    log.setLevel(logging.INFO)
    log.addHandler(lines)


def _told(table: MonitoredTable, gate: Gate, settings: Settings) -> None:
    """Show the answer on the candidate's check in Dagster's UI."""
    with open_instance() as instance:
        show(instance, gate, table, settings.ui_url)
