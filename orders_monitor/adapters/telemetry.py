"""telemetry: spans over OTLP/HTTP, only where an address is set. Without one nothing of OpenTelemetry is imported.

A collector that is away never breaks a run and never holds it up for longer than CLOSE_S.
"""

import logging
import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any

from orders_monitor.agent.record import Attributes, Tracer, Untraced

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
    from opentelemetry.trace import Span

SERVICE = "orders-monitor"
PATH = "/v1/traces"
EXPORT_S = 2.0
CLOSE_S = 2.0
SPANS_MAX = 2_000  # of one run; what is more is lost, and said
ERROR_TYPE = "error.type"
# The conventions for generative AI are still in development: the names that we use are pinned here, and our own words
# for the same things stay what they are.
NAMES: Mapping[str, str] = {
    "agent": "gen_ai.agent.name",
    "conversation": "gen_ai.conversation.id",
    "model": "gen_ai.request.model",
    "operation": "gen_ai.operation.name",
    "tool": "gen_ai.tool.name",
    "tool_call": "gen_ai.tool.call.id",
}
OWN_PREFIX = "orders_monitor."


class Telemetry:
    """One run's spans. `provider` is for the SDK's own spans; None where nothing is traced."""

    def __init__(
        self, tracer: Tracer, provider: "TracerProvider | None" = None, sender: "_Sender | None" = None
    ) -> None:
        self.tracer, self.provider, self._sender = tracer, provider, sender

    @property
    def for_the_sdk(self) -> dict[str, Any] | None:
        """The Anthropic client's `open_telemetry` option: its spans go where ours go, and carry no content."""
        if self.provider is None:
            return None
        return {
            "tracer_provider": self.provider,
            "propagation": False,
            "traces": {"content_mode": "metadata_only"},
        }

    def close(self) -> str | None:
        """Send what waits, within CLOSE_S; the sentence of why spans are lost, or None."""
        if self.provider is None or self._sender is None:
            return None
        closing = threading.Thread(target=self.provider.shutdown, name="telemetry-close", daemon=True)
        closing.start()
        closing.join(CLOSE_S)
        if closing.is_alive():
            self._sender.give_up()
        return self._sender.trouble


def untraced() -> Telemetry:
    """Nothing is traced."""
    return Telemetry(Untraced())


def open_telemetry(otlp_url: str | None, *, traceparent: str, exporter: "SpanExporter | None" = None) -> Telemetry:
    """The spans of one run, children of that traceparent, sent to an OTLP/HTTP collector; untraced without one."""
    if otlp_url is None and exporter is None:
        return untraced()
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - only who exports pays for the import
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - the same
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON  # noqa: PLC0415 - the same

    sender = _Sender(exporter or _otlp(str(otlp_url)), to=otlp_url or "memory")
    # Not at exit: what waits is sent when the run is closed, and a process that ends waits for nobody.
    provider = TracerProvider(sampler=ALWAYS_ON, resource=Resource({"service.name": SERVICE}), shutdown_on_exit=False)
    provider.add_span_processor(_Waiting()(sender))
    return Telemetry(_Traced(provider, traceparent), provider, sender)


class _Traced:
    """Opens spans below the run's traceparent. Fulfils `agent.record.Tracer`."""

    def __init__(self, provider: "TracerProvider", traceparent: str) -> None:
        from opentelemetry import context, trace  # noqa: PLC0415 - only who exports pays for the import
        from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415 - the same
            TraceContextTextMapPropagator,
        )

        self._context, self._trace = context, trace
        self._tracer = provider.get_tracer("orders_monitor")
        self._parent = TraceContextTextMapPropagator().extract({"traceparent": traceparent})
        self._trace_id = trace.get_current_span(self._parent).get_span_context().trace_id

    def span(self, name: str, attributes: Attributes) -> AbstractContextManager[None]:
        """A span below the one that is open in this run, or below the traceparent."""
        open_now = self._trace.get_current_span().get_span_context().trace_id == self._trace_id
        span = self._tracer.start_span(name, None if open_now else self._parent, attributes=named(attributes))
        return _Open(span, self._context, self._trace)


class _Open(AbstractContextManager[None]):
    """A span that is the current one inside; one that an error leaves is marked with it. It is used once.

    The tracer's own way to do this costs as much again as the span.
    """

    __slots__ = ("_before", "_context", "_span", "_trace")

    def __init__(self, span: "Span", context: ModuleType, trace: ModuleType) -> None:
        self._span, self._context, self._trace = span, context, trace

    def __enter__(self) -> None:
        self._before = self._context.attach(self._trace.set_span_in_context(self._span))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._context.detach(self._before)
        if kind is not None:
            # The class alone: a message may quote what the data said.
            self._span.set_attribute(ERROR_TYPE, kind.__name__)
            self._span.set_status(self._trace.StatusCode.ERROR)
        self._span.end()


class _Sender:
    """An exporter that keeps the first trouble for the one who closes, and fills no log with the others.

    It does what `SpanExporter` asks and is none: that class is not imported where nothing is exported.
    """

    def __init__(self, exporter: "SpanExporter", *, to: str) -> None:
        self._exporter, self._to = exporter, to
        self.trouble: str | None = None

    def export(self, spans: "Sequence[ReadableSpan]") -> "SpanExportResult":
        """Send a batch, once."""
        result = self._exporter.export(spans)
        if result.name != "SUCCESS":
            self.give_up()
        return result

    def give_up(self) -> None:
        """Remember that spans are lost, and stop trying to send the batch that is on its way."""
        self.trouble = self.trouble or f"the spans of this run are not at {self._to}: the collector did not take them"

    def shutdown(self) -> None:
        """Close the connection."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits here."""
        return self._exporter.force_flush(timeout_millis)


@cache
def _Waiting() -> Any:  # noqa: N802 - a class, made once
    from opentelemetry.sdk.trace import SpanProcessor  # noqa: PLC0415 - only who exports pays for the import

    class Waiting(SpanProcessor):
        """Keeps a run's spans until it is closed. The SDK's own way has a thread for each run, which only waits."""

        def __init__(self, sender: _Sender) -> None:
            self._sender, self._ended = sender, list[Any]()

        def on_end(self, span: "ReadableSpan") -> None:
            if len(self._ended) < SPANS_MAX:
                self._ended.append(span)
            else:
                self._sender.give_up()

        def shutdown(self) -> None:
            if self._ended:
                self._sender.export(tuple(self._ended))
            self._sender.shutdown()

    return Waiting


def _otlp(url: str) -> "SpanExporter":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - only who exports pays for it
        OTLPSpanExporter,
    )

    # It logs each attempt that fails, with a stack of frames: the run says it once instead.
    logging.getLogger("opentelemetry.exporter.otlp.proto.http").setLevel(logging.CRITICAL + 1)
    endpoint = url if url.endswith(PATH) else url + PATH
    return OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_S)


def named(attributes: Attributes) -> dict[str, str | int | float | bool]:
    """Our words for attributes under their pinned names; a name with a dot is pinned already."""
    return {
        NAMES.get(name, name if "." in name else f"{OWN_PREFIX}{name}"): value for name, value in attributes.items()
    }
