"""Spans: their names and parents in memory; over a real socket to a collector, to a dead one and to a silent one."""

import socket
import subprocess
import sys
import time

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from orders_monitor.adapters.telemetry import CLOSE_S, SPANS_MAX, named, open_telemetry
from orders_monitor.core.errors import StoreUnavailable
from orders_monitor.core.trace import traceparent_of
from orders_monitor_tests.collector import collector

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE, SPAN = 0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331


def test_spans_hang_below_the_traceparent():
    """A run's outermost spans are children of its traceparent, inner ones of those that are open around them."""
    memory = InMemorySpanExporter()
    telemetry = open_telemetry(None, traceparent=PARENT, exporter=memory)

    with (
        telemetry.tracer.span("stage investigation", {"table": "orders_daily"}),
        telemetry.tracer.span("tool profile", {"tool": "profile"}),
    ):
        pass
    closed = telemetry.close()
    inner, outer = memory.get_finished_spans()

    assert closed is None
    assert ("stage investigation", TRACE, SPAN) == (outer.name, outer.context.trace_id, outer.parent.span_id)
    assert ("tool profile", TRACE, outer.context.span_id) == (inner.name, inner.context.trace_id, inner.parent.span_id)
    assert {"orders_monitor.table": "orders_daily"} == dict(outer.attributes)
    assert {"gen_ai.tool.name": "profile"} == dict(inner.attributes)


def test_two_runs_in_one_thread_keep_their_traces():
    """A span that another run has open around it is no parent."""
    outer, inner = InMemorySpanExporter(), InMemorySpanExporter()
    one = open_telemetry(None, traceparent=PARENT, exporter=outer)
    other = open_telemetry(None, traceparent=traceparent_of("other"), exporter=inner)

    with one.tracer.span("stage plan", {}), other.tracer.span("stage plan", {}):
        pass
    one.close()
    other.close()

    expected = [TRACE, int(traceparent_of("other")[3:35], 16)]
    assert expected == [m.get_finished_spans()[0].context.trace_id for m in (outer, inner)]


def test_a_span_that_an_error_leaves_names_its_class():
    """The class of an error is in the span, and never its message: it may quote a row."""
    memory = InMemorySpanExporter()
    telemetry = open_telemetry(None, traceparent=PARENT, exporter=memory)

    with (
        pytest.raises(StoreUnavailable, match="secret-value"),
        telemetry.tracer.span("stage landed", {}),
    ):
        raise StoreUnavailable(store="lake", why="secret-value")
    telemetry.close()
    (span,) = memory.get_finished_spans()

    assert ("StoreUnavailable", False, 0) == (span.attributes["error.type"], span.status.is_ok, len(span.events))
    assert "secret-value" not in span.to_json()


def test_names_are_pinned():
    """Our words become the pinned names of the conventions, what is ours alone says so, and dotted names stay."""
    said = {"model": "m", "operation": "chat", "step": 3, "gen_ai.tool.type": "function"}

    assert {
        "gen_ai.request.model": "m",
        "gen_ai.operation.name": "chat",
        "orders_monitor.step": 3,
        "gen_ai.tool.type": "function",
    } == named(said)


def test_a_collector_gets_the_spans():
    """What a run did is at the collector when the run is closed, under the name of the service."""
    with collector() as (url, taken):
        telemetry = open_telemetry(url, traceparent=PARENT)
        with telemetry.tracer.span("stage landed", {"table": "orders_daily"}):
            pass
        closed = telemetry.close()
    (resource,) = taken[0].resource_spans
    (span,) = resource.scope_spans[0].spans

    assert (None, 1, "stage landed") == (closed, len(taken), span.name)
    assert (TRACE, SPAN) == (int.from_bytes(span.trace_id), int.from_bytes(span.parent_span_id))
    assert "orders-monitor" == resource.resource.attributes[0].value.string_value


def test_a_collector_that_is_away_is_said_once():
    """Nobody listens, a refusal, or silence: the run goes on, waits no longer than promised, and says one sentence."""
    sentences, longest = [], 0.0
    with collector(status=400) as (refusing, _), socket.create_server(("127.0.0.1", 0)) as silent:
        nobody = socket.create_server(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        nobody.close()
        for url in (gone, refusing, f"http://127.0.0.1:{silent.getsockname()[1]}"):
            telemetry = open_telemetry(url, traceparent=PARENT)
            with telemetry.tracer.span("stage landed", {}):
                pass
            began = time.monotonic()
            sentences.append((telemetry.close() or "").replace(url, "URL"))
            longest = max(longest, time.monotonic() - began)

    assert ["the spans of this run are not at URL: the collector did not take them"] * 3 == sentences
    assert longest < CLOSE_S + 1


def test_more_spans_than_a_run_may_have_are_lost_and_said():
    """The first ones are sent, and the run says that it is not all of them."""
    memory = InMemorySpanExporter()
    telemetry = open_telemetry(None, traceparent=PARENT, exporter=memory)

    for _ in range(SPANS_MAX + 1):
        with telemetry.tracer.span("stage plan", {}):
            pass

    assert "the spans of this run are not at memory: the collector did not take them" == telemetry.close()
    assert SPANS_MAX == len(memory.get_finished_spans())


def test_without_an_address_opentelemetry_stays_away():
    """Untraced, a span costs next to nothing: the SDK of OpenTelemetry is not even imported."""
    script = (
        "import sys\n"
        "from orders_monitor.adapters.telemetry import open_telemetry\n"
        "telemetry = open_telemetry(None, traceparent='x')\n"
        "with telemetry.tracer.span('stage landed', {}):\n"
        "    pass\n"
        "print(telemetry.provider, telemetry.for_the_sdk, telemetry.close(), 'opentelemetry' in sys.modules)\n"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert "None None None False\n" == printed
