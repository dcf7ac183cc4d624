"""quality: drift against the contract, expectations on the landed bytes, anomalies against history. Nothing blocks."""

from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path

import dagster as dg

from orders_monitor.adapters.calendars import closed_days
from orders_monitor.adapters.expectations.validate import Documented, check_declared, documented, validate
from orders_monitor.core import drift, signals
from orders_monitor.core.anomaly import tolerances
from orders_monitor.core.anomaly.combined import combined
from orders_monitor.core.anomaly.incidents import continued
from orders_monitor.core.calibration import Detection
from orders_monitor.core.controls import Verdict
from orders_monitor.core.drift import TypeChanged, TypeNarrowed, TypeWidened
from orders_monitor.core.errors import DeclarationInvalid
from orders_monitor.core.expectation import Asked, Expectation, Outcome
from orders_monitor.core.landing import Landing
from orders_monitor.core.measures import Day, Flagged
from orders_monitor.core.profile import Profile
from orders_monitor.core.quality import Anomaly, Quality
from orders_monitor.core.table import MonitoredTable
from orders_monitor.core.value import digest_of
from orders_monitor.pipeline import controls, keys, quality_metadata
from orders_monitor.pipeline.resources import Desk, Stores
from orders_monitor.pipeline.watching import (
    anomalies_before,
    failed_of,
    flagged,
    journal_then,
    past_of,
    shares_of,
    watch,
)

Days = Sequence[tuple[str, Profile]]


def quality_asset(table: MonitoredTable) -> dg.AssetsDefinition:
    """The asset `<table>/quality`."""

    @dg.asset(
        key=keys.stage(table, "quality"),
        partitions_def=keys.partitions_of(table),
        deps=[keys.stage(table, "profile")],
        group_name=table.name,
        kinds={"duckdb"},
    )
    def quality(context: dg.AssetExecutionContext, stores: Stores) -> dg.MaterializeResult[None]:
        """Everything that code can say about the landed bytes: the evidence that findings and actions must cite."""
        with stores.at(context, table) as desk:
            judged = judge(desk, context.partition_key)
            found = quality_metadata.of_quality(
                judged,
                history=days_before(desk, context.partition_key, judged),
                flagged=desk.find(context.partition_key, "flagged", Flagged),
                outdated=outdated(desk, judged),
            )
        return dg.MaterializeResult(metadata=found)

    return quality


def judge(desk: Desk, partition: str) -> Quality:
    """Compare the landed bytes with the contract, the expectations and the published history.

    Raises StageMissing where the profile is of other bytes than those that are landed now.
    """
    table = desk.table
    landing = desk.read(partition, "landed", Landing)
    profile = desk.read(partition, "profile", Profile)
    desk.require_same_bytes(landing, "profile", profile.landed_digest)
    outcomes = ask(desk, partition, path=landing.path, digest=landing.digest)
    calibration = desk.journal.calibration(table.name)
    seen = None
    if calibration is not None:
        failed = failed_of(table, outcomes)
        seen = watch(desk, landing, profile, shares_of(outcomes), calibration, failed=failed)
    quality = judged(
        table,
        landing,
        profile,
        history=published_history(desk, partition),
        landed=published_history(desk, partition, as_landed=True),
        outcomes=outcomes,
        totals=controls.compare(desk, landing),
        closed=closed_on(table, partition),
        before=anomalies_before(desk, partition),
        calibration=None if calibration is None else calibration.version,
        detection=None if seen is None else seen.detection,
    )
    if calibration is not None and seen is not None:
        desk.record(partition, "measures", seen.measures)
        if not quality.is_clean:
            desk.record(partition, "flagged", flagged(desk, landing, calibration, seen.past))
    desk.record(partition, "quality", quality)
    return quality


def outdated(desk: Desk, quality: Quality) -> str | None:
    """Why the table should be calibrated again; None where the calibration that judged is for what there is now."""
    if quality.calibration is None:
        return None
    made = desk.journal.calibration(desk.table.name, quality.calibration)
    return None if made is None else made.outdated(desk.table.contract)


def judged(
    table: MonitoredTable,
    landing: Landing,
    profile: Profile,
    *,
    history: Days,
    landed: Days,
    outcomes: Sequence[Outcome],
    totals: Sequence[Verdict],
    closed: str | None,
    before: Mapping[str, Sequence[Anomaly]],
    calibration: int | None = None,
    detection: Detection | None = None,
) -> Quality:
    """What follows from a profile, the published history, the outcomes, the control totals and the calendar.

    `before` are the anomalies of the partition before, by its name: what goes on is told as one incident. `detection`
    is what the detectors of that version of the `calibration` say; None where the table is not calibrated.
    """
    changes = drift.compare(
        table.contract,
        landing.landed_schema,
        profile=profile,
        reference=history[-1][1] if history else None,
        history=[known for _, known in history],
    )
    if landing.rows == 0:
        # Without a value a file of text says nothing about types: an empty night must not look like drift.
        changes = tuple(c for c in changes if not isinstance(c, TypeWidened | TypeNarrowed | TypeChanged))
    declared = tolerances.judge(
        profile, history, landed=landed, partition=landing.partition, tolerances=table.tolerances
    )
    baselines, anomalies = declared if detection is None else combined(declared, detection)
    return signals.assemble(
        landing,
        contract=table.contract,
        expectations=table.asked,
        profile=profile,
        changes=changes,
        outcomes=outcomes,
        baselines=(*baselines, *(baseline for baseline, _ in totals)),
        anomalies=continued(
            (*anomalies, *(differs for _, differs in totals if differs is not None)),
            before,
            partition=landing.partition,
        ),
        controls=table.controls,
        closed=closed,
        calibration=calibration,
    )


def closed_on(table: MonitoredTable, partition: str) -> str | None:
    """Why nothing is expected on the partition's day; None on every other day."""
    day = date.fromisoformat(partition)
    return closed_days(table.calendar, day, day).get(day)


def published_history(
    desk: Desk, partition: str, *, as_landed: bool = False, known_at: int | None = None
) -> tuple[tuple[str, Profile], ...]:
    """Profiles of the published bytes of earlier partitions, or of what landed as these, oldest first.

    What was held or rejected is not in it, and a repaired column is in it as repaired: a baseline learns from what
    readers were given. How often rows repeat can only be learned from what landed. `known_at` is the id of an event:
    what was recorded after it is left out.
    """
    # `published_profile` is recorded by publications only, so all of it is published.
    kind = "profile" if as_landed else "published_profile"
    events = desk.journal.history(
        desk.table.name,
        kind,
        before=partition,
        days_max=desk.table.tolerances.days_max,
        published_only=as_landed,
    )
    known = (event for event in events if known_at is None or event.id < known_at)
    return tuple((event.partition, Profile.model_validate(event.body)) for event in known)


def days_before(desk: Desk, partition: str, quality: Quality, *, known_at: int | None = None) -> tuple[Day, ...]:
    """The last published days before a partition, oldest first, with what the calibration that judged it measured.

    `known_at` is the id of an event: what was recorded after it is left out.
    """
    version = quality.calibration
    calibration = None if version is None else desk.journal.calibration(desk.table.name, version)
    if calibration is None:
        zone = desk.table.partitions.timezone
        history = published_history(desk, partition, known_at=known_at)
        return tuple(Day(partition=day, profile=profile, timezone=zone) for day, profile in history)
    past = past_of(desk, partition, calibration.rules, journal=journal_then(desk, known_at))
    return past.days[-desk.table.tolerances.days_max :]


def ask(desk: Desk, partition: str, *, path: str, digest: str) -> tuple[Outcome, ...]:
    """What the declared expectations say of the rows in a file of the lake. Raises DeclarationInvalid.

    The same question about the same bytes is asked once: a plan that changes nothing makes the landed file again.
    Great Expectations is asked here and not when the declaration is read: importing it takes seconds, and every
    process of Dagster's reads the declaration.
    """
    table, question = desk.table, _question(desk.table, digest)
    known = desk.find(partition, "asked", Asked)
    if known is not None and known.question == question:
        return known.outcomes
    try:
        asked = _asked(desk, path=path, headline=f"{table.name} {partition}")
    except ValueError:
        _require_askable(table)  # names the one that cannot be asked; asking each costs more than all together
        raise
    desk.docs.keep(asked.html, table=table.name, partition=partition, question=question)
    desk.record(partition, "asked", Asked(question=question, outcomes=asked.outcomes))
    return asked.outcomes


def page_of(desk: Desk, partition: str, *, digest: str) -> Path | None:
    """Where the answers about these bytes can be read in full; None where nobody asked from this machine."""
    place = desk.docs.place(table=desk.table.name, partition=partition, question=_question(desk.table, digest))
    return place if place.exists() else None


def _asked(desk: Desk, *, path: str, headline: str) -> Documented:
    table = desk.table
    with desk.engine.connection(desk.lake.path(path), view=table.name) as connection:
        return documented(
            connection,
            view=table.name,
            expectations=table.asked,
            sample_values=table.sample_values,
            personal=_declared_personal(table),
            headline=headline,
            plan=desk.docs.plan(table=table.name),
        )


def answers(desk: Desk, expectations: Sequence[Expectation], *, path: str) -> tuple[Outcome, ...]:
    """What some expectations say of the rows in a file of the lake: asked now, and nothing of it is kept."""
    table = desk.table
    with desk.engine.connection(desk.lake.path(path), view=table.name) as connection:
        return validate(
            connection,
            view=table.name,
            expectations=expectations,
            sample_values=table.sample_values,
            personal=_declared_personal(table),
        )


def _question(table: MonitoredTable, digest: str) -> str:
    """Everything that an answer follows from."""
    return digest_of(
        {
            "bytes": digest,
            "expectations": [expectation.model_dump_json() for expectation in table.asked],
            "sample_values": table.sample_values,
            "personal": sorted(_declared_personal(table)),
            "great_expectations": version("great_expectations"),
        }
    )


def _declared_personal(table: MonitoredTable) -> frozenset[str]:
    return frozenset(column.name for column in table.contract.columns if column.personal)


def _require_askable(table: MonitoredTable) -> None:
    for position, expectation in enumerate(table.asked):
        try:
            check_declared([expectation])
        except ValueError as error:
            raise DeclarationInvalid(path=table.name, field=f"expectations.{position}", why=str(error)) from error
