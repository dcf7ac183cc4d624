"""candidate: the plan applied to the landed bytes, written once; the exact file that a publication would add."""

import dagster as dg

from orders_monitor.core.candidate import Candidate
from orders_monitor.core.claims import CHANGED_FILE
from orders_monitor.core.errors import PlanInapplicable, StoreUnavailable
from orders_monitor.core.landing import Landing
from orders_monitor.core.plan import Plan
from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline import keys, metadata
from orders_monitor.pipeline.breaker import guarded
from orders_monitor.pipeline.resources import Desk, Stores


def candidate_asset(table: MonitoredTable) -> dg.AssetsDefinition:
    """The asset `<table>/candidate`."""

    @dg.asset(
        key=keys.stage(table, "candidate"),
        partitions_def=keys.partitions_of(table),
        deps=[keys.stage(table, "plan")],
        group_name=table.name,
        kinds={"parquet"},
    )
    def candidate(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[None]:
        """The exact bytes that would be published, with the rows that were set aside kept beside them."""
        with stores.at(context, table) as desk:
            plan = desk.read(context.partition_key, "plan", Plan)
            made = None if plan.hold else make(desk, context.partition_key, plan)
        return dg.MaterializeResult(metadata=metadata.of_candidate(made, plan, table))

    return candidate


def make(desk: Desk, partition: str, plan: Plan) -> Candidate:
    """Apply the plan. The same plan on the same landing gives the same bytes, and so the same digest.

    Raises StageMissing where the plan is for other bytes than those that are landed now, and PlanInapplicable where
    the landed file is not what it was when it landed.
    """
    if plan.restore is not None:
        return desk.read(partition, "candidate", Candidate)  # its file is there: nothing is made anew
    candidate = made(desk, partition, plan)
    desk.record(partition, "candidate", candidate)
    return candidate


def made(desk: Desk, partition: str, plan: Plan) -> Candidate:
    """The candidate of a plan, its files kept in the lake and nothing recorded. Raises as `make`."""
    landing = desk.read(partition, "landed", Landing)
    desk.require_same_bytes(landing, "plan", plan.landed_digest)
    if desk.lake.digest(landing.path) != landing.digest:
        raise PlanInapplicable(why=f"{CHANGED_FILE}; remove {landing.path} and land the partition again")
    with desk.lake.scratch() as scratch:
        file, quarantine = scratch / "candidate.parquet", scratch / "quarantine.parquet"
        applied = desk.engine.apply(
            desk.lake.path(landing.path), plan, desk.table.contract, into=file, quarantine_into=quarantine
        )
        place = {"table": desk.table.name, "partition": partition}
        with guarded(desk, "warehouse", StoreUnavailable):
            kept = desk.lake.keep(file, **place, stage="candidate")
            aside = desk.lake.keep(quarantine, **place, stage="quarantine") if applied.quarantined_rows else None
    return Candidate(
        plan_digest=plan.digest,
        landed_digest=landing.digest,
        path=kept.path,
        digest=kept.digest,
        size_bytes=kept.size_bytes,
        landed_rows=landing.rows,
        rows=applied.rows,
        quarantined_rows=applied.quarantined_rows,
        duplicate_rows=applied.duplicate_rows,
        quarantine_path=None if aside is None else aside.path,
        quarantine_digest=None if aside is None else aside.digest,
    )
