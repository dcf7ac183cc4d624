"""Where the conversation writes down what happens, and how it marks time. Both are somebody else's to keep."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from orders_monitor.core.record import AgentEvent

Attributes = Mapping[str, str | int | float | bool]


class Recorder(Protocol):
    """Keeps the events of one run in their order. Raises StoreUnavailable."""

    def add(self, event: AgentEvent) -> None:
        """Keep an event; it may wait in memory until the next `flush`."""
        ...

    def flush(self) -> None:
        """Make everything added so far durable, in one transaction."""
        ...


class Tracer(Protocol):
    """Opens spans. Names and attributes carry no row values and no keys."""

    def span(self, name: str, attributes: Attributes) -> AbstractContextManager[None]:
        """A span around what happens inside; one that an error leaves is marked with the error's class."""
        ...


class Untraced:
    """The tracer of who traces nothing."""

    def span(self, name: str, attributes: Attributes) -> AbstractContextManager[None]:  # noqa: ARG002 - the protocol's
        """Nothing."""
        return nullcontext()
