"""The published table: a Delta Lake table whose partitions are replaced by files that are already in place.

One publication is one commit: the partition's old file out, the approved file in, both or neither. The commit carries
an application transaction `(<table>/<partition>, publication number)`, by which a second attempt at the same
publication, also one at the same moment in another process, is recognised by Delta itself.
"""

import json
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orders_monitor.adapters.delta.log import DIGEST, NUMBER, PARTITION
from orders_monitor.adapters.delta.schema import fitting, schema_of
from orders_monitor.core.contract import Contract
from orders_monitor.core.errors import PublicationRefused, StoreUnavailable
from orders_monitor.core.review import Publication
from orders_monitor.core.table import PARTITION_COLUMN
from orders_monitor.core.value import Value

if TYPE_CHECKING:
    # Heavy: a process that publishes nothing does not pay for it.
    from deltalake import DeltaTable, Schema

_PROPERTIES = {
    # The log is the proof of what was published when: it is not tidied away after 30 days.
    "delta.logRetentionDuration": "interval 36500 days",
    # Delta's own VACUUM, by whichever engine, leaves candidates alone that wait for a decision.
    "delta.deletedFileRetentionDuration": "interval 36500 days",
}
_ATTEMPTS = 5
_RETRIES = 50
_HISTORY_FIRST = 50
_DRAWN = re.compile(r"\x1b\[\d*m|↳")


class Version(Value):
    """One version of a published table: its number, when it was committed (Unix milliseconds), and what it carries."""

    version: int
    committed_ms: int
    operation: str
    metadata: dict[str, str]


class DeltaPublisher:
    """The one writer of the published tables under a lake's root.

    Every method raises StoreUnavailable where the disk or the log refuses.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    def commit(self, publication: Publication, contract: Contract, *, metadata: Mapping[str, str]) -> int:
        """Make this file the partition's only one; the version in which it became so, also when that was long ago.

        Raises PublicationRefused where a later publication of the partition is in the log, and StoreUnavailable
        where the file is not there with its recorded size, or the contract's types have no place in a Delta table.
        """
        from deltalake.exceptions import CommitFailedError, DeltaError  # noqa: PLC0415 - heavy, and only publishing needs it

        self._require_file(publication)
        schema = schema_of(contract)
        try:
            for _ in range(_ATTEMPTS):
                table = self._created(publication.table, schema)
                version = _committed(table, publication)
                if version is not None:
                    return version
                _require_newest(table, publication)
                try:
                    self._write(table, publication, schema, metadata)
                except CommitFailedError:
                    # Another process was first: with this publication (then it is found above) or another one.
                    continue
            return self._found(publication)
        except (DeltaError, OSError) as error:
            raise _unavailable(publication.table, error) from error

    def committed(self, publication: Publication) -> int | None:
        """The version that holds this publication, or None."""
        from deltalake.exceptions import DeltaError  # noqa: PLC0415 - heavy, and only publishing needs it

        try:
            table = self._opened(publication.table)
            return None if table is None else _committed(table, publication)
        except (DeltaError, OSError) as error:
            raise _unavailable(publication.table, error) from error

    def files(self, table: str) -> tuple[str, ...]:
        """The absolute paths of the current version's files, one a partition; none where nothing was published."""
        opened = self._opened(table)
        return () if opened is None else tuple(sorted(opened.file_uris()))

    def history(self, table: str, *, limit: int | None = None) -> tuple[Version, ...]:
        """The versions of a table, newest first."""
        opened = self._opened(table)
        return () if opened is None else tuple(_version(entry) for entry in opened.history(limit))

    def _opened(self, table: str) -> "DeltaTable | None":
        from deltalake import DeltaTable  # noqa: PLC0415 - heavy, and only publishing needs it

        folder = str(self._root / table)
        return DeltaTable(folder) if DeltaTable.is_deltatable(folder) else None

    def _created(self, table: str, schema: "Schema") -> "DeltaTable":
        from deltalake import CommitProperties, DeltaTable  # noqa: PLC0415 - heavy, and only publishing needs it
        from deltalake.exceptions import DeltaError  # noqa: PLC0415 - heavy, and only publishing needs it

        opened = self._opened(table)
        if opened is not None:
            return fitting(opened, table, schema)
        try:
            return DeltaTable.create(
                str(self._root / table),
                schema,
                partition_by=[PARTITION_COLUMN],
                configuration=_PROPERTIES,
                # A second creation at the same moment fails here; retried, it would become version 1.
                commit_properties=CommitProperties(max_commit_retries=0),
            )
        except DeltaError:
            opened = self._opened(table)
            if opened is None:
                raise
            return fitting(opened, table, schema)

    def _write(
        self, table: "DeltaTable", publication: Publication, schema: "Schema", metadata: Mapping[str, str]
    ) -> None:
        from deltalake import CommitProperties, Transaction  # noqa: PLC0415 - heavy, and only publishing needs it
        from deltalake.transaction import AddAction  # noqa: PLC0415 - heavy, and only publishing needs it

        add = AddAction(
            path=self._in_table(publication),
            size=publication.size_bytes,
            partition_values={PARTITION_COLUMN: publication.partition},
            modification_time=0,
            data_change=True,
            stats=json.dumps({"numRecords": publication.rows}),
        )
        there, others = self._current(table, publication)
        if there and others:
            # Another tool has added files. The same path cannot leave and enter in one commit, so all leave first: for
            # a moment readers see none of the day, where they saw rows that nobody approved.
            self._clear(table, publication, schema)
            there = False
        table.create_write_transaction(
            [] if there else [add],
            # The same bytes again: a path may not leave and enter in one commit, so only the transaction is recorded.
            mode="append" if there else "overwrite",
            schema=schema,
            partition_by=[PARTITION_COLUMN],
            partition_filters=None if there else [(PARTITION_COLUMN, "=", publication.partition)],
            commit_properties=CommitProperties(
                custom_metadata={**metadata, **_marks(publication)},
                app_transactions=[Transaction(_application(publication), publication.number)],
                max_commit_retries=_RETRIES,
            ),
        )

    def _current(self, table: "DeltaTable", publication: Publication) -> tuple[bool, bool]:
        """Whether the file is in the partition now, and whether another one is."""
        day = [(PARTITION_COLUMN, "=", publication.partition)]
        paths = {Path(uri) for uri in table.file_uris(file_pruning_predicate=day)}
        path = self._root / publication.path
        return path in paths, bool(paths - {path})

    def _clear(self, table: "DeltaTable", publication: Publication, schema: "Schema") -> None:
        from deltalake import CommitProperties  # noqa: PLC0415 - heavy, and only publishing needs it

        table.create_write_transaction(
            [],
            mode="overwrite",
            schema=schema,
            partition_by=[PARTITION_COLUMN],
            partition_filters=[(PARTITION_COLUMN, "=", publication.partition)],
            commit_properties=CommitProperties(custom_metadata={PARTITION: publication.partition}),
        )
        table.update_incremental()

    def _found(self, publication: Publication) -> int:
        version = self.committed(publication)
        if version is None:
            raise StoreUnavailable(
                store=f"table {publication.table}", why=f"{_ATTEMPTS} commits lost to others in turn; try again"
            )
        return version

    def _in_table(self, publication: Publication) -> str:
        """The file's path within the table's folder, as the Delta log names it."""
        folder = f"{publication.table}/"
        if not publication.path.startswith(folder) or ".." in Path(publication.path).parts:
            raise StoreUnavailable(
                store=f"table {publication.table}", why=f"{publication.path!r} is not a file of its folder"
            )
        return publication.path.removeprefix(folder)

    def _require_file(self, publication: Publication) -> None:
        self._in_table(publication)
        _day(publication.partition)
        file = self._root / publication.path
        size_bytes = file.stat().st_size if file.is_file() else None
        if size_bytes != publication.size_bytes:
            found = "is not there" if size_bytes is None else f"has {size_bytes:,} bytes"
            raise StoreUnavailable(
                store=f"table {publication.table}",
                why=f"{file.name} of {publication.size_bytes:,} bytes was approved and {found}; nothing was published",
            )


def _committed(table: "DeltaTable", publication: Publication) -> int | None:
    latest = table.transaction_version(_application(publication))
    if latest is None or latest < publication.number:
        return None
    marks = _marks(publication)
    for limit in (_HISTORY_FIRST, None):
        for entry in table.history(limit):
            if all(entry.get(key) == value for key, value in marks.items()):
                return int(entry["version"])
    if latest == publication.number:
        raise StoreUnavailable(
            store=f"table {publication.table}",
            why=f"publication {latest} of {publication.partition} is in the log with another decision's digest",
        )
    return None


def _require_newest(table: "DeltaTable", publication: Publication) -> None:
    latest = table.transaction_version(_application(publication))
    if latest is not None and latest > publication.number:
        raise PublicationRefused(
            table=publication.table,
            partition=publication.partition,
            why=f"publication {latest} is in the log already, and this one is number {publication.number}",
        )


def _application(publication: Publication) -> str:
    return f"{publication.table}/{publication.partition}"


def _marks(publication: Publication) -> dict[str, str]:
    """What finds a publication in the log again."""
    return {
        PARTITION: publication.partition,
        NUMBER: str(publication.number),
        DIGEST: publication.digest,
    }


def _version(entry: Mapping[str, Any]) -> Version:
    return Version(
        version=entry["version"],
        committed_ms=entry["timestamp"],
        operation=entry["operation"],
        metadata={key: value for key, value in entry.items() if isinstance(value, str) and key != "operation"},
    )


def _day(partition: str) -> None:
    try:
        day = date.fromisoformat(partition)
    except ValueError:
        day = None
    if day is None or day.isoformat() != partition:
        raise ValueError(f"{partition!r} is not a day: a published table is partitioned by YYYY-MM-DD")


def _unavailable(table: str, error: Exception) -> StoreUnavailable:
    # The library draws a tree, the cause in its last line: no space left on device.
    lines = (_DRAWN.sub("", line).strip() for line in str(error).splitlines())
    return StoreUnavailable(store=f"table {table}", why=": ".join(filter(None, lines)) or type(error).__name__)
