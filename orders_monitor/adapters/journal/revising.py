"""Recording a reviewer's edit: only of exactly what waits, and all of what comes of it at once."""

from collections.abc import Sequence

import sqlalchemy as sa

from orders_monitor.adapters.journal import decisions, feedback
from orders_monitor.adapters.journal.cases import Doubt, case_of
from orders_monitor.core.editing import require_editable
from orders_monitor.core.errors import ReviewRefused
from orders_monitor.core.feedback import EDITED, Edited
from orders_monitor.core.review import Decision
from orders_monitor.core.value import Value


def revise(
    connection: sa.Connection,
    answer: Decision,
    *,
    environment: str,
    sign: decisions.Sign | None,
    doubt: Doubt,
    edited: Edited,
    bodies: Sequence[tuple[str, Value]],
) -> None:
    """Record an edit. `answer` says of what waits that it is not wanted; the caller holds the partition's lock.

    Raises ReviewRefused, DecidedAlready.
    """
    case = case_of(connection, table=answer.table, partition=answer.partition, environment=environment, doubt=doubt)
    require_editable(case, answer.digest)
    whole = answer.model_copy(update={"digest": case.digest, "seen": case.last_decision})
    if sign is not None:
        whole = whole.model_copy(update={"signature": sign(whole)})
    why = doubt(whole, case.asked_for)
    if why is not None:
        raise ReviewRefused(table=case.table, partition=case.partition, why=why)
    found = {} if case.plan is None else {"found": feedback.found_of(connection, case.plan)}
    proof = {"digest": whole.digest, "seen": whole.seen, "signature": whole.signature}
    kept = edited.model_copy(update={**proof, **found})
    feedback.add(connection, table=case.table, partition=case.partition, bodies=[(EDITED, kept), *bodies])
