"""Replies that no honest model gives end the conversation as a value, and never the run."""

import json

import httpx2
import pytest

from orders_monitor.adapters.claude.model import open_model
from orders_monitor.agent.loop import investigate
from orders_monitor.core.budget import RunScope
from orders_monitor.core.table import Budget
from orders_monitor_tests.cases import briefing, release
from orders_monitor_tests.fakes import ListRecorder, MemoryLedger


def reply(**changes: object) -> bytes:
    """A reply of the Messages API, with some of it replaced."""
    body = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": release().model,
        "content": [{"type": "text", "text": "{}"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    return json.dumps(body | changes).encode()


def nested(depth: int) -> bytes:
    """A reply that calls a tool with arguments nested so deep."""
    call = {"type": "tool_use", "id": "t", "name": "profile", "input": "@"}
    return reply(stop_reason="tool_use", content=[call]).replace(b'"@"', b'{"a":' * depth + b"1" + b"}" * depth)


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 200_000,
        nested(600),
        nested(100_000),
        reply(usage={"input_tokens": 10**30, "output_tokens": 1}),
        reply(usage={"input_tokens": -1, "output_tokens": 1}),
        reply(content=[{"type": "text", "text": "[" * 100_000}]),
    ],
    ids=["deep", "deep arguments", "deeper arguments", "huge usage", "negative usage", "deep answer"],
)
def test_a_reply_that_cannot_be_is_not_used(content):
    """Nesting that exhausts a stack and numbers that exceed 64 bits are no answer, and the reservation stays."""
    model = open_model(
        release(),
        api_key="none",
        transport=httpx2.MockTransport(lambda _: httpx2.Response(200, content=content)),
        ledger=MemoryLedger(),
        run=RunScope(run_id="r", table="orders_daily", partition="2026-11-19", team="t", retry=0),
        limits=Budget().limits,
    )
    found = investigate(briefing(), model=model, release=release(), workbench=None, recorder=ListRecorder())

    assert (True, (), ()) == (found.ending in ("unavailable", "malformed"), found.findings, found.proposed)
