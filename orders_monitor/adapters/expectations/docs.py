"""Where the pages of validation results lie: one file a question, that is, for exact bytes and expectations.

<root>/<table>/<partition>/<first 12 characters of the question's digest>.html
<root>/<table>/read_ahead.json, which is how they are made sooner
"""

import os
import tempfile
from pathlib import Path

from orders_monitor.core.errors import StoreUnavailable

_DIGITS = 12


class DataDocs:
    """The pages under one root. They are made again from the same question: losing them loses nothing else."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def place(self, *, table: str, partition: str, question: str) -> Path:
        """The file of a page, which may not be there. Raises ValueError for names that are no names of folders."""
        place = self._root / table / partition / f"{question[:_DIGITS]}.html"
        if place.parent.parent.parent != self._root or ".." in (table, partition) or "\0" in str(place):
            raise ValueError(f"{table!r} and {partition!r} name no folder of pages")
        return place

    def keep(self, html: str, *, table: str, partition: str, question: str) -> Path:
        """Write the page; a reader sees the old one or the new one in full. Raises StoreUnavailable."""
        place = self.place(table=table, partition=partition, question=question)
        replaced(place, html)
        return place

    def plan(self, *, table: str) -> Path:
        """The file of what the table's expectations read, which may not be there (see `plan`)."""
        return self._root / table / "read_ahead.json"


def replaced(place: Path, text: str) -> None:
    """Write a file; a reader sees the old one or the new one in full. Raises StoreUnavailable."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        opened, name = tempfile.mkstemp(dir=place.parent, suffix=".part")
        try:
            with os.fdopen(opened, "w", encoding="utf-8", errors="replace") as file:
                file.write(text)
            Path(name).chmod(0o444)
            Path(name).replace(place)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StoreUnavailable(store="data docs", why=f"{error.strerror or error} ({place})") from error
