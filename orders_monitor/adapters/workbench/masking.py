"""What of a column a query may see: numbers, times and yes/no of promised columns; text where the release allows it.

Everything else is seen as `masked:` and 12 hexadecimal characters: equal values have equal masks, so they group, count
and join, within the partition and with its history. The key of the masks is a BLAKE2b digest of the landed bytes, made
anew by every process that has them, so a replay sees the same masks. It is not the SHA-256 by which the file is known:
who tries all likely e-mail addresses needs the key, and who has the bytes that it is made of has the addresses.
"""

import hashlib
from collections.abc import Collection, Sequence
from pathlib import Path

from orders_monitor.adapters.quoting import name, text
from orders_monitor.agent.briefing import may_show_text_of, may_show_values_of
from orders_monitor.core.column_type import is_plain
from orders_monitor.core.contract import Contract
from orders_monitor.core.schema import ColumnSchema, Schema

MASK = "masked:"
_PURPOSE = b"orders-monitor m"


def key_of(landed: Path) -> str:
    """The key of the masks of that file. Raises OSError."""
    with landed.open("rb") as opened:
        return hashlib.file_digest(opened, lambda: hashlib.blake2b(digest_size=16, person=_PURPOSE)).hexdigest()


def projection(
    schema: Schema, contract: Contract, *, text_columns: Collection[str], key: str, taken: Collection[str] = ()
) -> str:
    """The columns c0, c1, ... as the views show them: under their own names, masked where they must be."""
    shown = [seen(column, f"c{index}", contract, text_columns, key) for index, column in enumerate(schema.columns)]
    return ", ".join(f"{sql} AS {name(called)}" for sql, called in zip(shown, names(schema, taken), strict=True))


def names(schema: Schema, taken: Collection[str] = ()) -> list[str]:
    """The names of the columns in the views: each once, whatever its case, and only what SQL can say."""
    taken = set(taken)
    called = []
    for index, column in enumerate(schema.columns):
        said = column.name
        if said.lower() in taken or not said.isprintable() or not said:
            said = f"column_{index}"
            while said.lower() in taken:
                said += "_"
        taken.add(said.lower())
        called.append(said)
    return called


def seen(column: ColumnSchema, sql: str, contract: Contract, text_columns: Collection[str], key: str) -> str:
    """SQL of one column as a query sees it."""
    if may_show_values_of(contract, column.name):
        if is_plain(column.type):
            return f"CAST({sql} AS TIMESTAMP)" if is_timed(column) else sql
        if column.type == "VARCHAR" and may_show_text_of(contract, column.name, text_columns):
            return sql
    spelt = f"CAST({sql} AS VARCHAR)"
    return f"CASE WHEN {sql} IS NULL THEN NULL ELSE {text(MASK)} || left(md5({text(key)} || {spelt}), 12) END"


def is_timed(column: ColumnSchema) -> bool:
    """Whether a column counts time within a day."""
    return column.type.startswith("TIMESTAMP")


def is_ordered(column: ColumnSchema, contract: Contract) -> bool:
    """Whether smallest and largest of a column may be shown."""
    if not may_show_values_of(contract, column.name):
        return False
    return column.type != "BOOLEAN" and is_plain(column.type)


def columns_of(described: Sequence[tuple[object, ...]]) -> Schema:
    """The schema that a DESCRIBE tells."""
    return Schema(columns=tuple(ColumnSchema(name=str(row[0]), type=str(row[1])) for row in described))
