"""publish: the only way into the table that readers read. It asks the gate itself, inside the claiming transaction."""

import dagster as dg

from orders_monitor.adapters.delta.publisher import DeltaPublisher
from orders_monitor.core.candidate import Candidate, Validation
from orders_monitor.core.errors import PublicationRefused, StoreUnavailable
from orders_monitor.core.plan import Plan
from orders_monitor.core.publication import Claimable, Done, Open, Refused
from orders_monitor.core.review import Publication, gate
from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline import keys, metadata
from orders_monitor.pipeline.breaker import guarded
from orders_monitor.pipeline.deciding import ask_for
from orders_monitor.pipeline.profile import personal_columns
from orders_monitor.pipeline.quality import ask
from orders_monitor.pipeline.resources import Desk, Stores
from orders_monitor.pipeline.watching import learn_from


def published_asset(table: MonitoredTable) -> dg.AssetsDefinition:
    """The asset `<table>` itself."""

    @dg.asset(
        key=keys.published(table),
        partitions_def=keys.partitions_of(table),
        deps=[keys.stage(table, "candidate")],
        group_name=table.name,
        kinds={"deltalake"},
        pool=f"{table.name}_publish",
        description=table.description,
        owners=[f"team:{table.owners.team}"],
    )
    def published(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[None]:
        with stores.at(context, table) as desk:
            publication = publish(desk, context.partition_key)
        return dg.MaterializeResult(metadata=metadata.of_publication(publication, table))

    return published


def publish(desk: Desk, partition: str) -> Publication:
    """Make the decided candidate the partition's version, once.

    Claim, Delta commit, receipt. An open claim of an earlier attempt is looked up in the Delta log first: what was
    written gets its receipt, what was not and is no longer wanted is voided.
    Raises PublicationRefused, StoreUnavailable, BreakerOpen.
    """
    publisher = DeltaPublisher(desk.settings.lake_root)
    asked = _ask_as_declared_now(desk, partition)
    step = _claim(desk, partition)
    if isinstance(step, Open) and publisher.committed(step.claim) is None and _is_stale(desk, step.claim):
        desk.journal.void(step.claim)
        step = _claim(desk, partition)
    if isinstance(step, Claimable) and step.claim.digest != asked:
        desk.journal.void(step.claim)
        why = "it was approved in this moment, by what was asked before; publish again"
        raise PublicationRefused(table=desk.table.name, partition=partition, why=why)
    match step:
        case Done(publication):
            return publication
        case Refused(gate):
            raise PublicationRefused(table=desk.table.name, partition=partition, why=gate.sentence)
        case Open(claim) | Claimable(claim):
            version = publisher.committed(claim)
            if version is None:
                _require_the_decided_bytes(desk, claim)
                with guarded(desk, "publish", StoreUnavailable):
                    version = publisher.commit(claim, desk.table.contract, metadata=_commit_metadata(claim))
            _remember(desk, claim)
            return desk.journal.receipt(claim, delta_version=version)


def finish(desk: Desk, partition: str) -> None:
    """Give a claim that was written, by an attempt that died then, its receipt: the journal knows what readers see.

    One that was not written stays open, for the next publication to judge.
    """
    claim = next((p for p in desk.case(partition).publications if p.delta_version is None and not p.voided), None)
    version = None if claim is None else DeltaPublisher(desk.settings.lake_root).committed(claim)
    if claim is not None and version is not None:
        _remember(desk, claim)
        desk.journal.receipt(claim, delta_version=version)


def _claim(desk: Desk, partition: str) -> Claimable | Open | Done | Refused:
    return desk.journal.claim(
        table=desk.table.name, partition=partition, environment=desk.settings.environment, run_id=desk.run_id
    )


def _ask_as_declared_now(desk: Desk, partition: str) -> str | None:
    """A declaration may be newer than what was asked of an approved candidate, and of whom: the gate knows today's.

    The digest that was asked about; None where nothing is approved and nothing was asked.
    """
    case = desk.case(partition)
    # A journal of before it was recorded whose decision a digest needs: the policy's own approval counts once asked.
    never_asked = case.digest is not None and (case.asked is None or case.asked.digest != case.digest)
    status = gate(case).status
    if status != "approved" and not (status == "awaiting" and never_asked):
        return None
    candidate = desk.read(partition, "candidate", Candidate)
    outcomes = ask(desk, partition, path=candidate.path, digest=candidate.digest)
    if outcomes != desk.read(partition, "validation", Validation).outcomes:
        desk.record(partition, "validation", Validation(candidate_digest=candidate.digest, outcomes=outcomes))
    plan = desk.read(partition, "plan", Plan)
    ask_for(desk, partition, plan=plan, candidate=candidate, outcomes=outcomes)
    return case.digest


def _is_stale(desk: Desk, claim: Publication) -> bool:
    gate = desk.gate(claim.partition)
    return gate.status != "approved" or gate.digest != claim.digest


def _require_the_decided_bytes(desk: Desk, claim: Publication) -> None:
    """The file is read once more before it is published: what was decided on is what is there.

    The claim is read again after it, last of all before the commit: another attempt may have taken this one for dead.
    """
    candidate = desk.read(claim.partition, "candidate", Candidate)
    same = claim.path == candidate.path and desk.lake.digest(claim.path) == candidate.digest
    now = next(p for p in desk.case(claim.partition).publications if p.number == claim.number)
    if now.voided:
        raise PublicationRefused(
            table=claim.table, partition=claim.partition, why="another attempt gave this claim up; publish again"
        )
    if not same:
        raise PublicationRefused(
            table=claim.table,
            partition=claim.partition,
            why="the candidate file is not the one that was decided on; materialize the candidate again",
        )
    if not desk.engine.keeps(desk.lake.path(claim.path), desk.table.contract):
        raise PublicationRefused(
            table=claim.table,
            partition=claim.partition,
            why="the contract was changed after this candidate was made; run the partition again",
        )


def _remember(desk: Desk, claim: Publication) -> None:
    """The profile of what readers now see: history is made of published bytes and nothing else."""
    path = desk.lake.path(claim.path)
    profile = desk.engine.profile(path, personal=personal_columns(desk.table, desk.engine.schema(path)))
    desk.record(claim.partition, "published_profile", profile)
    learn_from(desk, claim.partition, path, digest=path.stem)


def _commit_metadata(claim: Publication) -> dict[str, str]:
    return {
        "orders_monitor.plan": claim.plan_digest,
        "orders_monitor.case": claim.digest,
        "orders_monitor.decision": str(claim.decision_id),
        "orders_monitor.run": claim.run_id,
    }
