"""Which relations seem to hold between numbers, times and facets of a sample."""

import itertools
import math
import re
from collections.abc import Iterator, Sequence

from orders_monitor.adapters.engine.rules.broken_past import GIVEN_ROWS_MIN
from orders_monitor.adapters.engine.rules.candidates import BETTER, CHANCE_MIN
from orders_monitor.adapters.engine.rules.sample import Sample, Traits
from orders_monitor.adapters.engine.session import select
from orders_monitor.adapters.engine.types import NUMBERS, decimal_size
from orders_monitor.core.contract import Contract
from orders_monitor.core.rules import Facet, NotInOrder, NotProduct, Odd, Rule

# Judgements, as in `candidates`. Products are tried on some PRODUCT_ROWS rows of the first PRODUCT_COLUMNS_MAX numbers:
# one holds in PRODUCT_SHARE of them, and PRODUCT_TOLD_MIN of them have no factor of 0 or 1.
PRODUCT_ROWS = 400
PRODUCT_COLUMNS_MAX = 12
PRODUCT_SHARE = 0.99
PRODUCT_FACTORS = 2
PRODUCT_ROWS_MIN = 50
PRODUCT_TOLD_MIN = 0.1
# Half a cent: what a rounded amount may be away from its exact product.
FLOAT_SLACK = 0.005
# The share of rows in which a later time may be before an earlier one.
ORDER_BROKEN_MAX = 0.005
# At most so many formats make up FORMATS_SHARE of the values, each at least FORMAT_SHARE_MIN; others are free text.
FORMATS_MAX = 8
FORMAT_SHARE_MIN = 0.0005
FORMATS_SHARE = 0.99
# What is rarer than one row in a hundred beside another facet is evidence, where chance alone would give more of it.
RARE = 0.01
PAIR_CHANCE_MIN = 0.01
# Below, above and at 0.
SIGNS = 3
GIVENS_A_FACET = 3


def products(sample: Sample) -> Iterator[Rule]:
    """Numbers that are the product of others, tried on a few hundred rows."""
    columns = sample.of_family(*NUMBERS)[:PRODUCT_COLUMNS_MAX]
    if len(columns) <= PRODUCT_FACTORS:
        return
    what = ", ".join(sample.relation.number(column.name) for column in columns)
    every = max(1, sample.rows // PRODUCT_ROWS)
    rows = sample.connection.execute(
        select(what, of="sample", rest=f"WHERE hash(day, rn) % {every} = 0 ORDER BY day, rn")
    ).fetchall()
    named = [column.name for column in columns]
    for place, column in enumerate(columns):
        found = [
            (share, factors, less)
            for factors, less in _ways(place, len(columns))
            if (share := _fit(rows, place, factors, less, _slack(sample, column))) >= PRODUCT_SHARE
        ]
        if found:
            _, factors, less = max(found, key=lambda each: (each[0], each[2] is None))
            yield NotProduct(
                column=column.name,
                factors=tuple(named[each] for each in factors),
                less=None if less is None else named[less],
                slack=_slack(sample, column),
            )


def _ways(place: int, columns: int) -> Iterator[tuple[tuple[int, ...], int | None]]:
    others = [each for each in range(columns) if each != place]
    for factors in itertools.combinations(others, PRODUCT_FACTORS):
        yield factors, None
        yield from ((factors, less) for less in others if less not in factors)


def _slack(sample: Sample, column: Traits) -> float:
    type_name = sample.relation.schema.type_of(column.name) or ""
    if column.family == "floating":
        return FLOAT_SLACK
    return 0.6 * 10.0 ** -decimal_size(type_name)[1]


def _fit(
    rows: Sequence[tuple[float | None, ...]], place: int, factors: tuple[int, ...], less: int | None, slack: float
) -> float:
    """The share of rows in which the product holds; 0 where it holds because a factor is 0 or 1."""
    held = told = judged = 0
    for row in rows:
        value, parts = row[place], [row[each] for each in factors]
        taken = 0.0 if less is None else row[less]
        if value is None or taken is None or None in parts:
            continue
        judged += 1
        product = math.prod(part for part in parts if part is not None) * (1 - taken)
        held += abs(value - product) <= slack + 1e-9 * abs(value)
        told += all(part is not None and abs(value - part) > 2 * slack for part in parts) and abs(value) > 2 * slack
    return held / judged if judged >= PRODUCT_ROWS_MIN and told >= PRODUCT_TOLD_MIN * judged else 0.0


def orders(sample: Sample) -> Iterator[Rule]:
    """Times that come after others."""
    dated = [column for column in sample.of_family("temporal") if sample.relation.is_dated(column.name)]
    for late, early in itertools.permutations(dated, 2):
        before = f"{sample.relation.sql(late.name)} < {sample.relation.sql(early.name)}"
        both = f"({before}) IS NOT NULL"
        broken, chance = sample.share(before, of=both), sample.share(sample.mate(early.name, before), of=both)
        if broken <= ORDER_BROKEN_MAX and chance >= max(CHANCE_MIN, BETTER * broken):
            yield NotInOrder(column=late.name, given=early.name)


def odd(sample: Sample, contract: Contract) -> Iterator[Rule]:
    """Facets with few values, alone, and those that another facet nearly determines."""
    facets = list(_facets(sample))
    items = {each.name for each in sample.traits if each.is_item and not each.is_few and each.family == "text"}
    for facet in facets:
        if facet.kind == "missing":
            continue
        yield Odd(facet=facet)
        if facet.kind != "format" or facet.column not in items:
            # A code that is known may look as it likes.
            yield Odd(facet=facet, below=RARE)
    for column in sample.traits:
        promised = contract.column(column.name)
        if column.nulls == 0 and (promised is None or promised.nullable):
            yield Odd(facet=Facet(kind="missing", column=column.name))
        if column.name in items:
            yield Odd(facet=Facet(kind="value", column=column.name))
    for facet, given in _pairs(sample, facets):
        yield Odd(facet=facet, given=given)
        yield Odd(facet=facet, given=given, below=RARE)


def _pairs(sample: Sample, facets: Sequence[Facet]) -> Iterator[tuple[Facet, Facet]]:
    """Each facet beside those that say most about it; of two that say it of each other, the one of which more is."""
    tells = {
        (one, other): told
        for one, other in itertools.permutations(range(len(facets)), 2)
        if facets[one].column != facets[other].column and (told := _tells(sample, facets[one], facets[other])) > 0
    }
    for one, facet in enumerate(facets):
        best = sorted((-told, other) for (of, other), told in tells.items() if of == one)
        for told, other in best[:GIVENS_A_FACET]:
            if (tells.get((other, one), 0), one) <= (-told, other):
                yield facet, facets[other]


def _facets(sample: Sample) -> Iterator[Facet]:
    for column in sample.traits:
        if column.is_few and column.family in ("text", "integer", "boolean"):
            yield Facet(kind="value", column=column.name)
        elif column.family in NUMBERS and column.distinct > SIGNS and not (column.is_group or column.is_unique):
            yield Facet(kind="sign", column=column.name)
        elif column.family == "text":
            formats = formats_of(sample, column)
            if formats:
                yield Facet(kind="format", column=column.name, formats=formats)
        if 0.001 * sample.rows <= column.nulls <= 0.999 * sample.rows:
            yield Facet(kind="missing", column=column.name)


def _tells(sample: Sample, facet: Facet, given: Facet) -> float:
    """The share of rows that would be rare beside `given` by chance, where they are far fewer; else 0."""
    pair = f"{sample.relation.facet(given)} AS g, {sample.relation.facet(facet)} AS f"
    counted = select(
        "g, f, count(*)",
        of=f"({select(pair, of='sample')})",
        rest="WHERE g IS NOT NULL AND f IS NOT NULL GROUP BY 1, 2",
    )
    cells = {(int(str(g)), int(str(f))): int(str(n)) for g, f, n in sample.connection.execute(counted).fetchall()}
    total, by_g, by_f = sum(cells.values()), _summed(cells, 0), _summed(cells, 1)
    rare = [(g, f) for g in by_g for f in by_f if cells.get((g, f), 0) < RARE * by_g[g] and by_f[f] >= RARE * total]
    rare = [(g, f) for g, f in rare if by_g[g] >= GIVEN_ROWS_MIN]
    real = sum(cells.get(pair, 0) for pair in rare) / max(1, total)
    chance = sum(by_g[g] * by_f[f] for g, f in rare) / max(1, total) ** 2
    return chance if chance >= max(PAIR_CHANCE_MIN, BETTER * real) else 0.0


def _summed(cells: dict[tuple[int, int], int], place: int) -> dict[int, int]:
    found: dict[int, int] = {}
    for pair, n in cells.items():
        found[pair[place]] = found.get(pair[place], 0) + n
    return found


def formats_of(sample: Sample, column: Traits) -> tuple[str, ...]:
    """Regular expressions of the few formats that nearly all values have, the most frequent first; not of free text."""
    sql = sample.relation.sql(column.name)
    values = sample.connection.execute(
        select(
            f"{sql}, count(*)",
            of="sample",
            rest=f"WHERE {sql} IS NOT NULL AND length({sql}) <= 64 GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20000",
        )
    ).fetchall()
    for shape in (exact_shape, loose_shape):
        counted: dict[str, int] = {}
        for value, n in values:
            said = shape(str(value))
            counted[said] = counted.get(said, 0) + int(n)
        most = sorted(counted.items(), key=lambda each: (-each[1], each[0]))[:FORMATS_MAX]
        if most and sum(n for _, n in most) >= FORMATS_SHARE * column.values:
            return tuple(said for said, n in most if n >= FORMAT_SHARE_MIN * column.values)
    return ()


_RUN = re.compile(r"[A-Z]+|[a-z]+|[0-9]+|(.)\1*", re.DOTALL)


def exact_shape(value: str) -> str:
    """The regular expression (RE2) of texts with the same character classes at the same places."""
    return "".join(f"{_class(run[0])}{{{len(run)}}}" if len(run) > 1 else _class(run[0]) for run in _runs(value))


def loose_shape(value: str) -> str:
    """The same, where letters and digits may be any number."""
    return "".join(
        f"{_class(run[0])}+" if run[0].isascii() and run[0].isalnum() else _class(run[0]) * len(run)
        for run in _runs(value)
    )


def _runs(value: str) -> list[str]:
    return [found[0] for found in _RUN.finditer(value)]


def _class(character: str) -> str:
    if not (character.isascii() and character.isalnum()):
        return f"\\x{{{ord(character):X}}}"
    return "[0-9]" if character.isdigit() else "[A-Z]" if character.isupper() else "[a-z]"
