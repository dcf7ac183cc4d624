"""asking: the conversation about one partition, with the model that the settings choose and all that it needs."""

from orders_monitor.adapters.claude import open_model
from orders_monitor.adapters.stand_in.transport import StandIn
from orders_monitor.agent.briefing import Briefing, MetricHistory
from orders_monitor.agent.loop import investigate
from orders_monitor.agent.model import Model
from orders_monitor.core.budget import Cap, Limits, RunScope
from orders_monitor.core.errors import SettingsInvalid
from orders_monitor.core.investigation import Investigation
from orders_monitor.core.profile import Profile
from orders_monitor.core.quality import Quality
from orders_monitor.core.release import Release
from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline.quality import published_history
from orders_monitor.pipeline.record import JournalRecorder
from orders_monitor.pipeline.resources import Desk
from orders_monitor.settings import STAND_IN, Settings


def ask(desk: Desk, partition: str, quality: Quality, *, release: Release, key: str, retry: int) -> Investigation:
    """Ask the agent about a partition. Whatever the model does, it ends as a value. Raises StoreUnavailable."""
    run = RunScope(
        run_id=desk.run_id, table=desk.table.name, partition=partition, team=desk.table.owners.team, retry=retry
    )
    model = model_of(desk, release, run, key=key)
    try:
        found = investigate(
            brief(desk, partition, quality),
            model=model,
            release=release,
            workbench=None,
            recorder=JournalRecorder(desk, partition),
            tracer=desk.telemetry.tracer,
        )
    finally:
        model.close()
    # What was held back for a last word is given back by now: what is still reserved is of unknown outcome.
    return found.model_copy(update={"spend": model.spend()})


def model_of(desk: Desk, release: Release, run: RunScope, *, key: str) -> Model:
    """The model that the settings choose; never guessed from the presence of a key."""
    settings = desk.settings
    in_process = settings.model == STAND_IN and settings.model_url is None
    return open_model(
        release,
        api_key=key,
        transport=StandIn(settings.stand_in_mode) if in_process else None,
        base_url=settings.model_url,
        ledger=desk.journal,
        run=run,
        limits=limits_of(desk.table, release),
        recorded_as=settings.stand_in_name,
        open_telemetry=desk.telemetry.for_the_sdk,
    )


def limits_of(table: MonitoredTable, release: Release) -> Limits:
    """The table's caps; of one run the smaller of the table's and the release's."""
    run = Cap(tokens=release.budget.run_tokens, micro_usd=release.budget.run_micro_usd)
    return table.budget.limits.within_run(run)


def key_of(settings: Settings) -> str:
    """The key of the model that the settings choose; the stand-in takes any. Raises SettingsInvalid."""
    if settings.model == STAND_IN:
        return STAND_IN
    if settings.api_key is None:
        raise SettingsInvalid(
            variable="ANTHROPIC_API_KEY", why="ORDERS_MONITOR_MODEL is release, and that model needs a key"
        )
    return settings.api_key


def brief(desk: Desk, partition: str, quality: Quality, *, known_at: int | None = None) -> Briefing:
    """The case file: what code found out, and how the metrics were on earlier published partitions."""
    history = published_history(desk, partition, known_at=known_at)
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
