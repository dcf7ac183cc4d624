"""The floor: every column that the suite asks about is read, decoded and looked at."""

import duckdb

from orders_monitor_tests.benchmarks.contenders.suite import READ, contend


def read(path: str, _: int) -> dict[str, int]:
    """Nothing is validated."""
    with duckdb.connect() as connection:
        connection.execute(f"select bit_xor(hash({', '.join(READ)})) from '{path}'").fetchall()
    return {}


if __name__ == "__main__":
    contend(read)
