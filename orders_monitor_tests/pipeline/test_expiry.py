"""The sensor that rejects what nobody decided, and shows it where people look."""

import dagster as dg
import pytest

from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.core.review import Asked
from orders_monitor.pipeline import keys
from orders_monitor.pipeline.execution import definitions_of
from orders_monitor.pipeline.expiry import expire_overdue, expiry_sensor
from orders_monitor_tests.deciders import CLEAN, DAY, Room, waits
from orders_monitor_tests.small_shop import Shop


def tick(shop: Shop) -> dg.SensorResult:
    """A tick of the daemon's."""
    context = dg.build_sensor_context(instance=shop.instance, definitions=definitions_of(shop.table))
    result = expiry_sensor(shop.table)(context)
    assert isinstance(result, dg.SensorResult)
    return result


def test_a_tick_rejects_what_is_overdue_and_shows_it_once(shop):
    """The check of the candidate turns red with the expiry's sentence; the next tick finds nothing."""
    with shop.desk() as desk:
        digest = waits(desk).digest
        quiet = tick(shop)
        asked = desk.case(DAY).asked
        assert asked is not None
        desk.record(DAY, "decision_asked", asked.model_copy(update={"deadline": "2026-03-05T12:00:00+00:00"}))
    first, second = tick(shop), tick(shop)
    check = dg.AssetCheckKey(keys.stage(shop.table, "candidate"), keys.HUMAN_REVIEW)
    records = shop.instance.event_log_storage.get_asset_check_execution_history(check, limit=5)
    (shown,) = [record.event.asset_check_evaluation for record in records]

    assert ("nothing waits longer than it may", f"rejected: {DAY}", "nothing waits longer than it may") == (
        quiet.skip_reason.skip_message,
        first.skip_reason.skip_message,
        second.skip_reason.skip_message,
    )
    assert (keys.HUMAN_REVIEW, DAY, False, dg.AssetCheckSeverity.ERROR) == (
        shown.check_name,
        shown.partition,
        shown.passed,
        shown.severity,
    )
    assert "rejected by expiry: nobody decided until 2026-03-05 12:00 UTC" in shown.description
    assert digest == shop.gate(DAY).digest


def test_the_monitor_has_the_sensor(shop):
    """It runs once a minute without anybody's turning it on."""
    sensor = definitions_of(shop.table).resolve_sensor_def("small_shop_expiry")

    assert (60, dg.DefaultSensorStatus.RUNNING) == (sensor.minimum_interval_seconds, sensor.default_status)


def test_only_what_waits_expires(tmp_path):
    """What is approved, published, rejected, or was never asked about stays as it is, however old."""
    room = Room(tmp_path, environment="dev")
    with room.desk() as desk:
        waits(desk, "one", CLEAN, day="2026-03-01")
        waits(desk, "two", day="2026-03-02")
        desk.record("2026-03-02", "decision_asked", Asked(digest="another", route="human"))
        room.later(days=1_000)
        statuses = [desk.gate(day).status for day in ("2026-03-01", "2026-03-02")]

        assert ((), ["approved", "awaiting"]) == (expire_overdue(desk), statuses)


@pytest.mark.parametrize("late", [True, False])
def test_a_clock_behind_expires_nothing_early(tmp_path, late):
    """What counts is the deadline on record, in whatever zone a machine's clock is shown."""
    room = Room(tmp_path)
    with room.desk() as desk:
        waits(desk)
        room.later(hours=desk.table.policy.decide_within_h, seconds=1 if late else 0)
        journal = Journal.open(room.settings.journal_url, clock=lambda: room.now)
        made = journal.expire("small_shop", DAY, environment="prod")
        journal.close()

        assert late == (made is not None)
