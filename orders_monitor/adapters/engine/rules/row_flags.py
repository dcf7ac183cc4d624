"""The rows that look wrong: the evidence of all rules against a row, summed, and the reasons for each.

The evidence of a broken rule is the negative logarithm of the share of rows that break it on an ordinary day, and
more where the row is further away: what is rare on ordinary days says more. Rules that judge the same column say the
same thing twice, and so do a new code and its new name: of these the strongest counts.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import duckdb

from orders_monitor.adapters.engine.rules.broken import judged
from orders_monitor.adapters.engine.rules.judging import Judged, Judging
from orders_monitor.adapters.engine.rules.memory import recall
from orders_monitor.adapters.engine.rules.relation import Relation
from orders_monitor.adapters.engine.rules.topics import topics_of
from orders_monitor.adapters.engine.session import integer, select
from orders_monitor.core.rules import (
    AboutRows,
    FlaggedRow,
    KeyRepeats,
    Odd,
    Reason,
    RowRepeats,
    Rules,
    SeenBefore,
    Unlike,
)

# The share of a partition's rows that a person may be asked about.
SHARE_MAX = 0.05
# Natural logarithms: a row is flagged from evidence of one ordinary row in twenty, and a rule counts at most for one in
# 8,000: rules are learned from too few rows to know rarer things.
EVIDENCE_MIN = 3.0
EVIDENCE_MAX = 9.0


def flag(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    rules: Rules,
    memories: Sequence[Path],
    *,
    partition: str,
    rows_max: int,
) -> tuple[FlaggedRow, ...]:
    """The rows with the most evidence against them, the strongest first: at most `rows_max`, and 5 % of all rows."""
    relation = Relation.of(connection, path)
    past = recall(connection, memories, topics_of(rules.rules))
    judging = Judging(connection, relation, past, partition, rules.rules)
    found = [each for rule in _once(rules) if (each := judged(judging, rule)) is not None]
    rows = integer(connection.execute(select("count(*)", of=relation.source)))
    most = min(rows_max, math.ceil(SHARE_MAX * rows))
    if not found or most <= 0:
        return ()
    weighed = ", ".join(
        f"CASE WHEN {each.broken} THEN {_evidence(each)} ELSE 0 END AS e{n}" for n, each in enumerate(found)
    )
    each_row = select(f"rn, {weighed}", of=judging.source)
    strongest = (f"greatest({', '.join(f'e{n}' for n in cause)})" for cause in _causes(found, rules))
    scored = select(f"*, {' + '.join(strongest)} AS score", of=f"({each_row})")
    broken = ", ".join(f"e{n}" for n in range(len(found)))
    ranked = f"WHERE score >= {EVIDENCE_MIN} ORDER BY score DESC, rn LIMIT {most}"
    query = select(f"rn, score, {broken}", of=f"({scored})", rest=ranked)
    return tuple(_flagged(row, found) for row in connection.execute(query).fetchall())


def _causes(found: Sequence[Judged], rules: Rules) -> list[list[int]]:
    """The places of the rules that would be broken together by one wrong value, or by one new item."""
    alike = [set(rule.about()) for rule in rules.rules if isinstance(rule, Unlike)]
    causes: dict[object, list[int]] = {}
    for place, each in enumerate(found):
        rule = each.rule
        cause: object = rule.about()[:1]
        if isinstance(rule, Odd) and rule.facet.kind == "value" and rule.given is None:
            cause = frozenset(_with(rule.facet.column, alike))
        elif isinstance(rule, RowRepeats | KeyRepeats | SeenBefore):
            cause = "repeated"
        causes.setdefault(cause, []).append(place)
    return list(causes.values())


def _with(column: str, alike: Sequence[set[str]]) -> set[str]:
    """The columns that go with this one, by whatever others."""
    found, before = {column}, set[str]()
    while found != before:
        before = set(found)
        found.update(*(pair for pair in alike if pair & found))
    return found


def _once(rules: Rules) -> list[AboutRows]:
    """A facet that is rare says by itself how rare: that it was never seen says it once more."""
    rows = list(rules.about_rows())
    rare = {(rule.facet, rule.given) for rule in rows if isinstance(rule, Odd) and rule.below > 0}
    return [
        rule for rule in rows if not (isinstance(rule, Odd) and rule.below == 0 and (rule.facet, rule.given) in rare)
    ]


def _evidence(judged: Judged) -> str:
    ordinary = min(EVIDENCE_MAX, -math.log(max(judged.rule.ordinary, math.exp(-EVIDENCE_MAX))))
    if isinstance(judged.rule, Odd) and judged.evidence is not None:
        return judged.evidence
    return f"{ordinary!r}" if judged.evidence is None else f"{ordinary!r} + {judged.evidence}"


def _flagged(row: Sequence[object], judged: Sequence[Judged]) -> FlaggedRow:
    number, score, *evidence = (float(str(value)) for value in row)
    named = sorted((-value, each.rule.id) for value, each in zip(evidence, judged, strict=True) if value > 0)
    reasons = tuple(Reason(rule=rule, evidence=round(-value, 6)) for value, rule in named)
    return FlaggedRow(row=int(number), score=round(score, 6), reasons=reasons)
