"""A month of the simulator and how often people are called: one message an incident, none for ordinary nights."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from orders_monitor.component import read_declaration
from orders_monitor.core.times import ms
from orders_monitor.pipeline import delivering, keys, notifying
from orders_monitor.pipeline.execution import nights
from orders_monitor.pipeline.instance import open_instance
from orders_monitor.pipeline.resources import Desk, open_desk
from orders_monitor.settings import PROJECT_ROOT

TABLE = read_declaration(PROJECT_ROOT / "orders_monitor" / "defs" / "orders_daily" / "defs.yaml")


def told(desk: Desk, instance, *, now: datetime) -> Counter[str]:
    """A tick of the sensor at that time; the kinds of all messages so far."""
    notifying.tell(desk, instance, now=now, wait=timedelta(0))
    delivering.drain(desk, now=lambda: now)
    kept = desk.outbox.messages(now_ms=ms(now))
    assert {"sent"} >= {each.state for each in kept}
    return Counter(each.message.kind for each in kept)


@pytest.mark.chaos
def test_a_month_is_two_messages(tmp_path, monkeypatch):
    """Thirty nights with six incidents: two need a person and are a message each; ten idle days call the next level."""
    monkeypatch.setenv("ORDERS_MONITOR_HOME", str(tmp_path))
    monkeypatch.delenv("ORDERS_MONITOR_DATABASE_URL", raising=False)
    with open_instance() as instance, open_desk(TABLE, run_id="month") as desk:
        for day in keys.complete_partitions(TABLE, datetime.now(UTC))[-30:]:
            list(nights(TABLE, [day], instance))
            month = told(desk, instance, now=datetime.now(UTC))
        idle = Counter[str]()
        for hours in range(0, 240, 4):
            idle = told(desk, instance, now=datetime.now(UTC) + timedelta(hours=hours))

    calls = {"case": 1, "held": 1}
    assert calls == {kind: count for kind, count in month.items() if kind != "digest"}
    assert {**calls, "reminder": 2, "escalation": 2} == {k: count for k, count in idle.items() if k != "digest"}
    assert idle["digest"] in (10, 11)
