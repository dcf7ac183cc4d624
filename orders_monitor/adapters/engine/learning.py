"""Which relations hold on earlier days: learned from types and data alone, no name of a column means anything."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from orders_monitor.core.contract import Contract
from orders_monitor.core.rules import KeyRepeats, RowRepeats, Rule, Rules


def learn(
    connection: duckdb.DuckDBPyConnection,  # noqa: ARG001 - the first form looks at no row
    paths: Sequence[Path],
    contract: Contract,
    *,
    partitions: Sequence[str],  # noqa: ARG001 - as above
) -> Rules:
    """The rules of a table whose earlier partitions are these files, oldest first."""
    rules: list[Rule] = [RowRepeats()]
    if contract.key:
        rules.append(KeyRepeats(columns=contract.key))
    return Rules(rules=tuple(rules), days=len(paths))
