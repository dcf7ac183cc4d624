"""The lake of files: every file lies where its content says, is written once and is never changed.

    landed/<table>/<partition>/<sha256>.parquet            as found
    <table>/partition_date=<partition>/<sha256>.parquet    candidates, in the folder of the published Delta table:
                                                           publishing one moves no byte
    quarantine/<table>/<partition>/<sha256>.parquet        rows that a plan set aside
    memory/<table>/<partition>/<sha256>.parquet            what later partitions are compared with: hashes and shares
    _scratch/                                              work in progress; whatever is in it may be deleted
    _lock                                                  held while a file is found or removed

A candidate that nobody published is a file that the Delta log does not know. Delta's own VACUUM takes nothing (the
table's properties forbid it); `orders-monitor vacuum` does, by what the journal still needs. A file that is wanted
again counts as written just now: whoever removes old files asks for the age under the same lock.
"""

import fcntl
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

_SCRATCH, _LOCK = "_scratch", "_lock"
# No table can be called this: its folder would lie among those of every table.
RESERVED = ("landed", "quarantine", "memory")
_KEPT = re.compile(r"[0-9a-f]{64}\.parquet")
_TABLE = re.compile(r"[a-z][a-z0-9_]{0,62}")
_PARTITION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+-]{0,127}")


class Kept(Value):
    """A file at its place: the path relative to the lake's root, the SHA-256 and the size of its bytes."""

    path: str
    digest: str
    size_bytes: int


class Stored(Value):
    """A file of a table as it lies there; `modified_s` is when it was last wanted (Unix seconds)."""

    path: str
    size_bytes: int
    modified_s: float


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
            if self._touched(place):
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

    def wanted(self, relative: str) -> bool:
        """Whether the file of a recorded path is there; then no vacuum takes it for old before it is recorded again."""
        try:
            return self._touched(self.path(relative))
        except OSError as error:
            raise _unavailable(error) from error

    def stored(self, table: str) -> tuple[Stored, ...]:
        """Every file of a table that `keep` has put there, in order; what else lies beside them is somebody else's."""
        published = self.table_folder(table)
        folders = (published.glob("partition_date=*"), *((self._root / stage / table).glob("*") for stage in RESERVED))
        try:
            files = [file for found in folders for folder in found for file in folder.glob("*.parquet")]
            return tuple(sorted((self._stored(f) for f in files if _KEPT.fullmatch(f.name)), key=lambda s: s.path))
        except OSError as error:
            raise _unavailable(error) from error

    def remove(self, relative: str, *, unless_since_s: float) -> int | None:
        """Remove a file that nobody has wanted since that Unix time: the bytes freed, or None where it is left."""
        place = self.path(relative)
        try:
            with self._locked(fcntl.LOCK_EX):
                found = place.stat()
                if found.st_mtime >= unless_since_s:
                    return None
                place.unlink()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unavailable(error) from error
        return found.st_size

    def scratches(self, *, before_s: float) -> tuple[Stored, ...]:
        """The scratch folders of before that Unix time, each with all that is in it: their processes were killed."""
        try:
            folders = [folder for folder in (self._root / _SCRATCH).glob("*") if folder.stat().st_mtime < before_s]
            return tuple(self._stored(folder) for folder in sorted(folders))
        except OSError as error:
            raise _unavailable(error) from error

    def sweep(self, scratch: Stored) -> None:
        """Remove such a folder."""
        shutil.rmtree(self.path(scratch.path), ignore_errors=True)

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

    def _touched(self, place: Path) -> bool:
        with self._locked(fcntl.LOCK_SH):
            try:
                os.utime(place)
            except FileNotFoundError:
                return False
        return True

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        self._root.mkdir(parents=True, exist_ok=True)
        opened = os.open(self._root / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(opened, how)
            yield
        finally:
            os.close(opened)

    def _stored(self, found: Path) -> Stored:
        within = [file for file in found.rglob("*") if file.is_file()] if found.is_dir() else [found]
        return Stored(
            path=found.relative_to(self._root).as_posix(),
            size_bytes=sum(file.stat().st_size for file in within),
            modified_s=found.stat().st_mtime,
        )

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
