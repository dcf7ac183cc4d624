"""Recording a decision: only one that names exactly what waits, and only the first."""

import sqlalchemy as sa

from orders_monitor.adapters.journal import tables
from orders_monitor.adapters.journal.cases import case_of, cases_of, decision_of
from orders_monitor.adapters.journal.store import now_text
from orders_monitor.core.errors import ReviewRefused
from orders_monitor.core.review import Case, Decision, Gate, Verdict, gate

DIGEST_CHARACTERS_MIN = 12
NOTE_CHARACTERS_MAX = 4_000
REVIEWER_CHARACTERS_MAX = 200

_decisions = tables.decisions


def require_well_formed(*, table: str, partition: str, digest: str, reviewer: str, note: str, source: str) -> None:
    """Raise ReviewRefused for what can be seen to be wrong without asking the journal."""
    why = None
    if not reviewer.strip():
        why = "a decision needs the name of its reviewer"
    elif len(reviewer) > REVIEWER_CHARACTERS_MAX:
        why = f"the reviewer's name is longer than {REVIEWER_CHARACTERS_MAX} characters"
    elif len(note) > NOTE_CHARACTERS_MAX:
        why = f"the note has {len(note):,} characters, {NOTE_CHARACTERS_MAX:,} are allowed"
    elif len(digest) < DIGEST_CHARACTERS_MIN:
        why = f"name at least the first {DIGEST_CHARACTERS_MIN} characters of the digest, {len(digest)} are too few"
    elif not all(map(_is_storable, (reviewer, note, source, digest))):
        why = "reviewer, note, source and digest must be plain text"
    if why is not None:
        raise ReviewRefused(table=table, partition=partition, why=why)


def decide(
    connection: sa.Connection,
    *,
    table: str,
    partition: str,
    environment: str,
    digest: str,
    verdict: Verdict,
    reviewer: str,
    note: str,
    source: str,
) -> Decision:
    """Record a decision on the digest that waits now. The caller holds the locks. Raises ReviewRefused."""
    case = case_of(connection, table=table, partition=partition, environment=environment)
    answer = gate(case)
    why = _why_not(answer, digest)
    if why is None and answer.digest is not None:
        return _insert(
            connection, case, digest=answer.digest, verdict=verdict, reviewer=reviewer.strip(), note=note, source=source
        )
    other = _partition_of(connection, case, digest) if answer.digest is not None else None
    if other is not None:
        why = f"{digest[:12]} is what waits for {other}; for {partition} it is {str(answer.digest)[:12]}"
    raise ReviewRefused(table=table, partition=partition, why=why or answer.sentence)


def after(connection: sa.Connection, *, table: str, decision_id: int) -> tuple[Decision, ...]:
    """The decisions of a table with a greater id, in the order in which they were made."""
    query = sa.select(_decisions).where(_decisions.c.table_name == table, _decisions.c.id > decision_id)
    return tuple(decision_of(row) for row in connection.execute(query.order_by(_decisions.c.id)))


def last_id(connection: sa.Connection, table: str) -> int:
    """The id of the table's newest decision; 0 before the first."""
    query = sa.select(sa.func.coalesce(sa.func.max(_decisions.c.id), 0)).where(_decisions.c.table_name == table)
    return int(connection.execute(query).scalar_one())


def _why_not(answer: Gate, digest: str) -> str | None:
    """One sentence on why this digest cannot be decided now; None where it can."""
    if answer.digest is None or answer.status in ("no_plan", "closed", "held", "unvalidated", "failed"):
        return f"there is nothing to decide: {answer.sentence}"
    if not answer.digest.startswith(digest):
        return f"{digest[:12]} is not what waits; it is {answer.digest[:12]} now, look at it again"
    if answer.status in ("awaiting", "stale"):
        return None
    decision = answer.decision
    if decision is None:
        return f"it is decided already: {answer.sentence}"
    word = "approved" if decision.verdict == "approve" else "rejected"
    published = f" and {answer.sentence}" if answer.status == "published" else ""
    return f"{decision.reviewer} has {word} it already (decision {decision.id}){published}"


def _partition_of(connection: sa.Connection, case: Case, digest: str) -> str | None:
    others = cases_of(connection, table=case.table, environment=case.environment)
    named = (other.partition for other in others if other.digest is not None and other.digest.startswith(digest))
    return next((partition for partition in named if partition != case.partition), None)


def _insert(
    connection: sa.Connection, case: Case, *, digest: str, verdict: Verdict, reviewer: str, note: str, source: str
) -> Decision:
    row = {
        "table_name": case.table,
        "partition_key": case.partition,
        "environment": case.environment,
        "digest": digest,
        "verdict": verdict,
        "reviewer": reviewer,
        "note": note,
        "source": source,
        "recorded_at": now_text(),
    }
    return decision_of(connection.execute(_decisions.insert().values(row).returning(*_decisions.c)).one())


def _is_storable(text: str) -> bool:
    # PostgreSQL keeps no NUL, and a lone surrogate (an argument that was not UTF-8) has no bytes on either database.
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
