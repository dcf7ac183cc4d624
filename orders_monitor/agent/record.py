"""Where the conversation writes down what happens, and how it marks time. Both are somebody else's to keep."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from orders_monitor.core.record import AgentEvent

Attributes = Mapping[str, str | int | float | bool]


class Recorder(Protocol):
    """Keeps the events of one run in their order. Raises StoreUnavailable."""

    def add(self, event: AgentEvent) -> None:
        """Keep an event; it may wait in memory until the next `flush`, or until the next request is paid for."""
        ...

    def flush(self) -> None:
        """Make everything added so far durable, in one transaction; what is so already is not written again."""
        ...


class Tracer(Protocol):
    """Opens spans. Names and attributes carry no row values and no keys."""

    def span(self, name: str, attributes: Attributes) -> AbstractContextManager[None]:
        """A span around what happens inside; one that an error leaves is marked with the error's class."""
        ...


class Cache(Protocol):
    """Tools' answers by what was asked of which bytes, shared by processes."""

    def once(self, key: str, make: Callable[[], str]) -> tuple[str, bool]:
        """What is kept under the key, and True; or what `make` makes now, kept from then on, and False.

        An error of `make` passes through, and nothing is kept. Raises StoreUnavailable.
        """
        ...


class Untraced:
    """The tracer of who traces nothing."""

    def span(self, name: str, attributes: Attributes) -> AbstractContextManager[None]:  # noqa: ARG002 - the protocol's
        """Nothing."""
        return nullcontext()


UNTRACED = Untraced()
