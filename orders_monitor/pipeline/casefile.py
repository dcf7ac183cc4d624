"""casefile: what the agent is given of a partition: what code found, what was before it, and a room with its rows."""

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractContextManager

from orders_monitor.adapters.engine.conditions import condition
from orders_monitor.adapters.workbench.workbench import DuckWorkbench, open_workbench
from orders_monitor.agent.briefing import Briefing, Lineage, MetricHistory, PastIncident, Suspected, may_show_values_of
from orders_monitor.core.anomaly.metrics import column_measured
from orders_monitor.core.anomaly.vector import past_values
from orders_monitor.core.contract import Contract
from orders_monitor.core.landing import Landing
from orders_monitor.core.measures import Flagged
from orders_monitor.core.profile import Profile
from orders_monitor.core.quality import CONTROL, Anomaly, Quality
from orders_monitor.core.release import Release
from orders_monitor.core.review import Case
from orders_monitor.core.source import DatabaseSource, FilesSource, SimulatorSource, SourceDeclaration
from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline import keys, sentences
from orders_monitor.pipeline.quality import days_before, published_history
from orders_monitor.pipeline.resources import Desk


def brief(desk: Desk, partition: str, quality: Quality, *, known_at: int | None = None) -> Briefing:
    """The case file as it is now, or as it was at the event with that id."""
    history = published_history(desk, partition, known_at=known_at)
    return Briefing(
        table=desk.table.name,
        partition=partition,
        contract=desk.table.contract,
        quality=quality,
        profile=desk.read(partition, "profile", Profile),
        expectations=desk.table.asked,
        history=(
            *metrics_of(history, desk.table.contract),
            *_unusual(desk, partition, quality, contract=desk.table.contract, known_at=known_at),
        ),
        incidents=incidents_before(desk, partition, known_at=known_at),
        lineage=lineage_of(desk.table),
        suspected=_suspected(desk, partition, quality),
    )


def metrics_of(days: Sequence[tuple[str, Profile]], contract: Contract) -> tuple[MetricHistory, ...]:
    """Every metric that a declared tolerance is about, on these days: a count of rows, and shares."""
    rows = tuple((day, float(profile.rows)) for day, profile in days)
    duplicates = tuple((day, profile.duplicate_rows / profile.rows) for day, profile in days if profile.rows)
    shares = {
        column.name: tuple(
            (day, share) for day, profile in days if (share := profile.null_share(column.name)) is not None
        )
        for column in contract.columns
    }
    return (
        MetricHistory(metric="rows", points=rows),
        MetricHistory(metric="duplicate_rows", points=duplicates),
        *(MetricHistory(metric=f"null_share:{name}", points=points) for name, points in shares.items()),
    )


def _unusual(
    desk: Desk, partition: str, quality: Quality, *, contract: Contract, known_at: int | None
) -> tuple[MetricHistory, ...]:
    """What only calibrated detectors find unusual. Measures of a column whose values may not leave stay here."""
    metrics = {each.metric: each.metric.removeprefix("slow:") for each in quality.anomalies if _is_learned(each)}
    shown = {
        name: metric
        for name, metric in metrics.items()
        if (column := column_measured(metric)) is None or may_show_values_of(contract, column)
    }
    if not shown:
        return ()
    found = past_values(days_before(desk, partition, quality, known_at=known_at), set(shown.values()))
    return tuple(MetricHistory(metric=name, points=found[metric]) for name, metric in shown.items())


def _is_learned(anomaly: Anomaly) -> bool:
    return anomaly.metric not in ("rows", "duplicate_rows") and not anomaly.metric.startswith(("null_share:", CONTROL))


def _suspected(desk: Desk, partition: str, quality: Quality) -> tuple[Suspected, ...]:
    """What the flagged rows break, in words; nothing where the flags are of other bytes than those that were judged."""
    if quality.calibration is None:
        return ()
    flagged = desk.find(partition, "flagged", Flagged)
    calibration = desk.journal.calibration(desk.table.name, quality.calibration)
    if flagged is None or calibration is None or flagged.landed_digest != quality.landed_digest:
        return ()
    says = {rule.id: rule.sentence for rule in calibration.rules.rules}
    broken = Counter(reason.rule for row in flagged.rows for reason in row.reasons if reason.rule in says)
    most_first = sorted(broken.items(), key=lambda each: (-each[1], each[0]))
    return tuple(Suspected(says=says[rule], rows=rows) for rule, rows in most_first)


def room_of(
    desk: Desk, landing: Landing, release: Release, *, known_at: int | None = None
) -> AbstractContextManager[DuckWorkbench]:
    """A locked room with this partition's rows and the published ones before it, opened by the first question."""
    days = [day for day, _ in published_history(desk, landing.partition, known_at=known_at)]
    published = {case.partition: case.published for case in _cases_before(desk, landing.partition)}
    files = {day: claim.path for day in days if (claim := published.get(day)) is not None}
    return open_workbench(
        desk.lake.path(landing.path),
        history={day: desk.lake.path(path) for day, path in files.items()},
        contract=desk.table.contract,
        text_columns=release.guardrails.text_columns,
        limits=release.guardrails.sql,
        catches=condition,
    )


def incidents_before(desk: Desk, partition: str, *, known_at: int | None = None) -> tuple[PastIncident, ...]:
    """The earlier partitions that were not clean, latest last, and what people decided about them."""
    qualities = desk.journal.history(
        desk.table.name, "quality", before=partition, days_max=desk.table.tolerances.days_max, published_only=False
    )
    known = {e.partition: Quality.model_validate(e.body) for e in qualities if known_at is None or e.id < known_at}
    cases = (case for case in _cases_before(desk, partition) if case.partition in known)
    return tuple(
        _incident(case, known[case.partition])
        for case in cases
        if case.plan is not None and case.plan.origin != "clean"
    )


def lineage_of(table: MonitoredTable) -> Lineage:
    """Where the table comes from and who answers for it, as declared."""
    renamed = {} if isinstance(table.source, SimulatorSource) else table.source.columns
    return Lineage(
        source=_source_of(table.source),
        stages=(*keys.STAGES, table.name),
        columns=tuple(renamed.items()),
        team=table.owners.team,
    )


def _cases_before(desk: Desk, partition: str) -> tuple[Case, ...]:
    cases = desk.journal.cases(desk.table.name, environment=desk.settings.environment)
    return tuple(case for case in cases if case.partition < partition)


def _incident(case: Case, quality: Quality) -> PastIncident:
    plan, decision = case.plan, case.decisions[-1] if case.decisions else None
    return PastIncident(
        partition=case.partition,
        signals=tuple(signal.id for signal in quality.signals),
        actions=() if plan is None else tuple(sentences.of_action(action) for action in plan.actions),
        unexplained=() if plan is None else plan.unexplained,
        decision=None if decision is None else decision.verdict,
        reviewer="" if decision is None else decision.reviewer,
        note="" if decision is None else decision.note,
        published=case.published is not None,
    )


def _source_of(source: SourceDeclaration) -> str:
    match source:
        case SimulatorSource():
            return "a simulated shop"
        case FilesSource():
            return f"{source.format} files"
        case DatabaseSource():
            return f"the relation {source.relation} of a database"
