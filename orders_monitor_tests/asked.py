"""A conversation by the real SDK, ledger and loop with any transport: what the pipeline does, without its stages."""

from dataclasses import dataclass

import httpx2

from orders_monitor.adapters.claude import open_model
from orders_monitor.agent.briefing import Briefing
from orders_monitor.agent.loop import investigate
from orders_monitor.agent.workbench import Workbench
from orders_monitor.core.budget import RunScope
from orders_monitor.core.investigation import Investigation
from orders_monitor.core.record import AgentEvent, Alerted
from orders_monitor.core.release import Release, ToolLimit
from orders_monitor.core.table import Budget
from orders_monitor_tests.cases import release
from orders_monitor_tests.fakes import ListRecorder, MemoryLedger

ALL_TOOLS = ("flagged_rows", "lineage", "past_incidents", "sql")


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


def with_all_tools() -> Release:
    """The release in this repository, with every tool that there is."""
    ours = release()
    more = tuple(ToolLimit(name=name, calls_max=4) for name in ALL_TOOLS if ours.tool(name) is None)
    return ours.model_copy(update={"tools": (*ours.tools, *more)})


def asked(
    case: Briefing,
    transport: httpx2.BaseTransport,
    *,
    ours: Release | None = None,
    workbench: Workbench | None = None,
    base_url: str | None = None,
) -> Asked:
    """The conversation about that case."""
    ours, recorder, watched = ours or release(), ListRecorder(), Watched(transport)
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
