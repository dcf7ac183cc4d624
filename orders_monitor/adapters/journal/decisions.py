"""Recording a decision: only one that names exactly what waits, and only the first."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from orders_monitor.adapters.journal import tables
from orders_monitor.adapters.journal.cases import Doubt, case_of, cases_of, decision_of
from orders_monitor.core.errors import AllowanceSpent, ReviewRefused
from orders_monitor.core.latecomers import DIGEST_CHARACTERS_MIN, decided_already, why_another
from orders_monitor.core.policy import Settled, Used
from orders_monitor.core.review import EXPIRY, NOTHING_TO_DECIDE, POLICY, Case, Decision, Gate, agreed, gate, is_among
from orders_monitor.core.times import recorded

Sign = Callable[[Decision], str]

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
    answer: Decision,
    *,
    environment: str,
    now: datetime,
    sign: Sign | None,
    doubt: Doubt,
    settled: Settled | None,
) -> Decision:
    """Record an answer to the digest that waits now, or, after its deadline, that it expired: then that is returned.

    `answer` has no id yet and names the digest by its beginning; `sign` is given the whole of it. The caller holds
    the locks. Raises ReviewRefused, DecidedAlready, AllowanceSpent.
    """
    case = case_of(connection, table=answer.table, partition=answer.partition, environment=environment, doubt=doubt)
    found = gate(case)
    _require_waiting(connection, case, found, answer, environment=environment, doubt=doubt)
    if case.asked_for.is_over(now):
        return _insert(connection, _expiry(case), environment=environment, now=now)
    whole = _about(case, answer)
    if sign is not None:
        whole = whole.model_copy(update={"signature": sign(whole)})
    why = doubt(whole, case.asked_for) or _why_twice(case, whole)
    if why is not None:
        raise ReviewRefused(table=case.table, partition=case.partition, why=why)
    if settled is not None:
        _require_allowance(connection, case, settled, now)
    return _insert(connection, whole, environment=environment, now=now, settled=settled)


def expire(connection: sa.Connection, case: Case, *, now: datetime) -> Decision | None:
    """Reject what waits longer than it may; None where it need not be rejected. The caller holds the locks."""
    if not gate(case).waits or not case.asked_for.is_over(now):
        return None
    return _insert(connection, _expiry(case), environment=case.environment, now=now)


def after(connection: sa.Connection, *, table: str, decision_id: int) -> tuple[Decision, ...]:
    """The decisions of a table with a greater id, in the order in which they were made."""
    query = sa.select(_decisions).where(_decisions.c.table_name == table, _decisions.c.id > decision_id)
    return tuple(decision_of(row) for row in connection.execute(query.order_by(_decisions.c.id)))


def last_id(connection: sa.Connection, table: str) -> int:
    """The id of the table's newest decision; 0 before the first."""
    query = sa.select(sa.func.coalesce(sa.func.max(_decisions.c.id), 0)).where(_decisions.c.table_name == table)
    return int(connection.execute(query).scalar_one())


def used(connection: sa.Connection, team: str, *, now: datetime) -> Used:
    """What the policy has settled by itself for a team, in the week (from Monday, UTC) and the month of now."""
    day = now.astimezone(UTC).date()
    week, month = day - timedelta(days=day.weekday()), day.replace(day=1)
    (week_fixes, week_rows), (month_fixes, month_rows) = (
        _settled_since(connection, team, since.isoformat()) for since in (week, month)
    )
    return Used(week_fixes=week_fixes, month_fixes=month_fixes, week_rows=week_rows, month_rows=month_rows)


def refuse_late(expiry: Decision) -> None:
    """Tell who comes after the deadline. Raises DecidedAlready."""
    raise decided_already(expiry, f"it expired: {expiry.note}; run the partition again to be asked again")


def _require_waiting(
    connection: sa.Connection, case: Case, found: Gate, answer: Decision, *, environment: str, doubt: Doubt
) -> None:
    """Raise where this digest cannot be decided now, saying what waits, or who was first."""
    why = _why_not(found, answer.digest)
    if why is None:
        return
    first = found.decision
    if first is not None and found.digest is not None and found.digest.startswith(answer.digest):
        raise decided_already(first, why)
    other = None
    if found.digest is not None:
        cases = cases_of(connection, table=case.table, environment=environment, doubt=doubt)
        named = (o.partition for o in cases if o.digest is not None and o.digest.startswith(answer.digest))
        other = next((partition for partition in named if partition != case.partition), None)
    if other is not None:
        why = f"{answer.digest[:12]} is what waits for {other}; for {case.partition} it is {str(found.digest)[:12]}"
    raise ReviewRefused(table=case.table, partition=case.partition, why=why)


def _why_not(found: Gate, digest: str) -> str | None:
    """One sentence on why this digest cannot be decided now; None where it can."""
    if found.digest is None or found.status in (*NOTHING_TO_DECIDE, "failed"):
        return f"there is nothing to decide: {found.sentence}"
    another = why_another(found, digest)
    if another is not None or found.waits:
        return another
    decision = found.decision
    if decision is None:
        return f"it is decided already: {found.sentence}"
    word = "approved" if decision.verdict == "approve" else "rejected"
    published = f" and {found.sentence}" if found.status == "published" else ""
    at = f" at {decision.recorded_at[:19].replace('T', ' ')} UTC" if decision.recorded_at else ""
    return f"{decision.reviewer} has {word} it already{at} (decision {decision.id}){published}"


def _why_twice(case: Case, answer: Decision) -> str | None:
    """Why a second approval is none: where two people are needed, each says it once, and not on their own work."""
    asked = case.asked_for
    if asked.route != "two_humans" or answer.verdict != "approve":
        return None
    if is_among(answer.reviewer, asked.not_by):
        return f"two other people are needed here: it is {answer.reviewer}'s own work"
    twice = is_among(answer.reviewer, agreed(case))
    return f"{answer.reviewer} has approved it; another person is needed" if twice else None


def _about(case: Case, answer: Decision) -> Decision:
    """The answer with all that it is about."""
    return answer.model_copy(
        update={
            "digest": case.digest,
            "seen": case.last_decision,
            "plan_digest": "" if case.plan is None else case.plan.digest,
            "candidate_digest": "" if case.candidate is None else case.candidate.digest,
            "release": "" if case.plan is None else case.plan.release,
        }
    )


def _expiry(case: Case) -> Decision:
    note = f"nobody decided until {case.asked_for.deadline[:16].replace('T', ' ')} UTC"
    answer = Decision(
        id=0,
        table=case.table,
        partition=case.partition,
        digest="",
        verdict="reject",
        reviewer=EXPIRY,
        note=note,
        source="clock",
    )
    return _about(case, answer)


def _require_allowance(connection: sa.Connection, case: Case, settled: Settled, now: datetime) -> None:
    why = settled.why_not(used(connection, settled.team, now=now))
    if why is not None:
        raise AllowanceSpent(table=case.table, partition=case.partition, why=why)


def _settled_since(connection: sa.Connection, team: str, day: str) -> tuple[int, int]:
    """The fixes and the rows of them that the policy has settled for a team since that UTC day."""
    query = sa.select(
        sa.func.coalesce(sa.func.sum(_decisions.c.fixes), 0), sa.func.coalesce(sa.func.sum(_decisions.c.fixed_rows), 0)
    ).where(_decisions.c.team == team, _decisions.c.recorded_at >= day, _decisions.c.reviewer == POLICY)
    fixes, rows = connection.execute(query.where(_decisions.c.verdict == "approve")).one()
    return int(fixes), int(rows)


def _insert(
    connection: sa.Connection, answer: Decision, *, environment: str, now: datetime, settled: Settled | None = None
) -> Decision:
    row = {
        "table_name": answer.table,
        "partition_key": answer.partition,
        "environment": environment,
        "recorded_at": recorded(now),
        **answer.model_dump(exclude={"id", "table", "partition", "recorded_at"}),
        "team": "" if settled is None else settled.team,
        "fixes": 0 if settled is None else settled.fixes,
        "fixed_rows": 0 if settled is None else settled.rows,
    }
    return decision_of(connection.execute(_decisions.insert().values(row).returning(*_decisions.c)).one())


def _is_storable(text: str) -> bool:
    # PostgreSQL keeps no NUL, and a lone surrogate (an argument that was not UTF-8) has no bytes on either database.
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)
