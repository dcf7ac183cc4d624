"""An expectation of ours: every value of a column is one of another relation's column, such as a known customer."""

from dataclasses import replace
from typing import Any, ClassVar

import sqlalchemy as sa
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation
from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import (
    column_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import (
    ColumnMapMetricProvider,
)

from orders_monitor.adapters.expectations.dialect import WHOLE
from orders_monitor.adapters.expectations.scans import Count

# Thirty-two megabytes of bits.
_BITS_MAX = 1 << 28

KNOWN = "column_values.in_relation"


class ColumnValuesInRelation(ColumnMapMetricProvider):
    """Whether a value is in a column of another table or view of the same connection."""

    condition_metric_name = KNOWN
    condition_value_keys = ("relation", "relation_column")

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column: Any, relation: str, relation_column: str, **_: Any) -> Any:  # noqa: N805 - called so
        return column.in_(known(relation, relation_column))


class ExpectColumnValuesToExistInRelation(ColumnMapExpectation):
    """Expect the column's values, where they are not missing, to be among those of `relation`'s `relation_column`."""

    relation: str
    relation_column: str

    map_metric: ClassVar[str] = KNOWN
    success_keys: ClassVar[tuple[str, ...]] = ("relation", "relation_column", "mostly")
    args_keys: ClassVar[tuple[str, ...]] = ("column", "relation", "relation_column")


def known(relation: str, column: str) -> sa.Select[Any]:
    """The values of the other relation: without the missing ones, since nothing is in a set that has one."""
    values: sa.ColumnClause[Any] = sa.column(column)
    table = sa.table(sa.sql.quoted_name(relation, quote=True))
    return sa.select(values).select_from(table).where(values.is_not(None))


def sharpened(count: Count, *, engine: Any, relation: str, relation_column: str) -> Count:
    """The same count with one bit for each known value, where both columns are whole numbers and these are dense."""
    theirs: sa.ColumnClause[Any] = sa.column(relation_column)
    ours: sa.ColumnClause[Any] = sa.column(count.columns[0])
    table = sa.table(sa.sql.quoted_name(relation, quote=True))
    types = (
        engine.execute_query(sa.select(sa.func.typeof(name)).select_from(rows).limit(1)).scalar()
        for name, rows in ((ours, count.source.rows), (theirs, table))
    )
    if not all(type_ in WHOLE for type_ in types):
        return count
    low, high = engine.execute_query(sa.select(sa.func.min(theirs), sa.func.max(theirs)).select_from(table)).fetchone()
    if low is None or high - low >= _BITS_MAX:
        return count
    return replace(count, condition=_unknown(ours, known(relation, relation_column), low=low, high=high))


def _unknown(column: Any, values: sa.Select[Any], *, low: int, high: int) -> sa.ColumnElement[Any]:
    first: sa.ColumnElement[Any]
    last: sa.ColumnElement[Any]
    first, last = (sa.literal_column(f"({int(end)})") for end in (low, high))
    each = values.subquery().c[0]
    bits = sa.select(sa.func.bitstring_agg(each, first, last)).scalar_subquery()
    place = sa.cast(sa.func.least(sa.func.greatest(column, first), last) - first, sa.Integer)
    outside = sa.or_(column < first, column > last, sa.func.get_bit(bits, place) == 0)
    return sa.and_(column.is_not(None), outside)
