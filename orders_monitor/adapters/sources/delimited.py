"""CSV files as tables: which delimiter, which columns, and which types their text can be read as without loss.

A CSV holds text only. DuckDB's sniffer proposes a type, and every value looked at must be written the one way in which
reading it loses nothing: 007 is a code and not the number 7, 03/04/2026 is two different days, and a twenty-digit
number does not fit a DOUBLE. A column with one such value stays VARCHAR.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orders_monitor.adapters import quoting

HEADER_BYTES_MAX = 1 << 20
# The schema comes from the header and this many rows; fetching looks at all of them (ALL_ROWS).
SAMPLE_ROWS = 20_480
ALL_ROWS = -1

_FORM = "header=true, quote='\"', escape='\"', comment='', skip=0, strict_mode=true, hive_partitioning=false"
READ = f"read_csv($files, auto_detect=false, {_FORM}, delim=$delimiter, columns=$columns)"

_DELIMITERS = (",", ";", "\t", "|")
_NUMBER = r"-?(0|[1-9][0-9]*)"
_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_MOMENT = _DAY + r"[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
_LOSSLESS: Mapping[str, str] = {
    "BOOLEAN": r"(?i)true|false",
    "BIGINT": _NUMBER,
    "DOUBLE": _NUMBER + r"(\.[0-9]+)?([eE][-+]?[0-9]+)?",
    "DATE": _DAY,
    "TIMESTAMP": _MOMENT,
    "TIMESTAMP WITH TIME ZONE": _MOMENT + r"(Z|[-+][0-9]{2}(:?[0-9]{2})?)",
}
_DOUBLE_DIGITS_MAX = 15  # more significant digits than a DOUBLE keeps for certain


class NotATable(Exception):
    """A file that cannot be read as a table; the text completes the sentence "<file> ..."."""


@dataclass(frozen=True)
class Sheet:
    """How one CSV file is read: its delimiter, and its columns' names and types in their order."""

    delimiter: str
    columns: tuple[tuple[str, str], ...]

    def read_as(self, *, text_only: bool = False) -> dict[str, object]:
        """The parameters of READ, apart from its files."""
        columns = {name: "VARCHAR" if text_only else kind for name, kind in self.columns}
        return {"delimiter": self.delimiter, "columns": columns}


def sheet_of(connection: duckdb.DuckDBPyConnection, path: Path, *, file: str, rows: int) -> Sheet:
    """The sheet of one CSV file, from its header and so many rows (ALL_ROWS: all of them).

    `file` is the path as DuckDB takes it (no glob in it). Raises NotATable, and duckdb.Error where the text is no CSV.
    """
    delimiter = _delimiter(path)
    found = connection.execute(
        f"SELECT Columns FROM sniff_csv($file, {_FORM}, delim=$delimiter, sample_size=$rows)",  # noqa: S608 - constants of this module
        {"file": file, "delimiter": delimiter, "rows": rows},
    ).fetchone()
    if found is None:
        raise NotATable("has no header")
    sniffed = Sheet(delimiter, tuple((column["name"], column["type"]) for column in found[0]))
    return Sheet(delimiter, _without_loss(connection, sniffed, file=file, rows=rows))


def common_sheet(sheets: list[Sheet]) -> Sheet | None:
    """The sheet that reads all of these files, None where their columns differ.

    Types are guesses and not a difference: numbers that are whole in one file only are DOUBLE, all else is VARCHAR.
    """
    first, *others = sheets
    names = tuple(name for name, _ in first.columns)
    for other in others:
        if (other.delimiter, tuple(name for name, _ in other.columns)) != (first.delimiter, names):
            return None
    kinds = zip(*([kind for _, kind in sheet.columns] for sheet in sheets), strict=True)
    return Sheet(first.delimiter, tuple(zip(names, map(_common, kinds), strict=True)))


def why_not(error: duckdb.Error) -> str:
    """Why DuckDB could not read a CSV, in words of ours: its own text quotes paths and rows."""
    text = str(error)
    line = re.search(r"CSV Error on Line: (\d+)", text)
    place = "" if line is None else f" in line {int(line[1]):,}"
    if "Invalid unicode" in text or "not utf-8 encoded" in text:
        return f"is not UTF-8 text{place}"
    return f"does not keep to the form of its header{place}" if line else "is not a CSV table whose rows fit its header"


def _delimiter(path: Path) -> str:
    if path.suffix in (".gz", ".zst"):
        return _DELIMITERS[0]
    with path.open("rb") as file:
        head = file.read(HEADER_BYTES_MAX)
    # From the header alone: given the choice, the sniffer reads a file with one ragged row as a single column.
    header = re.sub(rb'"[^"]*"', b'""', head.removeprefix(b"\xef\xbb\xbf")).splitlines()
    if not header or not header[0].strip():
        raise NotATable("has no header: its first line is empty")
    return max(_DELIMITERS, key=lambda delimiter: header[0].count(delimiter.encode()))


def _without_loss(
    connection: duckdb.DuckDBPyConnection, sheet: Sheet, *, file: str, rows: int
) -> tuple[tuple[str, str], ...]:
    sampled = f"FROM {READ}" if rows == ALL_ROWS else f"FROM (FROM {READ} LIMIT {rows:d})"
    lost = ", ".join(_loses(name, kind) for name, kind in sheet.columns)
    # count(*) makes it one row also where every column is text already.
    counted = connection.execute(
        f"SELECT {lost}, count(*) {sampled}", {"files": [file], **sheet.read_as(text_only=True)}
    ).fetchone()
    losses = (counted or ())[:-1]
    return tuple(
        (name, "VARCHAR" if loses else kind) for (name, kind), loses in zip(sheet.columns, losses, strict=True)
    )


def _loses(name: str, kind: str) -> str:
    """SQL that is true where a value of the column would change by being read as that type."""
    if kind not in _LOSSLESS:
        return "true"
    text = quoting.name(name)
    kept = f"regexp_full_match({text}, '{_LOSSLESS[kind]}') AND TRY_CAST({text} AS {kind}) IS NOT NULL"
    if kind == "DOUBLE":
        digits = f"ltrim(regexp_replace(split_part(lower({text}), 'e', 1), '[^0-9]', '', 'g'), '0')"
        kept += f" AND length({digits}) <= {_DOUBLE_DIGITS_MAX}"
        # 1e999 would be read as infinity, and 1e-999 as nothing.
        number = f"TRY_CAST({text} AS DOUBLE)"
        kept += f" AND isfinite({number}) AND ({number} <> 0 OR {digits} = '')"
    return f"coalesce(bool_or({text} IS NOT NULL AND NOT ({kept})), false)"


def _common(kinds: tuple[str, ...]) -> str:
    if len(set(kinds)) == 1:
        return kinds[0]
    return "DOUBLE" if set(kinds) == {"BIGINT", "DOUBLE"} else "VARCHAR"
