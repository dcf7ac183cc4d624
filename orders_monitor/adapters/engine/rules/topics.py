"""What is remembered of a partition, by topic: as it is called, and the query of its rows.

A topic is called by its columns and not by a rule, so rules that are learned later read older memories.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from orders_monitor.adapters.engine.rules.relation import Relation
from orders_monitor.adapters.engine.session import select
from orders_monitor.adapters.engine.types import NUMBERS
from orders_monitor.core.rules import (
    Facet,
    HoursEmpty,
    Level,
    Odd,
    OutOfRange,
    Rule,
    SeenBefore,
    Unlike,
    Usual,
    Vanished,
)

# Of an item's values the most frequent ones of each day are remembered.
VALUES_A_KEY_MAX = 8


@dataclass(frozen=True)
class Topic:
    """What is remembered about some columns. `facets` are what is seen, then beside what."""

    kind: Literal["numbers", "values", "facets", "keys", "range", "hours"]
    columns: tuple[str, ...]
    facets: tuple[Facet, ...] = ()

    @property
    def name(self) -> str:
        """As the memory calls it."""
        said = [facet.name + "".join(f"~{f}" for f in facet.formats) for facet in self.facets]
        return ":".join([self.kind, *(quote(part, safe=" ") for part in (*self.columns, *said))])

    def landed(self, relation: Relation) -> bool:
        """Whether the relation has what it is about."""
        match self.kind:
            case "numbers":
                return relation.has(self.columns[:1], *NUMBERS) and relation.has(self.columns[1:])
            case "range":
                return relation.has(self.columns, *NUMBERS)
            case "hours":
                return relation.has(self.columns, "temporal")
            case "facets":
                return all(relation.sees(facet) for facet in self.facets)
        return relation.has(self.columns)


def topics_of(rules: Sequence[Rule]) -> tuple[Topic, ...]:
    """What has to be remembered for these rules, each topic once."""
    found = (topic_of(rule) for rule in rules)
    return tuple(dict.fromkeys(topic for topic in found if topic is not None))


def topic_of(rule: Rule) -> Topic | None:
    """What a rule has to know of earlier days, or None."""
    match rule:
        case Usual() | Level():
            return Topic("numbers", (rule.column, rule.given))
        case Unlike():
            return Topic("values", (rule.column, rule.given))
        case Odd():
            return Topic("facets", (), (rule.facet,) if rule.given is None else (rule.facet, rule.given))
        case Vanished():
            return Topic("facets", (), (Facet(kind="value", column=rule.column),))
        case SeenBefore():
            return Topic("keys", rule.columns)
        case OutOfRange():
            return Topic("range", (rule.column,))
        case HoursEmpty():
            return Topic("hours", (rule.column,))
    return None


def sampled(topic: Topic, relation: Relation) -> str | None:
    """The hash by which a topic's rows are kept or not, where it may have as many as the table has values."""
    match topic.kind:
        case "numbers" | "values":
            return relation.hashed(topic.columns[1])
        case "keys":
            return relation.key(topic.columns)
        case "facets" if topic.facets[0].kind == "value":
            return relation.facet(topic.facets[0])
    return None


def rows_of(topic: Topic, relation: Relation, *, kept: str) -> str:
    """The query of a topic's rows: `key`, `n` and what else it has of `other`, `low`, `mid` and `high`.

    `kept` is the condition on `key` under which a row is kept.
    """
    match topic.kind:
        case "numbers":
            x = f"nullif(abs({relation.number(topic.columns[0])}), 0)"
            return _counted(relation, {"key": relation.hashed(topic.columns[1]), "x": x}, f"{kept} AND x > 0", _MEDIAN)
        case "values":
            value = f"coalesce({relation.hashed(topic.columns[0])}, 0)"
            pairs = _counted(relation, {"key": relation.hashed(topic.columns[1]), "other": value}, kept)
            most = f"QUALIFY row_number() OVER (PARTITION BY key ORDER BY n DESC, other) <= {VALUES_A_KEY_MAX}"
            return select("*", of=f"({pairs})", rest=most)
        case "facets":
            beside = relation.facet(topic.facets[1]) if len(topic.facets) > 1 else "0::UBIGINT"
            return _counted(
                relation, {"key": relation.facet(topic.facets[0]), "other": beside}, f"{kept} AND other IS NOT NULL"
            )
        case "keys":
            return _counted(relation, {"key": relation.key(topic.columns)}, kept)
        case "range":
            x = relation.number(topic.columns[0])
            return select(f"0::UBIGINT AS key, count({x}) AS n, min({x}) AS low, max({x}) AS high", of=relation.source)
    return _counted(relation, {"key": f"CAST(date_part('hour', {relation.sql(topic.columns[0])}) AS UBIGINT)"}, kept)


_MEDIAN = ", median(x) AS mid"


def _counted(relation: Relation, named: dict[str, str], where: str, more: str = "") -> str:
    """The rows counted by what is named `key` and `other`."""
    by = ", ".join(name for name in named if name != "x")
    named_sql = ", ".join(f"{sql} AS {name}" for name, sql in named.items())
    source = select(named_sql, of=relation.source)
    return select(
        f"{by}, count(*) AS n{more}", of=f"({source})", rest=f"WHERE key IS NOT NULL AND {where} GROUP BY {by}"
    )
