"""The rows that look wrong: the evidence of all rules against a row, summed, and the reasons for each.

The evidence of a broken rule is the negative logarithm of the share of rows that break it on an ordinary day, and
more where the row is further away: what is rare on ordinary days says more.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import duckdb

from orders_monitor.adapters.engine.broken import judged
from orders_monitor.adapters.engine.judging import Judged, Judging
from orders_monitor.adapters.engine.memory import recall
from orders_monitor.adapters.engine.relation import Relation
from orders_monitor.adapters.engine.session import integer, select
from orders_monitor.adapters.engine.topics import topics_of
from orders_monitor.core.rules import AboutRows, FlaggedRow, Odd, Reason, Rules

SHARE_MAX = 0.05
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
    score = " + ".join(f"e{n}" for n in range(len(found)))
    broken = ", ".join(f"e{n}" for n in range(len(found)))
    query = select(
        f"rn, {broken}",
        of=f"({each_row})",
        rest=f"WHERE {score} >= {EVIDENCE_MIN} ORDER BY {score} DESC, rn LIMIT {most}",
    )
    return tuple(_flagged(row, found) for row in connection.execute(query).fetchall())


def _once(rules: Rules) -> list[AboutRows]:
    """A facet that is rare says by itself how rare: that it was never seen says it once more."""
    rows = list(rules.about_rows())
    rare = {(rule.facet, rule.given) for rule in rows if isinstance(rule, Odd) and rule.below > 0}
    return [
        rule for rule in rows if not (isinstance(rule, Odd) and rule.below == 0 and (rule.facet, rule.given) in rare)
    ]


def _evidence(judged: Judged) -> str:
    ordinary = min(EVIDENCE_MAX, -math.log(max(judged.rule.ordinary, 1e-4)))
    if isinstance(judged.rule, Odd) and judged.evidence is not None:
        return judged.evidence
    return f"{ordinary!r}" if judged.evidence is None else f"{ordinary!r} + {judged.evidence}"


def _flagged(row: Sequence[object], judged: Sequence[Judged]) -> FlaggedRow:
    evidence = [(round(float(str(value)), 6), each.rule.id) for value, each in zip(row[1:], judged, strict=True)]
    reasons = [
        Reason(rule=rule, evidence=value) for value, rule in sorted(evidence, key=lambda e: (-e[0], e[1])) if value > 0
    ]
    return FlaggedRow(row=int(str(row[0])), score=round(sum(r.evidence for r in reasons), 6), reasons=tuple(reasons))
