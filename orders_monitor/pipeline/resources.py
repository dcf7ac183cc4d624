"""The stores behind the pipeline, and the desk at which a stage works on one partition."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

import dagster as dg
from pydantic import PrivateAttr

from orders_monitor.adapters.engine.engine import Engine
from orders_monitor.adapters.expectations.docs import DataDocs
from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.adapters.journal.outbox import Outbox
from orders_monitor.adapters.lake import Lake
from orders_monitor.adapters.sources.database import Database
from orders_monitor.adapters.sources.files import Files
from orders_monitor.adapters.sources.simulator import Simulator
from orders_monitor.adapters.telemetry import Telemetry, open_telemetry, untraced
from orders_monitor.core.claims import Claims
from orders_monitor.core.errors import (
    BreakerOpen,
    ModelUnavailable,
    OrdersMonitorError,
    SourceUnavailable,
    StageMissing,
    StoreUnavailable,
)
from orders_monitor.core.investigation import Investigation
from orders_monitor.core.landing import Landing
from orders_monitor.core.plan import Plan
from orders_monitor.core.quality import Quality
from orders_monitor.core.review import Case, Gate, gate
from orders_monitor.core.source import DatabaseSource, FilesSource, SimulatorSource, Source
from orders_monitor.core.table import MonitoredTable
from orders_monitor.core.value import Value
from orders_monitor.pipeline import keys, traces
from orders_monitor.pipeline.pulse import Pulse
from orders_monitor.pipeline.trust import Trust
from orders_monitor.settings import PROJECT_ROOT, Settings, read_settings

Body = TypeVar("Body", bound=Value)
# What is found out about landed bytes, and names them.
Finding = TypeVar("Finding", Claims, Investigation, Quality)
# Dagster's name for a run that its daemon starts again although a step of it failed.
RETRY_TAG = "dagster/retry_on_asset_or_op_failure"
PASSING = (BreakerOpen, ModelUnavailable, SourceUnavailable, StoreUnavailable)


@dataclass(frozen=True)
class Desk:
    """Everything that a stage of one table needs, opened for one run (or one tick, or one command)."""

    table: MonitoredTable
    settings: Settings
    journal: Journal
    run_id: str
    telemetry: Telemetry = field(default_factory=untraced)
    retry: int = 0  # the earlier tries of the same step in the same run

    @cached_property
    def lake(self) -> Lake:
        """The data files."""
        return Lake(self.settings.lake_root)

    @cached_property
    def docs(self) -> DataDocs:
        """The pages of validation results."""
        return DataDocs(self.settings.docs_root)

    @cached_property
    def engine(self) -> Engine:
        """DuckDB."""
        return Engine()

    @cached_property
    def source(self) -> Source:
        """The upstream of the table."""
        return open_source(self.table, self.settings)

    @property
    def outbox(self) -> Outbox:
        """What people of the environment are to be told."""
        return self.journal.outbox(self.settings.environment)

    def record(self, partition: str, kind: str, body: Value) -> None:
        """Append what a stage found to the journal."""
        self.journal.record(table=self.table.name, partition=partition, run_id=self.run_id, kind=kind, body=body)

    def find(self, partition: str, kind: str, form: type[Body]) -> Body | None:
        """The newest record of that kind, or None."""
        event = self.journal.latest(self.table.name, partition, kind)
        return None if event is None else form.model_validate(event.body)

    def read(self, partition: str, kind: str, form: type[Body]) -> Body:
        """The newest record of that kind. Raises StageMissing, which names the asset to materialize."""
        found = self.find(partition, kind, form)
        if found is None:
            raise StageMissing(table=self.table.name, partition=partition, stage=kind)
        return found

    def found_of(self, plan: Plan, kind: str, form: type[Finding]) -> Finding | None:
        """The newest record of that kind, where it is about the very bytes that a plan is for."""
        found = self.find(plan.partition, kind, form)
        return found if found is not None and found.landed_digest == plan.landed_digest else None

    def planned_by(self, partition: str) -> str | None:
        """The run that recorded the partition's newest plan."""
        event = self.journal.latest(self.table.name, partition, "plan")
        return None if event is None else event.run_id

    def require_same_bytes(self, landing: Landing, stage: str, landed_digest: str | None) -> None:
        """Raise StageMissing where a stage was about other bytes than those that are landed now.

        Somebody may land a partition again and select only a later stage: what was found out about the bytes before
        says nothing about these.
        """
        if landed_digest != landing.digest:
            raise StageMissing(table=self.table.name, partition=landing.partition, stage=stage)

    def case(self, partition: str) -> Case:
        """All that the gate asks about."""
        return self.journal.case(self.table.name, partition, environment=self.settings.environment)

    def gate(self, partition: str) -> Gate:
        """The gate's answer now."""
        return gate(self.case(partition))


class Stores(dg.ConfigurableResource):  # type: ignore[type-arg]  # Dagster's own examples leave it bare
    """The journal, the lake and the sources, as the environment's settings say. Opened when a run asks."""

    _telemetry: Telemetry | None = PrivateAttr(default=None)
    _pulse: Pulse | None = PrivateAttr(default=None)

    @contextmanager
    def at(
        self, context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, table: MonitoredTable
    ) -> Iterator[Desk]:
        """A desk for the run of one partition. What we raise on purpose ends the step with its one sentence."""
        if not context.has_partition_key:
            raise dg.Failure(
                f"{table.name} runs one partition a run: choose a partition, and leave the backfill policy unset",
                allow_retries=False,
            )
        run, stage = context.run, _stage_of(context, table)
        with _started_again(context, table), said_plainly():
            settings = read_settings()
            telemetry = self._traced(run, settings)
            self._pulse = self._pulse or Pulse(run.run_id, settings).start()
            about = {
                "table": table.name,
                "partition": context.partition_key,
                "run": run.run_id,
                # The SDK's spans name the address that the stand-in answers in place of.
                "answers": settings.stand_in_name or settings.model,
            }
            with (
                telemetry.tracer.span(f"stage {stage}", about),
                open_desk(table, run_id=run.run_id, settings=settings, telemetry=telemetry) as desk,
            ):
                yield replace(desk, retry=context.op_execution_context.retry_number)

    def teardown_after_execution(self, context: dg.InitResourceContext) -> None:
        """Send the run's spans; that they did not arrive is said, and is no reason to fail."""
        if self._pulse is not None:
            self._pulse.stop()
            self._pulse = None
        trouble = None if self._telemetry is None else self._telemetry.close()
        self._telemetry = None
        if trouble is not None and context.log is not None:
            context.log.warning(trouble)

    def _traced(self, run: dg.DagsterRun, settings: Settings) -> Telemetry:
        """The run's spans, opened by its first stage."""
        if self._telemetry is None:
            self._telemetry = open_telemetry(settings.otlp_url, traceparent=traces.of_run(run))
        return self._telemetry


@contextmanager
def _started_again(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, table: MonitoredTable
) -> Iterator[None]:
    """A night that met a store that is away is run again by Dagster's daemon, from that stage, as often as it retries.

    A publication is not: the decisions sensor asks for it again, and waits in between.
    """
    try:
        yield
    except dg.Failure as failure:
        if isinstance(failure.__cause__, StoreUnavailable) and context.run.job_name == keys.nightly_job(table):
            context.instance.add_run_tags(context.run.run_id, {RETRY_TAG: "true"})
        raise


def _stage_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, table: MonitoredTable) -> str:
    name = context.op_execution_context.op.name
    return "publish" if name == table.name else name.removeprefix(f"{table.name}__")


@contextmanager
def open_desk(
    table: MonitoredTable, *, run_id: str, settings: Settings | None = None, telemetry: Telemetry | None = None
) -> Iterator[Desk]:
    """A desk outside of a run (a sensor's tick, a command). Raises StoreUnavailable, SettingsInvalid."""
    settings = settings or read_settings()
    journal = Journal.open(settings.journal_url, doubt=Trust(settings))
    try:
        yield Desk(table=table, settings=settings, journal=journal, run_id=run_id, telemetry=telemetry or untraced())
    finally:
        journal.close()


@contextmanager
def said_plainly() -> Iterator[None]:
    """Turns our own errors into Dagster's Failure: one sentence in the UI; a retry only where waiting may help."""
    try:
        yield
    except OrdersMonitorError as error:
        raise dg.Failure(str(error), allow_retries=isinstance(error, PASSING)) from error


def open_source(table: MonitoredTable, settings: Settings) -> Source:
    """The adapter of the table's declared source."""
    match table.source:
        case SimulatorSource():
            return Simulator(table.source, controls=table.controls)
        case FilesSource():
            return Files(table.source, root=PROJECT_ROOT, controls=table.controls)
        case DatabaseSource():
            url = settings.source_urls.get(table.source.url_env)
            return Database(table.source, url=url, controls=table.controls)
