import pytest

from orders_monitor.core import signals
from orders_monitor.core.anomaly.divergence import divergence, jensen_shannon
from orders_monitor.core.anomaly.metrics import (
    clocks_changed,
    column_measured,
    readings,
    scaled,
    tells_the_hour,
    topic_of,
    unscaled,
)
from orders_monitor.core.drift import UnitChanged
from orders_monitor.core.measures import Day
from orders_monitor.core.profile import ColumnProfile, Profile
from orders_monitor.core.quality import Anomaly
from orders_monitor_tests.core.days import CONTRACT, EMAIL, day, landing_of, outcome, profile_of


def anomaly(metric):
    return Anomaly(metric=metric, observed=2, expected=1, low=0, high=1, days=40, sentence="unusual")


@pytest.mark.parametrize(
    ("metric", "column"),
    [
        ("mean:amount", "amount"),
        ("slow:level:amount:item", "amount"),
        ("broken:usual:unit%3Aprice:item", "unit:price"),
        ("broken:never:format(unit%3Aprice)|sign(amount)", "unit:price"),
        ("broken:damaged:note", "note"),
        ("broken:rare:missing(amount)", None),
        ("null_share:amount", None),
        ("broken:missing:amount:item", None),
        ("rows", None),
    ],
)
def test_a_metric_of_values_has_its_column(metric, column):
    """What is missing, or how many rows there are, is no matter of a column's values."""
    assert column == column_measured(metric)


@pytest.mark.parametrize(
    ("newest", "type_", "timezone", "seconds"),
    [
        ("2026-07-02 23:59:30.25", "TIMESTAMP", "UTC", 29.75),
        ("2026-07-03 00:01:00", "TIMESTAMP", "UTC", -60.0),
        ("2026-07-02 21:59:00+00", "TIMESTAMP WITH TIME ZONE", "Europe/Berlin", 60.0),
        ("2026-07-02", "DATE", "UTC", None),  # a day is no moment
        ("infinity", "TIMESTAMP", "UTC", None),
        (None, "TIMESTAMP", "UTC", None),
    ],
)
def test_freshness_is_told_from_the_end_of_the_partitions_day(newest, type_, timezone, seconds):
    """Seconds from the newest moment to the day's end in the table's zone; below 0 where it lies after."""
    column = ColumnProfile(name="at", type=type_, nulls=0, distinct=9, maximum=newest)
    found = readings(
        Day(partition="2026-07-02", timezone=timezone, profile=Profile(rows=9, duplicate_rows=0, columns=(column,)))
    )

    assert seconds == (found["freshness_s:at"].value if "freshness_s:at" in found else None)


@pytest.mark.parametrize(
    ("partition", "timezone", "changed"),
    [
        ("2026-03-28", "Europe/Berlin", False),
        ("2026-03-29", "Europe/Berlin", True),  # a day of 23 hours
        ("2026-04-05", "Europe/Berlin", True),
        ("2026-04-06", "Europe/Berlin", False),
        ("2026-10-24", "Europe/Berlin", False),
        ("2026-10-25", "Europe/Berlin", True),  # a day of 25 hours
        ("2026-03-29", "UTC", False),
    ],
)
def test_what_tells_the_hour_is_not_judged_in_the_week_after_the_clocks_changed(partition, timezone, changed):
    """From the day of 23 or 25 hours on for a week, only where clocks change; how many rows came is judged always."""
    column = ColumnProfile(name="at", type="TIMESTAMP", nulls=0, distinct=9, hours=(1,) * 24)
    found = Day(partition=partition, timezone=timezone, profile=Profile(rows=9, duplicate_rows=0, columns=(column,)))
    told = [m for m in ("rows", "freshness_s:at", "broken:hours_empty:at", "drift:at") if tells_the_hour(m, found)]

    assert (changed, ["freshness_s:at", "broken:hours_empty:at", "drift:at"]) == (clocks_changed(found), told)


def test_two_metrics_that_say_the_same_have_one_topic():
    """A value that is rare and one that never was are the same oddness; two columns are two."""
    assert topic_of("broken:never:value(a)") == topic_of("broken:rare:value(a)")
    assert topic_of("mean:a") != topic_of("mean:b")


@pytest.mark.parametrize(
    ("metric", "value"),
    [("rows", 900.0), ("null_share:a", 0.25), ("mean:a", -12.5), ("mean:a", 0.0), ("level:a:b", -0.1)],
)
def test_a_point_on_the_scale_is_a_value_again(metric, value):
    """What is compared in logarithms is told in the metric's own unit."""
    assert pytest.approx(value, abs=1e-3) == unscaled(metric, scaled(metric, value, rows=1000))


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [({"a": 1.0}, {"a": 1.0}, 0.0), ({"a": 1.0}, {"b": 1.0}, 1.0), ({"a": 0.5, "b": 0.5}, {"a": 1.0}, 0.311278124459)],
)
def test_distributions_are_apart_from_nothing_to_one_bit(one, other, apart):
    """Alike is nothing, nothing in common is one."""
    assert apart == jensen_shannon(one, other)


@pytest.mark.parametrize(
    ("known", "same", "other"),
    [
        ("hours", (0,) * 9 + (5,) * 8 + (0,) * 7, (0,) * 13 + (5,) * 4 + (0,) * 7),
        ("top", (("GB", 9), ("FR", 1)), (("GB", 1), ("FR", 9))),
        ("quantiles", (1.0, 2.0, 3.0, 4.0, 5.0), (1.2, 2.4, 3.6, 4.8, 6.0)),
    ],
)
def test_a_column_is_compared_by_what_is_known_of_it(known, same, other):
    """Hours of times, few values, or quantiles: alike is nothing, otherwise is more; and without a past, no answer."""

    def column(value):
        return ColumnProfile(name="c", type="t", nulls=0, distinct=5, **{known: value})

    assert 0.0 == divergence(column(same), [column(same)] * 4)
    assert 0.01 < divergence(column(other), [column(same)] * 4)
    assert divergence(column(same), []) is None


def test_what_follows_from_a_change_or_a_failure_says_so():
    """A mean is a consequence of its column's unit, a pass share of its expectation, repetition of repeated rows."""
    rows = day(orders=50)
    metrics = ("duplicate_rows", "mean:amount", "broken:row_repeats", f"pass_share:{EMAIL.check_name}", "mean:quantity")
    quality = signals.assemble(
        landing_of(len(rows)),
        contract=CONTRACT,
        expectations=(EMAIL,),
        profile=profile_of(rows),
        changes=(UnitChanged(column="amount", factor=100, observed_ratio=100.0),),
        outcomes=(outcome(EMAIL, 50, unexpected=9),),
        baselines=(),
        anomalies=[
            *(anomaly(metric) for metric in metrics),
            anomaly("distinct_share:order_id").model_copy(update={"is_repetition": True}),
            anomaly("length:email").model_copy(update={"gone_without": EMAIL.check_name}),
        ],
    )

    assert {
        "anomaly:duplicate_rows": None,
        "anomaly:mean:amount": "drift:unit_changed:amount",
        "anomaly:broken:row_repeats": "anomaly:duplicate_rows",
        f"anomaly:pass_share:{EMAIL.check_name}": f"expectation:{EMAIL.check_name}",
        "anomaly:mean:quantity": None,
        "anomaly:distinct_share:order_id": "anomaly:duplicate_rows",
        "anomaly:length:email": f"expectation:{EMAIL.check_name}",
    } == {signal.id: signal.explained_by for signal in quality.signals if signal.kind == "anomaly"}
