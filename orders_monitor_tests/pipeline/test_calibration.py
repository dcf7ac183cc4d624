"""A calibrated table: what judges its nights, what a publication adds, what a new calibration leaves alone."""

from dataclasses import replace

import pytest

from orders_monitor.core.anomaly.vector import SAME_WEEKDAYS
from orders_monitor.core.calibration import DAYS_MIN
from orders_monitor.core.errors import StoreUnavailable
from orders_monitor.core.landing import Landing
from orders_monitor.core.measures import Day, Measures, Memory
from orders_monitor.core.profile import Profile
from orders_monitor.pipeline.calibration import calibrate, files_of
from orders_monitor.pipeline.casefile import brief
from orders_monitor.pipeline.quality import judge
from orders_monitor.pipeline.watching import flagged, past_of, watch
from orders_monitor_tests.detecting import detect
from orders_monitor_tests.published import day_of, history_of, publish, rows_of
from orders_monitor_tests.small_shop import declared

DAYS = DAYS_MIN
TODAY = day_of(DAYS)
CENTS = f"SELECT * REPLACE (amount * 100 AS amount) FROM ({rows_of(DAYS)})"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A small shop with as many published days as are needed, calibrated; the environment is left as it was."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ORDERS_MONITOR_HOME", str(home))
        environment.delenv("ORDERS_MONITOR_DATABASE_URL", raising=False)
        with history_of(declared(home, partitions={"start": "2026-01-05"}), DAYS) as opened:
            calibrate(opened)
            yield opened


def seen(desk, partition, *, known_at=None, version=1):
    """What the calibrated detectors say of a partition's landed bytes."""
    landing = desk.read(partition, "landed", Landing)
    calibration = desk.journal.calibration(desk.table.name, version)
    profile = desk.read(partition, "profile", Profile)
    return watch(desk, landing, profile, {}, calibration, known_at=known_at)


def test_every_replayed_day_is_measured_and_remembered(desk):
    """The night that comes finds all of its history, by the rules that judge it."""
    rules = desk.journal.calibration(desk.table.name).rules
    past = past_of(desk, TODAY, rules, journal=desk.journal)

    assert [day_of(number) for number in range(DAYS)] == [day.partition for day in past.days]
    assert {rules.digest} == {day.measures.rules for day in past.days}
    assert (DAYS, True) == (len(past.memories), all(memory.is_file() for memory in past.memories))


@pytest.mark.parametrize("which", ["memory", "published"])
def test_a_file_that_was_changed_teaches_nothing(desk, which):
    """Who rewrites a small memory, or a published file, would decide what is ordinary."""
    rules = desk.journal.calibration(desk.table.name).rules
    memory = desk.lake.path(desk.read(day_of(3), "memory", Memory).path)
    published = desk.lake.path(desk.read(day_of(3), "landed", Landing).path)
    place = memory if which == "memory" else published
    bytes_, mode = place.read_bytes(), place.stat().st_mode
    place.chmod(0o644)
    place.write_bytes(bytes_ + b" ")
    try:
        with pytest.raises(StoreUnavailable, match="is not what it was when it was recorded"):
            past_of(desk, TODAY, rules, journal=desk.journal) if which == "memory" else files_of(desk)
    finally:
        place.write_bytes(bytes_)
        place.chmod(mode)


def test_a_published_day_teaches_the_next_and_an_unusual_one_is_seen(desk):
    """Amounts in hundredths are an anomaly, with rows to look at; what is published is measured and remembered."""
    publish(desk, TODAY, CENTS)
    found = seen(desk, TODAY)
    landing = desk.read(TODAY, "landed", Landing)
    calibration = desk.journal.calibration(desk.table.name)
    rows = flagged(desk, landing, calibration, found.past)

    assert any("amount" in anomaly.metric for anomaly in found.detection.anomalies)
    assert (landing.digest, landing.digest) == (
        desk.read(TODAY, "published_measures", Measures).digest,
        desk.read(TODAY, "memory", Memory).published_digest,
    )
    published = desk.read(TODAY, "published_measures", Measures)
    assert found.measures == published.model_copy(update={"of_day": None})
    assert len(rows.rows) <= desk.table.policy.review_share_max * rows.of


def test_what_was_recorded_of_a_day_says_what_its_profile_says(desk):
    """A night that reads the metrics of earlier days judges as one that reads all of their profiles."""
    calibration, today = desk.journal.calibration(desk.table.name), day_of(DAYS)
    recorded, whole = (
        past_of(desk, today, calibration.rules, journal=desk.journal, whole=each) for each in (False, True)
    )
    day = Day(partition=today, profile=desk.read(today, "profile", Profile))

    assert detect(day, whole.days, calibration) == detect(day, recorded.days, calibration)
    assert (len(whole.days), SAME_WEEKDAYS) == (len(recorded.days), sum(bool(d.profile.columns) for d in recorded.days))


def test_a_new_calibration_changes_nothing_that_was_judged(desk):
    """Judged again by the version that judged, with what was known then, a day gets the verdict that it got."""
    publish(desk, day_of(DAYS + 1), rows_of(DAYS + 1))
    before = seen(desk, day_of(DAYS + 1))
    now = desk.journal.latest(desk.table.name, day_of(DAYS + 1), "memory").id
    second = calibrate(desk)

    assert (2, before.detection) == (second.version, seen(desk, day_of(DAYS + 1), known_at=now + 1).detection)
    assert before.measures == seen(desk, day_of(DAYS + 1), known_at=now + 1).measures


def test_the_agent_is_told_what_the_detectors_saw(desk):
    """Each unusual metric with its days before, and how many of the rows to look at first break which rule."""
    partition = day_of(DAYS + 3)
    publish(desk, partition, f"SELECT * REPLACE (quantity * 1000 AS quantity) FROM ({rows_of(DAYS + 3)})")
    quality = judge(desk, partition)
    told = brief(desk, partition, quality)
    learned = [a.metric for a in quality.anomalies if a.metric not in ("rows", "duplicate_rows")]

    assert desk.journal.calibration(desk.table.name).version == quality.calibration
    assert learned
    assert set(learned) <= {history.metric for history in told.history if history.points}
    assert told.suspected


def test_the_first_night_of_a_changed_contract_has_no_false_gate(desk):
    """A column that is declared anew and one that is gone are no anomaly; what judged says that it is outdated."""
    partition, before = day_of(DAYS + 4), desk.table.contract
    columns = [column for column in before.columns if column.name != "amount"]
    columns = [c.model_copy(update={"type": "VARCHAR"}) if c.name == "quantity" else c for c in columns]
    contract = before.model_copy(update={"columns": tuple(columns)})
    changed = replace(desk, table=desk.table.model_copy(update={"contract": contract}))
    rows = f"SELECT * EXCLUDE (amount) REPLACE (quantity::VARCHAR AS quantity) FROM ({rows_of(DAYS + 4)})"
    publish(changed, partition, rows)
    calibration = desk.journal.calibration(desk.table.name)
    found = seen(changed, partition, version=calibration.version)
    rows = flagged(changed, desk.read(partition, "landed", Landing), calibration, found.past)

    assert (None, "made for another contract") == (calibration.outdated(before), calibration.outdated(contract))
    assert () == found.detection.anomalies
    assert not {"amount", "quantity"} & {part for row in rows.rows for r in row.reasons for part in r.rule.split(":")}
