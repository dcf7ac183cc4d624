import datetime as dt

import pytest

from orders_monitor.core.anomaly.tolerances import judge
from orders_monitor.core.profile import ColumnProfile, Profile
from orders_monitor.core.quality import Anomaly, Baseline
from orders_monitor.core.table import Tolerances

MONDAY = "2026-03-02"


def profile(rows, *, nulls=0, repeated=0):
    column = ColumnProfile(name="email", type="VARCHAR", nulls=nulls, distinct=min(rows, 9))
    return Profile(rows=rows, duplicate_rows=repeated, columns=(column,))


def past(days, rows=lambda _: 1000, before=MONDAY, **kwargs):
    dates = [dt.date.fromisoformat(before) - dt.timedelta(days=back) for back in range(days, 0, -1)]
    return [(str(date), profile(rows(date), **kwargs)) for date in dates]


def weekly(date):
    return (1000, 1010, 990, 1000, 1005, 600, 590)[date.weekday()]


def judged(today, history, partition=MONDAY, **tolerances):
    return judge(today, history, partition=partition, tolerances=Tolerances(**tolerances))


def metrics(today, history, partition=MONDAY):
    return [anomaly.metric for anomaly in judged(today, history, partition)[1]]


def test_an_ordinary_day_has_a_baseline_for_every_metric():
    """Nothing is unusual, and what the verdicts rest on is said."""
    baselines, anomalies = judged(profile(1000), past(28))

    assert ((), ["rows", "null_share:email", "duplicate_rows"]) == (anomalies, [b.metric for b in baselines])
    assert (
        Baseline(metric="rows", observed=1000, expected=1000, low=818.7, high=1221.4, days=28),
        Baseline(metric="null_share:email", observed=0, expected=0, low=0, high=0.02, days=28),
        Baseline(metric="duplicate_rows", observed=0, expected=0, low=0, high=0.005, days=28),
    ) == baselines


@pytest.mark.parametrize(("rows", "unusual"), [(100, True), (550, True), (900, False), (1100, False), (3000, True)])
def test_rows_are_judged_on_both_sides(rows, unusual):
    """Far fewer and far more rows are unusual, a tenth more or less is not."""
    assert (["rows"] if unusual else []) == metrics(profile(rows), past(28))


def test_the_sentence_says_what_was_expected():
    """The verdict is one line that a person understands."""
    _, (anomaly,) = judged(profile(550), past(28))

    assert (
        Anomaly(
            metric="rows",
            observed=550,
            expected=1000,
            low=818.7,
            high=1221.4,
            days=28,
            sentence="550 rows, 45% fewer than the 1,000 expected of a Monday (819 to 1,221, from 28 days)",
        )
        == anomaly
    )


@pytest.mark.parametrize(
    ("partition", "rows", "unusual"),
    [("2026-03-07", 600, False), ("2026-03-07", 1000, True), ("2026-03-09", 1000, False), ("2026-03-09", 600, True)],
)
def test_a_quiet_saturday_is_ordinary_and_a_quiet_monday_is_not(partition, rows, unusual):
    """After two weeks a day is compared with its weekday."""
    history = past(28, weekly, before=partition)

    assert (["rows"] if unusual else []) == metrics(profile(rows), history, partition)


def test_before_two_weeks_what_was_seen_is_ordinary():
    """The week's shape is not known yet, so its quiet days raise no alarm, and a tenth of the rows does."""
    history = past(9, weekly, before="2026-03-08")

    assert ([], ["rows"]) == (
        metrics(profile(590), history, "2026-03-08"),
        metrics(profile(100), history, "2026-03-08"),
    )


def test_one_strange_day_neither_hides_nor_makes_the_next():
    """The day after a tenfold one is judged as if it had been ordinary."""
    history = past(28)
    history[-1] = (history[-1][0], profile(10_000))

    assert ([], ["rows"]) == (metrics(profile(1000), history), metrics(profile(400), history))


def test_a_table_that_grows_is_ordinary():
    """Growth of a per cent a day stays within the band."""
    history = past(56, lambda date: int(500 * 1.01 ** (date.toordinal() - 739_000) + 1000))
    today = int(500 * 1.01 ** (dt.date.fromisoformat(MONDAY).toordinal() - 739_000) + 1000)

    assert [] == metrics(profile(today), history)


def test_a_small_count_has_its_own_chance():
    """Of sixteen rows, half as many are no anomaly."""
    assert [] == metrics(profile(8), past(28, lambda _: 16))


@pytest.mark.parametrize("days", [0, 1, 7])
def test_a_cold_start_expects_nothing(days):
    """With fewer days than a baseline needs, no volume and no null share is unusual, and the baseline says so."""
    baselines, anomalies = judged(profile(9, nulls=9), past(days))

    assert () == anomalies
    assert [
        Baseline(metric="rows", observed=9, expected=None, low=None, high=None, days=days),
        Baseline(metric="null_share:email", observed=1, expected=None, low=None, high=None, days=days),
    ] == list(baselines[:2])


@pytest.mark.parametrize(
    ("days", "sentence"), [(0, "no rows"), (3, "no rows, 1,000 expected"), (28, "no rows, 1,000 expected")]
)
def test_no_row_is_never_ordinary(days, sentence):
    """An empty partition is an anomaly with and without a history."""
    _, anomalies = judged(profile(0), past(days))

    assert [("rows", 0, sentence)] == [(a.metric, a.observed, a.sentence) for a in anomalies]


@pytest.mark.parametrize(("nulls", "unusual"), [(0, False), (30, False), (45, False), (80, True), (300, True)])
def test_a_burst_of_missing_values_is_unusual(nulls, unusual):
    """A share that is far from its median is unusual, one within the noise of sampling is not."""
    assert (["null_share:email"] if unusual else []) == metrics(profile(1000, nulls=nulls), past(28, nulls=30))


def test_a_column_that_is_suddenly_full_is_unusual():
    """Half of the values missing every day, and then none: something fills them."""
    assert ["null_share:email"] == metrics(profile(1000, nulls=0), past(28, nulls=500))


def test_null_shares_know_the_weekday():
    """A column that is empty on every weekend is not unusual on the next one."""
    dates = past(28, before="2026-03-07")
    history = [
        (key, profile(1000, nulls=900 if dt.date.fromisoformat(key).weekday() >= 5 else 100)) for key, _ in dates
    ]

    assert ([], ["null_share:email"]) == (
        metrics(profile(1000, nulls=900), history, "2026-03-07"),
        metrics(profile(1000, nulls=100), history, "2026-03-07"),
    )


@pytest.mark.parametrize(
    ("repeated", "days", "unusual"),
    [(0, 0, False), (10, 0, False), (11, 0, True), (5, 28, False), (6, 28, True), (80, 28, True), (10, 3, False)],
)
def test_repeated_rows_are_judged_from_the_first_day(repeated, days, unusual):
    """Above a per cent without a history, or half a per cent above what is usual, repeated rows are unusual."""
    assert (["duplicate_rows"] if unusual else []) == metrics(profile(1000, repeated=repeated), past(days))


def test_repeated_rows_of_every_day_are_ordinary():
    """A table in which a tenth of the rows always repeats is not alarmed about."""
    history = past(28, repeated=100)

    assert ([], ["duplicate_rows"]) == (
        metrics(profile(1000, repeated=104), history),
        metrics(profile(1000, repeated=120), history),
    )


def test_repeated_rows_are_learned_from_what_landed():
    """Where repeated rows are dropped before they are published, tomorrow's are not compared with none."""
    published, landed = past(28, repeated=0), past(28, repeated=30)

    def judged_with(landed):
        return judge(profile(1000, repeated=34), published, landed=landed, partition=MONDAY, tolerances=Tolerances())[1]

    assert ([], ["duplicate_rows"]) == (
        [a.metric for a in judged_with(landed)],
        [a.metric for a in judged_with(None)],
    )


@pytest.mark.parametrize("days", [8, 14, 28, 56])
def test_a_batch_that_came_twice_does_not_hide_the_next_one(days):
    """One day with half of its rows repeated says nothing about what is usual."""
    (first, _), *rest = past(days)

    assert ["duplicate_rows"] == metrics(profile(1000, repeated=100), [(first, profile(1000, repeated=500)), *rest])


def test_how_much_repeats_may_vary():
    """Real days repeat between none and four per cent of their rows; six are unusual only where that is not usual."""
    shares = [0, 5, 10, 20, 40, 10, 0] * 8
    uneven = [(key, profile(1000, repeated=n)) for (key, _), n in zip(past(56), shares, strict=True)]

    assert ([], ["duplicate_rows"]) == (
        metrics(profile(1000, repeated=60), uneven),
        metrics(profile(1000, repeated=120), uneven),
    )


def test_what_is_ordinary_without_a_history_may_be_declared():
    """A shop that knows its repeated rows says so, and is not asked about them in its first week."""
    today = profile(1000, repeated=39)

    assert ([1, 0]) == [len(judged(today, [], duplicate_share_cold=share)[1]) for share in (0.03, 0.04)]


def test_later_days_and_days_beyond_the_window_do_not_count():
    """A backfill of an old day is judged by what came before it, and not by more days than declared."""
    later = [("2026-03-02", profile(5)), ("2026-03-03", profile(5))]
    ancient = past(100, lambda date: 5 if date < dt.date(2026, 1, 5) else 1000)

    assert judged(profile(1000), past(28)) == judged(profile(1000), [*later, *past(28)])
    assert [] == metrics(profile(1000), ancient)
    assert 56 == judged(profile(1000), ancient)[0][0].days


def test_missing_days_are_absent():
    """A history with holes is a shorter history."""
    baselines, anomalies = judged(profile(1000), past(28)[::3])

    assert (10, ()) == (baselines[0].days, anomalies)
