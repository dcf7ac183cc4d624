"""The rules about rows as SQL: what breaks each."""

from datetime import UTC, datetime

from orders_monitor.adapters.engine.rules import broken_past
from orders_monitor.adapters.engine.rules.judging import Judged, Judging, surely
from orders_monitor.adapters.engine.session import one, row_hash, select
from orders_monitor.adapters.engine.types import NUMBERS
from orders_monitor.adapters.quoting import text
from orders_monitor.core.rules import (
    AboutPartition,
    Damaged,
    Differs,
    KeyRepeats,
    Missing,
    NotInOrder,
    NotProduct,
    OutsideDay,
    RowRepeats,
    Rule,
    Untrimmed,
)

# UTF-8 read as Windows-1252 or Latin-1: a letter with an accent, then what these have for UTF-8's continuation bytes.
_LEADING = r"[\x{C2}\x{C3}\x{C4}\x{C5}\x{CE}\x{CF}\x{D0}\x{D1}\x{E2}]"
_CONTINUED = (
    r"[\x{80}-\x{BF}\x{2C6}\x{2DC}\x{152}\x{153}\x{160}\x{161}\x{178}\x{17D}\x{17E}\x{2013}-\x{203A}\x{20AC}\x{2122}]"
)
# Replaced, or no character at all: a question mark between letters, U+FFFD, control characters.
_LOST = r"[A-Za-z]\?[a-z]|[\x{FFFD}\x{80}-\x{9F}\x{00}-\x{08}\x{0B}\x{0C}\x{0E}-\x{1F}\x{7F}]"
DAMAGE = f"{_LEADING}{_CONTINUED}|{_LOST}"
EDGES = r"^\s|\s$"


def judged(judging: Judging, rule: Rule) -> Judged | None:
    """A rule about rows as SQL; None where it cannot be judged: a column did not land, or too few earlier days."""
    if isinstance(rule, AboutPartition) or not judging.relation.has(rule.about()):
        return None
    match rule:
        case RowRepeats() | KeyRepeats():
            return _repeats(judging, rule)
        case Missing() | Differs():
            return _within(judging, rule)
        case Damaged() | Untrimmed():
            return _text(judging, rule)
        case OutsideDay() | NotInOrder():
            return _time(judging, rule)
        case NotProduct():
            return _product(judging, rule)
    return broken_past.judged(judging, rule)


def _repeats(judging: Judging, rule: RowRepeats | KeyRepeats) -> Judged:
    relation = judging.relation
    if isinstance(rule, KeyRepeats):
        key = relation.key(rule.columns)
    else:
        key = row_hash([relation.sql(column) for column in relation.schema.names])
    hashed = select(f"{key} AS key, rn", of=relation.source)
    of_each = "WHERE key IS NOT NULL GROUP BY key HAVING count(*) > 1"
    repeated = select("key, min(rn) AS first", of=f"({hashed})", rest=of_each)
    found = judging.joined(rule.id, repeated, on=f"key = {judging.look(key)}")
    return Judged(rule, "false" if found is None else surely(f"rn > {found}.first"))


def _within(judging: Judging, rule: Missing | Differs) -> Judged:
    """Most groups agree and need no second look; a tie says nothing about which row is wrong, so all are."""
    if rule.column not in _disagreeing(judging, rule.given):
        return Judged(rule, "false")
    relation, group, value = judging.relation, judging.relation.sql(rule.given), judging.relation.hashed(rule.column)
    groups = select(group, of=relation.source, rest=f"WHERE {group} IS NOT NULL GROUP BY 1 HAVING {_disagree(value)}")
    counted = select(
        f"{group} AS key, {value} AS v, count(*) AS n",
        of=relation.source,
        rest=f"WHERE {group} IN ({groups}) AND {relation.sql(rule.column)} IS NOT NULL GROUP BY 1, 2",
    )
    most = select("key, v, n", of=f"({counted})", rest="QUALIFY n = max(n) OVER (PARTITION BY key)")
    usual = select("key, min(v) AS v, count(*) AS tied", of=f"({most})", rest="GROUP BY key")
    found = judging.joined(f"{rule.about()}", usual, on=f"key = r.{group}")
    if found is None:
        return Judged(rule, "false")
    if isinstance(rule, Missing):
        return Judged(rule, f"{found}.key IS NOT NULL AND r.{relation.sql(rule.column)} IS NULL")
    look = judging.look(value)
    return Judged(rule, surely(f"{look} <> {found}.v OR ({found}.tied > 1 AND {look} IS NOT NULL)"))


def _disagreeing(judging: Judging, given: str) -> set[str]:
    """The columns about which the rows of any group disagree; one scan for all rules about groups of that column."""
    if given not in judging.disagreeing:
        asked = {r.column for r in judging.rules if isinstance(r, Missing | Differs) and r.given == given}
        columns = sorted(column for column in asked if judging.relation.has([column]))
        differ = ", ".join(f"{_disagree(judging.relation.hashed(c))} AS b{n}" for n, c in enumerate(columns))
        group = judging.relation.sql(given)
        groups = select(differ, of=judging.relation.source, rest=f"WHERE {group} IS NOT NULL GROUP BY {group}")
        any_of = ", ".join(f"coalesce(bool_or(b{n}), false)" for n in range(len(columns)))
        found = one(judging.connection.execute(select(any_of, of=f"({groups})")))
        judging.disagreeing[given] = {column for column, differs in zip(columns, found, strict=True) if differs}
    return judging.disagreeing[given]


def _disagree(value: str) -> str:
    return f"(min({value}) <> max({value}) OR count({value}) BETWEEN 1 AND count(*) - 1)"


def _text(judging: Judging, rule: Damaged | Untrimmed) -> Judged | None:
    if not judging.relation.has([rule.column], "text"):
        return None
    pattern = text(DAMAGE if isinstance(rule, Damaged) else EDGES)
    return Judged(rule, surely(f"regexp_matches({judging.relation.sql(rule.column)}, {pattern})"))


def _time(judging: Judging, rule: OutsideDay | NotInOrder) -> Judged | None:
    relation = judging.relation
    if not all(relation.is_dated(column) for column in rule.about()):
        return None
    if isinstance(rule, NotInOrder):
        return Judged(rule, surely(f"{relation.sql(rule.column)} < {relation.sql(rule.given)}"))
    at = f"epoch({relation.sql(rule.column)}) - {midnight(judging.partition)!r}"
    return Judged(rule, surely(f"{at} < {rule.low_s!r} OR {at} >= {rule.high_s!r}"))


def midnight(partition: str) -> float:
    """When a partition (an ISO date) begins in UTC, in seconds since 1970."""
    return datetime.fromisoformat(partition).replace(tzinfo=UTC).timestamp()


def _product(judging: Judging, rule: NotProduct) -> Judged | None:
    relation = judging.relation
    if not relation.has(rule.about(), *NUMBERS):
        return None
    product = " * ".join(relation.number(factor) for factor in rule.factors)
    less = "" if rule.less is None else f" * (1 - {relation.number(rule.less)})"
    value = relation.number(rule.column)
    return Judged(rule, surely(f"abs({value} - {product}{less}) > {rule.slack!r} + 1e-9 * abs({value})"))
