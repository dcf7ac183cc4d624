"""The rules that compare a row with earlier days, as SQL."""

import math
from collections.abc import Sequence

from orders_monitor.adapters.engine.rules.judging import Judged, Judging, surely
from orders_monitor.adapters.engine.rules.memory import EVERY_HASH
from orders_monitor.adapters.engine.rules.topics import Topic, topic_of
from orders_monitor.adapters.engine.session import select
from orders_monitor.core.rules import Level, Odd, OutOfRange, Rule, SeenBefore, Unlike, Usual

# Rows that a facet has had before what stood beside it says anything.
GIVEN_ROWS_MIN = 50
# So many remembered values are compared within the query; more are joined.
FEW = 500
# Natural logarithms: what was never seen counts as one row in 8,000, and a number far away twenty times what it did.
RARE_EVIDENCE_MAX = 9.0
AWAY_EVIDENCE_MAX = 3.0


def judged(judging: Judging, rule: Rule) -> Judged | None:
    """A rule of these kinds as SQL; None for another kind, or where it cannot be judged."""
    topic = topic_of(rule)
    if topic is None or not judging.remembers(rule):
        return None
    match rule:
        case SeenBefore():
            return _again(judging, rule, topic)
        case Unlike():
            return _unlike(judging, rule)
        case Usual():
            return _usual(judging, rule)
        case OutOfRange():
            return _range(judging, rule, topic)
        case Odd():
            return _odd(judging, rule, topic)
    return None


def numbers(judging: Judging, rule: Usual | Level) -> tuple[str, str | None]:
    """The number that is judged, and the alias of what its item usually has (`low`, `mid`, `high`)."""
    key = judging.look(judging.relation.hashed(rule.given))
    usual = judging.joined_past(rule, "key, low, mid, high", where="mid > 0", on=f"key = {key}")
    return judging.look(f"nullif(abs({judging.relation.number(rule.column)}), 0)"), usual


def _again(judging: Judging, rule: SeenBefore, topic: Topic) -> Judged:
    key = judging.look(judging.relation.key(rule.columns))
    seen = judging.joined_past(rule, "DISTINCT key", on=f"key = {key}")
    broken = "false" if seen is None else f"{seen}.key IS NOT NULL"
    return Judged(rule, broken, of=surely(f"{key} <= {judging.past.cut(topic)}"))


def _unlike(judging: Judging, rule: Unlike) -> Judged:
    value = judging.look(f"coalesce({judging.relation.hashed(rule.column)}, 0)")
    key = judging.look(judging.relation.hashed(rule.given))
    had = judging.joined_past(rule, "key, list(other) AS others", where="true GROUP BY key", on=f"key = {key}")
    return Judged(rule, "false" if had is None else surely(f"NOT list_contains({had}.others, {value})"))


def _usual(judging: Judging, rule: Usual) -> Judged:
    x, usual = numbers(judging, rule)
    if usual is None:
        return Judged(rule, "false")
    away = f"greatest({x} / {usual}.high, {usual}.low / {x})"
    evidence = f"least({AWAY_EVIDENCE_MAX}, ln({away} / {rule.factor!r}))"
    return Judged(rule, surely(f"{away} > {rule.factor!r}"), evidence=evidence)


def _range(judging: Judging, rule: OutOfRange, topic: Topic) -> Judged:
    query = select("least, most", of="past", rest=f"WHERE {judging.past.rows(topic)} AND least IS NOT NULL")
    found = judging.connection.execute(query).fetchone()
    if found is None:
        return Judged(rule, "false")
    least, most = float(found[0]), float(found[1])
    away, x = rule.margin * (most - least), judging.look(judging.relation.number(rule.column))
    bounds = (("<", least - away), (">", most + away))
    # Nothing is beyond a bound that is no double any more.
    beyond = [f"{x} {than} {bound!r}" for than, bound in bounds if math.isfinite(bound)]
    return Judged(rule, surely(" OR ".join(beyond)) if beyond else "false")


def _odd(judging: Judging, rule: Odd, topic: Topic) -> Judged:
    seen = judging.look(judging.relation.facet(rule.facet))
    rows = select("count(*)", of="past", rest=f"WHERE {judging.past.rows(topic)}")
    found = judging.connection.execute(rows).fetchone()
    many = found is not None and int(found[0]) > FEW
    if rule.given is None and rule.below == 0 and (many or judging.past.cut(topic) < EVERY_HASH):
        known = judging.joined_past(rule, "DISTINCT key", on=f"key = {seen}")
        of = surely(f"{seen} <= {judging.past.cut(topic)}")
        return Judged(rule, of if known is None else f"{of} AND {known}.key IS NULL", of=of)
    return _odd_of_few(judging, rule, topic, seen)


def _odd_of_few(judging: Judging, rule: Odd, topic: Topic, seen: str) -> Judged:
    """A facet with few values is compared in the query itself: a join costs more."""
    of, pair, hashed = f"{seen} IS NOT NULL", seen, "key"
    if rule.given is not None:
        beside = judging.look(judging.relation.facet(rule.given))
        pair, hashed = (
            judging.look(f"hash({judging.relation.facet(rule.facet)}, {judging.relation.facet(rule.given)})"),
            "hash(key, other)",
        )
    counted = f"{hashed}, other, n, sum(n) OVER (PARTITION BY other)"
    query = select(counted, of="past", rest=f"WHERE {judging.past.rows(topic)} ORDER BY n DESC, key, other")
    found = [(int(k), int(o), int(n), int(of_all)) for k, o, n, of_all in judging.connection.execute(query).fetchall()]
    if rule.given is not None:
        found = [each for each in found if each[3] >= GIVEN_ROWS_MIN]
        of += f" AND {_in(beside, sorted({each[1] for each in found}))}"
    shares = {key: n / total for key, _, n, total in found}
    common = [key for key, share in shares.items() if share >= rule.below]
    of = surely(of)
    return Judged(rule, f"{of} AND NOT {_in(pair, common)}", of=of, evidence=_rarity(rule, pair, shares))


def _rarity(rule: Odd, pair: str, shares: dict[int, float]) -> str | None:
    if rule.below == 0:
        return None
    rare = [
        f"WHEN {pair} = {key} THEN {min(RARE_EVIDENCE_MAX, -math.log(share))!r}"
        for key, share in shares.items()
        if share < rule.below
    ]
    return f"CASE {' '.join(rare)} ELSE {RARE_EVIDENCE_MAX} END" if rare else str(RARE_EVIDENCE_MAX)


def _in(sql: str, values: Sequence[int]) -> str:
    return f"{sql} IN ({', '.join(str(value) for value in values)})" if values else "false"
