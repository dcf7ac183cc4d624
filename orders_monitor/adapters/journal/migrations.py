"""How the journal's tables came to be: functions applied once each, in this order, their names recorded.

Append a function; never edit one that was released. Each says the whole of its tables itself, so that what it does
does not change when the queries' view of them (`tables`) does.
"""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from orders_monitor.adapters.journal.store import Store, now_text
from orders_monitor.adapters.journal.tables import migrations as applied
from orders_monitor.core.errors import StoreUnavailable

Migration = Callable[[sa.Connection], None]
MIGRATIONS: list[Migration] = []


def migrate(store: Store) -> None:
    """Bring the tables up to date; one small query where they are. Several processes may come first at once.

    Raises StoreUnavailable, also where a newer version of this package has been at the journal.
    """
    with store.reading() as connection:
        names = _applied_names(connection)
    known = [migration.__name__ for migration in MIGRATIONS]
    unknown = sorted(names - set(known))
    if unknown:
        raise StoreUnavailable(store=store.name, why=f"a newer version has written it (migration {unknown[0]})")
    if names != set(known):
        with store.writing("migrations") as connection:
            _apply(connection)


def _applied_names(connection: sa.Connection) -> set[str]:
    if not sa.inspect(connection).has_table(applied.name):
        return set()
    return set(connection.scalars(sa.select(applied.c.name)))


def _apply(connection: sa.Connection) -> None:
    connection.execute(
        sa.text("CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, applied_at TEXT NOT NULL)")
    )
    names = set(connection.scalars(sa.select(applied.c.name)))
    for migration in MIGRATIONS:
        if migration.__name__ not in names:
            migration(connection)
            connection.execute(applied.insert().values(name=migration.__name__, applied_at=now_text()))


def _id() -> sa.Column[int]:
    # SQLite counts up by itself only in a column of its own INTEGER type, and gives the number of a deleted last row
    # away again unless it is told not to.
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), sa.Identity(), primary_key=True)


def _text(name: str) -> sa.Column[Any]:
    # Ordered by bytes on both databases: a server's own collation may put partitions into another order.
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False)


def _integer(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.BigInteger, nullable=False)


@MIGRATIONS.append
def m001_events(connection: sa.Connection) -> None:
    """What every stage found, chained by hashes within a run."""
    metadata = sa.MetaData()
    table = sa.Table(
        "events",
        metadata,
        _id(),
        *map(_text, ("table_name", "partition_key", "run_id")),
        _integer("seq"),
        *map(_text, ("kind", "body", "body_digest", "prev_hash", "hash", "recorded_at")),
        sa.UniqueConstraint("run_id", "seq", name="events_have_one_successor"),
        sqlite_autoincrement=True,
    )
    sa.Index("events_by_partition", table.c.table_name, table.c.partition_key, table.c.kind, table.c.id)
    sa.Index("events_by_kind", table.c.table_name, table.c.kind, table.c.partition_key, table.c.id)
    metadata.create_all(connection)


@MIGRATIONS.append
def m002_decisions_and_publications(connection: sa.Connection) -> None:
    """What was decided; what was claimed, and how each claim ended (once: the constraint says so)."""
    metadata = sa.MetaData()
    decisions = sa.Table(
        "decisions",
        metadata,
        _id(),
        *map(_text, ("table_name", "partition_key", "environment", "digest", "verdict", "reviewer", "note", "source")),
        _text("recorded_at"),
        sa.CheckConstraint("verdict IN ('approve', 'reject')", name="decisions_verdict"),
        sqlite_autoincrement=True,
    )
    sa.Index("decisions_by_partition", decisions.c.table_name, decisions.c.partition_key, decisions.c.id)
    sa.Table(
        "publications",
        metadata,
        _id(),
        *map(_text, ("table_name", "partition_key")),
        _integer("number"),
        _text("digest"),
        _integer("decision_id"),
        _text("path"),
        *map(_integer, ("rows", "size_bytes")),
        *map(_text, ("plan_digest", "run_id", "recorded_at")),
        sa.UniqueConstraint("table_name", "partition_key", "number", name="publications_are_claimed_once"),
        sqlite_autoincrement=True,
    )
    sa.Table(
        "publication_outcomes",
        metadata,
        _id(),
        *map(_text, ("table_name", "partition_key")),
        _integer("number"),
        _text("outcome"),
        sa.Column("delta_version", sa.BigInteger),
        _text("recorded_at"),
        sa.UniqueConstraint("table_name", "partition_key", "number", name="publications_end_once"),
        sa.CheckConstraint(
            "(outcome = 'receipt' AND delta_version IS NOT NULL) OR (outcome = 'void' AND delta_version IS NULL)",
            name="outcomes_are_receipts_or_voids",
        ),
        sqlite_autoincrement=True,
    )
    metadata.create_all(connection)


@MIGRATIONS.append
def m003_ledger(connection: sa.Connection) -> None:
    """What the agent reserved and what it settled, in tokens and micro-dollars."""
    metadata = sa.MetaData()
    sa.Table(
        "ledger",
        metadata,
        _id(),
        *map(_text, ("entry", "run_id")),
        *map(_integer, ("step", "attempt")),
        *map(_text, ("table_name", "partition_key", "team", "agent", "model", "release")),
        *map(_integer, ("tokens", "micro_usd")),
        _text("recorded_at"),
        sa.UniqueConstraint("run_id", "step", "attempt", "entry", name="ledger_entries_are_made_once"),
        sa.CheckConstraint("entry IN ('reserve', 'settle')", name="ledger_entry"),
        sa.CheckConstraint("tokens >= 0 AND micro_usd >= 0", name="ledger_amounts"),
        sqlite_autoincrement=True,
    )
    metadata.create_all(connection)


@MIGRATIONS.append
def m004_budget_totals(connection: sa.Connection) -> None:
    """The day that an entry is charged to (for old ones: when they were reserved), and running totals of each scope."""
    collation = ' COLLATE "C"' if connection.dialect.name == "postgresql" else ""
    for column in ("day", "who", "note"):
        connection.execute(sa.text(f"ALTER TABLE ledger ADD COLUMN {column} TEXT{collation} DEFAULT '' NOT NULL"))
    connection.execute(
        sa.text(
            "UPDATE ledger SET day = (SELECT substr(reserved.recorded_at, 1, 10) FROM ledger AS reserved WHERE "
            "reserved.entry = 'reserve' AND reserved.run_id = ledger.run_id AND reserved.step = ledger.step "
            "AND reserved.attempt = ledger.attempt)"
        )
    )
    metadata = sa.MetaData()
    sa.Table(
        "budget_totals",
        metadata,
        *(_text(name) for name in ("kind", "name", "period")),
        *map(_integer, ("reserved_tokens", "reserved_micro_usd", "spent_tokens", "spent_micro_usd", "calls")),
        sa.PrimaryKeyConstraint("kind", "name", "period"),
    )
    metadata.create_all(connection)
    for kind, name, period in (
        ("team_month", "r.team", "substr(r.day, 1, 7)"),
        ("agent_month", "r.agent", "substr(r.day, 1, 7)"),
        ("pipeline_day", "r.table_name", "r.day"),
        ("run", "r.run_id", "substr(r.day, 1, 0)"),
    ):
        connection.execute(
            sa.text(
                f"INSERT INTO budget_totals SELECT '{kind}', {name}, {period}, "  # noqa: S608 - our own words
                "SUM(CASE WHEN s.id IS NULL THEN r.tokens ELSE 0 END), "
                "SUM(CASE WHEN s.id IS NULL THEN r.micro_usd ELSE 0 END), "
                "SUM(COALESCE(s.tokens, 0)), SUM(COALESCE(s.micro_usd, 0)), COUNT(*) "
                "FROM ledger AS r LEFT JOIN ledger AS s ON s.entry = 'settle' AND s.run_id = r.run_id "
                f"AND s.step = r.step AND s.attempt = r.attempt WHERE r.entry = 'reserve' GROUP BY {name}, {period}"
            )
        )


@MIGRATIONS.append
def m005_breakers(connection: sa.Connection) -> None:
    """What failed, in which zone of which table, and who tried it again."""
    metadata = sa.MetaData()
    table = sa.Table(
        "breakers",
        metadata,
        _id(),
        *map(_text, ("table_name", "zone", "kind")),
        _integer("at_ms"),
        *map(_text, ("why", "probe")),
        _integer("until_ms"),
        *map(_text, ("who", "recorded_at")),
        sqlite_autoincrement=True,
    )
    sa.Index("breakers_by_zone", table.c.table_name, table.c.zone, table.c.id)
    metadata.create_all(connection)


@MIGRATIONS.append
def m006_cache(connection: sa.Connection) -> None:
    """What was asked once, and who is finding out: the rows of these two go again."""
    metadata = sa.MetaData()
    cache = sa.Table(
        "cache",
        metadata,
        _id(),
        *map(_text, ("address", "body", "digest")),
        *map(_integer, ("kept_ms", "size_bytes", "before_bytes")),
        sa.UniqueConstraint("address", name="cache_is_kept_once"),
        sqlite_autoincrement=True,
    )
    sa.Index("cache_by_age", cache.c.kept_ms)
    sa.Index("cache_by_bytes", cache.c.before_bytes)
    leases = sa.Table(
        "cache_leases",
        metadata,
        *map(_text, ("address", "holder")),
        _integer("until_ms"),
        sa.PrimaryKeyConstraint("address"),
    )
    sa.Index("cache_leases_by_end", leases.c.until_ms)
    metadata.create_all(connection)


@MIGRATIONS.append
def m007_calibrations(connection: sa.Connection) -> None:
    """What was learned from a table's history, version by version."""
    metadata = sa.MetaData()
    sa.Table(
        "calibrations",
        metadata,
        _id(),
        _text("table_name"),
        _integer("version"),
        *map(_text, ("detector", "body", "body_digest", "recorded_at")),
        sa.UniqueConstraint("table_name", "version", name="calibrations_are_versions"),
        sqlite_autoincrement=True,
    )
    metadata.create_all(connection)


@MIGRATIONS.append
def m008_signed_decisions(connection: sa.Connection) -> None:
    """What a decision was made of and who signed it; what the policy settled by itself, for a team's allowance."""
    collation = ' COLLATE "C"' if connection.dialect.name == "postgresql" else ""
    for column in ("signature", "plan_digest", "candidate_digest", "release", "team"):
        connection.execute(sa.text(f"ALTER TABLE decisions ADD COLUMN {column} TEXT{collation} DEFAULT '' NOT NULL"))
    for column in ("seen", "fixes", "fixed_rows"):
        connection.execute(sa.text(f"ALTER TABLE decisions ADD COLUMN {column} BIGINT DEFAULT 0 NOT NULL"))
    connection.execute(sa.text("CREATE INDEX decisions_by_team ON decisions (team, recorded_at)"))


@MIGRATIONS.append
def m009_outbox(connection: sa.Connection) -> None:
    """What was noted of incidents, what people are to be told of them, and how each attempt to tell it ended."""
    metadata = sa.MetaData()
    notes = sa.Table(
        "incident_notes",
        metadata,
        _id(),
        *map(_text, ("environment", "table_name", "incident", "kind", "body")),
        _integer("at_ms"),
        sqlite_autoincrement=True,
    )
    sa.Index("incident_notes_by_table", notes.c.environment, notes.c.table_name, notes.c.id)
    outbox = sa.Table(
        "outbox",
        metadata,
        _id(),
        *map(_text, ("environment", "message_key", "table_name", "incident", "kind")),
        _integer("level"),
        _text("body"),
        *map(_integer, ("at_ms", "due_ms")),
        sa.UniqueConstraint("environment", "message_key", name="messages_are_kept_once"),
        sqlite_autoincrement=True,
    )
    sa.Index("outbox_by_incident", outbox.c.environment, outbox.c.incident)
    outcomes = sa.Table(
        "outbox_outcomes",
        metadata,
        _id(),
        _integer("message_id"),
        *map(_text, ("delivery", "outcome", "holder", "why")),
        *map(_integer, ("at_ms", "until_ms")),
        sa.CheckConstraint(
            "outcome IN ('claimed', 'sent', 'failed', 'unclear', 'given_up', 'again')", name="outbox_outcome"
        ),
        sqlite_autoincrement=True,
    )
    sa.Index("outbox_outcomes_by_message", outcomes.c.message_id, outcomes.c.id)
    metadata.create_all(connection)


@MIGRATIONS.append
def m010_heartbeats(connection: sa.Connection) -> None:
    """Whose process is at work: the rows of this one change and go again."""
    metadata = sa.MetaData()
    sa.Table(
        "heartbeats",
        metadata,
        sa.Column("run_id", sa.Text, primary_key=True),
        _integer("beats"),
        *map(_text, ("host", "recorded_at")),
    )
    metadata.create_all(connection)
