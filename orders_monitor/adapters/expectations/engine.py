"""Great Expectations' own SQL engine on a given DuckDB connection, which reads the rows as seldom as it can.

Great Expectations asks for metrics in rounds, each as soon as what it needs is there, and its own engine runs a
statement for nearly every one. This one lets everything wait that reads rows until nothing else is left, and then
answers all of it together (`scans`, `duplicates`). What it does not know goes Great Expectations' own way.

Imported only inside functions: the classes derive from Great Expectations', whose import takes seconds.
"""

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from types import ModuleType
from typing import Any

import sqlalchemy as sa
from great_expectations.exceptions.exceptions import MetricResolutionError
from great_expectations.execution_engine.sqlalchemy_batch_data import SqlAlchemyBatchData
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine

from orders_monitor.adapters.expectations.ahead import ReadAhead
from orders_monitor.adapters.expectations.dialect import engine_over, type_class
from orders_monitor.adapters.expectations.duplicates import Key, counted
from orders_monitor.adapters.expectations.known_values import KNOWN
from orders_monitor.adapters.expectations.reading import Reading, reading_of, source_of
from orders_monitor.adapters.expectations.scans import (
    Count,
    Counted,
    Scan,
    Total,
    Wanted,
    answered,
    arranged,
    statement,
)

PRESENT = "present_columns"
BATCH = "rows"

# Metrics that are worked out from the schema and from others, and read no row: they end so, or are called so.
_UNREAD_ENDINGS = ("condition", "map", "aggregate_fn", "unexpected_index_query")
_UNREAD = ("table.columns", "table.column_types", "table.column_count")

# Every metric is said to need it, and none of theirs is written with it.
_ROWS = "table.row_count"


class DuckDBExecutionEngine(SqlAlchemyExecutionEngine):
    """Great Expectations' SQL engine over the rows of one table or view, told what it does not know about DuckDB.

    Without a connection it answers what kind of engine it is, which is all that a declaration needs.
    """

    def __init__(self, connection: ReadAhead | None, *, view: str) -> None:
        self._resolved: dict[Hashable, Any] = {}
        self._failed: dict[Hashable, str] = {}
        self._ahead = connection
        super().__init__(engine=engine_over(connection), create_temp_table=False)
        self.dialect_module = _DuckDB("duckdb")
        name = sa.sql.quoted_name(view, quote=True)
        rows = SqlAlchemyBatchData(
            execution_engine=self, selectable=sa.table(name), create_temp_table=False, source_table_name=name
        )
        self.load_batch_data(BATCH, rows)

    def let_go(self) -> None:
        """Drop the connection, which is not closed: Great Expectations keeps engines longer than they are used."""
        self._ahead = None
        self.engine.dispose()

    def resolve_metrics(
        self,
        metrics_to_resolve: Iterable[Any],
        metrics: dict[Any, Any] | None = None,
        runtime_configuration: dict[str, Any] | None = None,
    ) -> dict[Any, Any]:
        """The values of some of these metrics by id; the others are asked for again in the next round.

        Raises MetricResolutionError with all that failed; what did not is kept for the next round.
        """
        known, asked = metrics or {}, list(metrics_to_resolve)
        new = [m for m in asked if m.id not in self._resolved and m.id not in self._failed]
        unread = [metric for metric in new if _reads_nothing(metric.metric_name)]

        def theirs(several: Sequence[Any]) -> Mapping[Any, Any]:
            return super(DuckDBExecutionEngine, self).resolve_metrics(several, {**known}, runtime_configuration)

        if unread:
            self._each(unread, theirs)
        else:
            self._planned(new, known, theirs)
        failed = [metric for metric in asked if metric.id in self._failed]
        answers = {metric.id: self._resolved[metric.id] for metric in asked if metric.id in self._resolved}
        if failed and not answers:
            raise MetricResolutionError(message=self._failed[failed[0].id], failed_metrics=failed)
        return answers

    def _each(self, several: Sequence[Any], theirs: Callable[[Sequence[Any]], Mapping[Any, Any]]) -> None:
        """Great Expectations' own way, all at once; one by one where one of them fails, since it takes all along."""
        try:
            self._resolved |= theirs(several)
        except MetricResolutionError as error:
            if len(several) == 1:
                self._failed[several[0].id] = str(error)
                return
            for metric in several:
                self._each([metric], theirs)

    def _planned(
        self, several: Sequence[Any], known: Mapping[Any, Any], theirs: Callable[[Sequence[Any]], Mapping[Any, Any]]
    ) -> None:
        """Everything that is known how to read, read together; the rest Great Expectations' own way."""
        readings: dict[Hashable, Reading] = {}
        told: list[tuple[Any, Reading]] = []
        rest: list[Any] = []
        for metric in several:
            reading = reading_of(metric, known, self)
            if reading is None:
                rest.append(metric)
            else:
                readings[reading.key] = reading.with_sample_of(readings.get(reading.key))
                told.append((metric, reading))
        values = self._read(readings, unforeseen={reading.key for metric, reading in told if not _is_foreseen(metric)})
        for metric, reading in told:
            if reading.key in values:
                self._resolved[metric.id] = reading.tell(values[reading.key])
            else:
                rest.append(metric)
        for metric in rest:
            self._each([metric], theirs)

    def _read(self, readings: Mapping[Hashable, Reading], *, unforeseen: Collection[Hashable]) -> dict[Hashable, Any]:
        """What could be read, by key. What DuckDB refuses to read with the rest is not in it."""
        # The same statements in every process: Great Expectations asks in the order of a set.
        ordered = [readings[key] for key in sorted(readings, key=repr)]
        foreseen = [reading for reading in ordered if reading.key not in unforeseen]
        others = [reading for reading in ordered if reading.key in unforeseen]
        return self._together(foreseen, self._ahead) | self._together(others, None)

    def _together(self, readings: Sequence[Reading], ahead: ReadAhead | None) -> dict[Hashable, Any]:
        """The same; `ahead` is told what it may read the next time."""
        keys = [(reading.key, reading.wanted) for reading in readings if isinstance(reading.wanted, Key)]
        wanted: list[tuple[Hashable, Wanted]] = []
        for reading in readings:
            if isinstance(reading.wanted, Total):
                wanted.append((reading.key, reading.wanted))
            elif isinstance(reading.wanted, Count):
                # What cannot be read to sharpen it cannot be counted either, and is told so there.
                with suppress(sa.exc.DBAPIError):
                    wanted.append((reading.key, reading.sharpened(reading.wanted)))
        return self._scanned(arranged(wanted), ahead) | self._duplicates(keys, ahead)

    def _scanned(self, scans: Sequence[Scan], ahead: ReadAhead | None) -> dict[Hashable, Any]:
        if not scans:
            return {}
        try:
            result = self.execute_query(statement(scans))
        except sa.exc.DBAPIError:
            if len(scans) == 1:
                return {}
            middle = len(scans) // 2
            return self._scanned(scans[:middle], ahead) | self._scanned(scans[middle:], ahead)
        if ahead is not None:
            ahead.note_statement(result.context.statement, result.context.parameters[0])
        return answered(scans, result.fetchall()[0])

    def _duplicates(self, keys: Sequence[tuple[Hashable, Key]], ahead: ReadAhead | None) -> dict[Hashable, Counted]:
        told: dict[Hashable, Counted] = {}
        for name, key in keys:
            # Without an answer the metric goes the way of those that are not known here.
            with suppress(sa.exc.DBAPIError):
                told[name] = counted(key, self._ask)
                if ahead is not None and key.source.rows is source_of(self, {}).rows:
                    ahead.note_key(key.columns, key.sample)
        return told

    def _ask(self, select: sa.Select[Any]) -> Sequence[Sequence[Any]]:
        rows: Sequence[Sequence[Any]] = self.execute_query(select).fetchall()
        return rows

    def add_column_row_condition(
        self,
        domain_kwargs: Mapping[str, Any],
        column_name: str | None = None,
        filter_null: bool = True,
        filter_nan: bool = False,
    ) -> dict[str, Any]:
        """Only the rows where the column is there.

        The original writes the name into a little language and parses it again, which no name with a quote survives.
        """
        if filter_nan or not filter_null:
            raise NotImplementedError("only missing values are filtered in SQL")
        present = [*domain_kwargs.get(PRESENT, ()), column_name or domain_kwargs["column"]]
        return {**domain_kwargs, PRESENT: present}

    def get_domain_records(self, domain_kwargs: Mapping[str, Any]) -> Any:
        """The rows that a metric is about."""
        records = super().get_domain_records({k: v for k, v in domain_kwargs.items() if k != PRESENT})
        present = domain_kwargs.get(PRESENT)
        if not present:
            return records
        rows = records.subquery() if isinstance(records, sa.Select) else records
        return sa.select(sa.text("*")).select_from(rows).where(*(sa.column(name).is_not(None) for name in present))


def _is_foreseen(metric: Any) -> bool:
    """Whether what is read for it follows from the declaration and the columns, and from no value of the rows."""
    needs = metric.metric_dependencies.values()
    return not metric.metric_name.startswith(KNOWN) and all(
        need.metric_name == _ROWS or (_reads_nothing(need.metric_name) and _is_foreseen(need)) for need in needs
    )


def _reads_nothing(name: str) -> bool:
    return name in _UNREAD or name.rpartition(".")[2] in _UNREAD_ENDINGS


class _DuckDB(ModuleType):
    """Where Great Expectations looks up a type by its name, and how regular expressions are written."""

    # Great Expectations knows dialects by such a name. Dremio's regular expressions are DuckDB's: REGEXP_MATCHES
    # searches. DuckDB's `~`, which the PostgreSQL form would be, wants the whole text to match.
    DremioDialect = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not name.isupper():
            raise AttributeError(name)
        return type_class(name)
