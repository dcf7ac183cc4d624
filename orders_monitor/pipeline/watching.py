"""watching: what calibrated detectors are given of a partition and of the published ones before it, and what they say.

Where a table has no calibration none of this is asked, and the declared tolerances judge alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeVar

from orders_monitor.adapters.calendars import closed_days
from orders_monitor.adapters.engine.engine import Engine
from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.core.anomaly.metrics import of_day
from orders_monitor.core.anomaly.vector import references
from orders_monitor.core.calibration import DAYS_MAX, Calibration, Detection, Detector
from orders_monitor.core.candidate import Validation
from orders_monitor.core.expectation import Expectation, Outcome
from orders_monitor.core.landing import Landing
from orders_monitor.core.measures import Day, Flagged, Measures, Memory
from orders_monitor.core.profile import Profile
from orders_monitor.core.quality import Anomaly, Quality
from orders_monitor.core.rules import Rules
from orders_monitor.core.table import MonitoredTable
from orders_monitor.core.value import Value
from orders_monitor.pipeline.consequences import Judgement
from orders_monitor.pipeline.resources import Desk

Body = TypeVar("Body", bound=Value)
MEMORIES_MAX = 56
FLAGGED_MAX = 1_000
CLOSED_IN_A_ROW_MAX = 13


@dataclass(frozen=True)
class Past:
    """The published days before a partition, oldest first, and the files of what is remembered of the last of them."""

    days: tuple[Day, ...]
    memories: tuple[Path, ...]


@dataclass(frozen=True)
class Seen:
    """What the calibrated detectors say of a landed partition, what they measured, and what they compared it with."""

    detection: Detection
    measures: Measures
    past: Past


def watch(
    desk: Desk,
    landing: Landing,
    profile: Profile,
    shares: Mapping[str, float],
    calibration: Calibration,
    *,
    failed: Sequence[Expectation] = (),
    known_at: int | None = None,
) -> Seen:
    """What the calibrated detectors say of the landed bytes; `shares` are the pass shares of their expectations.

    `failed` are the expectations that failed, of which an anomaly may be a consequence. `known_at` is the id of an
    event: what was recorded after it is left out.
    """
    past = past_of(desk, landing.partition, calibration.rules, journal=journal_then(desk, known_at))
    path, partition = desk.lake.path(landing.path), landing.partition
    measures = measured(desk.engine, path, calibration.rules, past, partition=partition, digest=landing.digest)
    day = Day(
        partition=partition,
        profile=profile,
        timezone=desk.table.partitions.timezone,
        measures=measures,
        pass_shares=dict(shares),
    )
    closed = closed_among(desk.table, [*(each.partition for each in past.days), partition])
    earlier = [each for each in past.days if each.partition < partition]
    detector = Detector(earlier, calibration, closed=closed, contract=desk.table.contract)
    detection = detector.judge(day)
    judgement = Judgement(desk, path, day, past.days, past.memories, calibration.rules)
    return Seen(judgement.settled(detector, detection, failed), measures, past)


def anomalies_before(desk: Desk, partition: str, *, known_at: int | None = None) -> Mapping[str, Sequence[Anomaly]]:
    """What was unusual on the last partition before this one that was judged, published or held, by its name.

    A closed day ends no incident, and begins none.
    """
    events = journal_then(desk, known_at).history(
        desk.table.name, "quality", before=partition, days_max=CLOSED_IN_A_ROW_MAX + 1, published_only=False
    )
    closed = closed_among(desk.table, [event.partition for event in events])
    last = [event for event in events if event.partition not in closed][-1:]
    return {event.partition: Quality.model_validate(event.body).anomalies for event in last}


def closed_among(table: MonitoredTable, partitions: Sequence[str]) -> frozenset[str]:
    """Those of the partitions on whose day nothing is expected, by the table's calendar."""
    if not partitions:
        return frozenset()
    closed = closed_days(table.calendar, *(date.fromisoformat(day) for day in (min(partitions), max(partitions))))
    return frozenset(day.isoformat() for day in closed).intersection(partitions)


def flagged(desk: Desk, landing: Landing, calibration: Calibration, past: Past) -> Flagged:
    """The most suspicious rows of a partition that is not clean, never more than people can be asked about."""
    cap = min(FLAGGED_MAX, int(desk.table.policy.review_share_max * landing.rows))
    rows = desk.engine.flag(
        desk.lake.path(landing.path),
        calibration.applicable(desk.table.contract),
        past.memories,
        partition=landing.partition,
        rows_max=cap,
    )
    return Flagged(landed_digest=landing.digest, of=landing.rows, rows=rows)


def past_of(desk: Desk, partition: str, rules: Rules, *, journal: Journal, whole: bool = False) -> Past:
    """The published days before a partition as these rules saw them.

    Their metrics are read as they were recorded with the publications. With `whole`, and where an older journal has
    them not, they are read from the profiles.
    """
    measures = _newest(journal, desk, partition, "published_measures", Measures)
    memories = _newest(journal, desk, partition, "memory", Memory, days_max=DAYS_MAX if whole else MEMORIES_MAX)
    if whole or not measures or any(each.of_day is None for each in measures.values()):
        days = _profiled(journal, desk, partition, rules, measures)
    else:
        days = _recorded(journal, desk, partition, rules, measures)
    known = {day.partition for day in days}
    kept = [memory for day, memory in memories.items() if day in known and memory.rules == rules.digest]
    files = tuple(desk.lake.unchanged(memory.path, memory.digest) for memory in kept[-MEMORIES_MAX:])
    return Past(days=days, memories=files)


def _recorded(
    journal: Journal, desk: Desk, partition: str, rules: Rules, measures: Mapping[str, Measures]
) -> tuple[Day, ...]:
    """The days by what was recorded of them; the same weekdays before the partition with their profiles."""
    days = [
        Day(
            partition=day,
            profile=Profile(rows=int((seen.of_day or {}).get("rows", 0)), duplicate_rows=0, columns=()),
            timezone=desk.table.partitions.timezone,
            measures=seen if seen.rules == rules.digest else None,
            of_day=seen.of_day,
        )
        for day, seen in measures.items()
    ]
    compared = {day.partition for day in references(days, partition)}
    return tuple(_with_profile(journal, desk, day) if day.partition in compared else day for day in days)


def _with_profile(journal: Journal, desk: Desk, day: Day) -> Day:
    found = journal.latest(desk.table.name, day.partition, "published_profile")
    return day if found is None else day.model_copy(update={"profile": Profile.model_validate(found.body)})


def _profiled(
    journal: Journal, desk: Desk, partition: str, rules: Rules, measures: Mapping[str, Measures]
) -> tuple[Day, ...]:
    """The days by their profiles.

    Rows that repeat are counted as they landed: a day from which they were dropped says nothing about how usual
    they are.
    """
    profiles = _newest(journal, desk, partition, "published_profile", Profile)
    landed = _newest(journal, desk, partition, "profile", Profile, published_only=True)
    validations = _newest(journal, desk, partition, "validation", Validation)
    days = []
    for day, profile in profiles.items():
        seen = measures.get(day)
        days.append(
            _day(desk, day, profile, landed.get(day), validations.get(day)).model_copy(
                update={"measures": seen if seen is not None and seen.rules == rules.digest else None}
            )
        )
    return tuple(days)


def _day(desk: Desk, partition: str, profile: Profile, landed: Profile | None, asked: Validation | None) -> Day:
    repeated = profile.duplicate_rows if landed is None else landed.duplicate_rows
    return Day(
        partition=partition,
        profile=profile.model_copy(update={"duplicate_rows": repeated}),
        timezone=desk.table.partitions.timezone,
        pass_shares={} if asked is None else shares_of(asked.outcomes),
    )


def measured(engine: Engine, path: Path, rules: Rules, past: Past, *, partition: str, digest: str) -> Measures:
    """What the rules say of a file, compared with what is remembered of the days before."""
    values = engine.measure(path, rules, past.memories[-MEMORIES_MAX:], partition=partition)
    return Measures(digest=digest, rules=rules.digest, values=values)


def remembered(desk: Desk, path: Path, rules: Rules, *, partition: str, digest: str) -> Memory:
    """Keep what later partitions are compared with of a published file, as a small file of its own."""
    with desk.lake.scratch() as scratch:
        file = scratch / "memory.parquet"
        desk.engine.remember(path, rules, into=file)
        kept = desk.lake.keep(file, table=desk.table.name, partition=partition, stage="memory")
    return Memory(path=kept.path, digest=kept.digest, rules=rules.digest, published_digest=digest)


def learn_from(desk: Desk, partition: str, path: Path, *, digest: str) -> None:
    """Record what a published partition adds to the table's history, where the table is calibrated.

    The landed bytes' own measures are taken where these are what was published. A closed day adds nothing.
    """
    calibration = desk.journal.calibration(desk.table.name)
    if calibration is None or closed_among(desk.table, [partition]):
        return
    rules = calibration.rules
    past = past_of(desk, partition, rules, journal=desk.journal)
    known = desk.find(partition, "measures", Measures)
    if known is None or known.digest != digest or known.rules != rules.digest:
        known = measured(desk.engine, path, rules, past, partition=partition, digest=digest)
    landed, asked = desk.find(partition, "profile", Profile), desk.find(partition, "validation", Validation)
    day = _day(desk, partition, desk.read(partition, "published_profile", Profile), landed, asked)
    known = known.model_copy(update={"of_day": of_day(day, references(past.days, partition))})
    memory = remembered(desk, path, rules, partition=partition, digest=digest)
    desk.journal.record_all(
        table=desk.table.name,
        partition=partition,
        run_id=desk.run_id,
        bodies=[("published_measures", known), ("memory", memory)],
    )


def failed_of(table: MonitoredTable, outcomes: Sequence[Outcome]) -> tuple[Expectation, ...]:
    """The declared expectations that could be asked and failed."""
    failed = {outcome.check_name for outcome in outcomes if outcome.raised is None and not outcome.passed}
    return tuple(expectation for expectation in table.asked if expectation.check_name in failed)


def shares_of(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """The share of rows, 0 to 1, that met each expectation that could be asked of rows."""
    asked = (outcome for outcome in outcomes if outcome.raised is None and outcome.rows > 0)
    return {outcome.check_name: 1 - outcome.unexpected / outcome.rows for outcome in asked}


def journal_then(desk: Desk, known_at: int | None) -> Journal:
    """The journal as it was at the event with that id; as it is where none is given."""
    return desk.journal if known_at is None else desk.journal.as_of(known_at)


def _newest(
    journal: Journal,
    desk: Desk,
    partition: str,
    kind: str,
    form: type[Body],
    *,
    published_only: bool = False,
    days_max: int = DAYS_MAX,
) -> dict[str, Body]:
    events = journal.history(desk.table.name, kind, before=partition, days_max=days_max, published_only=published_only)
    return {event.partition: form.model_validate(event.body) for event in events}
