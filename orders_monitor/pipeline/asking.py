"""asking: the conversation about one partition, with the model that the settings choose and all that it needs."""

from orders_monitor.adapters.claude.model import open_model
from orders_monitor.adapters.stand_in.transport import StandIn
from orders_monitor.agent.cached import CachedModel, lease_s_of
from orders_monitor.agent.loop import investigate
from orders_monitor.agent.model import Model
from orders_monitor.agent.once import Once
from orders_monitor.core.budget import Ledger, Limits, RunScope
from orders_monitor.core.errors import SettingsInvalid
from orders_monitor.core.investigation import Investigation
from orders_monitor.core.landing import Landing
from orders_monitor.core.quality import Quality
from orders_monitor.core.release import Release
from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline import casefile
from orders_monitor.pipeline.record import JournalRecorder
from orders_monitor.pipeline.resources import Desk
from orders_monitor.settings import STAND_IN, Settings


def ask(desk: Desk, partition: str, quality: Quality, *, release: Release, key: str, retry: int) -> Investigation:
    """Ask the agent about a partition. Whatever the model does, it ends as a value. Raises StoreUnavailable."""
    run = RunScope(
        run_id=desk.run_id, table=desk.table.name, partition=partition, team=desk.table.owners.team, retry=retry
    )
    cache = Once(desk.journal.shelf, lease_s=lease_s_of(release))
    recorder = JournalRecorder(desk.journal, run)
    with casefile.room_of(desk, desk.read(partition, "landed", Landing), release) as workbench:
        return investigate(
            casefile.brief(desk, partition, quality),
            model=CachedModel(model_of(desk, release, run, ledger=recorder, key=key), cache, release=release),
            release=release,
            workbench=workbench,
            recorder=recorder,
            tracer=desk.telemetry.tracer,
            cache=cache,
        )


def model_of(desk: Desk, release: Release, run: RunScope, *, ledger: Ledger, key: str) -> Model:
    """The model that the settings choose; never guessed from the presence of a key."""
    settings = desk.settings
    in_process = settings.model == STAND_IN and settings.model_url is None
    return open_model(
        release,
        api_key=key,
        transport=StandIn(settings.stand_in_mode) if in_process else None,
        base_url=settings.model_url,
        ledger=ledger,
        run=run,
        limits=limits_of(desk.table, release),
        recorded_as=settings.stand_in_name,
        open_telemetry=desk.telemetry.for_the_sdk,
    )


def limits_of(table: MonitoredTable, release: Release) -> Limits:
    """The table's caps; of one run the smaller of the table's and the release's."""
    return table.budget.limits.within_run(release.budget.cap)


def key_of(settings: Settings) -> str:
    """The key of the model that the settings choose; the stand-in takes any. Raises SettingsInvalid."""
    if settings.model == STAND_IN:
        return STAND_IN
    if settings.api_key is None:
        raise SettingsInvalid(
            variable="ANTHROPIC_API_KEY", why="ORDERS_MONITOR_MODEL is release, and that model needs a key"
        )
    return settings.api_key
