"""troubles: what is not well now with one table: partitions that wait or are held, runs that failed, open breakers."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg
from dagster._core.storage.tags import PARTITION_NAME_TAG  # Dagster's own name of its tag

from orders_monitor.core.breaker import Closed, Zone
from orders_monitor.core.escalation import BROKEN
from orders_monitor.core.incident import Trouble, TroubleKind
from orders_monitor.core.investigation import Investigation
from orders_monitor.core.messages import Link
from orders_monitor.core.modes import modes_of
from orders_monitor.core.quality import Quality, Signal, anomaly_id
from orders_monitor.core.review import Case, Gate, Status, gate
from orders_monitor.core.times import ms
from orders_monitor.pipeline import breaker as breakers
from orders_monitor.pipeline import keys, links
from orders_monitor.pipeline.resources import Desk
from orders_monitor.pipeline.schedule import TABLE_TAG

KINDS: dict[Status, TroubleKind] = {"awaiting": "case", "stale": "case", "held": "held", "failed": "held"}
LOOKED_BACK = timedelta(days=7)
RUNS_MAX = 50
RETRIED_TAG = "dagster/will_retry"
# What differs between two runs of the same failure: days, ids, numbers.
_VARYING = re.compile(r"\d{4}-\d{2}-\d{2}|\b[0-9a-f]{8,}\b|\d+")
# `BreakerOpen` around what opened it: the same outage.
_LEFT_ALONE = re.compile(r"^the breaker of .* is open \((?P<why>.*)\); the next probe is allowed at .*$", re.DOTALL)
TOLD_ELSEWHERE: tuple[Zone, ...] = ("notify_webhook", "notify_email")


@dataclass(frozen=True, slots=True)
class Found:
    """A trouble, and for what is broken its sentence and where to look."""

    trouble: Trouble
    why: str = ""
    links: tuple[Link, ...] = ()


def troubles(desk: Desk, instance: dg.DagsterInstance, *, now: datetime) -> tuple[Found, ...]:
    """Everything that is not well now. Channels that are down are not in it: their check says so, and no channel."""
    return (*_cases(desk), *_failed_runs(desk, instance, now=now), *_breakers(desk, now=now))


def _cases(desk: Desk) -> Iterator[Found]:
    for case in desk.journal.cases(desk.table.name, environment=desk.settings.environment):
        answer = gate(case)
        kind = KINDS.get(answer.status) or ("held" if _is_never(case, answer) else None)
        if kind is not None:
            yield Found(_of_case(desk, case, kind))


def _is_never(case: Case, answer: Gate) -> bool:
    """Whether the policy forbids it: nobody rejected it, and nobody can let it through."""
    return answer.status == "rejected" and answer.decision is None and case.asked_for.route == "never"


def _of_case(desk: Desk, case: Case, kind: TroubleKind) -> Trouble:
    quality = None if case.plan is None else desk.found_of(case.plan, "quality", Quality)
    investigation = None if case.plan is None else desk.found_of(case.plan, "investigation", Investigation)
    causes = [] if quality is None else [s for s in quality.signals if s.severity != "info" and s.explained_by is None]
    anomalies = {anomaly_id(each.metric): each for each in (quality.anomalies if quality else ())}
    began = (anomalies[s.id].since for s in causes if s.id in anomalies)
    planned = desk.journal.latest(case.table, case.partition, "plan")
    return Trouble(
        table=case.table,
        kind=kind,
        about=case.partition,
        causes=tuple(_cause(s, quality) for s in causes) or case.asked_for.reasons,
        since=tuple(dict.fromkeys(since for since in began if since is not None)),
        modes=modes_of(quality, investigation),
        at=case.asked_for.asked_at or ("" if planned is None else planned.recorded_at),
        deadline=case.asked_for.deadline if kind == "case" else "",
    )


def _cause(signal: Signal, quality: Quality | None) -> str:
    """The evidence id; of an anomaly with its side, for more rows than usual are another incident than fewer."""
    anomalies = quality.anomalies if quality else ()
    found = next((each for each in anomalies if anomaly_id(each.metric) == signal.id), None)
    return signal.id if found is None else f"{signal.id}:{'above' if found.observed > found.expected else 'below'}"


def _breakers(desk: Desk, *, now: datetime) -> Iterator[Found]:
    for zone, state in breakers.states(desk, clock=lambda: ms(now)).items():
        if isinstance(state, Closed) or zone in TOLD_ELSEWHERE:
            continue
        about = f"breaker {zone}"
        trouble = Trouble(
            table=desk.table.name,
            kind="failed",
            about=about,
            causes=(cause_of(state.why, desk.table.name),),
            modes=(BROKEN,),
            at=now.isoformat(timespec="seconds"),
        )
        yield Found(trouble, why=f"the {zone} is left alone for a while: {state.why}")


def _failed_runs(desk: Desk, instance: dg.DagsterInstance, *, now: datetime) -> Iterator[Found]:
    """The newest finished run of a partition's job, where it failed and Dagster does not start it again."""
    mine = {TABLE_TAG: desk.table.name}
    wanted = dg.RunsFilter(tags=mine, statuses=[dg.DagsterRunStatus.FAILURE], updated_after=now - LOOKED_BACK)
    asked: set[tuple[str, str]] = set()
    for record in instance.get_run_records(wanted, limit=RUNS_MAX):
        run = record.dagster_run
        partition = run.tags.get(PARTITION_NAME_TAG, "")
        if (run.job_name, partition) in asked or not partition:
            continue
        asked.add((run.job_name, partition))
        if _newest_finished(instance, run) == run.run_id and run.tags.get(RETRIED_TAG) != "true":
            if run.job_name == keys.publish_job(desk.table) and desk.gate(partition).status != "approved":
                continue  # the gate refused what nobody approved: that is its work
            yield _of_run(desk, instance, record, partition)


def _newest_finished(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str:
    tags = {name: run.tags[name] for name in (TABLE_TAG, PARTITION_NAME_TAG)}
    records = instance.get_run_records(dg.RunsFilter(job_name=run.job_name, tags=tags), limit=RUNS_MAX)
    return next((r.dagster_run.run_id for r in records if r.dagster_run.is_finished), run.run_id)


def _of_run(desk: Desk, instance: dg.DagsterInstance, record: dg.RunRecord, partition: str) -> Found:
    run = record.dagster_run
    why = _why(instance, run.run_id)
    trouble = Trouble(
        table=desk.table.name,
        kind="failed",
        about=partition,
        causes=(cause_of(why, desk.table.name),),
        modes=(BROKEN,),
        at=record.update_timestamp.isoformat(timespec="seconds"),
    )
    return Found(trouble, why=why, links=(Link(label="run", url=links.run_url(run.run_id, desk.settings.ui_url)),))


def _why(instance: dg.DagsterInstance, run_id: str) -> str:
    """Our own sentence; of an error that is not ours its name only, for its text may quote data."""
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        event = entry.dagster_event
        if event is not None and event.is_step_failure:
            failure = event.step_failure_data
            if failure.user_failure_data is not None and failure.user_failure_data.description:
                return failure.user_failure_data.description
            error = failure.error.cause or failure.error if failure.error else None
            return f"{event.step_key} failed{'' if error is None or not error.cls_name else f' ({error.cls_name})'}"
    return "the run's process died or was ended"


def cause_of(why: str, table: str) -> str:
    """What two failures of one outage have in common, also where one of them only met the breaker."""
    around = _LEFT_ALONE.match(why)
    plain = (around["why"] if around else why).replace(table, "")
    return f"failed: {_VARYING.sub('#', plain)[:200]}"


def newest_run(desk: Desk, instance: dg.DagsterInstance) -> str:
    """What changes whenever a run of the table ends: its newest one that failed or succeeded."""
    ended: Sequence[dg.DagsterRunStatus] = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS)
    wanted = dg.RunsFilter(tags={TABLE_TAG: desk.table.name}, statuses=list(ended))
    records = instance.get_run_records(wanted, limit=1, order_by="update_timestamp", ascending=False)
    return records[0].dagster_run.run_id if records else ""
