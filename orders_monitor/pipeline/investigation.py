"""investigation: the agent explains what is not clean; a clean partition costs no token."""

import dagster as dg

from orders_monitor.adapters.claude import open_model
from orders_monitor.adapters.releases import load_release
from orders_monitor.adapters.stand_in import StandIn
from orders_monitor.agent.briefing import Briefing, MetricHistory
from orders_monitor.agent.loop import investigate
from orders_monitor.agent.model import Model
from orders_monitor.core.budget import RunScope
from orders_monitor.core.errors import SettingsInvalid
from orders_monitor.core.investigation import Investigation, Spend
from orders_monitor.core.landing import Landing
from orders_monitor.core.planning import nothing_landed
from orders_monitor.core.profile import Profile
from orders_monitor.core.quality import Quality
from orders_monitor.core.release import Release
from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline import keys, metadata
from orders_monitor.pipeline.quality import published_history
from orders_monitor.pipeline.record import JournalRecorder
from orders_monitor.pipeline.resources import Desk, Stores
from orders_monitor.settings import Settings

STAND_IN = "stand-in"
NOT_ASKED = "none"


def investigation_asset(table: MonitoredTable) -> dg.AssetsDefinition:
    """The asset `<table>/investigation`."""

    @dg.asset(
        key=keys.stage(table, "investigation"),
        partitions_def=keys.partitions_of(table),
        deps=[keys.stage(table, "quality")],
        group_name=table.name,
        kinds={"anthropic"},
    )
    def investigation(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[None]:
        """What the agent claims and proposes, with the evidence it cites, and what it cost against its budget."""
        with stores.at(context, table) as desk:
            found = explain(desk, context.partition_key, retry=context.retry_number)
        context.instance.add_run_tags(context.run.run_id, metadata.run_tags_of(found))
        return dg.MaterializeResult(metadata=metadata.of_investigation(found))

    return investigation


def explain(desk: Desk, partition: str, *, retry: int) -> Investigation:
    """Ask the agent about a partition that is not clean. Release and key must be there on a clean night too.

    Raises ReleaseInvalid, SettingsInvalid: what is broken is told on the quiet night, not on the one that needs it.
    """
    quality = desk.read(partition, "quality", Quality)
    key = _api_key(desk.settings)
    release = load_release(desk.settings.prompts, desk.table.agent)
    certain = nothing_landed(desk.read(partition, "landed", Landing), quality)
    if quality.is_clean:
        found = not_asked(desk.table, quality, release, why="every signal is clean, so the agent was not asked")
    elif certain is not None:
        found = not_asked(
            desk.table, quality, release, why="nothing landed, so there is nothing to ask the agent about"
        )
    else:
        run = RunScope(
            run_id=desk.run_id,
            table=desk.table.name,
            partition=partition,
            team=desk.table.owners.team,
            retry=retry,
        )
        found = investigate(
            brief(desk, partition, quality),
            model=model_of(desk, release, run, key=key),
            release=release,
            workbench=None,
            recorder=JournalRecorder(desk, partition),
        )
    desk.record(partition, "investigation", found)
    return found


def not_asked(table: MonitoredTable, quality: Quality, release: Release, *, why: str) -> Investigation:
    """The investigation of a partition that is clean, or certain to be held: no token."""
    return Investigation(
        landed_digest=quality.landed_digest,
        ending="not_called",
        why=why,
        release=release.label,
        model=NOT_ASKED,
        spend=Spend(budget_tokens=table.budget.run_tokens, budget_micro_usd=table.budget.run_micro_usd),
    )


def model_of(desk: Desk, release: Release, run: RunScope, *, key: str) -> Model:
    """The model that the settings choose; never guessed from the presence of a key."""
    limits = desk.table.budget.limits
    if desk.settings.model == STAND_IN:
        return open_model(
            release,
            api_key=key,
            transport=StandIn(),
            ledger=desk.journal,
            run=run,
            limits=limits,
            recorded_as=STAND_IN,
        )
    return open_model(release, api_key=key, transport=None, ledger=desk.journal, run=run, limits=limits)


def _api_key(settings: Settings) -> str:
    """The key of the model that the settings choose; the stand-in takes any."""
    if settings.model == STAND_IN:
        return STAND_IN
    if settings.api_key is None:
        raise SettingsInvalid(
            variable="ANTHROPIC_API_KEY", why="ORDERS_MONITOR_MODEL is release, and that model needs a key"
        )
    return settings.api_key


def brief(desk: Desk, partition: str, quality: Quality) -> Briefing:
    """The case file: what code found out, and how the metrics were on earlier published partitions."""
    history = published_history(desk, partition)
    return Briefing(
        table=desk.table.name,
        partition=partition,
        contract=desk.table.contract,
        quality=quality,
        profile=desk.read(partition, "profile", Profile),
        expectations=desk.table.asked,
        history=(
            MetricHistory(metric="rows", points=tuple((day, float(profile.rows)) for day, profile in history)),
            MetricHistory(
                metric="duplicate_rows",
                points=tuple((day, float(profile.duplicate_rows)) for day, profile in history),
            ),
        ),
    )
