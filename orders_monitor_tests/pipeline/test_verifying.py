"""Verify finds each way in which lake, Delta log and journal may differ, and what it says to type mends it."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from deltalake import DeltaTable
from deltalake.transaction import AddAction

from orders_monitor.core.errors import StoreUnavailable
from orders_monitor.core.review import Publication
from orders_monitor.pipeline.verifying import NO_COMMAND, Verified, Verifier
from orders_monitor_tests.attacks.stages import decided, night, published
from orders_monitor_tests.restorable import restored
from orders_monitor_tests.small_shop import DAY, Shop

AGAIN = f"orders-monitor --table small_shop run --partition {DAY} --again"


def verified(shop: Shop) -> Verified:
    with shop.desk() as desk:
        return Verifier(desk, now=datetime.now(UTC)).verified()


def said(found: Verified) -> list[tuple[str, str]]:
    return [(each.sentence, each.mend) for each in found.differences]


def file_of(shop: Shop, publication: Publication) -> Path:
    file = shop.settings.lake_root / publication.path
    file.chmod(0o644)
    return file


def test_what_was_published_twice_agrees(twice):
    """Two publications of a day: two landed files and two candidates, all as they were recorded."""
    shop, *_ = twice
    found = verified(shop)
    size = sum(f.stat().st_size for f in (shop.settings.lake_root).rglob("*.parquet") if "_delta_log" not in f.parts)

    assert ((), (), 1, 4, size) == (found.differences, found.notes, found.partitions, found.files, found.size_bytes)


def test_a_changed_file_is_made_again(twice):
    """A published file that somebody changed is found by its digest, and running the day again writes it as it was."""
    shop, _, second = twice
    file = file_of(shop, second)
    file.write_bytes(file.read_bytes() + b"!")
    found = said(verified(shop))
    file.unlink()
    night(shop, DAY)

    assert [(f"{second.path} was changed", f"rm -f {file}; {AGAIN}")] == found
    assert ([], "published") == (said(verified(shop)), shop.gate(DAY).status)


@pytest.mark.slow
def test_an_older_file_that_is_gone_takes_nothing_from_readers(twice):
    """A version within retention whose file was lost can be restored no more; there is nothing to type."""
    shop, first, _ = twice
    file_of(shop, first).unlink()

    assert [(f"{first.path} is gone", NO_COMMAND)] == said(verified(shop))


def test_what_another_tool_wrote_is_restored(twice):
    """An append past the gate is named, and restoring the newest version takes it out of what readers see."""
    shop, _, second = twice
    _append(shop, second)
    found = said(verified(shop))
    restored(shop, second.delta_version)

    mend = f"orders-monitor --table small_shop restore {DAY} --to {second.delta_version}"
    left = verified(shop)
    assert [mend] == [mend for _, mend in found]
    assert ((), ("version 3 (WRITE) was written past the gate",)) == (left.differences, left.notes)


@pytest.mark.slow
def test_a_claim_without_a_receipt_is_published(twice):
    """An attempt that died is named with its command."""
    shop, *_ = twice
    shop.arrives(DAY, "order_id,status,quantity,email,amount,created_at\n7,paid,1,a@b.de,1.0,2026-03-04 08:00:00\n")
    night(shop, DAY)
    decided(shop, DAY)
    with shop.desk() as desk:
        desk.journal.claim(table="small_shop", partition=DAY, environment="dev", run_id="died")
    found = said(verified(shop))
    published(shop, DAY)

    mend = f"orders-monitor --table small_shop publish {DAY}"
    assert [("publication 3 has no receipt (it is not written)", mend)] == found
    assert [] == said(verified(shop))


@pytest.mark.slow
def test_a_log_that_lost_its_last_commit_is_named(twice):
    """A receipt whose commit is gone from the log, as after an older backup: what readers see is restored."""
    shop, first, second = twice
    (shop.settings.lake_root / "small_shop" / "_delta_log" / f"{second.delta_version:020}.json").unlink()
    found = said(verified(shop))
    third = restored(shop, second.delta_version)
    after = verified(shop)

    lost = "publication 2 has a receipt for version 2, and the log has no such commit"
    mend = f"orders-monitor --table small_shop restore {DAY} --to 2"
    assert [
        (lost, mend),
        (f"readers see {first.path}, and what was published is {second.path} (version 2)", mend),
    ] == found
    assert (second.path, 3) == (third.path, third.number)
    assert ((), [f"{DAY}: {lost}; readers see a later one"]) == (after.differences, list(after.notes))


@pytest.mark.slow
def test_a_decision_that_nobody_made_is_listed(twice):
    """A row that counts for nothing is told of, and is no difference: it opened nothing."""
    shop, *_ = twice
    with shop.desk() as desk, desk.journal._store.writing("test") as connection:  # noqa: SLF001 - the forger's door
        connection.exec_driver_sql(
            "INSERT INTO decisions (table_name, partition_key, environment, digest, verdict, reviewer, note, source, "
            f"recorded_at, signature, seen) VALUES ('small_shop', '{DAY}', 'dev', 'd', 'approve', 'mallory', '', "
            "'sql', '2026-03-05', 'forged', 99)"
        )
    found = verified(shop)

    assert ((), [f"{DAY}: decision 3, approve by mallory (sql), counts for nothing"]) == (
        found.differences,
        list(found.notes),
    )


@pytest.mark.slow
def test_a_decision_that_was_changed_or_is_gone_is_named(twice):
    """What people decided is in the chain too: a row that says another thing, or is no more, is told with its place."""
    shop, *_ = twice
    with shop.desk() as desk, desk.journal._store.writing("test") as connection:  # noqa: SLF001 - the forger's door
        connection.exec_driver_sql("UPDATE decisions SET reviewer = 'mallory' WHERE id = 2")
        connection.exec_driver_sql("DELETE FROM decisions WHERE id = 1")
    mend = f"orders-monitor trace show 'review small_shop {DAY}'"

    assert [
        ("decision 1, approve by policy, is gone", mend),
        ("decision 2, approve by ada, is not what it was", mend),
    ] == said(verified(shop))


@pytest.mark.slow
def test_a_claim_that_is_gone_and_a_commit_without_a_byte_are_named(twice):
    """Where the journal lost its claims the partition is named; an empty commit is, before it renumbers the others."""
    shop, first, second = twice
    with shop.desk() as desk, desk.journal._store.writing("test") as connection:  # noqa: SLF001 - the forger's door
        connection.exec_driver_sql("DELETE FROM publications")
    mends = {mend for _, mend in said(verified(shop))}
    commit = shop.settings.lake_root / "small_shop" / "_delta_log" / f"{second.delta_version:020}.json"
    commit.write_bytes(b"")
    with pytest.raises(StoreUnavailable, match=f"{commit.name} of its log is empty"):
        verified(shop)

    assert (1, {AGAIN}) == (first.delta_version, mends)


def _append(shop: Shop, publication: Publication) -> None:
    """What a notebook does: rows appended to the table, past everything."""
    folder = shop.settings.lake_root / shop.table.name
    copy = folder / f"partition_date={DAY}" / "part-00001.parquet"
    shutil.copy(shop.settings.lake_root / publication.path, copy)
    table = DeltaTable(str(folder))
    add = AddAction(
        path=copy.relative_to(folder).as_posix(),
        size=copy.stat().st_size,
        partition_values={"partition_date": DAY},
        modification_time=0,
        data_change=True,
        stats="{}",
    )
    table.create_write_transaction([add], mode="append", schema=table.schema(), partition_by=["partition_date"])
