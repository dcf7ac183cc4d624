"""Great Expectations' own SQL data source and engine on a given DuckDB connection.

Imported only inside functions: the classes derive from Great Expectations', whose import takes seconds.
"""

from collections.abc import Mapping
from types import ModuleType
from typing import Any, Literal

import duckdb
import sqlalchemy as sa
from great_expectations.compatibility import pydantic
from great_expectations.datasource.fluent.sql_datasource import SQLDatasource
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine

from orders_monitor.adapters.expectations.dialect import engine_over, type_class

PRESENT = "present_columns"


class DuckDBExecutionEngine(SqlAlchemyExecutionEngine):
    """Great Expectations' SQL engine, told what it does not know about DuckDB."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dialect_module = _DuckDB("duckdb")

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


class _DuckDB(ModuleType):
    """Where Great Expectations looks up a type by its name, and how regular expressions are written."""

    # Great Expectations knows dialects by such a name. Dremio's regular expressions are DuckDB's: REGEXP_MATCHES
    # searches. DuckDB's `~`, which the PostgreSQL form would be, wants the whole text to match.
    DremioDialect = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not name.isupper():
            raise AttributeError(name)
        return type_class(name)


class DuckDBDatasource(SQLDatasource):
    """A data source over a connection that the caller opened and will close."""

    type: Literal["duckdb"] = "duckdb"  # type: ignore[assignment] # how Great Expectations names a kind of source
    connection_string: str = "duckdb://"
    _over_given: sa.Engine = pydantic.PrivateAttr()

    def __init__(self, *, name: str, connection: duckdb.DuckDBPyConnection) -> None:
        super().__init__(name=name)
        self._over_given = engine_over(connection)

    def _create_engine(self) -> sa.Engine:
        return self._over_given

    def let_go(self) -> None:
        """Drop the connection, which is not closed: Great Expectations keeps sources longer than they are used."""
        self._over_given.dispose()

    def get_execution_engine(self) -> SqlAlchemyExecutionEngine:
        """One engine a source, so one cache of metrics a source."""
        if self._execution_engine is None:
            self._execution_engine = DuckDBExecutionEngine(engine=self.get_engine(), create_temp_table=False)
        return self._execution_engine
