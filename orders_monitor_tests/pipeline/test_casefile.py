"""The case file that the agent is given."""

from orders_monitor.agent.briefing import MetricHistory
from orders_monitor.core.profile import ColumnProfile, Profile
from orders_monitor.pipeline.casefile import metrics_of
from orders_monitor_tests.cases import CONTRACT


def test_every_metric_that_may_be_unusual_has_its_history():
    """In the unit of its baseline: rows are counted, duplicates and nulls are shares; an empty day has none."""
    email = ColumnProfile(name="email", type="VARCHAR", nulls=5, distinct=9)
    days = [
        ("2026-11-17", Profile(landed_digest="d", rows=0, duplicate_rows=0, columns=(email,))),
        ("2026-11-18", Profile(landed_digest="e", rows=20, duplicate_rows=1, columns=(email,))),
    ]

    assert metrics_of(days, CONTRACT) == (
        MetricHistory(metric="rows", points=(("2026-11-17", 0.0), ("2026-11-18", 20.0))),
        MetricHistory(metric="duplicate_rows", points=(("2026-11-18", 0.05),)),
        MetricHistory(metric="null_share:order_id", points=()),
        MetricHistory(metric="null_share:email", points=(("2026-11-18", 0.25),)),
        MetricHistory(metric="null_share:status", points=()),
        MetricHistory(metric="null_share:amount", points=()),
    )
