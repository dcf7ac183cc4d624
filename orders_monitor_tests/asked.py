"""A conversation by the real SDK, ledger and loop with any transport: what the pipeline does, without its stages."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import httpx2

from orders_monitor.adapters.claude.model import open_model
from orders_monitor.adapters.engine.conditions import condition
from orders_monitor.adapters.workbench.workbench import open_workbench
from orders_monitor.agent.briefing import Briefing
from orders_monitor.agent.loop import investigate
from orders_monitor.agent.workbench import Workbench
from orders_monitor.core.budget import RunScope
from orders_monitor.core.investigation import Investigation
from orders_monitor.core.record import AgentEvent, Alerted
from orders_monitor.core.release import Release
from orders_monitor.core.table import Budget
from orders_monitor_tests.cases import CONTRACT, release
from orders_monitor_tests.fakes import ListRecorder, MemoryLedger

# A hundred rows of the contract in `cases`.
ROWS = """select range as order_id, 'c' || range || '@example.com' as email,
    ['paid', 'shipped'][1 + range % 2] as status, (range % 30)::decimal(12, 2) as amount from range(100)"""


@dataclass(frozen=True)
class Asked:
    """How it ended, what was written down, the bytes of every request, and how long was waited."""

    investigation: Investigation
    events: tuple[AgentEvent, ...]
    requests: tuple[bytes, ...]
    waited_s: tuple[float, ...]

    @property
    def alerts(self) -> list[str]:
        """The failure modes that were seen, in order, from the record."""
        return [event.mode for event in self.events if isinstance(event, Alerted)]


class Watched(httpx2.BaseTransport):
    """Keeps every request that passes."""

    def __init__(self, transport: httpx2.BaseTransport) -> None:
        self._transport = transport
        self.requests: list[bytes] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        head = "".join(f"{name}: {value}\n" for name, value in request.headers.items())
        self.requests.append(f"{request.url}\n{head}".encode() + request.read())
        return self._transport.handle_request(request)

    def close(self) -> None:
        self._transport.close()


@contextmanager
def room(folder: Path, select: str = ROWS, history: Mapping[str, str] = MappingProxyType({})) -> Iterator[Workbench]:
    """The real locked room, with the rows that these queries make as the landed file and the earlier days."""
    import duckdb  # noqa: PLC0415  # heavy, and not every user of this module opens a room

    def written(name: str, rows: str) -> Path:
        path = folder / f"{name}.parquet"
        with duckdb.connect() as engine:
            engine.execute(f"copy ({rows}) to '{path}' (format parquet)")
        return path

    landed = written("landed", select)
    with open_workbench(
        landed,
        history={day: written(day, rows) for day, rows in history.items()},
        contract=CONTRACT,
        text_columns=release().guardrails.text_columns,
        limits=release().guardrails.sql,
        catches=condition,
    ) as opened:
        yield opened


def asked(
    case: Briefing,
    transport: httpx2.BaseTransport | None,
    *,
    ours: Release | None = None,
    workbench: Workbench | None = None,
    base_url: str | None = None,
) -> Asked:
    """The conversation about that case. `transport` None is the network, at `base_url`."""
    ours, recorder, watched = ours or release(), ListRecorder(), Watched(transport or httpx2.HTTPTransport())
    waited: list[float] = []
    model = open_model(
        ours,
        api_key="offline",
        transport=watched,
        base_url=base_url,
        ledger=MemoryLedger(),
        run=RunScope(run_id="run", table="orders_daily", partition="2026-11-19", team="orders"),
        limits=Budget(run_tokens=120_000, run_micro_usd=500_000).limits,
        recorded_as="stand-in",
        sleep=waited.append,
    )
    found = investigate(case, model=model, release=ours, workbench=workbench, recorder=recorder)
    return Asked(found, tuple(recorder.events), tuple(watched.requests), tuple(waited))
