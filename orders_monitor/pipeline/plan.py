"""plan: the typed actions whose evidence holds. What was proposed and does not hold is dropped, and said."""

from collections.abc import Mapping
from dataclasses import dataclass

import dagster as dg

from orders_monitor.core.claims import Claims, Differs, Tried, judge
from orders_monitor.core.evidence import Dropped
from orders_monitor.core.investigation import Investigation
from orders_monitor.core.landing import Landing
from orders_monitor.core.plan import CastColumn, Hold, Plan, RenameColumn
from orders_monitor.core.planning import build, changed_plan
from orders_monitor.core.quality import Quality
from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline import evidence, keys, metadata, sentences
from orders_monitor.pipeline.resources import Desk, Stores


@dataclass(frozen=True, slots=True)
class Drawn:
    """A plan, what is left of the claims, how the cited evidence fared, and the proposed actions that are not done."""

    plan: Plan
    claims: Claims
    tried: Mapping[str, Tried]
    dropped: tuple[Dropped, ...] = ()


def plan_asset(table: MonitoredTable) -> dg.AssetsDefinition:
    """The asset `<table>/plan`."""

    @dg.asset(
        key=keys.stage(table, "plan"),
        partitions_def=keys.partitions_of(table),
        deps=[keys.stage(table, "investigation")],
        group_name=table.name,
    )
    def plan(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[None]:
        """What is to be done with the landed rows: typed actions, each citing the evidence that asks for it."""
        with stores.at(context, table) as desk:
            made, dropped = draw_up(desk, context.partition_key)
            quality = desk.read(context.partition_key, "quality", Quality)
            claims = sentences.of_claims(desk.read(context.partition_key, "claims", Claims))
        return dg.MaterializeResult(
            metadata=metadata.of_plan(made, quality, dropped, claims), data_version=dg.DataVersion(made.digest)
        )

    return plan


def draw_up(desk: Desk, partition: str) -> tuple[Plan, tuple[str, ...]]:
    """The plan of a partition, and what of the proposal was dropped and why.

    Raises StageMissing where quality or investigation were about other bytes than those that are landed now.
    """
    landing = desk.read(partition, "landed", Landing)
    quality = desk.read(partition, "quality", Quality)
    investigation = desk.read(partition, "investigation", Investigation)
    desk.require_same_bytes(landing, "quality", quality.landed_digest)
    desk.require_same_bytes(landing, "investigation", investigation.landed_digest)
    drawn = draw(desk, landing, quality, investigation)
    evidence.record(desk, partition, drawn.tried, drawn.claims)
    desk.record(partition, "plan", drawn.plan)
    return drawn.plan, tuple(f"{sentences.of_action(d.action)}: {d.why}" for d in drawn.dropped)


def draw(desk: Desk, landing: Landing, quality: Quality, investigation: Investigation) -> Drawn:
    """The plan that follows from an investigation, all that it cites derived again. Nothing is recorded."""
    unchanged, tried = evidence.try_again(desk, landing, quality, investigation)
    columns = dict.fromkeys((*landing.landed_schema.names, *(c.name for c in desk.table.contract.columns)))
    claims, proposed = judge(investigation, tried, columns=tuple(columns), partition=landing.partition)
    if not unchanged:
        return Drawn(plan=changed_plan(landing, investigation), claims=claims, tried=tried)
    plan, accepted = build(
        landing,
        quality,
        investigation.model_copy(update={"proposed": proposed}),
        contract=desk.table.contract,
        expectations=desk.table.asked,
        policy=desk.table.policy,
        doubts=claims.doubts,
        differing={cited: found.why for cited, found in tried.items() if isinstance(found, Differs)},
    )
    lossy = _lossy_cast(desk, landing, plan)
    if lossy is not None:
        plan = plan.model_copy(update={"actions": (lossy,), "unexplained": ()})
    return Drawn(plan=plan, claims=claims, tried=tried, dropped=() if accepted is None else accepted.dropped)


def _lossy_cast(desk: Desk, landing: Landing, plan: Plan) -> Hold | None:
    """A cast that would lose a value is no repair: the partition is held, and the source asked."""
    landed_names = {action.to: action.column for action in plan.actions if isinstance(action, RenameColumn)}
    for action in plan.actions:
        if isinstance(action, CastColumn):
            column = landed_names.get(action.column, action.column)
            lost = desk.engine.castable(desk.lake.path(landing.path), column, action.type)
            if lost:
                why = f"{lost:,} values of {action.column} cannot become {action.type}"
                return Hold(why=why, evidence=action.evidence)
    return None
