"""The log: one line a delivery, whatever is in it."""

import logging

from orders_monitor.core.messages import Delivery

LOG = logging.getLogger("orders_monitor.messages")


def log(delivery: Delivery) -> None:
    """Write the line. A log is there always: it raises nothing."""
    LOG.warning("%s", line_of(delivery))


def line_of(delivery: Delivery) -> str:
    """A delivery in one line: what would end it, move a cursor or turn the text around is spelt out.

    Where a page tells it all, its link does; a terminal that is shown a screenful for each case is read by nobody.
    """
    told = [f"{link.label}: {link.url}" for link in delivery.links[:1]] or delivery.lines
    whom = [f"for {delivery.address.to}"] if delivery.address.to else []
    whole = " | ".join((delivery.subject, *whom, *told, f"message {delivery.id}"))
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in whole)
