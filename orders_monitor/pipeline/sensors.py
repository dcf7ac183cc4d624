"""sensors: `schema_drift` watches the upstream's schema; `decisions` launches the publication that was decided."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (  # what define_asset_job returns, not exported
    UnresolvedAssetJobDefinition,
)

from orders_monitor.core import drift
from orders_monitor.core.contract import Contract
from orders_monitor.core.drift import Change
from orders_monitor.core.profile import Profile
from orders_monitor.core.review import Gate
from orders_monitor.core.schema import Schema
from orders_monitor.core.table import MonitoredTable
from orders_monitor.core.times import parsed
from orders_monitor.core.value import Value
from orders_monitor.pipeline import keys, metadata, traces
from orders_monitor.pipeline.resources import open_desk, said_plainly

DECISIONS_A_TICK = 100
DECISION_TAG = "orders_monitor/decision"
PUBLISH_RUNS_MAX = 5
RETRY_AFTER = timedelta(minutes=1)
SAID_MAX = 10
LOOK_AGAIN = timedelta(minutes=10)
UNKNOWN_PROFILE = Profile(rows=0, duplicate_rows=0, columns=())


Clock = Callable[[], datetime]


def clock() -> datetime:
    """The time of a tick. A sensor lives by the clock; no stage does."""
    return datetime.now(UTC)


class Looked(Value):
    """What a sensor remembers of the last time it looked at everything: what was newest then, and when it must again.

    It looks again after a while though nothing seems to have happened: PostgreSQL may commit a smaller id after a
    greater one, and a reviewers file changes what counts without a record.
    """

    newest: tuple[int, ...] = ()
    next_at: str = ""

    def is_quiet(self, newest: tuple[int, ...], now: datetime) -> bool:
        """Whether nothing was recorded since, and nothing is due."""
        return newest == self.newest and bool(self.next_at) and now < parsed(self.next_at)


class DriftCursor(Value):
    """What the drift sensor remembers: the last schema seen, and how many changes it has seen."""

    last_schema: Schema
    changes_seen: int


class DecisionsCursor(Value):
    """What the decisions sensor remembers: the last decision read, and the decided partitions not published yet."""

    last_decision: int = 0
    unpublished: tuple[str, ...] = ()


def source_asset(table: MonitoredTable) -> dg.AssetSpec:
    """The upstream as an external asset: the drift sensor's observations and its check are shown there."""
    return dg.AssetSpec(
        keys.source(table),
        group_name=table.name,
        kinds={str(table.source.kind)},
        description="The upstream, as the schema_drift sensor sees it. Somebody else writes it.",
    )


def schema_drift_check(table: MonitoredTable, *, now: Clock = clock) -> dg.AssetChecksDefinition:
    """The check `schema_drift` on `<table>/source`: the upstream's schema now against the contract, from metadata."""

    @dg.asset_check(asset=keys.source(table), name=keys.SCHEMA_DRIFT, description="The upstream keeps the contract.")
    def schema_drift() -> dg.AssetCheckResult:
        with said_plainly(), open_desk(table, run_id="schema_drift") as desk:
            partition = _newest_partition(table, now())
            seen = None if partition is None else desk.source.schema(partition)
        if seen is None:
            return dg.AssetCheckResult(passed=True, description="the upstream has no partition yet")
        changes = against_contract(table.contract, seen)
        return dg.AssetCheckResult(
            passed=not _breaking(table.contract, changes),
            severity=dg.AssetCheckSeverity.WARN,
            description=metadata.sentence_of_changes(changes),
            metadata=metadata.of_changes(changes, seen),
        )

    return schema_drift


def schema_drift_sensor(
    table: MonitoredTable, job: UnresolvedAssetJobDefinition, *, now: Clock = clock
) -> dg.SensorDefinition:
    """One observation, one check evaluation and one run for each change of the upstream's schema.

    The first tick is the baseline. The run key carries the number of the change, so that A to B to A is two changes.
    """

    @dg.sensor(
        name=f"{table.name}_schema_drift",
        job=job,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        partition = _newest_partition(table, now())
        if partition is None:
            return dg.SkipReason(f"no partition is complete yet; the first one is {table.partitions.start}")
        with said_plainly(), open_desk(table, run_id="schema_drift") as desk:
            seen = desk.source.schema(partition)
        if seen is None:
            return dg.SkipReason(f"the upstream has nothing for {partition} yet")
        if context.cursor is None:
            cursor = DriftCursor(last_schema=seen, changes_seen=0)
            return dg.SensorResult(
                skip_reason=f"baseline {seen.fingerprint[:12]} recorded", cursor=cursor.model_dump_json()
            )
        known = DriftCursor.model_validate_json(context.cursor)
        if known.last_schema == seen:
            return dg.SkipReason(f"schema unchanged ({seen.fingerprint[:12]})")
        return _changed(table, known, seen, partition)

    return sensor


def against_contract(contract: Contract, seen: Schema, *, since: Schema | None = None) -> tuple[Change, ...]:
    """The changes that metadata alone can show; a rename's content is looked at when the partition lands."""
    return drift.compare(contract, seen, profile=UNKNOWN_PROFILE, reference=None, since=since)


def _changed(table: MonitoredTable, known: DriftCursor, seen: Schema, partition: str) -> dg.SensorResult:
    number = known.changes_seen + 1
    changes = against_contract(table.contract, seen, since=known.last_schema)
    about = metadata.of_changes(changes, seen)
    run_key = f"schema_drift:{number}:{seen.fingerprint[:16]}"
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=run_key,
                partition_key=partition,
                tags={
                    "orders_monitor/trigger": "schema_drift",
                    "orders_monitor/schema": seen.fingerprint[:16],
                    **traces.begun_by(f"{table.name}:{run_key}"),
                },
            )
        ],
        asset_events=[
            dg.AssetObservation(
                asset_key=keys.source(table), metadata=about, description=metadata.sentence_of_changes(changes)
            ),
            dg.AssetCheckEvaluation(
                asset_key=keys.source(table),
                check_name=keys.SCHEMA_DRIFT,
                passed=not _breaking(table.contract, changes),
                severity=dg.AssetCheckSeverity.WARN,
                description=metadata.sentence_of_changes(changes),
                metadata=about,
            ),
        ],
        cursor=DriftCursor(last_schema=seen, changes_seen=number).model_dump_json(),
    )


def decisions_sensor(
    table: MonitoredTable,
    job: UnresolvedAssetJobDefinition,
    *,
    now: Clock = clock,
    decisions_max: int = DECISIONS_A_TICK,
) -> dg.SensorDefinition:
    """Launches the publication of exactly the partitions that a person or the policy approved.

    A decided partition is asked about at every tick until it is published: Dagster never repeats a run key, so a
    publication that failed (the lake was away) would otherwise stay approved and unpublished, and nobody would hear.
    """

    @dg.sensor(
        name=f"{table.name}_decisions",
        job=job,
        minimum_interval_seconds=10,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        known = DecisionsCursor.model_validate_json(context.cursor) if context.cursor else DecisionsCursor()
        with said_plainly(), open_desk(table, run_id="decisions") as desk:
            new = desk.journal.decisions_after(table.name, known.last_decision)[:decisions_max]
            gates = [desk.gate(p) for p in sorted({*known.unpublished, *(decision.partition for decision in new)})]
            planned = [desk.planned_by(gate.partition) if gate.status == "approved" else None for gate in gates]
        cursor = DecisionsCursor(
            last_decision=new[-1].id if new else known.last_decision,
            unpublished=tuple(gate.partition for gate in gates if not _is_over(gate)),
        )
        answers = [_publication(gate, _publish_runs(context.instance, table, gate), now()) for gate in gates]
        requests = [
            answer.with_replaced_attrs(tags={**answer.tags, **traces.gone_on_with(context.instance, run_id)})
            for answer, run_id in zip(answers, planned, strict=True)
            if isinstance(answer, dg.RunRequest)
        ]
        said = [answer for answer in answers if isinstance(answer, str)]
        return dg.SensorResult(
            run_requests=requests,
            skip_reason=None if requests else _said(said) or f"no decision after {cursor.last_decision}",
            cursor=cursor.model_dump_json(),
        )

    return sensor


def _is_over(gate: Gate) -> bool:
    """Whether only another decision can let anything of it be published: by that it is heard of again."""
    return gate.status in ("published", "closed") or (gate.status == "rejected" and gate.decision is not None)


def _publish_runs(instance: dg.DagsterInstance, table: MonitoredTable, gate: Gate) -> Sequence[dg.RunRecord]:
    """The runs that were launched for the approval, newest first."""
    if gate.status != "approved" or gate.decision is None:
        return []
    tags = {DECISION_TAG: str(gate.decision.id)}
    return instance.get_run_records(dg.RunsFilter(job_name=keys.publish_job(table), tags=tags))


def _publication(gate: Gate, runs: Sequence[dg.RunRecord], now: datetime) -> dg.RunRequest | str:
    """The run that publishes the partition, or the sentence of why there is none to launch."""
    if gate.status != "approved" or gate.decision is None:
        return f"{gate.partition}: {gate.sentence}"
    wait = _why_not_again(runs, now)
    if wait is not None:
        return f"{gate.partition}: {gate.sentence}; {wait}"
    decision = gate.decision
    return dg.RunRequest(
        run_key=f"{gate.partition}:{decision.digest[:16]}:{decision.id}:{len(runs) + 1}",
        partition_key=gate.partition,
        tags={DECISION_TAG: str(decision.id)},
    )


def _why_not_again(runs: Sequence[dg.RunRecord], now: datetime) -> str | None:
    """Why an approved partition gets no run now; None where it gets one. After a failure the wait doubles."""
    if not runs:
        return None
    run = runs[0].dagster_run
    if not run.is_finished:
        return f"run {run.run_id[:8]} publishes it"
    if run.status is dg.DagsterRunStatus.CANCELED:
        return f"run {run.run_id[:8]} was canceled, so it waits for `orders-monitor publish`"
    if len(runs) >= PUBLISH_RUNS_MAX:
        return f"{len(runs)} runs failed, the last one {run.run_id[:8]}; repair, then `orders-monitor publish`"
    again = runs[0].update_timestamp + RETRY_AFTER * 2 ** (len(runs) - 1)
    return f"run {run.run_id[:8]} failed, tried again from {again:%H:%M:%S} UTC" if now < again else None


def _said(sentences: Sequence[str]) -> str:
    more = len(sentences) - SAID_MAX
    return "; ".join(sentences[:SAID_MAX]) + (f" (and {more} more)" if more > 0 else "")


def _newest_partition(table: MonitoredTable, now: datetime) -> str | None:
    """The last complete partition."""
    complete = keys.complete_partitions(table, now)
    return complete[-1] if complete else None


def _breaking(contract: Contract, changes: tuple[Change, ...]) -> bool:
    return any(not drift.is_tolerated(change, contract) for change in changes)
