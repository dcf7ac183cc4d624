"""Which relations seem to hold in a sample: what says so has to hold far better than beside a row drawn by chance."""

import itertools
from collections.abc import Iterator

from orders_monitor.adapters.engine.rules.sample import Sample, Traits
from orders_monitor.adapters.engine.session import one, select
from orders_monitor.adapters.engine.types import NUMBERS
from orders_monitor.core.contract import Contract
from orders_monitor.core.rules import (
    Damaged,
    Differs,
    HoursEmpty,
    KeyRepeats,
    Level,
    Missing,
    OutOfRange,
    OutsideDay,
    RowRepeats,
    RowsPer,
    Rule,
    SeenBefore,
    TopShare,
    Unlike,
    Untrimmed,
    Usual,
    Vanished,
)

# A relation seems to hold where at most BROKEN_MAX of the rows break it, and at least CHANCE_MIN, and BETTER times as
# many, would break it by chance; fewer than SUPPORT_MIN rows say nothing. These and the numbers below are judgements:
# what they give on a real shop's days is measured by the benchmarks `row_flags` and `detection`.
BROKEN_MAX = 0.05
CHANCE_MIN = 0.05
BETTER = 4.0
SUPPORT_MIN = 200
# An item is known from so many rows; its numbers are usual within a factor from FACTOR_MIN to FACTOR_MAX.
ITEM_ROWS_MIN = 3
FACTOR_MIN = 1.5
FACTOR_MAX = 20.0
ITEMS_A_NUMBER = 2
# Times that spread over more hours than these are not of one day.
DAY_HOURS_MAX = 72
# So many rows share a value within a day, for its most frequent value to mean something.
SHARED_MIN = 1.5


def keys(sample: Sample, contract: Contract) -> Iterator[Rule]:
    """Whole rows, the declared key or what is one, and keys that no other day has."""
    yield RowRepeats()
    columns = list(contract.key)
    if columns and sample.relation.has(columns):
        yield KeyRepeats(columns=tuple(columns))
    elif (found := _found_key(sample)) is not None:
        yield KeyRepeats(columns=found)
    for column in sample.traits:
        if (column.is_group or column.is_unique) and column.known <= BROKEN_MAX / 10:
            yield SeenBefore(columns=(column.name,))
        if column.is_group:
            yield RowsPer(column=column.name)


def _found_key(sample: Sample) -> tuple[str, ...] | None:
    """One column that no two rows of a day share, or a group's column and another one."""
    unique = next((column.name for column in sample.traits if column.is_unique), None)
    if unique is not None:
        return (unique,)
    groups = [column for column in sample.traits if column.is_group and column.nulls == 0]
    for group, other in itertools.product(groups, sample.traits):
        if other.nulls == 0 and other.family in ("integer", "text") and other.name != group.name:
            key = sample.relation.key((group.name, other.name))
            if _distinct(sample, key) == sample.rows:
                return (group.name, other.name)
    return None


def _distinct(sample: Sample, key: str) -> int:
    return int(str(one(sample.connection.execute(select(f"count(DISTINCT (day, {key}))", of="sample")))[0]))


def within_groups(sample: Sample) -> Iterator[Rule]:
    """Columns about which the rows of a group agree, and columns that all rows of a group have or none."""
    groups = [column for column in sample.traits if column.is_group]
    for group, column in itertools.product(groups, sample.traits):
        if group.name == column.name or column.distinct == 1:
            continue
        hashed = sample.relation.hashed(column.name)
        differ = "min({0}) <> max({0})"
        if _holds(*_groups(sample, group, differ.format(hashed), differ.format(sample.mate(column.name, hashed)))):
            yield Differs(column=column.name, given=group.name)
        some = "count({0}) BETWEEN 1 AND count(*) - 1"
        if column.nulls and _holds(
            *_groups(sample, group, some.format(hashed), some.format(sample.mate(column.name, hashed)))
        ):
            yield Missing(column=column.name, given=group.name)


def _groups(sample: Sample, group: Traits, real: str, chance: str) -> tuple[int, float, float]:
    """The groups of more than one row, and the shares of them in which something is so: really, and by chance."""
    key = sample.relation.hashed(group.name)
    source = select(
        f"{real} AS real, {chance} AS chance",
        of="sample",
        rest=f"WHERE {key} IS NOT NULL GROUP BY day, {key} HAVING count(*) > 1",
    )
    return _shares(sample, source)


def _shares(sample: Sample, source: str) -> tuple[int, float, float]:
    what = "count(*), count(*) FILTER (WHERE real), count(*) FILTER (WHERE chance)"
    rows, real, chance = (int(str(n)) for n in one(sample.connection.execute(select(what, of=f"({source})"))))
    return rows, real / max(1, rows), chance / max(1, rows)


def _holds(support: int, broken: float, chance: float) -> bool:
    return support >= SUPPORT_MIN and broken <= BROKEN_MAX and chance >= CHANCE_MIN and chance >= BETTER * broken


def items(sample: Sample) -> Iterator[Rule]:
    """What an item's value is on other days: its texts and codes, and its numbers."""
    givens = [column for column in sample.traits if column.is_item]
    for given, column in itertools.product(givens, sample.traits):
        is_code = column.family in ("integer", "text", "boolean") and given.name != column.name
        if is_code and _holds(*_unlike(sample, given, column)):
            yield Unlike(column=column.name, given=given.name)
    for column in sample.of_family(*NUMBERS):
        if column.is_few and column.family == "integer":
            continue
        found = [(given, *_away(sample, given, column)) for given in givens if given.name != column.name]
        good = [each for each in found if each[1] <= FACTOR_MAX and each[2] >= CHANCE_MIN]
        good.sort(key=lambda each: -each[2])
        for given, factor, _ in good[:ITEMS_A_NUMBER]:
            yield Usual(column=column.name, given=given.name, factor=round(factor, 2))
        for given, _, _ in good[:1]:
            yield Level(column=column.name, given=given.name)


def _unlike(sample: Sample, given: Traits, column: Traits) -> tuple[int, float, float]:
    """The later rows of known items, and the shares of them with a value that the item did not have before."""
    key, value = sample.relation.hashed(given.name), f"coalesce({sample.relation.hashed(column.name)}, 0)"
    known = select(
        f"{key} AS key, list(DISTINCT {value}) AS others",
        of="sample",
        rest=f"WHERE day < {sample.middle} AND {key} IS NOT NULL GROUP BY 1 HAVING count(*) >= {ITEM_ROWS_MIN}",
    )
    later = select("*", of="sample", rest=f"WHERE day >= {sample.middle}")
    real, chance = (f"NOT list_contains(others, {sql})" for sql in (value, sample.mate(column.name, value)))
    return _shares(
        sample,
        select(
            f"{real} AS real, {chance} AS chance", of=f"({later})", rest=f"JOIN ({known}) AS known ON known.key = {key}"
        ),
    )


def _away(sample: Sample, given: Traits, column: Traits) -> tuple[float, float]:
    """How many times a number is away from what its item had before, in one later row of a hundred.

    The other number is the share of rows that are as far away by chance.
    """
    key, x = sample.relation.hashed(given.name), f"nullif(abs({sample.relation.number(column.name)}), 0)"
    known = select(
        f"{key} AS key, quantile_cont({x}, 0.1) AS low, quantile_cont({x}, 0.9) AS high",
        of="sample",
        rest=f"WHERE day < {sample.middle} AND {key} IS NOT NULL GROUP BY 1 HAVING count({x}) >= {ITEM_ROWS_MIN}",
    )
    later = select("*", of="sample", rest=f"WHERE day >= {sample.middle}")
    away = "greatest({0} / high, low / {0})"
    both = select(
        f"{away.format(x)} AS real, {away.format(sample.mate(column.name, x))} AS chance",
        of=f"({later})",
        rest=f"JOIN ({known}) AS known ON known.key = {key}",
    )
    sample.connection.execute(f"CREATE OR REPLACE TEMP TABLE away AS {both}")
    rows, quantile = one(sample.connection.execute("SELECT count(real), quantile_cont(real, 0.99) FROM away"))
    if int(str(rows)) < SUPPORT_MIN:
        return FACTOR_MAX + 1, 0.0
    factor = max(FACTOR_MIN, 1.1 * float(str(quantile)))
    if factor > FACTOR_MAX:
        return factor, 0.0
    return factor, sample.share(f"chance > {factor!r}", of="chance IS NOT NULL", source="away")


def texts(sample: Sample) -> Iterator[Rule]:
    """Texts that are neither damaged nor have white space around them."""
    for column in sample.of_family("text"):
        if not column.is_few:
            yield Damaged(column=column.name)
            yield Untrimmed(column=column.name)


def numbers(sample: Sample) -> Iterator[Rule]:
    """Ranges of what is no key, and how much of a column its most frequent value has."""
    for column in sample.of_family(*NUMBERS):
        if not (column.is_group or column.is_unique or column.is_few):
            yield OutOfRange(column=column.name)
    for column in sample.traits:
        if not (column.is_few or column.is_group) and column.values >= SHARED_MIN * column.day_distinct:
            yield TopShare(column=column.name)
        if column.is_few:
            yield Vanished(column=column.name)


def times(sample: Sample, midnights: list[float]) -> Iterator[Rule]:
    """The hours of its day in which a time lies, and whether each hour has rows by the first such column.

    `midnights` are those of the days, in seconds since 1970 in UTC.
    """
    timed = False
    days = "CASE day " + " ".join(f"WHEN {n} THEN {at!r}" for n, at in enumerate(midnights)) + " END"
    for column in sample.of_family("temporal"):
        if not sample.relation.is_dated(column.name):
            continue
        hour = f"CAST(floor((epoch({sample.relation.sql(column.name)}) - {days}) / 3600) AS BIGINT)"
        counted = select(
            f"{hour} AS h, count(*)",
            of="sample",
            rest=f"WHERE isfinite({sample.relation.sql(column.name)}) GROUP BY 1 ORDER BY 1",
        )
        hours = [(int(str(h)), int(str(n))) for h, n in sample.connection.execute(counted).fetchall()]
        low, high = _most(hours)
        if high - low <= DAY_HOURS_MAX:
            # An unusual hour of the day is no other day.
            yield OutsideDay(column=column.name, low_s=3600.0 * min(low, 0), high_s=3600.0 * max(high, 24))
            if not timed:
                yield HoursEmpty(column=column.name)
            timed = True


def _most(hours: list[tuple[int, int]], share: float = 0.002) -> tuple[int, int]:
    """The hours that have all rows but a thousandth at either end."""
    total = sum(n for _, n in hours)
    low = _from(hours, total * share / 2)
    high = _from(list(reversed(hours)), total * share / 2)
    return low, high + 1


def _from(hours: list[tuple[int, int]], rows: float) -> int:
    for hour, n in hours:
        if n > rows:
            return hour
        rows -= n
    return hours[-1][0] if hours else 0
