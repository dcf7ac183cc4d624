"""messages: the sensor that tells people, and the check that shows what could not be told."""

from collections.abc import Sequence
from datetime import datetime

import dagster as dg

from orders_monitor.adapters.journal.outbox import Sent
from orders_monitor.core.table import MonitoredTable
from orders_monitor.core.times import ms, said
from orders_monitor.pipeline import delivering, keys, notifying
from orders_monitor.pipeline.resources import Desk, open_desk, said_plainly
from orders_monitor.pipeline.sensors import LOOK_AGAIN, Clock, Looked, clock
from orders_monitor.pipeline.sentences import plain
from orders_monitor.pipeline.tables import records
from orders_monitor.pipeline.troubles import newest_run

MESSAGES_DELIVERED = "messages_delivered"
UNDELIVERED = "undelivered"
TICK_S = 30


class MessagesCursor(Looked):
    """What the sensor remembers besides: the run that had ended last, and what its check said."""

    newest_run: str = ""
    said: str = ""


def messages_check(table: MonitoredTable, *, now: Clock = clock) -> dg.AssetChecksDefinition:
    """The check `messages_delivered` on `<table>/source`: whether everybody was told what they had to be told."""

    @dg.asset_check(asset=keys.source(table), name=MESSAGES_DELIVERED, description="Nobody waits for a message.")
    def messages_delivered() -> dg.AssetCheckResult:
        with said_plainly(), open_desk(table, run_id="messages") as desk:
            late = _late(desk, now())
        return dg.AssetCheckResult(
            passed=not late,
            severity=dg.AssetCheckSeverity.WARN,
            description=_sentence(late),
            metadata=_about(late),
        )

    return messages_delivered


def messages_sensor(table: MonitoredTable, *, now: Clock = clock) -> dg.SensorDefinition:
    """Notes what became of the table's incidents, keeps what people are to be told and delivers what is due.

    Where nothing was recorded and nothing is due it asks the journal twice and Dagster once.
    """

    @dg.sensor(
        name=f"{table.name}_messages",
        minimum_interval_seconds=TICK_S,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        known = MessagesCursor.model_validate_json(context.cursor) if context.cursor else MessagesCursor()
        with said_plainly(), open_desk(table, run_id="messages") as desk:
            cursor = _noted(desk, context.instance, known, now())
            drained = delivering.drain(desk, now=now) if _is_due(desk, now()) else delivering.NOTHING
            late = _late(desk, now())
        sentence = _sentence(late)
        evaluation = dg.AssetCheckEvaluation(
            asset_key=keys.source(table),
            check_name=MESSAGES_DELIVERED,
            passed=not late,
            severity=dg.AssetCheckSeverity.WARN,
            description=sentence,
            metadata=_about(late),
        )
        return dg.SensorResult(
            skip_reason=f"{drained.sent} delivered; {sentence}",
            asset_events=[] if sentence == known.said else [evaluation],
            cursor=cursor.model_copy(update={"said": sentence}).model_dump_json(),
        )

    return sensor


def _noted(desk: Desk, instance: dg.DagsterInstance, known: MessagesCursor, now: datetime) -> MessagesCursor:
    """Look where something may be new. What is newest is read first: what comes meanwhile is seen at the next tick."""
    newest, run = desk.journal.newest(), newest_run(desk, instance)
    if run == known.newest_run and known.is_quiet(newest, now):
        return known
    next_at = min(notifying.tell(desk, instance, now=now), now + LOOK_AGAIN)
    return MessagesCursor(newest=newest, newest_run=run, next_at=next_at.isoformat(), said=known.said)


def _is_due(desk: Desk, now: datetime) -> bool:
    kept = desk.outbox.messages(now_ms=ms(now), every=False)
    return any(each.is_due for each in kept)


def _late(desk: Desk, now: datetime) -> tuple[Sent, ...]:
    kept = desk.outbox.messages(table=desk.table.name, now_ms=ms(now), every=False)
    return delivering.undelivered(kept, desk.table.name, now=now)


def _sentence(late: Sequence[Sent]) -> str:
    """The same while the same messages fail for the same reason, so that it is reported once."""
    if not late:
        return "nothing is undelivered"
    whys = sorted({delivering.why_late(each) for each in late})
    since = said(min(each.at_ms for each in late))
    return f"{len(late)} undelivered since {since}: {plain('; '.join(whys))}"


def _about(late: Sequence[Sent]) -> dict[str, dg.MetadataValue]:
    rows: list[dict[str, str | int]] = [
        {
            "message": plain(each.message.subject),
            "channel": each.message.address.channel,
            "for": plain(each.message.address.to),
            "since": said(each.at_ms),
            "attempts": each.attempts,
            "why": plain(delivering.why_late(each)),
        }
        for each in late
    ]
    return {UNDELIVERED: records(rows)}
