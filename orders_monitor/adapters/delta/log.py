"""The published table's log, to read: what was committed, and which files are current. It writes nothing."""

from pathlib import Path
from typing import TYPE_CHECKING

from orders_monitor.core.errors import StoreUnavailable
from orders_monitor.core.table import PARTITION_COLUMN
from orders_monitor.core.value import Value

if TYPE_CHECKING:
    # Heavy: a process that looks into no log does not pay for it.
    from deltalake import DeltaTable

NUMBER = "orders_monitor.publication"
PARTITION = "orders_monitor.partition"
DIGEST = "orders_monitor.digest"


class Commit(Value):
    """One version of the table. What a publication of ours marked is empty on everybody else's commits."""

    version: int
    operation: str
    partition: str = ""
    number: str = ""
    digest: str = ""


class Listed(Value):
    """A file of the current version: its path in the lake, its partition, and the rows and bytes that the log says."""

    path: str
    partition: str
    rows: int | None
    size_bytes: int


class DeltaLog:
    """The logs of the tables under a lake's root. Every method raises StoreUnavailable where one cannot be read."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    def commits(self, table: str) -> tuple[Commit, ...]:
        """Every version, the oldest first; none where nothing was published."""
        opened = self._opened(table)
        entries = [] if opened is None else opened.history()
        return tuple(
            Commit(
                version=entry["version"],
                operation=str(entry.get("operation", "")),
                partition=str(entry.get(PARTITION, "")),
                number=str(entry.get(NUMBER, "")),
                digest=str(entry.get(DIGEST, "")),
            )
            for entry in reversed(entries)
        )

    def files(self, table: str) -> tuple[Listed, ...]:
        """The files that readers read now."""
        opened = self._opened(table)
        if opened is None:
            return ()
        added = opened.get_add_actions(flatten=True)
        columns = ("path", f"partition.{PARTITION_COLUMN}", "num_records", "size_bytes")
        rows = zip(*(added[column].to_pylist() for column in columns), strict=True)
        return tuple(
            Listed(path=f"{table}/{path}", partition=str(partition), rows=records, size_bytes=size)
            for path, partition, records, size in rows
        )

    def _opened(self, table: str) -> "DeltaTable | None":
        from deltalake import DeltaTable  # noqa: PLC0415 - heavy, and only who looks into the log needs it
        from deltalake.exceptions import DeltaError  # noqa: PLC0415 - the same

        folder = str(self._root / table)
        try:
            self._require_whole(table)
            return DeltaTable(folder) if DeltaTable.is_deltatable(folder) else None
        except (DeltaError, OSError) as error:
            raise StoreUnavailable(store=f"table {table}", why=str(error).splitlines()[0]) from error

    def _require_whole(self, table: str) -> None:
        """A commit without a byte (a disk that was full, a machine that went off) would renumber those before it."""
        commits = sorted((self._root / table / "_delta_log").glob("*.json"))
        empty = next((commit.name for commit in commits if not commit.stat().st_size), None)
        if empty is not None:
            why = f"{empty} of its log is empty: put it back from a backup, or remove it where it is the newest"
            raise StoreUnavailable(store=f"table {table}", why=why)
