"""sensors: `schema_drift` watches the upstream's schema; `decisions` launches the publication that was decided."""

from datetime import UTC, datetime

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (  # what define_asset_job returns, not exported
    UnresolvedAssetJobDefinition,
)

from orders_monitor.core import drift
from orders_monitor.core.contract import Contract
from orders_monitor.core.drift import Change
from orders_monitor.core.profile import Profile
from orders_monitor.core.schema import Schema
from orders_monitor.core.table import MonitoredTable
from orders_monitor.core.value import Value
from orders_monitor.pipeline import keys, metadata
from orders_monitor.pipeline.resources import open_desk, said_plainly

DECISIONS_A_TICK = 100
UNKNOWN_PROFILE = Profile(rows=0, duplicate_rows=0, columns=())


class DriftCursor(Value):
    """What the drift sensor remembers: the last schema seen, and how many changes it has seen."""

    last_schema: Schema
    changes_seen: int


def source_asset(table: MonitoredTable) -> dg.AssetSpec:
    """The upstream as an external asset: the drift sensor's observations and its check are shown there."""
    return dg.AssetSpec(
        keys.source(table),
        group_name=table.name,
        kinds={str(table.source.kind)},
        description="The upstream, as the schema_drift sensor sees it. Somebody else writes it.",
    )


def schema_drift_check(table: MonitoredTable) -> dg.AssetChecksDefinition:
    """The check `schema_drift` on `<table>/source`: the upstream's schema now against the contract, from metadata."""

    @dg.asset_check(asset=keys.source(table), name=keys.SCHEMA_DRIFT, description="The upstream keeps the contract.")
    def schema_drift() -> dg.AssetCheckResult:
        with said_plainly(), open_desk(table, run_id="schema_drift") as desk:
            partition = _newest_partition(table)
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


def schema_drift_sensor(table: MonitoredTable, job: UnresolvedAssetJobDefinition) -> dg.SensorDefinition:
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
        partition = _newest_partition(table)
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


def against_contract(contract: Contract, seen: Schema) -> tuple[Change, ...]:
    """The changes that metadata alone can show; a rename's content is looked at when the partition lands."""
    return drift.compare(contract, seen, profile=UNKNOWN_PROFILE, reference=None)


def _changed(table: MonitoredTable, known: DriftCursor, seen: Schema, partition: str) -> dg.SensorResult:
    number = known.changes_seen + 1
    changes = against_contract(table.contract, seen)
    about = metadata.of_changes(changes, seen)
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=f"schema_drift:{number}:{seen.fingerprint[:16]}",
                partition_key=partition,
                tags={"orders_monitor/trigger": "schema_drift", "orders_monitor/schema": seen.fingerprint[:16]},
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


def decisions_sensor(table: MonitoredTable, job: UnresolvedAssetJobDefinition) -> dg.SensorDefinition:
    """Launches the publication of exactly the partition that a person or the policy approved."""

    @dg.sensor(
        name=f"{table.name}_decisions",
        job=job,
        minimum_interval_seconds=10,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        last = int(context.cursor or 0)
        with said_plainly(), open_desk(table, run_id="decisions") as desk:
            decisions = desk.journal.decisions_after(table.name, last)[:DECISIONS_A_TICK]
            gates = {decision.partition: desk.gate(decision.partition) for decision in decisions}
        if not decisions:
            return dg.SkipReason(f"no decision after {last}")
        requests, said = [], []
        for decision in decisions:
            gate = gates[decision.partition]
            if gate.status == "approved" and gate.decision == decision:
                requests.append(
                    dg.RunRequest(
                        run_key=f"{decision.partition}:{decision.digest[:16]}:{decision.id}",
                        partition_key=decision.partition,
                        tags={"orders_monitor/decision": str(decision.id)},
                    )
                )
            else:
                said.append(f"{decision.partition}: {gate.sentence}")
        cursor = str(decisions[-1].id)
        if requests:
            return dg.SensorResult(run_requests=requests, cursor=cursor)
        return dg.SensorResult(skip_reason="; ".join(said), cursor=cursor)

    return sensor


def _newest_partition(table: MonitoredTable) -> str | None:
    """The last complete partition. A sensor lives by the clock; no stage does."""
    complete = keys.complete_partitions(table, datetime.now(UTC))
    return complete[-1] if complete else None


def _breaking(contract: Contract, changes: tuple[Change, ...]) -> bool:
    return any(change.kind not in contract.tolerate for change in changes)
