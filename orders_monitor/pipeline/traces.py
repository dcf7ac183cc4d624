"""traces: one trace from the tick that asked for a night to its publication, handed on in a run's tag."""

from uuid import uuid4

import dagster as dg

from orders_monitor.core.trace import continued, traceparent_of

TRACEPARENT_TAG = "orders_monitor/traceparent"


def of_run(run: dg.DagsterRun) -> str:
    """The traceparent of a run: its tag's; without one, made of its own id."""
    return continued(run.tags.get(TRACEPARENT_TAG), run_id=run.run_id)


def begun_by(run_key: str) -> dict[str, str]:
    """The tag of the run that a run request with this key asks for: asked again, it is the same trace."""
    return {TRACEPARENT_TAG: traceparent_of(run_key)}


def begun() -> dict[str, str]:
    """The tag of the runs of one partition that a command starts: a trace of their own."""
    return {TRACEPARENT_TAG: traceparent_of(str(uuid4()))}


def gone_on_with(instance: dg.DagsterInstance, run_id: str | None) -> dict[str, str]:
    """The tag of a run that goes on with the trace of an earlier one; a trace of its own where that one is not known.

    A run that is gone from Dagster's history, or was none (a test, a command), left nothing but its id.
    """
    if run_id is None:
        return begun()
    run = instance.get_run_by_id(run_id)
    return {TRACEPARENT_TAG: traceparent_of(run_id) if run is None else of_run(run)}
