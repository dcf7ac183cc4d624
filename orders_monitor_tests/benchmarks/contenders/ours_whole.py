"""The same as a process that validates one file meets it: Great Expectations is imported while the rows are read.

What to read is kept from the last time this was declared, as a table's nightly run keeps it; the warming run makes it.
"""

from pathlib import Path

from orders_monitor_tests.benchmarks.contenders import ours
from orders_monitor_tests.benchmarks.contenders.suite import contend


def validated(path: str, rows: int) -> dict[str, int]:
    """The import is in the time that this takes."""
    return ours.validated(path, rows, plan=Path(path).with_name("read_ahead.json"))


if __name__ == "__main__":
    contend(validated)
