"""The lake keeps files by content, once, under its root."""

import hashlib
import os
from pathlib import Path

import pytest

from orders_monitor.adapters.lake import Kept, Lake
from orders_monitor.core.errors import StoreUnavailable

BYTES = b"rows of a day"
DIGEST = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


def keep(lake, content=BYTES, *, table="orders_daily", partition="2024-03-01", stage="landed"):
    with lake.scratch() as folder:
        file = folder / "work.parquet"
        file.write_bytes(content)
        return lake.keep(file, table=table, partition=partition, stage=stage)


def fail_half_way(lake):
    with lake.scratch() as folder:
        (folder / "half").write_bytes(b"half a file")
        raise RuntimeError("broken work")


@pytest.mark.parametrize(
    ("stage", "folder"),
    [
        ("landed", "landed/orders_daily/2024-03-01"),
        # Inside the Delta table's folder: publishing then moves no byte.
        ("candidate", "orders_daily/partition_date=2024-03-01"),
        ("quarantine", "quarantine/orders_daily/2024-03-01"),
    ],
)
def test_a_file_lies_where_its_stage_and_content_say(lake, stage, folder):
    """The path is the stage's folder and the SHA-256 of the bytes."""
    kept = keep(lake, stage=stage)

    assert Kept(path=f"{folder}/{DIGEST}.parquet", digest=DIGEST, size_bytes=len(BYTES)) == kept
    assert BYTES == lake.path(kept.path).read_bytes()
    assert DIGEST == lake.digest(kept.path)


def test_the_same_bytes_are_written_once(lake):
    """A second landing of equal bytes leaves the first file untouched, down to its inode; it is only wanted again."""
    first = keep(lake)
    os.utime(lake.path(first.path), (1_000, 1_000))
    before = lake.path(first.path).stat()

    assert first == keep(lake)
    after = lake.path(first.path).stat()
    assert (before.st_ino, 1_000) == (after.st_ino, before.st_mtime)
    assert 1_000 < after.st_mtime


def test_a_changed_file_is_named_and_not_overwritten(lake):
    """Somebody's change of a kept file is an error of the store, and the evidence stays."""
    kept = keep(lake)
    place = lake.path(kept.path)
    place.chmod(0o644)
    place.write_bytes(b"something else")

    with pytest.raises(StoreUnavailable, match="is there and was changed"):
        keep(lake)
    assert b"something else" == place.read_bytes()


def test_a_kept_file_is_read_only(lake):
    """What the log or a decision names is not opened for writing by mistake."""
    assert 0o444 == lake.path(keep(lake).path).stat().st_mode & 0o777


def test_scratch_is_gone_afterwards(lake, tmp_path):
    """Work in progress leaves nothing behind, also when the work fails."""
    with pytest.raises(RuntimeError, match="broken work"):
        fail_half_way(lake)

    assert [] == list((tmp_path / "lake" / "_scratch").iterdir())


@pytest.mark.parametrize(
    "relative",
    [
        "../outside",
        "landed/../../outside",
        "/etc/passwd",
        "link/passwd",
        "nul\0",
    ],
)
def test_no_path_leads_out_of_the_lake(lake, tmp_path, relative):
    """A recorded path that leaves the root is refused, through a link too."""
    root = tmp_path / "lake"
    root.mkdir()
    (root / "link").symlink_to("/etc")

    with pytest.raises(StoreUnavailable, match="leads out of it"):
        lake.path(relative)


@pytest.mark.parametrize("table", ["landed", "quarantine", "_scratch", "Orders", "../x", ""])
def test_a_table_has_a_name_of_its_own(lake, table):
    """A table cannot take a folder that the lake uses, nor one that is none."""
    with pytest.raises(ValueError, match="cannot be the name of a table"):
        lake.table_folder(table)


@pytest.mark.parametrize("partition", ["", "..", "2024/03/01", ".hidden", "a\0"])
def test_a_partition_is_one_folder(lake, partition):
    """A partition key that would be another path is refused before anything is written."""
    with pytest.raises(ValueError, match="cannot be the name of a partition"):
        keep(lake, partition=partition)


def test_a_disk_that_refuses_is_a_sentence(tmp_path):
    """A root that is a file says which, and what the disk said."""
    (tmp_path / "lake").write_text("not a folder")

    with (
        pytest.raises(StoreUnavailable, match=r"lake: (Not a directory|File exists) \("),
        Lake(tmp_path / "lake").scratch(),
    ):
        pass


def test_a_file_that_is_not_there_is_a_sentence(lake):
    """What the kernel says reaches the caller as the store's error, with the path."""
    with lake.scratch() as folder:
        missing = folder / "never_written.parquet"
        with pytest.raises(StoreUnavailable, match="No such file or directory"):
            lake.keep(missing, table="orders_daily", partition="2024-03-01", stage="landed")


def test_an_unwritable_lake_is_a_sentence(lake, tmp_path):
    """Without permission nothing is kept and the scratch file is still where it was."""
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    with lake.scratch() as folder:
        file = folder / "work.parquet"
        file.write_bytes(BYTES)
        (tmp_path / "lake").chmod(0o555)
        with pytest.raises(StoreUnavailable, match="Permission denied"):
            lake.keep(file, table="orders_daily", partition="2024-03-01", stage="landed")
        (tmp_path / "lake").chmod(0o755)
        assert BYTES == file.read_bytes()


def test_digest_sees_a_change(lake):
    """The digest is of the bytes as they are now, not of the name."""
    kept = keep(lake)
    place = lake.path(kept.path)
    place.chmod(0o644)
    place.write_bytes(b"changed")

    assert hashlib.sha256(b"changed").hexdigest() == lake.digest(kept.path)


def test_what_is_recorded_is_only_found_as_it_was_recorded(lake):
    """A file that somebody changed under its name is told apart from the one that was kept."""
    kept = keep(lake)
    place = lake.path(kept.path)
    found = lake.unchanged(kept.path, kept.digest)
    place.chmod(0o644)
    place.write_bytes(b"changed")
    with pytest.raises(StoreUnavailable) as refused:
        lake.unchanged(kept.path, kept.digest)

    assert (place, f"lake: {kept.path} is not what it was when it was recorded") == (found, str(refused.value))


def test_a_root_may_be_relative(tmp_path, monkeypatch):
    """A relative root is the folder it named when the lake was made."""
    monkeypatch.chdir(tmp_path)
    lake = Lake(Path("here"))
    monkeypatch.chdir("/")

    assert tmp_path / "here" / "orders_daily" == lake.table_folder("orders_daily")
