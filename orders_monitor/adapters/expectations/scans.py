"""Which scans answer many questions about some rows: one statement, few passes, each column decoded seldom.

A count of rows that meet a simple condition is a narrow scan of its own: DuckDB answers `is null`, ranges and sets from
row-group statistics and dictionaries where it can, which it cannot within a filtered aggregate. All else that is asked
of one column of one source, or of some columns together, shares one scan of it.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

# How a condition is best counted: in a scan of its own, in one of its own unless its column is decoded anyway, or with
# whatever else is asked of its column.
Form = Literal["narrow", "either", "shared"]


@dataclass(frozen=True, eq=False)
class Source:
    """Some rows: a table, or a selection from one. Equal keys mean the same rows."""

    key: Hashable
    rows: sa.FromClause


@dataclass(frozen=True, eq=False)
class Count:
    """How many rows meet a condition, and the `sample` smallest values of `columns` among them."""

    source: Source
    columns: tuple[str, ...]
    condition: sa.ColumnElement[bool]
    sample: int
    form: Form


@dataclass(frozen=True, eq=False)
class Total:
    """One aggregate over all rows of a source; `columns` are those it reads, as far as that is known."""

    source: Source
    columns: tuple[str, ...]
    expression: sa.ColumnElement[Any]


@dataclass(frozen=True)
class Counted:
    """A number of rows, and some of their values: plain for one column, a tuple for several."""

    rows: int
    values: tuple[Any, ...] = ()


Wanted = Count | Total


@dataclass(frozen=True, eq=False)
class Scan:
    """One pass over some rows: what it selects, and the keys of what that answers, in the same order."""

    select: sa.Select[Any]
    answers: tuple[tuple[Hashable, Wanted], ...]


def arranged(wanted: Iterable[tuple[Hashable, Wanted]]) -> list[Scan]:
    """The scans that answer everything: one for each column that is decoded in full, and the narrow ones."""
    asked = list(wanted)
    full = {_place(each) for _, each in asked if isinstance(each, Total) or each.form == "shared"}
    narrow: list[Scan] = []
    together: dict[Hashable, list[tuple[Hashable, Wanted]]] = {}
    for key, each in asked:
        if isinstance(each, Count) and (each.form == "narrow" or _place(each) not in full):
            narrow.append(_narrow(key, each))
        else:
            together.setdefault(_place(each), []).append((key, each))
    return narrow + [_shared(answers) for answers in together.values()]


def _place(wanted: Wanted) -> Hashable:
    return wanted.source.key, wanted.columns


def _narrow(key: Hashable, count: Count) -> Scan:
    columns = [sa.func.count(), *_smallest(count)]
    return Scan(sa.select(*columns).select_from(count.source.rows).where(count.condition), ((key, count),))


def _shared(answers: Sequence[tuple[Hashable, Wanted]]) -> Scan:
    columns: list[sa.ColumnElement[Any]] = []
    for _, wanted in answers:
        if isinstance(wanted, Total):
            columns.append(wanted.expression)
        else:
            columns += [part.filter(wanted.condition) for part in (sa.func.count(), *_smallest(wanted))]
    return Scan(sa.select(*columns).select_from(answers[0][1].source.rows), tuple(answers))


def _smallest(count: Count) -> list[Any]:
    """The smallest values, not the first: they are the same whatever the number of threads."""
    if not count.sample:
        return []
    columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in count.columns]
    value = columns[0] if len(columns) == 1 else sa.func.row(*columns)
    return [sa.func.min(value, sa.literal_column(str(int(count.sample))))]


def statement(scans: Sequence[Scan]) -> sa.Select[Any]:
    """One statement of one row: the rows of all scans side by side."""
    parts = [_named(scan.select, f"s{n}") for n, scan in enumerate(scans)]
    rows: sa.FromClause = parts[0]
    for part in parts[1:]:
        rows = rows.join(part, sa.true())
    return sa.select(*(column for part in parts for column in part.c)).select_from(rows)


def _named(select: sa.Select[Any], name: str) -> sa.Subquery:
    columns = [column.label(f"{name}_{n}") for n, column in enumerate(select.selected_columns)]
    return select.with_only_columns(*columns, maintain_column_froms=True).subquery(name)


def answered(scans: Sequence[Scan], row: Sequence[Any]) -> dict[Hashable, Any]:
    """What the row of a statement says, by key: a Counted for a Count, a plain value for a Total."""
    values = iter(row)
    told: dict[Hashable, Any] = {}
    for scan in scans:
        for key, wanted in scan.answers:
            first = next(values)
            if isinstance(wanted, Total):
                told[key] = first
            else:
                told[key] = Counted(int(first or 0), tuple((next(values) or ()) if wanted.sample else ()))
    return told
