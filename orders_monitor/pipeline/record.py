"""record: the agent's events go into the journal, on the chain of the run that they happened in."""

from orders_monitor.core.record import PREFIX, AgentEvent
from orders_monitor.pipeline.resources import Desk


class JournalRecorder:
    """Keeps the events of one partition's conversation. Fulfils `agent.record.Recorder`."""

    def __init__(self, desk: Desk, partition: str) -> None:
        self._desk, self._partition = desk, partition
        self._waiting: list[tuple[str, AgentEvent]] = []

    def add(self, event: AgentEvent) -> None:
        """Keep an event in memory until the next `flush`."""
        self._waiting.append((f"{PREFIX}{event.kind}", event))

    def flush(self) -> None:
        """Write what waits, in one transaction; where that fails it goes on waiting. Raises StoreUnavailable."""
        desk = self._desk
        desk.journal.record_all(
            table=desk.table.name, partition=self._partition, run_id=desk.run_id, bodies=self._waiting
        )
        self._waiting.clear()
