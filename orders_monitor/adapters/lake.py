"""The lake of files: every file lies where its content says, is written once and is never changed.

    landed/<table>/<partition>/<sha256>.parquet            as found
    <table>/partition_date=<partition>/<sha256>.parquet    candidates, in the folder of the published Delta table:
                                                           publishing one moves no byte
    quarantine/<table>/<partition>/<sha256>.parquet        rows that a plan set aside
    memory/<table>/<partition>/<sha256>.parquet            what later partitions are compared with: hashes and shares
    _scratch/                                              work in progress; whatever is in it may be deleted

A candidate that nobody published is a file that the Delta log does not know: do not VACUUM the table, or do it with a
retention longer than a review may wait.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from orders_monitor.core.errors import StoreUnavailable
from orders_monitor.core.value import Value

Stage = Literal["landed", "candidate", "quarantine", "memory"]

_SCRATCH = "_scratch"
# No table can be called this: its folder would lie among those of every table.
RESERVED = ("landed", "quarantine", "memory")
_TABLE = re.compile(r"[a-z][a-z0-9_]{0,62}")
_PARTITION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+-]{0,127}")


class Kept(Value):
    """A file at its place: the path relative to the lake's root, the SHA-256 and the size of its bytes."""

    path: str
    digest: str
    size_bytes: int


class Lake:
    """The files under one root. Every method raises StoreUnavailable where the disk refuses."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for work in progress, on the lake's own disk; gone afterwards with all that is in it."""
        folder = self._root / _SCRATCH
        try:
            folder.mkdir(parents=True, exist_ok=True)
            made = Path(tempfile.mkdtemp(dir=folder))
        except OSError as error:
            raise _unavailable(error) from error
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def keep(self, file: Path, *, table: str, partition: str, stage: Stage) -> Kept:
        """Move a scratch file to the place that its content names, and return only when the disk has it.

        Bytes that are there already stay untouched: a file in the lake may be in the Delta log or in a reader's hands.
        """
        folder = self._folder(table=table, partition=partition, stage=stage)
        try:
            digest, size_bytes = _digest(file), file.stat().st_size
            place = folder / f"{digest}.parquet"
            if place.exists():
                _require_unchanged(place, digest)
                file.unlink()
            else:
                _move(file, place, root=self._root)
        except OSError as error:
            raise _unavailable(error) from error
        return Kept(path=place.relative_to(self._root).as_posix(), digest=digest, size_bytes=size_bytes)

    def path(self, relative: str) -> Path:
        """The file of a recorded path. Refuses (StoreUnavailable) one that leads out of the lake."""
        if "\0" in relative or not (self._root / relative).resolve().is_relative_to(self._root.resolve()):
            raise StoreUnavailable(store="lake", why=f"{relative!r} leads out of it")
        return self._root / relative

    def unchanged(self, relative: str, digest: str) -> Path:
        """The file of a recorded path, whose bytes are the recorded ones: what teaches must be what was published."""
        if self.digest(relative) != digest:
            raise StoreUnavailable(store="lake", why=f"{relative} is not what it was when it was recorded")
        return self.path(relative)

    def digest(self, relative: str) -> str:
        """The SHA-256 of the bytes as they are now, to compare with the recorded one."""
        try:
            return _digest(self.path(relative))
        except OSError as error:
            raise _unavailable(error) from error

    def table_folder(self, table: str) -> Path:
        """The folder of a published table. Raises ValueError for a name that is none, or that the lake uses itself."""
        if not _TABLE.fullmatch(table) or table in RESERVED:
            raise ValueError(f"{table!r} cannot be the name of a table in the lake")
        return self._root / table

    def _folder(self, *, table: str, partition: str, stage: Stage) -> Path:
        published = self.table_folder(table)
        if not _PARTITION.fullmatch(partition):
            raise ValueError(f"{partition!r} cannot be the name of a partition in the lake")
        if stage == "candidate":
            return published / f"partition_date={partition}"
        return self._root / stage / table / partition


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _require_unchanged(place: Path, digest: str) -> None:
    if _digest(place) != digest:
        raise StoreUnavailable(store="lake", why=f"{place.name} is there and was changed; remove it and run again")


def _move(file: Path, place: Path, *, root: Path) -> None:
    """The file is on the disk before its name is, and its name before anybody is told of it."""
    file.chmod(0o444)
    _sync(file)
    made = [folder for folder in (place.parent, *place.parent.parents) if not folder.exists()]
    place.parent.mkdir(parents=True, exist_ok=True)
    file.rename(place)
    for folder in {place.parent, *(folder.parent for folder in made if folder != root)}:
        _sync(folder)


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _unavailable(error: OSError) -> StoreUnavailable:
    place = "" if error.filename is None else f" ({error.filename})"
    return StoreUnavailable(store="lake", why=f"{error.strerror or error}{place}")
