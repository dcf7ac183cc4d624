"""The numbers of a partition that need its learned rules, in few scans however many rules there are."""

import math
from collections.abc import Sequence
from pathlib import Path

import duckdb

from orders_monitor.adapters.engine.rules.broken import judged
from orders_monitor.adapters.engine.rules.broken_past import numbers
from orders_monitor.adapters.engine.rules.judging import Judging
from orders_monitor.adapters.engine.rules.memory import Past, recall
from orders_monitor.adapters.engine.rules.relation import Relation
from orders_monitor.adapters.engine.rules.topics import topic_of, topics_of
from orders_monitor.adapters.engine.session import integer, one, select
from orders_monitor.adapters.engine.types import NUMBERS
from orders_monitor.core.rules import AboutPartition, HoursEmpty, Level, RowsPer, Rule, Rules, TopShare, Vanished

# The share of earlier days on which an hour had rows, for a day without them to lack it; and on which a value had.
USUAL_DAYS = 0.9
NEARLY_ALL_DAYS = 0.97
# Fewer rows of known items have no level.
LEVEL_ROWS_MIN = 30


def measure(
    connection: duckdb.DuckDBPyConnection, path: Path, rules: Rules, memories: Sequence[Path], *, partition: str
) -> dict[str, float]:
    """What every rule says of a partition, by metric name; a rule that cannot be judged has no number."""
    past = recall(connection, memories, topics_of(rules.rules))
    return measures_of(connection, Relation.of(connection, path), rules.rules, past, partition=partition)


def measures_of(
    connection: duckdb.DuckDBPyConnection, relation: Relation, rules: Sequence[Rule], past: Past, *, partition: str
) -> dict[str, float]:
    """The same of rows that are there already, with the table `past` on the connection."""
    judging = Judging(connection, relation, past, partition, rules)
    asked: dict[str, str] = {}
    for rule in rules:
        sql = _share(judging, rule) or _number(judging, rule)
        if sql is not None:
            asked[rule.metric] = sql
    if not asked:
        return {}
    found = one(connection.execute(select(", ".join(asked.values()), of=judging.source)))
    values = {metric: _rounded(value) for metric, value in zip(asked, found, strict=True)}
    return {metric: value for metric, value in values.items() if value is not None} | _vanished(judging, rules)


def _share(judging: Judging, rule: Rule) -> str | None:
    if isinstance(rule, AboutPartition):
        return None
    found = judged(judging, rule)
    if found is None:
        return None
    of = "count(*)" if found.of == "true" else f"count(*) FILTER (WHERE {found.of})"
    return f"count(*) FILTER (WHERE {found.broken}) / nullif({of}, 0)"


def _number(judging: Judging, rule: Rule) -> str | None:
    relation = judging.relation
    match rule:
        case RowsPer() if relation.has([rule.column]):
            column = relation.sql(rule.column)
            return f"count({column}) / nullif(count(DISTINCT {column}), 0)"
        case TopShare() if relation.has([rule.column]):
            counted = select(
                "count(*) AS n",
                of=relation.source,
                rest=f"WHERE {relation.sql(rule.column)} IS NOT NULL GROUP BY {relation.sql(rule.column)}",
            )
            return f"({select('max(n) / sum(n)', of=f'({counted})')})"
        case Level() if (
            judging.remembers(rule) and relation.has([rule.column], *NUMBERS) and relation.has([rule.given])
        ):
            x, usual = numbers(judging, rule)
            if usual is None:
                return None
            # Not ln(x / mid): a quotient of two numbers above 0 may be too small for a double, and ln(0) is an error.
            ratio = f"ln({x}) - ln({usual}.mid)"
            return f"CASE WHEN count({ratio}) >= {LEVEL_ROWS_MIN} THEN median({ratio}) END"
        case HoursEmpty() if judging.remembers(rule) and relation.has([rule.column], "temporal"):
            return _hours_empty(judging, rule)
    return None


def _hours_empty(judging: Judging, rule: HoursEmpty) -> str | None:
    topic = topic_of(rule)
    if topic is None:
        return None
    usual = f"WHERE {judging.past.rows(topic)} AND days >= {USUAL_DAYS * judging.past.days(topic)!r}"
    keys = [row[0] for row in judging.connection.execute(select("key", of="past", rest=usual)).fetchall()]
    if not keys:
        return None
    hour = f"date_part('hour', {judging.relation.sql(rule.column)})"
    present = f"count(DISTINCT {hour}) FILTER (WHERE {hour} IN ({', '.join(str(int(key)) for key in keys)}))"
    return f"1 - {present} / {len(keys)}"


def _vanished(judging: Judging, rules: Sequence[Rule]) -> dict[str, float]:
    """How many usual values of a column have no row."""
    found: dict[str, float] = {}
    for rule in rules:
        topic = topic_of(rule)
        if (
            not isinstance(rule, Vanished)
            or topic is None
            or not judging.remembers(rule)
            or not topic.landed(judging.relation)
        ):
            continue
        usual = f"{judging.past.rows(topic)} AND days >= {NEARLY_ALL_DAYS * judging.past.days(topic)!r}"
        here = select(
            judging.relation.hashed(rule.column),
            of=judging.relation.source,
            rest=f"WHERE {judging.relation.sql(rule.column)} IS NOT NULL",
        )
        gone = select("count(DISTINCT key)", of="past", rest=f"WHERE {usual} AND key NOT IN ({here})")
        found[rule.metric] = float(integer(judging.connection.execute(gone)))
    return found


def _rounded(value: object) -> float | None:
    """The number in twelve digits; None for what is none."""
    number = math.nan if value is None else float(str(value))
    return float(f"{number:.12g}") if math.isfinite(number) else None
