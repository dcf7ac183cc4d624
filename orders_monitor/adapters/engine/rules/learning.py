"""Which relations hold on earlier days: learned from types and data alone, no name of a column means anything.

Candidates come from a sample of rows. They are then tried as they will be used: each later day is measured against
the memories of the days before it, and what its ordinary rows break too often is dropped.
"""

import statistics
from collections.abc import Sequence
from pathlib import Path

import duckdb

from orders_monitor.adapters.engine.rules import candidates, candidates_between
from orders_monitor.adapters.engine.rules.broken import midnight
from orders_monitor.adapters.engine.rules.measuring import measures_of
from orders_monitor.adapters.engine.rules.memory import memory_query, nothing, past_of
from orders_monitor.adapters.engine.rules.sample import Day, days_of, sample_of
from orders_monitor.adapters.engine.rules.topics import topics_of
from orders_monitor.core.contract import Contract
from orders_monitor.core.rules import AboutPartition, Odd, Rule, Rules

# Days that rules are tried on, the newest; and the share of an ordinary day's rows that may break a rule (median).
TRIED_DAYS = 10
ORDINARY_MAX = 0.05


def learn(
    connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], contract: Contract, *, partitions: Sequence[str]
) -> Rules:
    """The rules of a table whose earlier partitions are these files, oldest first."""
    days = days_of(connection, paths, partitions) if paths else []
    if not days:
        return Rules()
    found = tuple({rule.id: rule for rule in _candidates(connection, days, contract)}.values())
    return Rules(rules=tuple(_needed(_tried(connection, days, found))), days=len(paths))


def _candidates(connection: duckdb.DuckDBPyConnection, days: Sequence[Day], contract: Contract) -> list[Rule]:
    sample = sample_of(connection, days)
    midnights = [midnight(day.partition) for day in days]
    return [
        *candidates.keys(sample, contract),
        *candidates.within_groups(sample),
        *candidates.items(sample),
        *candidates.texts(sample),
        *candidates.numbers(sample),
        *candidates.times(sample, midnights),
        *candidates_between.products(sample),
        *candidates_between.orders(sample),
        *candidates_between.odd(sample, contract),
    ]


def _tried(connection: duckdb.DuckDBPyConnection, days: Sequence[Day], rules: Sequence[Rule]) -> list[Rule]:
    """The rules that ordinary rows seldom break, with how seldom."""
    topics, measured = topics_of(rules), []
    first = max(len(days) // 2, len(days) - TRIED_DAYS)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE memories AS {nothing()}")
    for number, day in enumerate(days):
        if number >= first:
            past = past_of(connection, "memories", topics)
            measured.append(measures_of(connection, day.relation, rules, past, partition=day.partition))
        connection.execute(f"INSERT INTO memories {memory_query(connection, day.relation, topics)}")
    return [
        kept
        for rule in rules
        if (kept := _kept(rule, [values[rule.metric] for values in measured if rule.metric in values]))
    ]


def _kept(rule: Rule, shares: Sequence[float]) -> Rule | None:
    if isinstance(rule, AboutPartition):
        return rule
    if not shares or statistics.median(shares) > ORDINARY_MAX or statistics.fmean(shares) > 2 * ORDINARY_MAX:
        return None
    return rule.model_copy(update={"ordinary": float(f"{statistics.fmean(shares):.6g}")})


def _needed(rules: Sequence[Rule]) -> list[Rule]:
    """Where ordinary rows have nothing rare, what was never seen need not be asked too."""
    never_rare = {
        (rule.facet, rule.given) for rule in rules if isinstance(rule, Odd) and rule.below and not rule.ordinary
    }
    return [r for r in rules if not (isinstance(r, Odd) and r.below == 0 and (r.facet, r.given) in never_rare)]
