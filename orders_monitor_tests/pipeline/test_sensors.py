"""The sensors: one run for each change of the upstream's schema, and one publication for each approval, until it is."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from orders_monitor.core.candidate import Candidate, Validation
from orders_monitor.core.plan import Plan, PublishAsIs
from orders_monitor.core.review import Asked, Verdict
from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline import keys
from orders_monitor.pipeline.deciding import Identity, record_decision
from orders_monitor.pipeline.execution import definitions_of
from orders_monitor.pipeline.publish import publish
from orders_monitor.pipeline.schedule import nightly_job, publish_job
from orders_monitor.pipeline.sensors import (
    DECISION_TAG,
    PUBLISH_RUNS_MAX,
    decisions_sensor,
    schema_drift_check,
    schema_drift_sensor,
)
from orders_monitor_tests.small_shop import DAY, DAY_BEFORE, HEADER, Shop, csv_of, declared, failure_of, rows_of

RENAMED = "order_id,order_status,quantity,email,amount,created_at"
AFTER_DAY = datetime(2026, 3, 5, 0, 10, tzinfo=UTC)

Sensor = Callable[[MonitoredTable, datetime], dg.SensorDefinition]


def drift_sensor(table: MonitoredTable, at: datetime) -> dg.SensorDefinition:
    return schema_drift_sensor(table, nightly_job(table), now=lambda: at)


def publications_sensor(table: MonitoredTable, at: datetime) -> dg.SensorDefinition:
    return decisions_sensor(table, publish_job(table), now=lambda: at)


class Daemon:
    """Dagster's daemon for one sensor: it ticks, remembers the cursor, and never repeats a run key."""

    def __init__(self, shop: Shop, sensor: Sensor) -> None:
        self.shop, self.sensor = shop, sensor
        self.cursor: str | None = None
        self.launched: set[str | None] = set()

    def tick(self, at: datetime = AFTER_DAY) -> dg.SensorResult | dg.SkipReason:
        """A tick; an exception leaves the cursor where it was."""
        context = dg.build_sensor_context(
            instance=self.shop.instance, cursor=self.cursor, definitions=definitions_of(self.shop.table)
        )
        result = self.sensor(self.shop.table, at)(context)
        if isinstance(result, dg.SensorResult) and result.cursor is not None:
            self.cursor = result.cursor
        return result

    def asks_for(self, at: datetime = AFTER_DAY) -> list[dg.RunRequest]:
        """The runs of a tick that Dagster would launch."""
        result = self.tick(at)
        wanted = [] if isinstance(result, dg.SkipReason) else list(result.run_requests or [])
        new = [request for request in wanted if request.run_key not in self.launched]
        self.launched |= {request.run_key for request in new}
        return new

    def skips(self, at: datetime = AFTER_DAY) -> str | None:
        """What a tick says that launches nothing."""
        result = self.tick(at)
        if isinstance(result, dg.SkipReason):
            return result.skip_message
        assert not result.run_requests, result.run_requests
        return result.skip_reason.skip_message if isinstance(result.skip_reason, dg.SkipReason) else result.skip_reason


@pytest.fixture
def drift(shop) -> Daemon:
    """The drift sensor of a shop whose upstream keeps the contract."""
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    return Daemon(shop, drift_sensor)


@pytest.fixture
def decisions(shop) -> Daemon:
    """The decisions sensor of a shop."""
    return Daemon(shop, publications_sensor)


def test_the_first_tick_is_the_baseline(drift):
    """The first schema seen is remembered and alarms nobody, whatever it is."""
    drift.shop.arrives(DAY, csv_of(rows_of(DAY), RENAMED))
    said = drift.skips()

    assert said is not None
    assert (0, "baseline") == (json.loads(drift.cursor or "")["changes_seen"], said.split()[0])


def test_an_unchanged_schema_is_skipped(drift):
    """Other rows under the same schema are no change, and the cursor stays."""
    drift.tick()
    cursor = drift.cursor
    drift.shop.arrives(DAY, csv_of(rows_of(DAY, 12)))
    said = drift.skips()

    assert said is not None
    assert said.startswith("schema unchanged (")
    assert cursor == drift.cursor


def test_a_change_is_one_run_one_observation_and_one_evaluation(drift):
    """A renamed column asks for one nightly run of the newest partition, and is recorded as history and as colour."""
    drift.tick()
    drift.shop.arrives(DAY, csv_of(rows_of(DAY), RENAMED))
    result = drift.tick()
    assert isinstance(result, dg.SensorResult)
    (request,) = result.run_requests or []
    observation, evaluation = result.asset_events

    source = dg.AssetKey(["small_shop", "source"])
    assert (DAY, "schema_drift") == (request.partition_key, request.tags["orders_monitor/trigger"])
    assert isinstance(observation, dg.AssetObservation)
    assert isinstance(evaluation, dg.AssetCheckEvaluation)
    assert [source, source] == [observation.asset_key, evaluation.asset_key]
    assert ("schema_drift", False, "WARN", None) == (
        evaluation.check_name,
        evaluation.passed,
        evaluation.severity.value,
        evaluation.partition,
    )
    assert "order_status" in (evaluation.description or "")
    assert [] == drift.asks_for()


def test_there_and_back_is_two_changes(drift):
    """A to B to A to B is three changes with run keys of their own; the ticks between them ask for nothing."""
    keys_asked = []
    for header in (HEADER, RENAMED, RENAMED, HEADER, HEADER, RENAMED):
        drift.shop.arrives(DAY, csv_of(rows_of(DAY), header))
        keys_asked.append(len(drift.asks_for()))

    assert [0, 1, 0, 1, 0, 1] == keys_asked
    assert 3 == len(drift.launched)


def test_a_change_back_is_green(drift):
    """The evaluation of a change that ends the drift has passed."""
    drift.shop.arrives(DAY, csv_of(rows_of(DAY), RENAMED))
    drift.tick()
    drift.shop.arrives(DAY, csv_of(rows_of(DAY)))
    result = drift.tick()

    assert isinstance(result, dg.SensorResult)
    assert [True] == [e.passed for e in result.asset_events if isinstance(e, dg.AssetCheckEvaluation)]


def test_a_source_that_cannot_be_reached_fails_the_tick_and_keeps_the_cursor(drift):
    """A broken source is one sentence, and what happened meanwhile is seen at the next tick that can see."""
    drift.tick()
    cursor, upstream = drift.cursor, drift.shop.upstream
    shutil.move(upstream, upstream.with_name("away"))
    with pytest.raises(dg.Failure) as caught:
        drift.tick()
    said = caught.value.description or ""
    assert cursor == drift.cursor
    assert said.startswith("source ")
    assert "there is no folder" in said
    assert "\n" not in said

    shutil.move(upstream.with_name("away"), upstream)
    drift.shop.arrives(DAY, csv_of(rows_of(DAY), RENAMED))
    assert 1 == len(drift.asks_for())


def test_an_upstream_without_its_file_yet_is_skipped(drift):
    """Before the upstream has written the day, there is nothing to compare, and the known schema stays known."""
    drift.tick()
    cursor = drift.cursor

    assert "the upstream has nothing for 2026-03-05 yet" == drift.skips(AFTER_DAY + timedelta(days=1))
    assert cursor == drift.cursor


def test_before_the_first_partition_is_complete_nothing_is_asked(drift):
    """On the declared first day itself there is no partition to look at."""
    said = drift.skips(datetime(2026, 3, 1, 23, 59, tzinfo=UTC))

    assert "no partition is complete yet; the first one is 2026-03-01" == said


def test_the_sensor_reads_metadata_only(drift):
    """A file whose rows are broken far behind its beginning has a schema all the same, and nothing is recorded."""
    drift.tick()
    cursor = drift.cursor
    drift.shop.arrives(DAY, csv_of(rows_of(DAY, 30_000)) + '"never closed\n')
    said = drift.skips()

    assert said is not None
    assert said.startswith("schema unchanged (")
    assert cursor == drift.cursor
    with drift.shop.desk() as desk:
        assert () == desk.journal.partitions("small_shop")
        assert not desk.lake.path("small_shop").exists()


def executed_check(shop: Shop) -> dg.AssetCheckEvaluation:
    """The check as `Execute` in the UI runs it: in a job of its own, without a partition."""
    definitions = dg.Definitions.merge(
        dg.Definitions([dg.AssetSpec(keys.source(shop.table))], asset_checks=[drift_check_now(shop)]),
        dg.Definitions(executor=dg.in_process_executor),
    )
    key = dg.AssetCheckKey(keys.source(shop.table), keys.SCHEMA_DRIFT)
    job = definitions.resolve_implicit_global_asset_job_def().get_subset(
        asset_selection=set(), asset_check_selection={key}
    )
    result = job.execute_in_process(instance=shop.instance, raise_on_error=False)
    assert result.success, failure_of(result)
    (evaluation,) = result.get_asset_check_evaluations()
    return evaluation


def drift_check_now(shop: Shop) -> dg.AssetChecksDefinition:
    return schema_drift_check(shop.table, now=lambda: AFTER_DAY)


def test_the_check_runs_in_a_job(shop):
    """`schema_drift` on the external asset is executed, and says what the sensor says."""
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    kept = executed_check(shop)
    shop.arrives(DAY, csv_of(rows_of(DAY), RENAMED))
    broken = executed_check(shop)

    assert [(True, "WARN"), (False, "WARN")] == [(e.passed, e.severity.value) for e in (kept, broken)]


def test_the_check_of_a_source_that_has_nothing_yet_passes(shop):
    """No file yet is not drift."""
    evaluation = executed_check(shop)

    assert (True, "the upstream has no partition yet") == (evaluation.passed, evaluation.description)


def prepared(shop: Shop, day: str) -> str:
    """A partition that waits, as far as the journal knows: a plan, a candidate and what was validated. Its digest."""
    plan = Plan(
        table=shop.table.name,
        partition=day,
        landed_digest=f"landed {day}",
        release="1",
        origin="clean",
        actions=(PublishAsIs(),),
    )
    candidate = Candidate(
        plan_digest=plan.digest,
        landed_digest=plan.landed_digest,
        path=f"{day}.parquet",
        digest=f"candidate {day}",
        size_bytes=1,
        landed_rows=1,
        rows=1,
        quarantined_rows=0,
        duplicate_rows=0,
    )
    with shop.desk() as desk:
        desk.record(day, "plan", plan)
        desk.record(day, "candidate", candidate)
        desk.record(day, "validation", Validation(candidate_digest=candidate.digest, outcomes=()))
        return desk.gate(day).digest or ""


def decided(shop: Shop, day: str = DAY, verdict: Verdict = "approve", reviewer: str = "ada") -> int:
    """A decision on what waits. Its id."""
    with shop.desk() as desk:
        digest = desk.gate(day).digest or ""
        desk.record(day, "decision_asked", Asked(digest=digest, route="automatic"))
        by = Identity(reviewer, source=reviewer)
        return record_decision(desk, day, digest=digest, verdict=verdict, by=by, note="looked").id


def publish_run(shop: Shop, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
    """The run that Dagster launches for a request of the decisions sensor."""
    return shop.job(keys.publish_job(shop.table), request.partition_key or "", tags=dict(request.tags))


def test_an_approval_launches_its_partition(decisions):
    """Policy's approval and a person's launch one run each, of exactly their partition, and no other is asked for."""
    shop = decisions.shop
    for day in ("2026-03-01", "2026-03-02", "2026-03-03"):
        prepared(shop, day)
    by_policy, by_person = decided(shop, "2026-03-01", reviewer="policy"), decided(shop, "2026-03-03")

    asked = decisions.asks_for()
    assert [("2026-03-01", str(by_policy)), ("2026-03-03", str(by_person))] == [
        (request.partition_key, request.tags[DECISION_TAG]) for request in asked
    ]
    assert [] == decisions.asks_for()


def test_what_policy_approves_at_night_is_published(decisions):
    """From the upstream's file to the table: the nightly run, a tick, the run that it asks for."""
    shop = decisions.shop
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    shop.night(DAY)
    (request,) = decisions.asks_for()
    result = publish_run(shop, request)

    assert result.success, failure_of(result)
    assert "published" == shop.gate(DAY).status
    assert f"{DAY}: published as version 1" == decisions.skips()
    assert "no decision after 1" == decisions.skips()


def test_a_rejection_launches_nothing(decisions):
    """A rejected partition is said to be, with the reviewer's reason."""
    prepared(decisions.shop, DAY)
    decided(decisions.shop, verdict="reject")

    assert f"{DAY}: rejected by ada: looked" == decisions.skips()


def test_a_stale_approval_launches_nothing_until_its_bytes_are_back(decisions):
    """An approval of other bytes is said to be stale; when those very bytes wait again, it counts again."""
    shop = decisions.shop
    prepared(shop, DAY)
    decided(shop)
    with shop.desk() as desk:
        plan = desk.read(DAY, "plan", Plan)
        made = desk.read(DAY, "candidate", Candidate)
        validated = desk.read(DAY, "validation", Validation)
        other = made.model_copy(update={"digest": "other bytes"})
        desk.record(DAY, "candidate", other)
        desk.record(DAY, "validation", Validation(candidate_digest=other.digest, outcomes=()))
    said = decisions.skips()
    with shop.desk() as desk:
        desk.record(DAY, "plan", plan)
        desk.record(DAY, "candidate", made)
        desk.record(DAY, "validation", validated)

    assert said is not None
    assert said.startswith(f"{DAY}: decision 1 of ada was for ")
    assert [DAY] == [request.partition_key for request in decisions.asks_for()]


@pytest.mark.slow
def test_what_the_command_line_published_is_not_launched(decisions):
    """A partition that somebody published before the tick is said to be published."""
    shop = decisions.shop
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    shop.night(DAY)
    with shop.desk() as desk:
        publish(desk, DAY)

    assert f"{DAY}: published as version 1" == decisions.skips()


def test_the_cursor_reads_on(decisions):
    """A decision is read once; the next tick begins after it."""
    prepared(decisions.shop, DAY)
    first = decided(decisions.shop)
    decisions.asks_for()
    prepared(decisions.shop, DAY_BEFORE)
    decided(decisions.shop, DAY_BEFORE)

    assert {"last_decision": first, "unpublished": [DAY]} == json.loads(decisions.cursor or "")
    assert [DAY_BEFORE] == [request.partition_key for request in decisions.asks_for()]


def test_many_decisions_are_launched_in_turns(shop):
    """More decisions than a tick takes are all launched once, the earliest first."""
    days = [f"2026-03-{day:02d}" for day in range(1, 6)]
    for day in days:
        prepared(shop, day)
        decided(shop, day)
    few = Daemon(shop, lambda table, _: decisions_sensor(table, publish_job(table), decisions_max=2))
    turns = [[request.partition_key for request in few.asks_for()] for _ in range(4)]

    assert [days[:2], days[2:4], days[4:], []] == turns


@pytest.fixture
def broken(decisions) -> Daemon:
    """A shop with an approved partition whose candidate file is away, so that its publication fails."""
    shop = decisions.shop
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    shop.night(DAY)
    shop.settings.lake_root.rename(shop.settings.home / "away")
    return decisions


def failing_run(daemon: Daemon, at: datetime) -> datetime | None:
    """The run that a tick asks for, if any, and when it failed."""
    requests = daemon.asks_for(at)
    if not requests:
        return None
    result = publish_run(daemon.shop, requests[0])
    assert not result.success
    record = daemon.shop.instance.get_run_record_by_id(result.run_id)
    assert record is not None
    return record.update_timestamp


def test_a_publication_that_failed_is_tried_again(broken):
    """A run that failed because the lake was away is followed by another after a minute, which publishes."""
    failed_at = failing_run(broken, AFTER_DAY)
    assert failed_at is not None
    said = broken.skips(failed_at + timedelta(seconds=59))
    shutil.rmtree(broken.shop.settings.lake_root, ignore_errors=True)
    (broken.shop.settings.home / "away").rename(broken.shop.settings.lake_root)
    (request,) = broken.asks_for(failed_at + timedelta(seconds=61))
    result = publish_run(broken.shop, request)

    assert said is not None
    assert f"{DAY}: approved by policy (decision 1); run " in said
    assert " failed, tried again from " in said
    assert result.success, failure_of(result)
    assert f"{DAY}: published as version 1" == broken.skips()


@pytest.mark.slow
def test_a_publication_that_keeps_failing_is_given_to_a_person(broken):
    """The wait doubles, the runs are counted, and after the last one every tick says what to do."""
    at, waited = AFTER_DAY, []
    for _ in range(PUBLISH_RUNS_MAX):
        failed_at = failing_run(broken, at)
        assert failed_at is not None
        waited.append(2 ** len(waited))
        assert None is failing_run(broken, failed_at + timedelta(minutes=waited[-1], seconds=-1))
        at = failed_at + timedelta(minutes=waited[-1], seconds=1)
    said = broken.skips(at + timedelta(days=3))

    assert said is not None
    assert f"; {PUBLISH_RUNS_MAX} runs failed, the last one " in said
    assert said.endswith("; repair, then `orders-monitor publish`")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (dg.DagsterRunStatus.NOT_STARTED, "publishes it"),
        (dg.DagsterRunStatus.STARTED, "publishes it"),
        (dg.DagsterRunStatus.CANCELED, "was canceled, so it waits for `orders-monitor publish`"),
    ],
)
def test_a_run_under_way_or_stopped_by_a_person_is_not_doubled(decisions, status, expected):
    """While its run waits, runs or was stopped on purpose, an approval is not launched again."""
    shop = decisions.shop
    prepared(shop, DAY)
    decided(shop)
    (request,) = decisions.asks_for()
    run = dg.DagsterRun(job_name=keys.publish_job(shop.table), tags=dict(request.tags), status=status)
    shop.instance.add_run(run)
    said = decisions.skips(AFTER_DAY + timedelta(days=9))

    assert f"{DAY}: approved by ada (decision 1); run {run.run_id[:8]} {expected}" == said


def test_two_tables_decide_for_themselves(decisions):
    """The sensor of one table does not see the decisions of another in the same journal."""
    shop = decisions.shop
    other = replace(shop, table=declared(shop.upstream, name="other_shop"))
    prepared(other, DAY)
    decided(other)

    assert "no decision after 0" == decisions.skips()
    assert [DAY] == [request.partition_key for request in Daemon(other, publications_sensor).asks_for()]
