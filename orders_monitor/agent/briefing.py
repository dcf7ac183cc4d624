"""What the agent may know of a partition: what code found out. Never a row."""

from collections.abc import Collection
from typing import Literal

from orders_monitor.core.contract import Contract
from orders_monitor.core.expectation import Expectation
from orders_monitor.core.profile import Profile
from orders_monitor.core.quality import Quality
from orders_monitor.core.value import Value


class MetricHistory(Value):
    """A metric on earlier partitions, oldest first: (partition, value in the metric's unit)."""

    metric: str
    points: tuple[tuple[str, float], ...]


class Suspected(Value):
    """How many of the rows that the detectors would look at first break one learned rule, and what it says."""

    says: str
    rows: int


class PastIncident(Value):
    """An earlier partition of the table whose plan was not clean, and what people decided. The note is their text."""

    partition: str
    signals: tuple[str, ...]
    actions: tuple[str, ...]
    unexplained: tuple[str, ...] = ()
    decision: Literal["approve", "reject"] | None = None
    reviewer: str = ""
    note: str = ""
    published: bool = False


class Lineage(Value):
    """What the table is made from and who answers for it, as declared.

    `stages` are the steps from the source to the table in their order; `columns` are (name at the source, name in the
    contract) where the declaration renames.
    """

    source: str
    stages: tuple[str, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()
    team: str = ""


class Briefing(Value):
    """One partition's case file. `expectations` are the declared ones, from which code derives predicates.

    `suspected` are there where the table is calibrated, the most frequent first.
    """

    table: str
    partition: str
    contract: Contract
    quality: Quality
    profile: Profile
    expectations: tuple[Expectation, ...] = ()
    history: tuple[MetricHistory, ...] = ()
    incidents: tuple[PastIncident, ...] = ()
    lineage: Lineage | None = None
    suspected: tuple[Suspected, ...] = ()

    def may_show_values_of(self, column: str | None) -> bool:
        """Whether values of the column may leave, if they are no text. What is about no column holds no values."""
        return column is None or may_show_values_of(self.contract, column)

    def may_show_text_of(self, column: str | None, text_columns: Collection[str]) -> bool:
        """Whether texts of the column may leave."""
        return column is None or may_show_text_of(self.contract, column, text_columns)


def may_show_values_of(contract: Contract, column: str) -> bool:
    """Whether values of the column may leave: it is promised, and not personal. A stranger may be anything."""
    promised = contract.column(column)
    return promised is not None and not promised.personal


def may_show_text_of(contract: Contract, column: str, text_columns: Collection[str]) -> bool:
    """Whether texts of the column may leave: its values may, and the release names it."""
    return column in text_columns and may_show_values_of(contract, column)
