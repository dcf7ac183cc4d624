"""Cases: everything that the gate asks about a partition, read together. The same three queries for one or for all."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import sqlalchemy as sa

from orders_monitor.adapters.journal import tables
from orders_monitor.adapters.journal.events import Event, event_of, recorded_until
from orders_monitor.core.candidate import Candidate, Validation
from orders_monitor.core.plan import Plan
from orders_monitor.core.review import Asked, Case, Decision, Publication

# Why a decision counts for nothing, by what was asked about its digest; None for one that counts.
Doubt = Callable[[Decision, Asked], str | None]
_PARTS: dict[str, type[Plan | Candidate | Validation | Asked]] = {
    "plan": Plan,
    "candidate": Candidate,
    "validation": Validation,
    "decision_asked": Asked,
}
# `asked` is what the agent asked.
_FIELDS = {"decision_asked": "asked"}


def no_doubt(_: Decision, __: Asked) -> str | None:
    """Every recorded decision counts: for who has no reviewers file to compare them with."""
    return None


def case_of(
    connection: sa.Connection, *, table: str, partition: str, environment: str, doubt: Doubt = no_doubt
) -> Case:
    """The case of one partition, without the decisions that are in doubt; an empty one where nothing is known."""
    found = _cases(connection, table=table, partition=partition, environment=environment, doubt=doubt)
    return found[0] if found else Case(table=table, partition=partition, environment=environment)


def cases_of(
    connection: sa.Connection, *, table: str, environment: str, doubt: Doubt = no_doubt, until: int | None = None
) -> tuple[Case, ...]:
    """The cases of every partition of which anything is known, in the order of their partitions.

    `until` is the id of the last event that is known: they are as they were when it was recorded.
    """
    return _cases(connection, table=table, partition=None, environment=environment, doubt=doubt, until=until)


def decision_of(row: Any) -> Decision:
    """The decision of a row."""
    return Decision(
        id=row.id,
        table=row.table_name,
        partition=row.partition_key,
        digest=row.digest,
        verdict=row.verdict,
        reviewer=row.reviewer,
        note=row.note,
        source=row.source,
        seen=row.seen,
        signature=row.signature,
        plan_digest=row.plan_digest,
        candidate_digest=row.candidate_digest,
        release=row.release,
        recorded_at=row.recorded_at,
    )


def replayed(decisions: Iterable[Decision]) -> frozenset[int]:
    """The signed decisions that were made at another moment: a signature names the decision that was newest then."""
    known, found = 0, set()
    for decision in decisions:
        if decision.signature and decision.seen != known:
            found.add(decision.id)
        known = decision.id
    return frozenset(found)


def publications_of(
    connection: sa.Connection, *, table: str, partition: str | None, until: int | None = None
) -> list[Publication]:
    """The claims of a partition (or of all), each folded with how it ended, in the order of their numbers."""
    claims, outcomes = tables.publications, tables.outcomes
    ended = (
        (outcomes.c.table_name == claims.c.table_name)
        & (outcomes.c.partition_key == claims.c.partition_key)
        & (outcomes.c.number == claims.c.number)
    )
    known = sa.and_(ended, *recorded_until(outcomes, until))
    query = sa.select(claims, outcomes.c.outcome, outcomes.c.delta_version).select_from(
        claims.outerjoin(outcomes, known)
    )
    query = query.where(*recorded_until(claims, until))
    rows = connection.execute(_of(query, claims, table, partition).order_by(claims.c.partition_key, claims.c.number))
    return [_publication_of(row) for row in rows]


def _cases(
    connection: sa.Connection,
    *,
    table: str,
    partition: str | None,
    environment: str,
    doubt: Doubt,
    until: int | None = None,
) -> tuple[Case, ...]:
    parts: dict[str, dict[str, Any]] = defaultdict(dict)
    for event in _newest_parts(connection, table, partition, until):
        parts[event.partition][_FIELDS.get(event.kind, event.kind)] = _PARTS[event.kind].model_validate(event.body)
    decisions: dict[str, list[Decision]] = defaultdict(list)
    for decision in _decisions(connection, table, partition, until):
        decisions[decision.partition].append(decision)
    publications: dict[str, list[Publication]] = defaultdict(list)
    for publication in publications_of(connection, table=table, partition=partition, until=until):
        publications[publication.partition].append(publication)
    return tuple(
        Case(
            table=table,
            partition=key,
            environment=environment,
            last_decision=decisions[key][-1].id if decisions[key] else 0,
            decisions=_trusted(decisions[key], parts[key].get("asked"), doubt),
            publications=tuple(publications[key]),
            **parts[key],
        )
        for key in sorted({*parts, *decisions, *publications})
    )


def _trusted(decisions: list[Decision], asked: Asked | None, doubt: Doubt) -> tuple[Decision, ...]:
    again = replayed(decisions)
    return tuple(d for d in decisions if d.id not in again and doubt(d, _asked_about(d, asked)) is None)


def _asked_about(decision: Decision, asked: Asked | None) -> Asked:
    same = asked is not None and asked.digest == decision.digest
    return asked if same and asked is not None else Asked(digest=decision.digest, route="human")


def _newest_parts(connection: sa.Connection, table: str, partition: str | None, until: int | None) -> list[Event]:
    events = tables.events
    newest = sa.select(sa.func.max(events.c.id)).where(events.c.kind.in_(_PARTS))
    newest = newest if until is None else newest.where(events.c.id <= until)
    newest = _of(newest, events, table, partition).group_by(events.c.partition_key, events.c.kind)
    return [event_of(row) for row in connection.execute(sa.select(events).where(events.c.id.in_(newest)))]


def _decisions(connection: sa.Connection, table: str, partition: str | None, until: int | None) -> list[Decision]:
    decisions = tables.decisions
    query = _of(sa.select(decisions), decisions, table, partition).order_by(decisions.c.id)
    query = query.where(*recorded_until(decisions, until))
    return [decision_of(row) for row in connection.execute(query)]


def _of(query: sa.Select[Any], of: sa.TableClause, table: str, partition: str | None) -> sa.Select[Any]:
    query = query.where(of.c.table_name == table)
    return query if partition is None else query.where(of.c.partition_key == partition)


def _publication_of(row: Any) -> Publication:
    return Publication(
        table=row.table_name,
        partition=row.partition_key,
        number=row.number,
        digest=row.digest,
        decision_id=row.decision_id,
        path=row.path,
        rows=row.rows,
        size_bytes=row.size_bytes,
        plan_digest=row.plan_digest,
        run_id=row.run_id,
        delta_version=row.delta_version,
        voided=row.outcome == "void",
    )
