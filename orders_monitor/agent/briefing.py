"""What the agent may know of a partition: what code found out. Never a row."""

from orders_monitor.core.contract import Contract
from orders_monitor.core.expectation import Expectation
from orders_monitor.core.profile import Profile
from orders_monitor.core.quality import Quality
from orders_monitor.core.value import Value


class MetricHistory(Value):
    """A metric on earlier partitions, oldest first: (partition, value in the metric's unit)."""

    metric: str
    points: tuple[tuple[str, float], ...]


class Briefing(Value):
    """One partition's case file. `expectations` are the declared ones, from which code derives predicates."""

    table: str
    partition: str
    contract: Contract
    quality: Quality
    profile: Profile
    expectations: tuple[Expectation, ...] = ()
    history: tuple[MetricHistory, ...] = ()

    def may_show_values_of(self, column: str | None) -> bool:
        """Whether values of the column may leave: it is promised, and not personal. A stranger may be anything."""
        if column is None:
            return True
        promised = self.contract.column(column)
        return promised is not None and not promised.personal
