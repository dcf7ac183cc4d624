"""DuckDB as the engine of the lake: schema, profile, plan applied, rows counted. Nothing is kept between calls."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from orders_monitor.adapters.engine.application import Applied, apply_plan, write_empty
from orders_monitor.adapters.engine.casting import cast
from orders_monitor.adapters.engine.conditions import condition
from orders_monitor.adapters.engine.fewer import write_once, write_without
from orders_monitor.adapters.engine.injecting.incident import inject
from orders_monitor.adapters.engine.peeking import Peeked, before_and_after, peek
from orders_monitor.adapters.engine.profiling.profile import profile_of
from orders_monitor.adapters.engine.profiling.scan import unequal_rows
from orders_monitor.adapters.engine.rules.learning import learn
from orders_monitor.adapters.engine.rules.measuring import measure
from orders_monitor.adapters.engine.rules.memory import remember
from orders_monitor.adapters.engine.rules.row_flags import flag
from orders_monitor.adapters.engine.session import first_line, integer, numbered, opened, parquet, schema_of, select
from orders_monitor.adapters.engine.totals import totals_of
from orders_monitor.adapters.engine.types import canonical
from orders_monitor.adapters.quoting import name
from orders_monitor.core.contract import Contract
from orders_monitor.core.errors import PlanInapplicable
from orders_monitor.core.injection import Injected, Kind
from orders_monitor.core.plan import Plan
from orders_monitor.core.predicate import Predicate
from orders_monitor.core.profile import Profile
from orders_monitor.core.rules import FlaggedRow, Rules
from orders_monitor.core.schema import Schema
from orders_monitor.core.totals import Control, Total


class Engine:
    """Questions about Parquet files, each on a connection of its own that touches those files only.

    Every method raises StoreUnavailable where a file cannot be read or written, or memory runs out.
    """

    def __init__(self, *, threads: int = 2, memory_limit: str = "2GB") -> None:
        self._threads, self._memory_limit = threads, memory_limit

    def schema(self, path: Path) -> Schema:
        """The columns and DuckDB types of a Parquet file, from its footer."""
        with self._opened(path) as connection:
            return schema_of(connection, path)

    def rows(self, path: Path) -> int:
        """The number of rows, from the footer."""
        with self._opened(path) as connection:
            schema_of(connection, path)
            return _count(connection, select("count(*)", of=parquet(path)), [])

    def keeps(self, path: Path, contract: Contract) -> bool:
        """Whether a file has the contract's columns, in its order and of its types, and no other."""
        with self._opened(path) as connection:
            promised = [(column.name, canonical(connection, column.type)) for column in contract.columns]
            return promised == [(column.name, column.type) for column in schema_of(connection, path).columns]

    def profile(self, path: Path, *, personal: frozenset[str]) -> Profile:
        """Every column's statistics; of the columns named in `personal` no value is shown."""
        with self._opened(path) as connection:
            return profile_of(connection, path, personal=personal)

    def duplicates(self, path: Path) -> int:
        """The rows that repeat an earlier one in every column."""
        with self._opened(path) as connection:
            schema = schema_of(connection, path)
            repeated = f"count(*) - {unequal_rows(schema)}"
            return _count(connection, select(repeated, of=numbered(path, schema)), [])

    def totals(self, path: Path, controls: Sequence[Control], *, once: bool = False) -> tuple[Total, ...]:
        """The control totals of the rows; with `once` rows that are equal in every column count as one."""
        with self._opened(path) as connection:
            return totals_of(connection, path, controls, once=once)

    def count(self, landed: Path, predicate: Predicate) -> int:
        """The landed rows that a predicate catches; its column is called and typed as it landed.

        Raises PlanInapplicable where there is no such column, or a bound is not of its type.
        """
        with self._opened(landed) as connection:
            schema = schema_of(connection, landed)
            position, type_name = _place(schema, predicate.column)
            where = condition(predicate, sql=f"c{position}", type_name=type_name)
            query = select("count(*)", of=numbered(landed, schema), rest=f"WHERE {where.sql}")
            return _count(connection, query, list(where.values))

    def castable(self, path: Path, column: str, type_name: str) -> int:
        """The number of values that would be lost if the column became that type: 0 means that it can be cast.

        A value is lost where it cannot be cast, and where it comes back as another one (19.999 as DECIMAL(12,2)).
        Raises PlanInapplicable where there is no such column, type, or cast.
        """
        with self._opened(path) as connection:
            schema = schema_of(connection, path)
            position, was = _place(schema, column)
            lost = cast(f"c{position}", was=was, now=canonical(connection, type_name)).lost
            return _count(connection, select("count(*)", of=numbered(path, schema), rest=f"WHERE {lost}"), [])

    def empty(self, contract: Contract, into: Path) -> None:
        """Write a Parquet file with the contract's columns and no row.

        Raises PlanInapplicable for a type that is none, or that Parquet does not have.
        """
        with self._opened(writes=(into,)) as connection:
            columns = {column.name: canonical(connection, column.type) for column in contract.columns}
            write_empty(connection, columns, into)

    def apply(self, landed: Path, plan: Plan, contract: Contract, *, into: Path, quarantine_into: Path) -> Applied:
        """Write the candidate that a plan makes of the landed rows; the same inputs give the same bytes.

        `quarantine_into` is written only where a row is quarantined. Raises PlanInapplicable where the plan does not
        fit the bytes or would lose a value, and ValueError for a plan that holds.
        """
        with self._opened(landed, writes=(into, quarantine_into)) as connection:
            return apply_plan(connection, landed, plan, contract, into=into, quarantine_into=quarantine_into)

    def inject(
        self, path: Path, kind: Kind, contract: Contract, *, seed: str, earlier: Path | None, into: Path
    ) -> Injected | None:
        """Write a file's rows with an incident in them: the same bytes, kind and seed give the same ones.

        `earlier` is the file of a partition before. None where nothing would change: then nothing is written.
        """
        reads = (path,) if earlier is None else (path, earlier)
        with self._opened(*reads, writes=(into,)) as connection:
            return inject(connection, path, kind, contract, seed=seed, earlier=earlier, into=into)

    def once(self, path: Path, *, into: Path) -> int:
        """Write a file's rows, of those that are equal in every column the first one only, and count them."""
        with self._opened(path, writes=(into,)) as connection:
            return write_once(connection, path, into=into)

    def without(self, path: Path, predicate: Predicate, *, into: Path) -> int:
        """Write a file's rows but those that a predicate catches, and count them. Raises as `count`."""
        with self._opened(path, writes=(into,)) as connection, _told():
            return write_without(connection, path, predicate, into=into)

    def learn(self, paths: Sequence[Path], contract: Contract, *, partitions: Sequence[str]) -> Rules:
        """What held on earlier days: the files oldest first, and the partition (an ISO date) that each one is.

        Few or no files are no error: what needs more days is not learned.
        """
        with self._opened(*paths) as connection:
            return learn(connection, paths, contract, partitions=partitions)

    def remember(self, path: Path, rules: Rules, *, into: Path) -> None:
        """Write the small memory of a partition that later ones are compared with; equal bytes make equal memories."""
        with self._opened(path, writes=(into,)) as connection:
            remember(connection, path, rules, into=into)

    def measure(self, path: Path, rules: Rules, memories: Sequence[Path], *, partition: str) -> dict[str, float]:
        """What the rules say of a partition, by metric name, compared with the memories of earlier ones.

        A rule that cannot be judged (a column did not land, too few memories) has no number.
        """
        with self._opened(path, *memories) as connection:
            return measure(connection, path, rules, memories, partition=partition)

    def flag(
        self, path: Path, rules: Rules, memories: Sequence[Path], *, partition: str, rows_max: int
    ) -> tuple[FlaggedRow, ...]:
        """The rows with the most evidence against them, at most `rows_max` and at most 5 % of the partition's."""
        with self._opened(path, *memories) as connection:
            return flag(connection, path, rules, memories, partition=partition, rows_max=rows_max)

    def peek(
        self,
        path: Path,
        columns: Sequence[str],
        *,
        at: Sequence[int] | None = None,
        rows_max: int,
        hidden: Collection[str],
    ) -> Peeked:
        """A few rows as texts, the first ones or those of these numbers (from 0); of `hidden` columns nothing is read.

        Columns that the file has not are left out.
        """
        with self._opened(path) as connection:
            return peek(connection, path, columns, at=at, rows_max=rows_max, hidden=hidden)

    def before_and_after(self, landed: Path, plan: Plan, contract: Contract, column: str, *, rows_max: int) -> Peeked:
        """A promised column's first values as they landed and as a plan makes them. Raises PlanInapplicable."""
        with self._opened(landed) as connection:
            return before_and_after(connection, landed, plan, contract, column, rows_max=rows_max)

    @contextmanager
    def connection(self, path: Path, *, view: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with one view over the file, for a library that brings its own questions."""
        with self._opened(path) as connection:
            schema_of(connection, path)
            connection.execute(f"CREATE VIEW {name(view)} AS " + select("*", of=parquet(path)))
            yield connection

    @contextmanager
    def _opened(self, *reads: Path, writes: tuple[Path, ...] = ()) -> Iterator[duckdb.DuckDBPyConnection]:
        with opened(
            threads=self._threads, memory_limit=self._memory_limit, reads=(*reads, *writes), writes=writes
        ) as connection:
            yield connection


def _place(schema: Schema, column: str) -> tuple[int, str]:
    if column not in schema.names:
        raise PlanInapplicable(why=f"there is no column {column!r}")
    position = schema.names.index(column)
    return position, schema.columns[position].type


def _count(connection: duckdb.DuckDBPyConnection, query: str, values: list[object]) -> int:
    with _told():
        return integer(connection.execute(query, values))


@contextmanager
def _told() -> Iterator[None]:
    """What a predicate or a cast cannot be of some columns is told in words of ours."""
    try:
        yield
    except duckdb.DataError as error:
        # DuckDB's own message may quote a row's value.
        raise PlanInapplicable(why="a value is outside of what its column or a bound can hold") from error
    except (duckdb.InvalidInputException, duckdb.BinderException, duckdb.NotImplementedException) as error:
        raise PlanInapplicable(why=first_line(error)) from error
