"""What the review page works with; everything that is not a value is handed in, so that a test hands in its own."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from orders_monitor.core.review import Gate
from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline import keys
from orders_monitor.pipeline.resources import Desk
from orders_monitor.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Room:
    """The tables whose cases are shown, and the way to their stores.

    `now` is the clock (UTC), `desk` opens the stores of a table, `told` shows an answer in Dagster's UI after a
    decision, and `secret` (32 random bytes) signs the forms: pages of another process cannot be sent to this one.
    """

    tables: Mapping[str, MonitoredTable]
    settings: Settings
    now: Callable[[], datetime]
    desk: Callable[[MonitoredTable], AbstractContextManager[Desk]]
    told: Callable[[MonitoredTable, Gate], None]
    secret: bytes

    def find(self, table: str, partition: str) -> MonitoredTable | None:
        """The table, where it is declared and has such a partition; None for anything else in an address."""
        found = self.tables.get(table)
        known = () if found is None else keys.complete_partitions(found, self.now())
        return found if partition in known else None
