"""What a day of one table came to, for the daily digest: read where it is recorded, and never guessed."""

import sqlalchemy as sa

from orders_monitor.adapters.journal import tables
from orders_monitor.core.review import POLICY
from orders_monitor.core.value import Value


class Day(Value):
    """The partitions that were published in a span of time, those of them by the policy, and what who rejected."""

    published: tuple[str, ...]
    by_policy: tuple[str, ...]
    rejected: tuple[tuple[str, str], ...]


def day_of(connection: sa.Connection, *, table: str, environment: str, since: str, until: str) -> Day:
    """What was recorded from `since` on and before `until` (UTC ISO texts)."""
    d = tables.decisions
    mine = (d.c.table_name == table, d.c.environment == environment)
    said = sa.select(d.c.partition_key, d.c.reviewer).where(*mine, d.c.recorded_at >= since, d.c.recorded_at < until)
    return Day(
        published=_published(connection, table, since=since, until=until),
        by_policy=_published(connection, table, since=since, until=until, reviewer=POLICY),
        rejected=tuple(
            (row.partition_key, row.reviewer)
            for row in connection.execute(said.where(d.c.verdict == "reject").order_by(d.c.id))
        ),
    )


def _published(
    connection: sa.Connection, table: str, *, since: str, until: str, reviewer: str | None = None
) -> tuple[str, ...]:
    p, o, d = tables.publications, tables.outcomes, tables.decisions
    same = (o.c.table_name == p.c.table_name) & (o.c.partition_key == p.c.partition_key) & (o.c.number == p.c.number)
    query = sa.select(p.c.partition_key).distinct().select_from(p.join(o, same).join(d, d.c.id == p.c.decision_id))
    query = query.where(p.c.table_name == table, o.c.outcome == "receipt")
    query = query.where(o.c.recorded_at >= since, o.c.recorded_at < until)
    query = query if reviewer is None else query.where(d.c.reviewer == reviewer)
    return tuple(connection.scalars(query.order_by(p.c.partition_key)))
