"""execution: many partitions in one process, each a run of its own in Dagster's history.

A process imports Great Expectations once, so that a month takes a minute. What is decided is published at once, by the
same job that the `decisions` sensor launches.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from orders_monitor.core.investigation import Investigation, Spend
from orders_monitor.core.plan import Plan
from orders_monitor.core.review import Gate
from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline import keys, sentences, traces
from orders_monitor.pipeline.monitor import build_table_monitor
from orders_monitor.pipeline.resources import Stores, open_desk

# Dagster takes the signal for itself and fails the step that it meets.
INTERRUPTED = dg.DagsterExecutionInterruptedError.__name__
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """How one partition's run ended. `broken` is the sentence of what failed on our side, or None.

    `spend` is what its agent spent against its budget; None where the run did not come so far.
    """

    partition: str
    gate: Gate
    sentence: str
    spend: Spend | None
    broken: str | None


def definitions_of(table: MonitoredTable) -> dg.Definitions:
    """One table's monitor with its stores, ready to run."""
    return dg.Definitions.merge(
        build_table_monitor(table),
        dg.Definitions(resources={"stores": Stores()}, executor=dg.in_process_executor),
    )


def nights(
    table: MonitoredTable,
    partitions: Sequence[str],
    instance: dg.DagsterInstance,
    *,
    again: bool = False,
    publish_only: bool = False,
) -> Iterator[Night]:
    """Run the partitions one after another. A broken one stops no other; an interruption stops all of them.

    What is approved already is published and not run once more, unless it is to run `again`.
    Raises KeyboardInterrupt where the process was asked to stop (Ctrl-C, or a signal to terminate).
    """
    definitions = definitions_of(table)
    nightly = definitions.resolve_job_def(keys.nightly_job(table))
    publish = definitions.resolve_job_def(keys.publish_job(table))
    for partition in partitions:
        decided = publish_only or (not again and _gate(table, partition).status == "approved")
        trace = traces.gone_on_with(instance, _planned_by(table, partition)) if decided else traces.begun()
        broken = None if decided else run_job(nightly, partition, instance, tags=trace)
        if broken is None and (publish_only or _gate(table, partition).status == "approved"):
            broken = run_job(publish, partition, instance, tags=trace)
        yield _night(table, partition, broken)


def run_job(
    job: dg.JobDefinition, partition: str, instance: dg.DagsterInstance, *, tags: Mapping[str, str] | None = None
) -> str | None:
    """Run one partition and say its first failure in a sentence, or None. Raises KeyboardInterrupt."""
    result = job.execute_in_process(
        instance=instance, partition_key=partition, run_config=QUIET, raise_on_error=False, tags=dict(tags or {})
    )
    if result.success:
        return None
    for event in result.all_node_events:
        if event.is_step_failure:
            failure = event.step_failure_data
            if failure.error is not None and failure.error.cls_name == INTERRUPTED:
                raise KeyboardInterrupt
            if failure.user_failure_data is not None and failure.user_failure_data.description:
                return failure.user_failure_data.description
            # Dagster wraps what a step raised into an error of its own, which says nothing.
            error = failure.error.cause or failure.error if failure.error else None
            return error.message.strip().splitlines()[0] if error else f"{event.step_key} failed"
    return f"the run {result.run_id} failed"


def _gate(table: MonitoredTable, partition: str) -> Gate:
    with open_desk(table, run_id="cli") as desk:
        return desk.gate(partition)


def _planned_by(table: MonitoredTable, partition: str) -> str | None:
    with open_desk(table, run_id="cli") as desk:
        return desk.planned_by(partition)


def _night(table: MonitoredTable, partition: str, broken: str | None) -> Night:
    with open_desk(table, run_id="cli") as desk:
        gate = desk.gate(partition)
        plan = desk.find(partition, "plan", Plan)
        investigation = desk.find(partition, "investigation", Investigation)
    said = "" if plan is None else "; ".join(sentences.of_action(action) for action in plan.actions)
    return Night(
        partition=partition,
        gate=gate,
        sentence=said,
        spend=None if investigation is None else investigation.spend,
        broken=broken,
    )
