"""Vacuum: the files that nothing needs go; what waits, is seen, can be restored, or was written just now stays."""

import os
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orders_monitor.core.errors import RestoreRefused, StoreUnavailable
from orders_monitor.core.retention import Retention
from orders_monitor.pipeline.tidying import GRACE, vacuum
from orders_monitor.pipeline.verifying import Verifier
from orders_monitor_tests.attacks.stages import night
from orders_monitor_tests.restorable import asked, generation, restored
from orders_monitor_tests.small_shop import DAY, Shop, csv_of, rows_of

LATER = timedelta(days=40)


def aged(shop: Shop, retention: Retention) -> Shop:
    """The shop under that retention, every file of its lake as old as they get."""
    for file in shop.settings.lake_root.rglob("*.parquet"):
        os.utime(file, (1_000_000, 1_000_000))
    table = shop.table.model_copy(update={"retention": retention})
    return Shop(table=table, upstream=shop.upstream, instance=shop.instance, settings=shop.settings)


def files(shop: Shop) -> set[Path]:
    return {file for file in shop.settings.lake_root.rglob("*.parquet") if "_delta_log" not in file.parts}


def test_what_no_retention_keeps_is_removed_and_the_rest_is_whole(shop):
    """Of three versions two are kept and restore; the first is gone, and asking for it is refused in a sentence."""
    first, second, third = (generation(shop, count) for count in (40, 41, 42))
    scratch = shop.settings.lake_root / "_scratch" / "tmp_killed"
    scratch.mkdir()
    (scratch / "half.parquet").write_bytes(b"half")
    os.utime(scratch, (1_000_000, 1_000_000))
    old = aged(shop, Retention(keep_versions=2, keep_days=30))
    before = files(old)
    with old.desk() as desk:
        would = vacuum(desk, now=datetime.now(UTC) + LATER, dry_run=True)
        untouched = files(old)
        done = vacuum(desk, now=datetime.now(UTC) + LATER)
        found = Verifier(desk, now=datetime.now(UTC) + LATER).verified()
    with pytest.raises(RestoreRefused, match="older than `retention:` keeps"):
        asked(old, first.delta_version)

    gone = {file.name for file in before - files(old)} - {"half.parquet"}
    assert (would, before) == (done, untouched)
    assert first.path in {removed.path for removed in done.files}
    assert {Path(removed.path).name for removed in done.files} == gone
    assert ["_scratch/tmp_killed"] == [swept.path for swept in done.scratches]
    assert (2, 4, ()) == (len(done.files), done.kept, found.differences)
    assert second.path == restored(old, second.delta_version).path
    assert third.path == restored(old, third.delta_version).path


@pytest.mark.slow
def test_what_was_wanted_just_now_stays(shop):
    """A file that a night has found there again, and not recorded yet, is not old: whatever was recorded of it."""
    first = generation(shop, 40)
    generation(shop, 41)
    old = aged(shop, Retention(keep_versions=1, keep_days=1))
    with old.desk() as desk:
        assert desk.lake.wanted(first.path)
        done = vacuum(desk, now=datetime.now(UTC) + GRACE / 2, keep_days=1)

    assert first.path not in {removed.path for removed in done.files}


@pytest.mark.slow
def test_what_waits_stays_however_old(shop):
    """A candidate that nobody has decided on for a year can still be approved and published."""
    generation(shop, 40)
    shop.arrives(DAY, csv_of(rows_of(DAY, 41)))
    waits = night(shop, DAY)
    old = aged(shop, Retention(keep_versions=1, keep_days=1))
    before = files(old)
    with old.desk() as desk:
        done = vacuum(desk, now=datetime.now(UTC) + timedelta(days=365))

    assert ("awaiting", (), before) == (waits.status, done.files, files(old))


@pytest.mark.slow
def test_what_others_put_beside_the_files_is_theirs(shop):
    """Delta's log and files of other names are not looked at."""
    generation(shop, 40)
    folder = shop.settings.lake_root / "small_shop"
    (folder / f"partition_date={DAY}" / "notes.parquet").write_bytes(b"mine")
    old = aged(shop, Retention(keep_versions=1, keep_days=1))
    log = sorted(folder.glob("_delta_log/*"))
    with old.desk() as desk:
        done = vacuum(desk, now=datetime.now(UTC) + LATER)

    assert ((), log) == (done.files, sorted(folder.glob("_delta_log/*")))
    assert (folder / f"partition_date={DAY}" / "notes.parquet").exists()


@pytest.mark.slow
def test_without_the_journal_of_the_lake_nothing_is_removed(shop, tmp_path):
    """An empty journal knows no file, and one from a backup not the newest version: a vacuum would take what waits."""
    generation(shop, 40)
    backup, kept = tmp_path / "backup.db", shop.settings.home / "journal.db"
    with sqlite3.connect(kept) as source, sqlite3.connect(backup) as target:
        source.backup(target)
    generation(shop, 41)
    old = aged(shop, Retention(keep_versions=1, keep_days=1))
    before, why = files(old), []
    for journal in (None, backup):
        for file in shop.settings.home.glob("journal.db*"):
            file.unlink()
        if journal is not None:
            shutil.copy(journal, kept)
        with old.desk() as desk, pytest.raises(StoreUnavailable) as found:
            vacuum(desk, now=datetime.now(UTC) + LATER)
        why.append(str(found.value).split(": ")[-2])

    assert (before, ["it does not know version 1"]) == (files(old), why[:1])
    assert ["it does not know version 2"] == why[1:]
