"""What is kept of a partition so that later ones can be compared with it: one small Parquet file of hashes and numbers.

No value is in it. Where a column has more values than `KEYS_MAX`, those whose hash is below a threshold are kept: the
same ones on every day, so that what was never seen among them was never seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orders_monitor.adapters.engine.rules.relation import Relation
from orders_monitor.adapters.engine.rules.topics import Topic, rows_of, sampled, topics_of
from orders_monitor.adapters.engine.session import first_line, integer, one, select, write
from orders_monitor.adapters.quoting import text
from orders_monitor.core.errors import StoreUnavailable
from orders_monitor.core.rules import Rules

# About so many keys of each topic are remembered, however many the partition has.
KEYS_MAX = 4096
EVERY_HASH = 2**64 - 1
# Of the medians that an item had on each day: a few dirty days do not widen what is usual.
_BAND = "[0.1, 0.5, 0.9]"


@dataclass(frozen=True)
class Past:
    """The table `past`: for each topic, the hash up to which all memories kept it, and how many memories know it."""

    spell: str
    held: dict[Topic, tuple[int, int]]

    def days(self, topic: Topic) -> int:
        """How many memories know the topic."""
        return self.held.get(topic, (0, 0))[1]

    def cut(self, topic: Topic) -> int:
        """Keys with a larger hash were not kept on every day."""
        return self.held.get(topic, (0, 0))[0]

    def rows(self, topic: Topic) -> str:
        """The condition that picks the topic's rows in `past`."""
        return f"topic = {text(_called(topic, self.spell))}"


def remember(connection: duckdb.DuckDBPyConnection, path: Path, rules: Rules, *, into: Path) -> None:
    """Write the memory of a partition. Raises StoreUnavailable where a file cannot be read or written."""
    relation = Relation.of(connection, path)
    write(connection, memory_query(connection, relation, topics_of(rules.rules)), into)


def memory_query(connection: duckdb.DuckDBPyConnection, relation: Relation, topics: Sequence[Topic]) -> str:
    """The query whose rows are the memory, in one order."""
    known = [topic for topic in topics if topic.landed(relation)]
    spell, parts = _spelling(connection), [nothing()]
    for topic, cut in zip(known, _cuts(connection, relation, known), strict=True):
        kept = "true" if cut == EVERY_HASH else f"key <= {cut}"
        rows = f"({rows_of(topic, relation, kept=kept)})"
        parts.append(f"SELECT {text(_cut_called(topic, spell))} AS topic, {cut}::UBIGINT AS key, 1 AS n")
        parts.append(select(f"{text(_called(topic, spell))} AS topic, *", of=rows))
    return select("*", of=f"({' UNION ALL BY NAME '.join(parts)})", rest="ORDER BY topic, key, other")


def nothing() -> str:
    """The query of a memory without a row."""
    return select(
        "NULL::VARCHAR AS topic, NULL::UBIGINT AS key, NULL::UBIGINT AS other, NULL::BIGINT AS n, NULL::DOUBLE AS low,"
        " NULL::DOUBLE AS mid, NULL::DOUBLE AS high",
        of="range(0)",
    )


def recall(connection: duckdb.DuckDBPyConnection, memories: Sequence[Path], topics: Sequence[Topic]) -> Past:
    """What these memories say together about the topics, as the table `past`.

    Raises StoreUnavailable where one is not there, or is no memory.
    """
    gone = next((path for path in memories if not path.is_file()), None)
    if gone is not None:
        # Asked itself, DuckDB would take the name for a folder's, and say that folders are not allowed.
        raise StoreUnavailable(store=f"memory {gone.name}", why="it is not there; calibrate again")
    paths = ", ".join(text(str(path.absolute())) for path in memories)
    source = f"read_parquet([{paths}], hive_partitioning = false)" if memories else f"({nothing()})"
    try:
        return past_of(connection, source, topics)
    except (duckdb.InvalidInputException, duckdb.BinderException) as error:
        raise StoreUnavailable(store="memory", why=first_line(error)) from error


def past_of(connection: duckdb.DuckDBPyConnection, source: str, topics: Sequence[Topic]) -> Past:
    """The same out of the rows of memories; `days` counts memories."""
    spell = _spelling(connection)
    names = [called for topic in topics for called in (_called(topic, spell), _cut_called(topic, spell))]
    wanted = ", ".join(text(name) for name in names) or "NULL"
    summed = (
        "topic, key, other, CAST(sum(n) AS BIGINT) AS n, count(*) AS days, min(low) AS least, max(high) AS most,"
        f" quantile_cont(mid, {_BAND}) AS band"
    )
    together = select(summed, of=source, rest=f"WHERE topic IN ({wanted}) GROUP BY topic, key, other")
    past = select("* EXCLUDE (band), band[1] AS low, band[2] AS mid, band[3] AS high", of=f"({together})")
    connection.execute(f"CREATE OR REPLACE TEMP TABLE past AS {past}")
    is_cut = f"WHERE starts_with(topic, {text(_cut_spelling(spell))}) GROUP BY topic"
    cuts = connection.execute(select("topic, min(key), sum(days)", of="past", rest=is_cut)).fetchall()
    held = {str(topic): (int(cut), int(days)) for topic, cut, days in cuts}
    return Past(spell=spell, held={t: held[called] for t in topics if (called := _cut_called(t, spell)) in held})


def _cuts(connection: duckdb.DuckDBPyConnection, relation: Relation, topics: Sequence[Topic]) -> list[int]:
    """The largest hash that is kept of each topic; one scan for all."""
    hashes = [sampled(topic, relation) for topic in topics]
    wanted = list(dict.fromkeys(each for each in hashes if each is not None))
    if not wanted:
        return [EVERY_HASH] * len(topics)
    counted = ", ".join(f"approx_count_distinct({each})" for each in wanted)
    found = one(connection.execute(select(counted, of=relation.source)))
    distinct = {each: int(str(count)) for each, count in zip(wanted, found, strict=True)}
    return [EVERY_HASH if each is None else _cut(distinct[each]) for each in hashes]


def _cut(distinct: int) -> int:
    return EVERY_HASH if distinct <= KEYS_MAX else EVERY_HASH * KEYS_MAX // distinct


def _spelling(connection: duckdb.DuckDBPyConnection) -> str:
    """Names the hash function: memories of a DuckDB that hashes differently are then unknown, not wrong."""
    probe = integer(connection.execute("SELECT hash('a', 1::BIGINT, 0.5::DOUBLE)"))
    return f"{probe:x}"


def _cut_spelling(spell: str) -> str:
    return f"{spell}:cut:"


def _called(topic: Topic, spell: str) -> str:
    return f"{spell}:{topic.name}"


def _cut_called(topic: Topic, spell: str) -> str:
    return f"{_cut_spelling(spell)}{topic.name}"
