"""One trace from the tick that asked for a night to its publication, seen by a collector behind a real socket."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from orders_monitor.core.trace import traceparent_of
from orders_monitor.pipeline import keys
from orders_monitor.pipeline.execution import nights
from orders_monitor.pipeline.schedule import nightly_job, nightly_schedule, publish_job
from orders_monitor.pipeline.sensors import decisions_sensor
from orders_monitor.pipeline.traces import TRACEPARENT_TAG, gone_on_with
from orders_monitor_tests.collector import collector, spans_of
from orders_monitor_tests.small_shop import DAY, csv_of, rows_of

AT_NIGHT = datetime(2026, 3, 5, 2, 0, tzinfo=UTC)
NIGHT = ["landed", "profile", "quality", "investigation", "plan", "candidate", "checks"]


def test_one_trace_from_the_tick_to_the_publication(shop, monkeypatch):
    """The schedule's tick names a trace, the night is in it, and so is the publication that the decisions launch."""
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    schedule = nightly_schedule(shop.table, nightly_job(shop.table))
    sensor = decisions_sensor(shop.table, publish_job(shop.table))

    with collector() as (url, taken):
        monkeypatch.setenv("ORDERS_MONITOR_OTLP_URL", url)
        tick = schedule(dg.build_schedule_context(scheduled_execution_time=AT_NIGHT))
        night = shop.job(keys.nightly_job(shop.table), DAY, tags=dict(tick.tags))
        (request,) = sensor(dg.build_sensor_context(instance=shop.instance)).run_requests
        shop.job(keys.publish_job(shop.table), DAY, tags=dict(request.tags))
    spans = spans_of(taken)
    stages = [span for span in spans if span.name.startswith("stage ")]
    said = {attribute.key: attribute.value.string_value for attribute in stages[0].attributes}

    assert tick.tags[TRACEPARENT_TAG] == request.tags[TRACEPARENT_TAG]
    assert {tick.tags[TRACEPARENT_TAG][3:35]} == {span.trace_id.hex() for span in spans}
    assert [f"stage {name}" for name in [*NIGHT, "checks", "publish"]] == [span.name for span in stages]
    assert said == {
        "orders_monitor.table": "small_shop",
        "orders_monitor.partition": DAY,
        "orders_monitor.run": night.run_id,
        "orders_monitor.answers": "stand-in",
    }


@pytest.mark.slow
def test_a_collector_that_is_away_leaves_the_night_green(shop, monkeypatch):
    """Nobody listens: the night ends as ever, and the run's log says once where its spans are not."""
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    monkeypatch.setenv("ORDERS_MONITOR_OTLP_URL", "http://127.0.0.1:1")

    night = shop.job(keys.nightly_job(shop.table), DAY)
    logged = [record.user_message for record in shop.instance.all_logs(night.run_id) if "spans" in record.user_message]

    assert night.success
    assert ["the spans of this run are not at http://127.0.0.1:1: the collector did not take them"] == logged


@pytest.mark.slow
def test_a_command_starts_a_trace_and_goes_on_with_one(shop):
    """A run by hand begins a trace for the night and its publication; publishing again goes on with the plan's."""
    shop.arrives(DAY, csv_of(rows_of(DAY)))

    list(nights(shop.table, [DAY], shop.instance))
    list(nights(shop.table, [DAY], shop.instance, publish_only=True))
    first, *others = [run.tags[TRACEPARENT_TAG] for run in shop.instance.get_runs()]

    assert [first, first] == others


def test_a_run_without_a_tag_lends_its_own_id(shop):
    """What goes on with a run that has no tag, or that Dagster has forgotten, is in the trace of that run's id."""
    untagged = shop.instance.add_run(dg.DagsterRun(job_name="night", run_id="11111111-2222-4333-8444-555555555555"))

    assert {TRACEPARENT_TAG: traceparent_of(untagged.run_id)} == gone_on_with(shop.instance, untagged.run_id)
    assert {TRACEPARENT_TAG: traceparent_of("forgotten")} == gone_on_with(shop.instance, "forgotten")
    assert gone_on_with(shop.instance, None) != gone_on_with(shop.instance, None)
