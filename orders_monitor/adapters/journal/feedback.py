"""Decisions as events: each is appended, with what it was about, to a chain of its partition as it is made."""

from typing import TypeVar

import sqlalchemy as sa

from orders_monitor.adapters.journal import events
from orders_monitor.adapters.journal.direct import within
from orders_monitor.adapters.journal.opened import chain_locks
from orders_monitor.core.candidate import Candidate
from orders_monitor.core.feedback import DECIDED, EDITED, Edited, Found, Named, decided
from orders_monitor.core.investigation import Investigation
from orders_monitor.core.plan import Plan
from orders_monitor.core.quality import Quality
from orders_monitor.core.review import Decision
from orders_monitor.core.value import Value

Body = TypeVar("Body", bound=Value)


def review_chain(table: str, partition: str) -> str:
    """The run id of what people and the policy did about a partition."""
    return f"review {table} {partition}"


def append(connection: sa.Connection, decision: Decision, *, environment: str) -> None:
    """Record a decision that was just made in this transaction; the caller holds the partition's lock."""
    where = {"table": decision.table, "partition": decision.partition}
    plan, candidate = _newest(connection, "plan", Plan, **where), _newest(connection, "candidate", Candidate, **where)
    if plan is None or candidate is None:
        raise RuntimeError("a decision was recorded on no plan")  # the gate has just asked for both
    body = decided(
        decision,
        plan,
        candidate,
        environment=environment,
        edited=_newest(connection, EDITED, Edited, **where),
        found=found_of(connection, plan),
    )
    add(connection, bodies=[(DECIDED, body)], **where)


def add(connection: sa.Connection, *, table: str, partition: str, bodies: list[tuple[str, Value]]) -> None:
    """Append to the chain of what people did about a partition; the caller holds the partition's lock."""
    transaction, run_id = within(connection), review_chain(table, partition)
    transaction.lock(*chain_locks(table, partition, run_id))
    events.append(transaction, table=table, partition=partition, run_id=run_id, bodies=bodies)


def found_of(connection: sa.Connection, plan: Plan) -> Found:
    """What is recorded of the bytes that a plan is about; what is of other bytes is left out."""
    where = {"table": plan.table, "partition": plan.partition}
    quality = _newest(connection, "quality", Quality, **where)
    investigation = _newest(connection, "investigation", Investigation, **where)
    signals = quality.signals if quality is not None and quality.landed_digest == plan.landed_digest else ()
    asked = investigation if investigation is not None and investigation.landed_digest == plan.landed_digest else None
    return Found(
        signals=tuple(Named(id=signal.id, kind=signal.kind) for signal in signals),
        ending=None if asked is None else asked.ending,
        model="" if asked is None else asked.model,
        proposed=() if asked is None else asked.proposed,
    )


def _newest(connection: sa.Connection, kind: str, form: type[Body], *, table: str, partition: str) -> Body | None:
    event = events.latest(connection, table=table, partition=partition, kind=kind)
    return None if event is None else form.model_validate(event.body)
