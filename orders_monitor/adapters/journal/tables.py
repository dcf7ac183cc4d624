"""The journal's tables as queries see them; `migrations` makes them. Rows are only ever added.

`table_name` and `partition_key` are the monitored table and its partition: SQL keeps TABLE and PARTITION for itself.
"""

import sqlalchemy as sa

events = sa.table(
    "events",
    sa.column("id", sa.BigInteger),
    sa.column("table_name", sa.Text),
    sa.column("partition_key", sa.Text),
    sa.column("run_id", sa.Text),
    sa.column("seq", sa.Integer),
    sa.column("kind", sa.Text),
    sa.column("body", sa.Text),
    sa.column("body_digest", sa.Text),
    sa.column("prev_hash", sa.Text),
    sa.column("hash", sa.Text),
    sa.column("recorded_at", sa.Text),
)
decisions = sa.table(
    "decisions",
    sa.column("id", sa.BigInteger),
    sa.column("table_name", sa.Text),
    sa.column("partition_key", sa.Text),
    sa.column("environment", sa.Text),
    sa.column("digest", sa.Text),
    sa.column("verdict", sa.Text),
    sa.column("reviewer", sa.Text),
    sa.column("note", sa.Text),
    sa.column("source", sa.Text),
    sa.column("recorded_at", sa.Text),
    sa.column("seen", sa.BigInteger),
    sa.column("signature", sa.Text),
    sa.column("plan_digest", sa.Text),
    sa.column("candidate_digest", sa.Text),
    sa.column("release", sa.Text),
    sa.column("team", sa.Text),
    sa.column("fixes", sa.BigInteger),
    sa.column("fixed_rows", sa.BigInteger),
)
publications = sa.table(
    "publications",
    sa.column("id", sa.BigInteger),
    sa.column("table_name", sa.Text),
    sa.column("partition_key", sa.Text),
    sa.column("number", sa.Integer),
    sa.column("digest", sa.Text),
    sa.column("decision_id", sa.BigInteger),
    sa.column("path", sa.Text),
    sa.column("rows", sa.BigInteger),
    sa.column("size_bytes", sa.BigInteger),
    sa.column("plan_digest", sa.Text),
    sa.column("run_id", sa.Text),
    sa.column("recorded_at", sa.Text),
)
outcomes = sa.table(
    "publication_outcomes",
    sa.column("id", sa.BigInteger),
    sa.column("table_name", sa.Text),
    sa.column("partition_key", sa.Text),
    sa.column("number", sa.Integer),
    sa.column("outcome", sa.Text),
    sa.column("delta_version", sa.BigInteger),
    sa.column("recorded_at", sa.Text),
)
ledger = sa.table(
    "ledger",
    sa.column("id", sa.BigInteger),
    sa.column("entry", sa.Text),
    sa.column("run_id", sa.Text),
    sa.column("step", sa.Integer),
    sa.column("attempt", sa.Integer),
    sa.column("table_name", sa.Text),
    sa.column("partition_key", sa.Text),
    sa.column("team", sa.Text),
    sa.column("agent", sa.Text),
    sa.column("model", sa.Text),
    sa.column("release", sa.Text),
    sa.column("tokens", sa.BigInteger),
    sa.column("micro_usd", sa.BigInteger),
    sa.column("recorded_at", sa.Text),
    sa.column("day", sa.Text),
    sa.column("who", sa.Text),
    sa.column("note", sa.Text),
)
# The one table whose rows change: what the ledger's entries add up to for each scope, changed with every entry.
totals = sa.table(
    "budget_totals",
    sa.column("kind", sa.Text),
    sa.column("name", sa.Text),
    sa.column("period", sa.Text),
    sa.column("reserved_tokens", sa.BigInteger),
    sa.column("reserved_micro_usd", sa.BigInteger),
    sa.column("spent_tokens", sa.BigInteger),
    sa.column("spent_micro_usd", sa.BigInteger),
    sa.column("calls", sa.BigInteger),
)
breakers = sa.table(
    "breakers",
    sa.column("id", sa.BigInteger),
    sa.column("table_name", sa.Text),
    sa.column("zone", sa.Text),
    sa.column("kind", sa.Text),
    sa.column("at_ms", sa.BigInteger),
    sa.column("why", sa.Text),
    sa.column("probe", sa.Text),
    sa.column("until_ms", sa.BigInteger),
    sa.column("who", sa.Text),
    sa.column("recorded_at", sa.Text),
)
calibrations = sa.table(
    "calibrations",
    sa.column("id", sa.BigInteger),
    sa.column("table_name", sa.Text),
    sa.column("version", sa.BigInteger),
    sa.column("detector", sa.Text),
    sa.column("body", sa.Text),
    sa.column("body_digest", sa.Text),
    sa.column("recorded_at", sa.Text),
)
incident_notes = sa.table(
    "incident_notes",
    sa.column("id", sa.BigInteger),
    sa.column("environment", sa.Text),
    sa.column("table_name", sa.Text),
    sa.column("incident", sa.Text),
    sa.column("kind", sa.Text),
    sa.column("body", sa.Text),
    sa.column("at_ms", sa.BigInteger),
)
outbox = sa.table(
    "outbox",
    sa.column("id", sa.BigInteger),
    sa.column("environment", sa.Text),
    sa.column("message_key", sa.Text),
    sa.column("table_name", sa.Text),
    sa.column("incident", sa.Text),
    sa.column("kind", sa.Text),
    sa.column("level", sa.BigInteger),
    sa.column("body", sa.Text),
    sa.column("at_ms", sa.BigInteger),
    sa.column("due_ms", sa.BigInteger),
)
outbox_outcomes = sa.table(
    "outbox_outcomes",
    sa.column("id", sa.BigInteger),
    sa.column("message_id", sa.BigInteger),
    sa.column("delivery", sa.Text),
    sa.column("outcome", sa.Text),
    sa.column("holder", sa.Text),
    sa.column("why", sa.Text),
    sa.column("at_ms", sa.BigInteger),
    sa.column("until_ms", sa.BigInteger),
)
migrations = sa.table("migrations", sa.column("name", sa.Text), sa.column("applied_at", sa.Text))
