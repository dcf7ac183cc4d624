"""Each stage on a real small table: what it keeps, what it never does, and what it says about it."""

from collections.abc import Mapping

import dagster as dg
import pytest

from orders_monitor.core.candidate import Candidate
from orders_monitor.core.investigation import Investigation
from orders_monitor.core.landing import Landing
from orders_monitor.core.plan import Plan
from orders_monitor.core.profile import Profile
from orders_monitor.core.quality import Quality
from orders_monitor.pipeline import keys, metadata
from orders_monitor_tests.small_shop import (
    DAY,
    DAY_BEFORE,
    Shop,
    csv_of,
    failure_of,
    materialized,
    rows_of,
)


def found(shop: Shop, kind: str, form: type, day: str = DAY):
    """What a stage recorded last."""
    with shop.desk() as desk:
        return desk.read(day, kind, form)


def said(result: dg.ExecuteInProcessResult) -> Mapping[str, Mapping[str, object]]:
    """The metadata of each materialization of a run, as plain values."""
    return {
        event.asset_key.path[-1]: {key: value.value for key, value in event.materialization.metadata.items()}
        for event in result.get_asset_materialization_events()
    }


def files_of(shop: Shop, stage: str) -> dict[str, tuple[int, bytes]]:
    """Every file of a stage in the lake: its inode, which is another where it was written again, and its bytes."""
    root = shop.settings.lake_root
    return {
        str(path.relative_to(root)): (path.stat().st_ino, path.read_bytes())
        for path in sorted(root.rglob("*.parquet"))
        if stage in path.relative_to(root).parts
    }


def dirty(day: str = DAY) -> list[list[str]]:
    """A day with one address that is none, and one row that came twice."""
    rows = rows_of(day)
    rows[5][3] = "nobody"
    return [*rows, rows[7]]


def test_a_night_is_the_stages_in_their_order(shop):
    """The nightly job materializes every stage once, in the order of the partition's way, and never the table."""
    shop.arrives(DAY, csv_of(rows_of(DAY)))

    assert [f"small_shop/{stage}" for stage in keys.STAGES] == materialized(shop.night(DAY))


def test_the_same_bytes_are_one_file_and_never_rewritten(shop):
    """Landing twice what did not change keeps the one file of the first time, under the same digest."""
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    first = shop.night(DAY)
    landing, before = found(shop, "landed", Landing), files_of(shop, "landed")
    again = shop.night(DAY)

    assert (1, before) == (len(before), files_of(shop, "landed"))
    assert landing == found(shop, "landed", Landing)
    assert said(first)["landed"][metadata.LANDED_DIGEST] == said(again)["landed"][metadata.LANDED_DIGEST]


@pytest.mark.slow
def test_other_bytes_are_another_file_and_the_first_one_stays(shop):
    """What lands later gets a name of its own; what was landed before is still there, byte for byte."""
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    shop.night(DAY)
    before = files_of(shop, "landed")
    shop.arrives(DAY, csv_of(rows_of(DAY, 41)))
    shop.night(DAY)
    after = files_of(shop, "landed")

    assert (1, 2) == (len(before), len(after))
    assert before.items() <= after.items()


def test_a_landed_file_is_named_by_its_content(shop):
    """The landing's path carries its digest, and the digest is that of the file."""
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    shop.night(DAY)
    landing = found(shop, "landed", Landing)
    with shop.desk() as desk:
        actual = desk.lake.digest(landing.path)

    assert landing.digest == actual
    assert landing.digest[:12] in landing.path


@pytest.mark.slow
def test_what_the_source_lacks_is_an_empty_landing_with_its_problem(shop):
    """A missing file is an answer, not an error: nothing is landed, the run is green, and the partition is held."""
    result = shop.night(DAY)
    landing = found(shop, "landed", Landing)

    assert (True, 0, "held") == (result.success, landing.rows, shop.gate(DAY).status)
    assert landing.problem == said(result)["landed"][metadata.PROBLEM]


def test_a_clean_partition_costs_no_token(shop):
    """Where every signal is clean the agent is not asked: no model, no request, nothing in the ledger."""
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    result = shop.night(DAY)
    investigation = found(shop, "investigation", Investigation)
    with shop.desk() as desk:
        spend = desk.journal.spend(result.run_id)

    assert ("not_called", "none", 0) == (investigation.ending, investigation.model, investigation.spend.spent_tokens)
    assert (0, 0, 0) == (spend.calls, spend.reserved_tokens, spend.spent_tokens)


@pytest.mark.slow
def test_a_dirty_partition_is_explained_within_its_budget(shop):
    """Where a signal is not clean the agent is asked; what it spent is in ledger, metadata and tags alike."""
    shop.arrives(DAY, csv_of(dirty()))
    result = shop.night(DAY)
    shown = said(result)["investigation"]
    with shop.desk() as desk:
        spend = desk.journal.spend(result.run_id)
    tags = shop.instance.get_run_by_id(result.run_id).tags

    assert "stand-in" == shown[metadata.MODEL]
    assert 0 < spend.spent_tokens <= shown[metadata.BUDGET_TOKENS]
    assert [spend.spent_tokens, spend.spent_micro_usd] == [
        shown[metadata.SPENT_TOKENS],
        shown[metadata.SPENT_MICRO_USD],
    ]
    assert str(spend.spent_tokens) == tags[f"orders_monitor/{metadata.SPENT_TOKENS}"]
    assert shown[metadata.BUDGET_TOKENS] == sum(
        int(shown[key]) for key in (metadata.RESERVED_TOKENS, metadata.SPENT_TOKENS, metadata.REMAINING_TOKENS)
    )


def test_no_row_is_lost_between_landed_and_candidate(shop):
    """Rows in are rows out, rows set aside and duplicates dropped: counted in the files, the journal and the UI."""
    shop.arrives(DAY, csv_of(dirty()))
    result = shop.night(DAY)
    candidate = found(shop, "candidate", Candidate)
    shown = said(result)["candidate"]
    with shop.desk() as desk:
        in_file = desk.engine.rows(desk.lake.path(candidate.path))
        aside = desk.engine.rows(desk.lake.path(candidate.quarantine_path))

    assert (41, 39, 1, 1) == (
        candidate.landed_rows,
        candidate.rows,
        candidate.quarantined_rows,
        candidate.duplicate_rows,
    )
    assert (39, 1) == (in_file, aside)
    assert (41, 39, 1, 1) == tuple(
        shown[key]
        for key in (metadata.LANDED_ROWS, metadata.ROW_COUNT, metadata.QUARANTINED_ROWS, metadata.DUPLICATE_ROWS)
    )


@pytest.mark.slow
def test_the_same_plan_on_the_same_bytes_is_the_same_candidate(shop):
    """A night that runs again makes the same plan and the same file, so that a decision on it still counts."""
    shop.arrives(DAY, csv_of(dirty()))
    shop.night(DAY)
    plan, candidate, files = found(shop, "plan", Plan), found(shop, "candidate", Candidate), files_of(shop, "candidate")
    shop.night(DAY)

    assert plan.digest == found(shop, "plan", Plan).digest
    assert candidate == found(shop, "candidate", Candidate)
    assert files == files_of(shop, "candidate")


def test_a_held_partition_has_no_candidate(shop):
    """A plan that holds makes no file, says so in the candidate's metadata, and there is nothing to decide on."""
    result = shop.night(DAY)

    assert {metadata.STATUS: f"held: {found(shop, 'plan', Plan).hold.why}"} == said(result)["candidate"]
    assert ({}, None) == (files_of(shop, "candidate"), shop.gate(DAY).digest)


@pytest.mark.slow
def test_a_profile_tells_no_personal_value(shop):
    """The profile of a personal column counts and tells no value, in the journal and in the UI."""
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    result = shop.night(DAY)

    assert "@example.com" not in found(shop, "profile", Profile).model_dump_json()
    assert "@example.com" not in str(said(result))


@pytest.mark.slow
def test_history_is_what_was_published(shop):
    """The baselines of a night count the published days before it; a day that was only run is not in them."""
    shop.arrives(DAY_BEFORE, csv_of(rows_of(DAY_BEFORE)))
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    shop.night(DAY_BEFORE)
    shop.night(DAY)
    unpublished = {b.days for b in found(shop, "quality", Quality).baselines}
    shop.publication(DAY_BEFORE)
    shop.night(DAY)

    assert ({0}, {1}) == (unpublished, {b.days for b in found(shop, "quality", Quality).baselines})


@pytest.mark.parametrize(
    ("stage", "missing"),
    [
        ("profile", "landed"),
        ("quality", "landed"),
        ("investigation", "quality"),
        ("plan", "landed"),
        ("candidate", "plan"),
    ],
)
def test_a_stage_before_its_time_says_what_to_materialize(shop, stage, missing):
    """A stage that is selected alone on an empty partition fails with the asset that has to be there first."""
    result = shop.selected(DAY, dg.AssetSelection.assets(keys.stage(shop.table, stage)).without_checks())

    assert ([], False) == (materialized(result), result.success)
    assert f"small_shop {DAY}: no {missing} yet; materialize small_shop/{missing} for this partition first" == (
        failure_of(result)
    )


@pytest.mark.parametrize(
    ("selected", "needed"),
    [
        (("quality",), "profile"),
        pytest.param(("plan", "candidate"), "quality", marks=pytest.mark.slow),
        pytest.param(("profile", "plan"), "quality", marks=pytest.mark.slow),
    ],
)
def test_what_was_found_out_about_other_bytes_is_not_believed(shop, selected, needed):
    """Landed again, a partition is not planned on what was said of the bytes before: the stage to run is named."""
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    shop.night(DAY)
    before = found(shop, "plan", Plan)
    shop.arrives(DAY, csv_of([[*row[:2], "1", *row[3:]] for row in rows_of(DAY)]))
    shop.selected(DAY, dg.AssetSelection.assets(keys.stage(shop.table, "landed")))
    result = shop.selected(DAY, dg.AssetSelection.assets(*(keys.stage(shop.table, stage) for stage in selected)))

    assert not result.success
    assert failure_of(result) == (
        f"small_shop {DAY}: no {needed} yet; materialize small_shop/{needed} for this partition first"
    )
    assert before == found(shop, "plan", Plan)


@pytest.mark.slow
def test_the_same_bytes_landed_again_keep_what_was_found_out(shop):
    """Landing a partition again without a change leaves every stage's answer as good as it was."""
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    shop.night(DAY)
    before = found(shop, "plan", Plan)
    result = shop.selected(
        DAY, dg.AssetSelection.assets(keys.stage(shop.table, "landed"), keys.stage(shop.table, "plan"))
    )

    assert result.success, failure_of(result)
    assert before == found(shop, "plan", Plan)


def test_a_plan_is_not_applied_to_a_file_that_somebody_changed(shop):
    """Written into after the plan was made, the landed file makes no candidate; with its own bytes again it does."""
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    shop.night(DAY)
    landing = found(shop, "landed", Landing)
    file = shop.settings.lake_root / landing.path
    before = file.read_bytes()
    file.chmod(0o644)
    file.write_bytes(before + b"\0")
    candidate = dg.AssetSelection.assets(keys.stage(shop.table, "candidate")).without_checks()
    changed = shop.selected(DAY, candidate)
    file.write_bytes(before)
    restored = shop.selected(DAY, candidate)

    assert ([], False) == (materialized(changed), changed.success)
    assert failure_of(changed) == (
        "the plan cannot be applied to these bytes: the landed file is not the one that was examined; "
        f"remove {landing.path} and land the partition again"
    )
    assert (["small_shop/candidate"], True) == (materialized(restored), restored.success)
