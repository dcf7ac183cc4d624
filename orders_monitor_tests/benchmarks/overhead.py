# ruff: noqa: T201 - a benchmark prints its table
"""What our loop costs beside the bare SDK loop: CPU of this process per model call, the same conversation for both.

A conversation is 11 model calls with 10 tool calls between them, against a server of canned replies in another process
over loopback. The ways are interleaved, one conversation of each a round; the figure is the median of the rounds.

    python -m orders_monitor_tests.benchmarks.overhead [ROUNDS]
"""

import gc
import json
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import anthropic
import httpx2
from opentelemetry.sdk.trace.export import SpanExportResult

from orders_monitor.adapters.claude.model import open_model
from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.adapters.telemetry import open_telemetry, untraced
from orders_monitor.agent import prompts, tools
from orders_monitor.agent.loop import investigate
from orders_monitor.agent.model import ToolCall
from orders_monitor.core.budget import Cap, Limits, Reservation, RunScope, RunSpend, room_of
from orders_monitor.core.profile import ColumnProfile
from orders_monitor.core.release import Release
from orders_monitor.pipeline.record import JournalRecorder
from orders_monitor_tests import cases
from orders_monitor_tests.fakes import ListRecorder

BAR = 1.5
KEY = "a-key-that-no-reply-quotes"
ROUNDS = 40
CALLS = 10
STEPS = CALLS + 1
COLUMNS = [f"column_{n}" for n in range(CALLS)]
ANSWER = json.dumps({"findings": [], "proposed": [{"kind": "publish_as_is", "evidence": []}]})
QUIET = Cap(tokens=10**12, micro_usd=10**12)
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def canned(turn: int) -> list[dict[str, Any]]:
    """What the model says in its n-th turn, counted from 0."""
    if turn == CALLS:
        return [{"type": "text", "text": ANSWER}]
    call = {"type": "tool_use", "id": f"toolu_{turn}", "name": "profile", "input": {"columns": [COLUMNS[turn]]}}
    return [{"type": "text", "text": f"I look at column {turn}."}, call]


class Canned(BaseHTTPRequestHandler):
    """Answers by the number of assistant turns in the request."""

    protocol_version = "HTTP/1.1"
    model = cases.release().model

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        turn = sum(message["role"] == "assistant" for message in json.loads(body)["messages"])
        usage = {"input_tokens": len(body) // 4, "output_tokens": 40}
        usage |= {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
        said = {"id": f"msg_{turn}", "type": "message", "role": "assistant", "model": self.model, "usage": usage}
        stop = "end_turn" if turn == CALLS else "tool_use"
        text = json.dumps({**said, "content": canned(turn), "stop_reason": stop, "stop_sequence": None}).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(text)}\r\n\r\n"
        self.wfile.write(head.encode() + text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing."""


@contextmanager
def served() -> Iterator[str]:
    """The URL of the canned server, in a process of its own."""
    command = [sys.executable, "-m", "orders_monitor_tests.benchmarks.overhead", "serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def release_of_many_steps() -> Release:
    """The repository's release with room for the conversation."""
    release = cases.release()
    limits = tuple(t.model_copy(update={"calls_max": CALLS}) if t.name == "profile" else t for t in release.tools)
    guardrails = release.guardrails.model_copy(update={"steps_max": STEPS + 1, "request_bytes_max": 10**6})
    budget = release.budget.model_copy(update={"run_tokens": QUIET.tokens, "run_micro_usd": QUIET.micro_usd})
    return release.model_copy(update={"tools": limits, "guardrails": guardrails, "budget": budget})


class Bench:
    """Both loops about the same case, in this process."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.release = url, release_of_many_steps()
        columns = tuple(ColumnProfile(name=name, type="BIGINT", nulls=0, distinct=9) for name in COLUMNS)
        self.briefing = cases.briefing(columns=columns)
        self.request = prompts.request((), release=self.release)
        calls = [ToolCall(id="c", name="profile", arguments={"columns": [name]}) for name in COLUMNS]
        self.answers = [tools.run(call, briefing=self.briefing, release=self.release) for call in calls]
        self.journals = {d: Journal.open(f"sqlite:///{folder}/{d}.db", durability=d) for d in ("normal", "full")}
        self.transport = _Kept(httpx2.HTTPTransport(verify=False))
        self.make_client = lambda: anthropic.Anthropic(
            api_key=KEY,
            base_url=url,
            max_retries=0,
            timeout=120.0,
            open_telemetry=False,
            http_client=httpx2.Client(transport=self.transport, timeout=120.0),
        )

    def bare(self) -> None:
        """What one writes with the SDK alone: a list of messages, and a tool that knows its answer."""
        request = self.request
        messages: list[Any] = [{"role": "user", "content": prompts.task_text(self.briefing, self.release)}]
        specs = [
            {"name": t.name, "description": t.description, "input_schema": dict(t.input_schema), "strict": True}
            for t in request.tools
        ]
        with self.make_client() as client:
            for answer in [*self.answers, ""]:
                reply = client.messages.create(
                    model=self.release.model,
                    max_tokens=request.output_tokens_max,
                    cache_control={"type": "ephemeral"},
                    system=request.system,
                    messages=messages,
                    tools=specs,
                    output_config={"format": {"type": "json_schema", "schema": dict(request.answer_schema)}},
                )
                results = [
                    {"type": "tool_result", "tool_use_id": block.id, "content": answer}
                    for block in reply.content
                    if block.type == "tool_use"
                ]
                messages += [{"role": "assistant", "content": reply.content}, {"role": "user", "content": results}]
        assert reply.stop_reason == "end_turn"

    def ours(self, *, ledger: str | None = None, events: str | None = None, spans: bool = False) -> Callable[[], None]:
        """Our loop with these parts; `ledger` and `events` name the durability of their journal.

        Where events are kept, the ledger is the recorder's, as in the pipeline.
        """

        def run() -> None:
            scope = RunScope(run_id=uuid.uuid4().hex, table="t", partition="2026-11-19", team="data", retry=0)
            recorder = JournalRecorder(self.journals[events], scope) if events else None
            telemetry = open_telemetry(None, traceparent=PARENT, exporter=_Nowhere()) if spans else untraced()
            model = open_model(
                self.release,
                api_key=KEY,
                transport=self.transport,
                base_url=self.url,
                ledger=recorder or (self.journals[ledger] if ledger else _Free()),
                run=scope,
                limits=Limits(run=QUIET, pipeline_day=QUIET, agent_month=QUIET, team_month=QUIET),
                open_telemetry=telemetry.for_the_sdk,
            )
            found = investigate(
                self.briefing,
                model=model,
                release=self.release,
                workbench=None,
                recorder=recorder or ListRecorder(),
                tracer=telemetry.tracer,
            )
            telemetry.close()
            assert (found.ending, len(found.tool_calls)) == ("answered", CALLS), found

        return run


class _Free:
    """A ledger that keeps nothing: what is left of the till's own work without one."""

    def reserve(self, *wanted: Any, limits: Limits, fit: Any, **_: object) -> tuple[Reservation, ...]:
        amounts = fit(room_of(wanted[0].on("2026-11-20"), limits=limits, held={}))
        pairs = zip(wanted, amounts, strict=True)
        return tuple(Reservation(**vars(w), day="2026-11-20", **asdict(amount)) for w, amount in pairs)

    def settle(self, **_: object) -> None:
        """Nothing was kept."""

    def spend(self, _: str) -> RunSpend:
        return RunSpend()


class _Kept:
    """A transport that stays open when a client is closed: certificates are read once, and no way pays for it."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """It stays open."""

    def handle_request(self, request: Any) -> Any:
        return self._transport.handle_request(request)

    def close(self) -> None:
        """It stays open."""


class _Nowhere:
    """An exporter whose collector takes everything at once."""

    def export(self, _: Any) -> SpanExportResult:
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing is open."""

    def force_flush(self, _: int = 30_000) -> bool:
        return True


def measured(ways: dict[str, Callable[[], None]], *, rounds: int) -> dict[str, tuple[float, float]]:
    """The median and the least CPU of a step of each way, in milliseconds; garbage is collected between them."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 2):
        for name, way in ways.items():
            gc.collect()
            began = time.process_time()
            way()
            if number >= 2:  # the first ones import and fill caches
                taken[name].append((time.process_time() - began) * 1000 / STEPS)
    return {name: (statistics.median(times), min(times)) for name, times in taken.items()}


def main(rounds: int) -> int:
    with served() as url, tempfile.TemporaryDirectory() as folder:
        bench = Bench(url, Path(folder))
        ways = {
            "bare SDK loop": bench.bare,
            "our loop": bench.ours(),
            "+ ledger": bench.ours(ledger="normal"),
            "+ ledger, events": bench.ours(ledger="normal", events="normal"),
            "+ ledger, events, spans (all)": bench.ours(ledger="normal", events="normal", spans=True),
            "all, every commit on disk (full)": bench.ours(ledger="full", events="full", spans=True),
        }
        found = measured(ways, rounds=rounds)
    bare, least = found["bare SDK loop"]
    print(f"CPU of one step, {STEPS} model calls and {CALLS} tool calls a conversation, {rounds} rounds")
    print(f"{'':<34}{'median ms':>10}{'x bare':>8}{'least ms':>10}{'x bare':>8}{'of which':>10}")
    before = 0.0
    for name, (median, smallest) in found.items():
        part = f"{median - before:>+9.2f}" if name != "bare SDK loop" and "full" not in name else ""
        before = median
        print(f"{name:<34}{median:>10.2f}{median / bare:>8.2f}{smallest:>10.2f}{smallest / least:>8.2f}{part:>10}")
    ratio = found["+ ledger, events, spans (all)"][0] / bare
    print(f"bar: {BAR}x, measured {ratio:.2f}x: {'held' if ratio <= BAR else 'MISSED'}")
    return 0 if ratio <= BAR else 1


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), Canned)
        print(server.server_address[1], flush=True)
        server.serve_forever()
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else ROUNDS))
