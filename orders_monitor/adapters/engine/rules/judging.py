"""What all rules together look at in a partition: its rows, joined with small tables that are made for it first.

The small tables say what items had on earlier days, which groups disagree and which rows repeat. The rows are then
read once for all rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import duckdb

from orders_monitor.adapters.engine.rules.memory import Past
from orders_monitor.adapters.engine.rules.relation import Relation
from orders_monitor.adapters.engine.rules.topics import topic_of
from orders_monitor.adapters.engine.session import integer, select
from orders_monitor.core.rules import AboutRows, Rule

# Fewer earlier days judge nothing.
DAYS_MIN = 5


class Judged(NamedTuple):
    """A rule about rows as SQL. `broken` is true for a row that breaks it, `of` for a row that it judges; never NULL.

    `evidence` says how much a broken row says, in natural logarithms, where rows differ in that.
    """

    rule: AboutRows
    broken: str
    of: str = "true"
    evidence: str | None = None


@dataclass
class Judging:
    """One partition and the rules that it is judged by. Small tables are made when a rule asks for them."""

    connection: duckdb.DuckDBPyConnection
    relation: Relation
    past: Past
    partition: str
    rules: Sequence[Rule]
    disagreeing: dict[str, set[str]] = field(default_factory=dict)
    _looks: dict[str, str] = field(default_factory=dict)
    _joins: list[str] = field(default_factory=list)
    _made: dict[str, str | None] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """The rows `r`, with every expression that was looked at, and everything joined."""
        looks = "".join(f", {sql} AS {alias}" for sql, alias in self._looks.items())
        return " ".join([f"({select(f'*{looks}', of=self.relation.source)}) AS r", *self._joins])

    def remembers(self, rule: Rule) -> bool:
        """Whether there are enough earlier days for a rule, and the columns landed that they were remembered of."""
        topic = topic_of(rule)
        return topic is None or (self.past.days(topic) >= DAYS_MIN and topic.landed(self.relation))

    def look(self, sql: str) -> str:
        """The name of an expression that several rules look at."""
        return self._looks.setdefault(sql, f"x{len(self._looks)}")

    def joined(self, called: str, query: str, *, on: str) -> str | None:
        """The alias of a table with at most one row for each row, made once of a query; None where it is empty."""
        if called not in self._made:
            alias = f"t{len(self._made)}"
            rows = integer(self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {alias} AS {query}"))
            self._made[called] = alias if rows else None
            if rows:
                self._joins.append(f"LEFT JOIN {alias} ON {alias}.{on}")
        return self._made[called]

    def joined_past(self, rule: Rule, what: str, *, where: str = "true", on: str) -> str | None:
        """The same of what earlier days say about the rule's columns."""
        topic = topic_of(rule)
        rows = "false" if topic is None else self.past.rows(topic)
        query = select(what, of="past", rest=f"WHERE {rows} AND {where}")
        return self.joined(f"{topic and topic.name} {what}", query, on=on)


def surely(condition: str) -> str:
    """What is unknown is not so."""
    return f"coalesce({condition}, false)"
