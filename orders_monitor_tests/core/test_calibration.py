import datetime as dt
import random

import pytest

from orders_monitor.core.anomaly.incidents import continued
from orders_monitor.core.calibration import (
    DAYS_MIN,
    Detection,
    Detector,
    calibrate,
    gone_without,
    repeated,
)
from orders_monitor.core.contract import Column, Contract
from orders_monitor.core.measures import Day, Measures
from orders_monitor.core.profile import ColumnProfile, Profile
from orders_monitor.core.quality import Anomaly
from orders_monitor.core.rates import Rate, rate
from orders_monitor.core.rules import KeyRepeats, OutOfRange, Rules
from orders_monitor_tests.detecting import detect

FIRST = dt.date(2026, 1, 5)
RULE = OutOfRange(column="amount")
RULES = Rules(rules=(RULE,), days=60)
LEVEL = "level:amount:item"


def day(number, *, rows=None, mean=20.0, nulls=30, broken=0.0, level=0.0):
    """An ordinary day, the same for the same number, with fewer rows on Sundays; or one that is not."""
    date = FIRST + dt.timedelta(days=number)
    dice = random.Random(number)  # noqa: S311 - the same day again, no secret
    usual = round((400 if date.weekday() == 6 else 1000) * dice.uniform(0.93, 1.07))
    rows = usual if rows is None else rows
    column = ColumnProfile(
        name="amount",
        type="DOUBLE",
        nulls=min(rows, nulls + dice.randrange(8)),
        distinct=min(rows, 300),
        mean=mean * dice.uniform(0.97, 1.03),
    )
    values = {RULE.metric: broken, LEVEL: level}
    return Day(
        partition=str(date),
        profile=Profile(rows=rows, duplicate_rows=0, columns=(column,)),
        measures=Measures(digest="d", rules="r", values=values),
    )


@pytest.fixture(scope="module")
def past():
    return [day(number) for number in range(100)]


@pytest.fixture(scope="module")
def calibration(past):
    return calibrate(past, RULES, table="orders_daily", version=3)


def metrics(detection):
    return [anomaly.metric for anomaly in detection.anomalies]


def test_a_calibration_says_what_it_rests_on(calibration):
    """The days, the version, the rules and the rate of false alarms with its interval are in it."""
    kept = calibration.model_dump(include={"version", "table", "first", "last", "days", "target"})

    assert {
        "version": 3,
        "table": "orders_daily",
        "first": "2026-01-05",
        "last": "2026-04-14",
        "days": 100,
        "target": 0.05,
    } == kept
    assert RULES == calibration.rules
    assert calibration.false_positive_rate.value <= 0.05 < calibration.false_positive_rate.high


def test_the_order_of_the_days_and_what_came_on_closed_days_change_nothing(past, calibration):
    """The same days calibrate to the same value, however they are given; a closed day is as if it had not been."""
    strange = day(50, rows=5)
    others = [*past[:50], *past[51:]]
    closed = frozenset({strange.partition})

    assert calibration == calibrate(list(reversed(past)), RULES, table="orders_daily", version=3)
    assert detect(day(100), others, calibration) == detect(day(100), [strange, *others], calibration, closed=closed)


def test_too_few_days_are_refused(past):
    """A threshold from a month of days would be no threshold."""
    with pytest.raises(ValueError, match=f"{DAYS_MIN - 1} days are too few to calibrate with: {DAYS_MIN} are needed"):
        calibrate(past[: DAYS_MIN - 1], RULES, table="orders_daily")


def test_ordinary_days_are_ordinary(past, calibration):
    """Of thirty more days hardly any alarms, and every metric has its baseline."""
    detector, alarms = Detector(past, calibration), 0
    for number in range(100, 130):
        alarms += bool(detector.judge(day(number)).anomalies)
        detector.sees(day(number))
    baselines = {b.metric for b in detect(day(100), past, calibration).baselines}

    assert alarms <= 2
    assert {"rows", "duplicate_rows", "null_share:amount", "mean:amount", RULE.metric, LEVEL} <= baselines


@pytest.mark.parametrize(
    ("strange", "metric"),
    [
        ({"rows": 100}, "rows"),
        ({"mean": 2000.0}, "mean:amount"),
        ({"nulls": 500}, "null_share:amount"),
        ({"broken": 0.05}, RULE.metric),
        ({"level": 0.2}, LEVEL),
    ],
)
def test_each_kind_of_strange_day_is_found_by_its_metric(past, calibration, strange, metric):
    """What is off is the first thing that is told."""
    assert metric == metrics(detect(day(100, **strange), past, calibration))[0]


def test_a_sunday_is_compared_with_sundays(past, calibration):
    """A thousand rows are ordinary on a Monday and strange on a Sunday."""
    sunday = 104

    assert (6, []) == (
        (FIRST + dt.timedelta(days=sunday)).weekday(),
        metrics(detect(day(sunday), past, calibration)),
    )
    assert "rows" in metrics(detect(day(sunday, rows=1000), past, calibration))


def test_the_sentence_says_what_was_observed_and_expected(past, calibration):
    """What a rule says is told in its own words, with the range and the days."""
    found = detect(day(100, broken=0.05), past, calibration).anomalies[0]

    assert (
        Anomaly(
            metric=RULE.metric,
            observed=0.05,
            expected=0.0,
            low=0.0,
            high=0.0,
            days=100,
            sentence="5.00% break what held before: 'amount' is at most 50% outside of its range on all earlier days, "
            "0.00% expected (0.00% to 0.00%, from 100 days)",
        )
        == found
    )


def test_no_row_is_an_anomaly_where_somebody_trades(past, calibration):
    """An empty partition is none on a closed day."""
    empty = day(100, rows=0)

    assert ["rows"] == metrics(detect(empty, past, calibration))
    assert [] == metrics(detect(empty, past, calibration, closed=frozenset({empty.partition})))


def test_before_there_is_a_past_nothing_is_expected(past, calibration):
    """With ten days behind it a day has baselines that expect nothing, and no anomaly."""
    found = detect(day(10, mean=2000.0), past[:10], calibration)

    assert ((), {None}) == (found.anomalies, {baseline.expected for baseline in found.baselines})


def test_a_new_level_is_one_incident_and_is_followed(past, calibration):
    """While people publish it, each day knows the first one; after a few days it is ordinary."""
    detector, found, since = Detector(past, calibration), {}, []
    for number in range(100, 112):
        new = day(number, rows=3000)
        anomalies = continued(detector.judge(new).anomalies, found, partition=new.partition)
        rows = next((a for a in anomalies if a.metric == "rows"), None)
        since.append("" if rows is None else rows.sentence.partition("; so since ")[2] or "first")
        found[new.partition] = anomalies
        detector.sees(new)

    assert ["first", "2026-04-15"] == since[:2]
    assert [""] * 4 == since[-4:]


def test_what_was_held_teaches_nothing(past, calibration):
    """Days that are not in the history leave no trace: the incident is as strange on its fifth day."""
    found = [metrics(detect(day(number, rows=100), past, calibration)) for number in (100, 105)]

    assert ["rows", "rows"] == [each[0] for each in found]


def test_later_days_are_left_out(past, calibration):
    """A backfill is judged by what came before it."""
    later = [day(number, rows=5) for number in range(101, 120)]

    assert detect(day(100), past, calibration) == detect(day(100), [*later, *past], calibration)


def test_a_slow_drift_is_found_beside_the_months_before(past, calibration):
    """An item's level that falls by two per cent a week is found within four weeks, published as it comes."""
    detector = Detector(past, calibration)
    for number in range(100, 128):
        drifted = day(number, level=-0.02 * (number - 99) / 7)
        if f"slow:{LEVEL}" in metrics(detector.judge(drifted)):
            break
        detector.sees(drifted)
    else:
        number = 999

    assert number < 128


@pytest.mark.parametrize(
    ("hits", "of", "expected"),
    [
        (0, 0, Rate(value=0.0, low=0.0, high=1.0, of=0)),
        (0, 100, Rate(value=0.0, low=0.0, high=0.036217, of=100)),
        (4, 120, Rate(value=0.033333, low=0.009156, high=0.083149, of=120)),
        (10, 10, Rate(value=1.0, low=0.691503, high=1.0, of=10)),
    ],
)
def test_a_rate_has_its_exact_interval(hits, of, expected):
    """The interval is Clopper and Pearson's."""
    assert expected == rate(hits, of)


def anomaly(metric, **more):
    return Anomaly(metric=metric, observed=2, expected=1, low=0, high=1, days=30, sentence="unusual", **more)


def test_what_is_gone_where_equal_rows_count_once_is_repetition():
    """What is still there is not, and what the repeated rows hid is added."""
    once = Detection(anomalies=(anomaly("total:amount"), anomaly("hours:created_at")))
    found = repeated(Detection(anomalies=(anomaly("distinct_share:id"), anomaly("total:amount"))), once)

    assert (
        anomaly("distinct_share:id", is_repetition=True),
        anomaly("total:amount"),
        anomaly("hours:created_at").model_copy(update={"sentence": "without the repeated rows: unusual"}),
    ) == found.anomalies


def test_what_is_gone_without_the_rows_of_a_check_says_which():
    """The first check that takes it away is named, and repetition keeps its own cause."""
    found = Detection(anomalies=(anomaly("length:email"), anomaly("rows"), anomaly("rows_per:id", is_repetition=True)))
    found = gone_without(found, Detection(anomalies=(anomaly("rows"),)), check="email_match_regex")
    found = gone_without(found, Detection(), check="amount_be_between")

    assert (
        anomaly("length:email", gone_without="email_match_regex"),
        anomaly("rows", gone_without="amount_be_between"),
        anomaly("rows_per:id", is_repetition=True),
    ) == found.anomalies


def odd_days(**strange):
    """A hundred days, on fourteen of which people approved something odd."""
    return [day(number, **(strange if 60 <= number < 74 else {})) for number in range(100)]


@pytest.mark.parametrize("number_of_days", [1, 14])
def test_odd_days_that_were_approved_blind_nobody_to_a_slow_drift(number_of_days):
    """A level that doubled for two weeks and came back leaves a ramp of 0.3 % a day found within a month."""
    days = [*odd_days(level=0.7)[: 60 + number_of_days], *(day(number) for number in range(60 + number_of_days, 100))]
    made = calibrate(days, RULES, table="orders_daily")
    detector = Detector(days, made)
    for number in range(100, 200):
        drifted = day(number, level=0.003 * (number - 99))
        if f"slow:{LEVEL}" in metrics(detector.judge(drifted)):
            break
        detector.sees(drifted)

    assert made.thresholds.slow <= 3.0
    assert number < 130


def test_a_level_that_stays_becomes_ordinary():
    """A new price level is told for weeks and not for ever."""
    days = [day(number, level=0.0 if number < 100 else 0.7) for number in range(170)]
    made = calibrate(days[:100], RULES, table="orders_daily")
    detector = Detector(days[:100], made)
    told = []
    for each in days[100:]:
        told.append(f"slow:{LEVEL}" in metrics(detector.judge(each)))
        detector.sees(each)

    assert (True, False) == (told[5], told[-1])


def test_the_strangest_days_do_not_say_how_strange_a_day_may_be(past, calibration):
    """Five incidents that were published leave the same kinds found, and the calibration counts what it left aside."""
    odd = {60: {"rows": 100}, 65: {"mean": 2000.0}, 70: {"nulls": 300}, 75: {"broken": 0.2}, 80: {"level": 4.6}}
    days = [day(number, **odd.get(number, {})) for number in range(100)]
    made = calibrate(days, RULES, table="orders_daily")
    found = [metrics(detect(day(101, **odd[number]), days, made))[:1] for number in (65, 75, 80)]

    assert (0, 4) == (calibration.left_aside, made.left_aside)
    assert made.thresholds.day < calibration.thresholds.day + 1.3
    assert [["mean:amount"], [RULE.metric], [LEVEL]] == found


CONTRACT = Contract(columns=(Column(name="amount", type="DOUBLE"), Column(name="id", type="BIGINT")), key=("id",))
RETYPED = CONTRACT.model_copy(update={"columns": (Column(name="amount", type="VARCHAR"), CONTRACT.columns[1])})
SHORTER = CONTRACT.model_copy(update={"columns": CONTRACT.columns[1:]})
REKEYED = CONTRACT.model_copy(update={"key": ("id", "amount")})
OF_KEY = KeyRepeats(columns=("id",))


@pytest.mark.parametrize(
    ("contract", "outdated", "applicable"),
    [
        (CONTRACT, None, (RULE, OF_KEY)),
        (RETYPED, "made for another contract", (OF_KEY,)),
        (SHORTER, "made for another contract", (OF_KEY,)),
        (REKEYED, "made for another contract", (RULE,)),
    ],
)
def test_a_changed_contract_asks_for_a_new_calibration(past, contract, outdated, applicable):
    """Rules about what was changed are not judged, and the others are."""
    rules = Rules(rules=(RULE, OF_KEY), days=60)
    made = calibrate(past, rules, table="orders_daily", contract=CONTRACT)
    broken = day(100, broken=0.9)
    named = {anomaly.metric for anomaly in Detector(past, made, contract=contract).judge(broken).anomalies}

    assert (outdated, applicable) == (made.outdated(contract), made.applicable(contract).rules)
    assert (RULE in applicable) == (RULE.metric in named)


def test_a_calibration_without_a_basis_is_outdated_by_its_detector_only(calibration):
    """What an earlier release kept is read as it was."""
    older = calibration.model_copy(update={"detector": "1"})

    assert (None, RULES) == (calibration.outdated(RETYPED), calibration.applicable(RETYPED))
    assert "made for earlier detectors" == older.outdated(CONTRACT)
