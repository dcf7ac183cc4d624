"""What a day of one table came to, for the daily digest: read where it is recorded, and never guessed."""

import sqlalchemy as sa

from orders_monitor.adapters.journal import tables
from orders_monitor.core.review import POLICY
from orders_monitor.core.value import Value


class Day(Value):
    """Publications and decisions in a span of time. `fixes` and `rows` are what the policy settled for the team."""

    published: tuple[str, ...]
    by_policy: tuple[str, ...]
    rejected: tuple[tuple[str, str], ...]
    week: tuple[int, int]
    month: tuple[int, int]


def day_of(
    connection: sa.Connection, *, table: str, team: str, environment: str, since: str, until: str, week: str, month: str
) -> Day:
    """What was recorded from `since` on and before `until` (UTC ISO texts); the allowance since two UTC days."""
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
        week=_settled(connection, team, week),
        month=_settled(connection, team, month),
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


def _settled(connection: sa.Connection, team: str, day: str) -> tuple[int, int]:
    """The fixes of a team that the policy settled since a UTC day, and the rows that they set aside or dropped."""
    d = tables.decisions
    query = sa.select(sa.func.coalesce(sa.func.sum(d.c.fixes), 0), sa.func.coalesce(sa.func.sum(d.c.fixed_rows), 0))
    query = query.where(d.c.team == team, d.c.recorded_at >= day, d.c.reviewer == POLICY, d.c.verdict == "approve")
    fixes, rows = connection.execute(query).one()
    return int(fixes), int(rows)
