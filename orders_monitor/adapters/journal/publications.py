"""Claims on a partition and how they end: a receipt (it was written) or a void (it was not, and never will be)."""

import sqlalchemy as sa

from orders_monitor.adapters.journal import chain, events, tables
from orders_monitor.adapters.journal.cases import Doubt, case_of, publications_of
from orders_monitor.adapters.journal.store import now_text
from orders_monitor.core.errors import PublicationRefused, StoreUnavailable
from orders_monitor.core.publication import Claimable, Step, next_step
from orders_monitor.core.review import Publication


def claim(
    connection: sa.Connection, *, table: str, partition: str, environment: str, run_id: str, doubt: Doubt
) -> Step:
    """The next step of the partition; a Claimable is claimed when this returns. The caller holds the lock."""
    _require_untouched(connection, table=table, partition=partition)
    case = case_of(connection, table=table, partition=partition, environment=environment, doubt=doubt)
    step = next_step(case, run_id=run_id)
    if isinstance(step, Claimable):
        _insert_claim(connection, step.claim)
    return step


def receipt(connection: sa.Connection, publication: Publication, *, delta_version: int) -> Publication:
    """End a claim as written. The first receipt stays; a repeated one changes nothing. Raises PublicationRefused."""
    recorded = _recorded(connection, publication)
    if recorded.delta_version == delta_version:
        return recorded
    if recorded.delta_version is not None:
        raise _refused(recorded, f"written as version {recorded.delta_version}, not as {delta_version}")
    if recorded.voided:
        raise _refused(recorded, f"given up before version {delta_version} was written")
    _insert_outcome(connection, recorded, outcome="receipt", delta_version=delta_version)
    return recorded.model_copy(update={"delta_version": delta_version})


def void(connection: sa.Connection, publication: Publication) -> Publication:
    """End a claim as given up. Raises PublicationRefused for one that was written."""
    recorded = _recorded(connection, publication)
    if recorded.voided:
        return recorded
    if recorded.delta_version is not None:
        raise _refused(recorded, f"written as version {recorded.delta_version}, it cannot be given up")
    _insert_outcome(connection, recorded, outcome="void", delta_version=None)
    return recorded.model_copy(update={"voided": True})


def _require_untouched(connection: sa.Connection, *, table: str, partition: str) -> None:
    """What the gate answers from is as it was recorded. Raises StoreUnavailable, naming the first changed record."""
    for kind in ("plan", "candidate", "validation", "decision_asked"):
        event = events.latest(connection, table=table, partition=partition, kind=kind)
        broken = None if event is None else chain.first_break(connection, event.run_id)
        if broken is not None:
            why = f"record {broken.seq} of run {broken.run_id} was changed after it was written; run {partition} again"
            raise StoreUnavailable(store="journal", why=why)


def _recorded(connection: sa.Connection, publication: Publication) -> Publication:
    claims = publications_of(connection, table=publication.table, partition=publication.partition)
    recorded = next((claim for claim in claims if claim.number == publication.number), None)
    if recorded is None or recorded.digest != publication.digest:
        raise _refused(publication, "not claimed")
    return recorded


def _refused(publication: Publication, why: str) -> PublicationRefused:
    return PublicationRefused(
        table=publication.table, partition=publication.partition, why=f"claim {publication.number} was {why}"
    )


def _insert_claim(connection: sa.Connection, publication: Publication) -> None:
    row = {
        "table_name": publication.table,
        "partition_key": publication.partition,
        "recorded_at": now_text(),
        **publication.model_dump(exclude={"table", "partition", "delta_version", "voided"}),
    }
    connection.execute(tables.publications.insert().values(row))


def _insert_outcome(
    connection: sa.Connection, publication: Publication, *, outcome: str, delta_version: int | None
) -> None:
    row = {
        "table_name": publication.table,
        "partition_key": publication.partition,
        "number": publication.number,
        "outcome": outcome,
        "delta_version": delta_version,
        "recorded_at": now_text(),
    }
    connection.execute(tables.outcomes.insert().values(row))
