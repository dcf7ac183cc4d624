"""Where the rows are that break an expectation: counted by code over the values themselves, told masked.

The SQL here is ours: columns are numbered, a predicate's values are bound. No word of the model's is in it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from orders_monitor.adapters.workbench import masking
from orders_monitor.adapters.workbench.session import Row, Session
from orders_monitor.adapters.workbench.workbench import Catches, cell
from orders_monitor.agent.workbench import Cell, Facet, Flagged, QueryRefused, Repeated
from orders_monitor.core.contract import Contract
from orders_monitor.core.errors import PlanInapplicable
from orders_monitor.core.predicate import Predicate

TOP_VALUES = 5
HOURS_MAX = 24


class _Condition(NamedTuple):
    sql: str
    values: tuple[object, ...]


class _Stopped(Exception):
    """A verdict on its way out."""

    def __init__(self, refused: QueryRefused) -> None:
        self.refused = refused


def flagged(
    session: Session,
    where: Predicate | Repeated,
    *,
    columns: Sequence[str],
    landed: Path,
    contract: Contract,
    text_columns: Sequence[str],
    catches: Catches,
) -> Flagged | QueryRefused:
    """How many landed rows the predicate catches, and what these columns hold in them. Raises StoreUnavailable."""
    absent = next((column for column in columns if column not in session.schema.names), None)
    if absent is not None:
        return QueryRefused(why="a column of the expectation did not land", kind="mistake")
    try:
        condition = _condition(session, where, catches)
        shown = [
            f"{masking.seen(column, f'c{index}', contract, text_columns, session.key)} AS v{index}"
            for index, column in enumerate(session.schema.columns)
        ]
        source = session.landed(", ".join([*shown, f"({condition.sql}) AS hit"]), landed)
        caught = _Caught(session, source, condition.values)
        rows, of = caught.one("count(*) FILTER (WHERE hit), count(*)")
        facets = tuple(_facet(caught, session, column, contract) for column in columns)
    except _Stopped as stopped:
        return stopped.refused
    except PlanInapplicable as error:
        return QueryRefused(why=error.why, kind="mistake")
    return Flagged(rows=_integer(rows), of=_integer(of), facets=facets)


def _condition(session: Session, where: Predicate | Repeated, catches: Catches) -> _Condition:
    """Raises PlanInapplicable, or _Stopped where a column did not land."""
    wanted = where.columns if isinstance(where, Repeated) else (where.column,)
    if not wanted or any(column not in session.schema.names for column in wanted):
        raise _Stopped(QueryRefused(why="a column of the expectation did not land", kind="mistake"))
    places = [session.schema.names.index(column) for column in wanted]
    if isinstance(where, Repeated):
        together = ", ".join(f"c{place}" for place in places)
        present = " AND ".join(f"c{place} IS NOT NULL" for place in places)
        return _Condition(f"{present} AND count(*) OVER (PARTITION BY {together}) > 1", ())
    caught = catches(where, sql=f"c{places[0]}", type_name=session.schema.columns[places[0]].type)
    return _Condition(caught.sql, tuple(caught.values))


class _Caught(NamedTuple):
    """The landed rows as a query sees them (v0, v1, ...), each with `hit`."""

    session: Session
    source: str
    values: tuple[object, ...]

    def ask(self, what: str, rest: str = "") -> list[Row]:
        """Raises _Stopped, StoreUnavailable."""
        found = self.session.run(f"SELECT {what} FROM ({self.source}) {rest}", self.values)  # noqa: S608 - numbered columns
        if isinstance(found, QueryRefused):
            raise _Stopped(found)
        return found[1]

    def one(self, what: str, rest: str = "") -> Row:
        """The single row of an answer."""
        return self.ask(what, rest)[0]

    def counted(self, what: str, *, most: int, first: str) -> tuple[tuple[Cell, int, int], ...]:
        """The values of flagged rows: how many rows of each are flagged, and how many there are."""
        of_each = f"GROUP BY 1 HAVING count(*) FILTER (WHERE hit) > 0 ORDER BY {first} LIMIT {most}"
        source = f"SELECT {what} AS v, hit FROM ({self.source})"  # noqa: S608 - numbered columns
        rows = _Caught(self.session, source, self.values).ask("v, count(*) FILTER (WHERE hit), count(*)", of_each)
        return tuple((cell(value), _integer(hits), _integer(all_rows)) for value, hits, all_rows in rows)


def _facet(caught: _Caught, session: Session, column: str, contract: Contract) -> Facet:
    place = session.schema.names.index(column)
    found = session.schema.columns[place]
    value = f"v{place}"
    lowest, highest = (None, None)
    if masking.is_ordered(found, contract):
        lowest, highest = caught.one(f"min({value}), max({value})", "WHERE hit")
    timed = masking.is_timed(found) and masking.is_ordered(found, contract)
    hour = f"strftime(date_trunc('hour', {value}), '%Y-%m-%dT%H')"
    return Facet(
        column=column,
        distinct=_integer(caught.one(f"count(DISTINCT {value})", "WHERE hit")[0]),
        top=() if timed else caught.counted(value, most=TOP_VALUES, first="2 DESC, 1"),
        hours=caught.counted(hour, most=HOURS_MAX, first="1") if timed else (),
        minimum=cell(lowest),
        maximum=cell(highest),
    )


def _integer(value: object) -> int:
    return int(str(value))
