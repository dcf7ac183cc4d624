"""The journal's part in which the past is read: every record, decision and claim of a partition, each with its time."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from orders_monitor.adapters.journal import events, tables
from orders_monitor.adapters.journal.cases import decision_of, publications_of
from orders_monitor.adapters.journal.daily import Day, day_of
from orders_monitor.adapters.journal.events import Event
from orders_monitor.adapters.journal.opened import Opened
from orders_monitor.core.publication import Claimed
from orders_monitor.core.review import Decision


class Remembered(Opened):
    """All that was recorded, of one partition or of a whole table, in the order in which it was."""

    def records(self, table: str, kinds: Iterable[str], *, partition: str | None = None) -> tuple[Event, ...]:
        """Every fact of these kinds."""
        query = sa.select(tables.events).where(tables.events.c.kind.in_(tuple(kinds)))
        query = _of(query, tables.events, table, partition).order_by(tables.events.c.id)
        with self._store.reading() as connection:
            return tuple(events.event_of(row) for row in connection.execute(query))

    def all_decisions(self, table: str, *, partition: str | None = None) -> tuple[Decision, ...]:
        """Every recorded decision, also those that count for nothing."""
        query = _of(sa.select(tables.decisions), tables.decisions, table, partition).order_by(tables.decisions.c.id)
        with self._store.reading() as connection:
            return tuple(decision_of(row) for row in connection.execute(query))

    def claims(self, table: str, *, partition: str | None = None) -> tuple[Claimed, ...]:
        """Every claim, by partition and number."""
        with self._store.reading() as connection:
            made = _times(connection, tables.publications, table, partition)
            ended = _times(connection, tables.outcomes, table, partition)
            found = publications_of(connection, table=table, partition=partition)
        return tuple(
            Claimed(
                publication=publication,
                claimed_at=made[publication.partition, publication.number],
                ended_at=ended.get((publication.partition, publication.number), ""),
            )
            for publication in found
        )

    def newest_version(self, table: str) -> int | None:
        """The newest version of the published table that has a receipt; None before the first."""
        outcomes = tables.outcomes
        query = sa.select(sa.func.max(outcomes.c.delta_version)).where(outcomes.c.table_name == table)
        with self._store.reading() as connection:
            found: int | None = connection.scalar(query)
        return found

    def day(self, table: str, *, environment: str, since: str, until: str) -> Day:
        """What a day of a table came to, from one time to before another (UTC ISO texts)."""
        with self._store.reading() as connection:
            return day_of(connection, table=table, environment=environment, since=since, until=until)

    def newest(self) -> tuple[int, ...]:
        """What changes whenever anything is recorded of data, decisions, publications, breakers or incidents."""
        sources = (tables.events, tables.decisions, tables.publications, tables.outcomes, tables.breakers)
        newest = (sa.func.coalesce(sa.func.max(source.c.id), 0) for source in (*sources, tables.incident_notes))
        query = sa.select(*(sa.select(each).scalar_subquery() for each in newest))
        with self._store.reading() as connection:
            return tuple(connection.execute(query).one())


def _times(
    connection: sa.Connection, of: sa.TableClause, table: str, partition: str | None
) -> dict[tuple[str, int], str]:
    query = _of(sa.select(of.c.partition_key, of.c.number, of.c.recorded_at), of, table, partition)
    return {(row.partition_key, row.number): row.recorded_at for row in connection.execute(query)}


def _of(query: sa.Select[Any], of: sa.TableClause, table: str, partition: str | None) -> sa.Select[Any]:
    query = query.where(of.c.table_name == table)
    return query if partition is None else query.where(of.c.partition_key == partition)
