"""The rows that look wrong: the evidence of all rules against a row, summed, and the reasons for each."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from orders_monitor.core.rules import FlaggedRow, Rules


def flag(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    rules: Rules,
    memories: Sequence[Path],
    *,
    partition: str,
    rows_max: int,
) -> tuple[FlaggedRow, ...]:
    """The rows with the most evidence against them, the strongest first."""
    return ()
