"""investigation: the agent explains what is not clean; a clean partition costs no token."""

from collections.abc import Iterator

import dagster as dg

from orders_monitor.adapters.releases import load_release
from orders_monitor.core.errors import BreakerOpen
from orders_monitor.core.investigation import Ending, Investigation, Spend
from orders_monitor.core.landing import Landing
from orders_monitor.core.planning import nothing_landed
from orders_monitor.core.quality import Quality
from orders_monitor.core.release import Release
from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline import agent_metadata, asking, breaker, keys, metadata, story
from orders_monitor.pipeline.resources import Desk, Stores

NOT_ASKED = "none"
ASSET = "What the agent claims and proposes, with the evidence it cites, and what it cost against its budget."
BUDGET_CHECK = (
    "What the agent of this partition spent against its budget. It shows; the ledger refuses before it is spent."
)
Result = dg.MaterializeResult[None] | dg.AssetCheckResult


def investigation_asset(table: MonitoredTable) -> dg.AssetsDefinition:
    """The asset `<table>/investigation` with its check `budget`, which shows and never blocks."""
    asset, partitions = keys.stage(table, "investigation"), keys.partitions_of(table)
    with keys.known_to_be_a_preview():
        budget = dg.AssetCheckSpec(keys.BUDGET, asset=asset, partitions_def=partitions, description=BUDGET_CHECK)
    spec = dg.AssetSpec(
        asset,
        deps=[keys.stage(table, "quality")],
        partitions_def=partitions,
        group_name=table.name,
        kinds={"anthropic"},
        description=ASSET,
    )

    @dg.multi_asset(name=f"{table.name}__investigation", specs=[spec], check_specs=[budget], can_subset=True)
    def investigation(context: dg.AssetExecutionContext, stores: Stores) -> Iterator[Result]:
        selected = context.op_execution_context
        with stores.at(context, table) as desk:
            if selected.selected_asset_keys:
                found = explain(desk, context.partition_key, retry=context.retry_number)
                state = breaker.sentence(breaker.states(desk)["model"])
                told = {metadata.TRACE: dg.MetadataValue.md(story.so_far(desk, context.partition_key))}
                context.instance.add_run_tags(context.run.run_id, agent_metadata.run_tags_of(found, breaker=state))
                shown = {**agent_metadata.of_investigation(found, breaker=state), **told}
                yield dg.MaterializeResult(asset_key=asset, metadata=shown)
            if selected.selected_asset_check_keys:
                yield agent_metadata.budget_check(desk.read(context.partition_key, "investigation", Investigation))

    return investigation


def explain(desk: Desk, partition: str, *, retry: int) -> Investigation:
    """Ask the agent about a partition that is not clean. Release and key must be there on a clean night too.

    Raises ReleaseInvalid, SettingsInvalid: what is broken is told on the quiet night, not on the one that needs it.
    """
    quality = desk.read(partition, "quality", Quality)
    key = asking.key_of(desk.settings)
    release = load_release(desk.settings.prompts, desk.table.agent)
    certain = nothing_landed(desk.read(partition, "landed", Landing), quality)
    if quality.is_clean:
        found = not_asked(desk.table, quality, release, why="every signal is clean, so the agent was not asked")
    elif certain is not None:
        found = not_asked(
            desk.table, quality, release, why="nothing landed, so there is nothing to ask the agent about"
        )
    else:
        found = asked_if_allowed(desk, partition, quality, release=release, key=key, retry=retry)
    desk.record(partition, "investigation", found)
    return found


def asked_if_allowed(
    desk: Desk, partition: str, quality: Quality, *, release: Release, key: str, retry: int
) -> Investigation:
    """What the agent says; nothing, where the breaker of the model is open: then code's verdict goes to a person."""
    try:
        passage = breaker.enter(desk, "model")
    except BreakerOpen as left_alone:
        return not_asked(desk.table, quality, release, ending="breaker_open", why=str(left_alone))
    try:
        found = asking.ask(desk, partition, quality, release=release, key=key, retry=retry)
    except BaseException:
        passage.learnt_nothing()
        raise
    tell(passage, found)
    return found


def tell(passage: breaker.Passage, found: Investigation) -> None:
    """Tell the breaker what the model did. An exhausted budget, or a reply from the cache, says nothing of it."""
    if found.ending == "impostor":
        passage.tripped(found.why)
    elif found.ending in ("unavailable", "overbilled"):
        passage.failed(found.why)
    elif found.ending == "budget_exhausted" or not found.spend.calls:
        passage.learnt_nothing()
    else:
        passage.succeeded()


def not_asked(
    table: MonitoredTable, quality: Quality, release: Release, *, why: str, ending: Ending = "not_called"
) -> Investigation:
    """The investigation of a partition that is clean, certain to be held, or that nobody may be asked about."""
    run = asking.limits_of(table, release).run
    return Investigation(
        landed_digest=quality.landed_digest,
        ending=ending,
        why=why,
        release=release.label,
        model=NOT_ASKED,
        spend=Spend(budget_tokens=run.tokens, budget_micro_usd=run.micro_usd),
    )
