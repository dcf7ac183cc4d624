# ruff: noqa: T201 - a benchmark prints its table
"""A tick of the schema_drift sensor over many declared tables: metadata only, and under 50 ms of CPU a table.

    python -m orders_monitor_tests.benchmarks.sensors [TABLES]

Every table has a Parquet file of its own, which is larger than its footer by far. The tick is compared with reading the
same footers with DuckDB alone (a connection each, as the sensor opens them); the bytes that the process reads meanwhile
are counted by the kernel, and compared with the bytes that the files have.
"""

import logging
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import duckdb

from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline.schedule import nightly_job
from orders_monitor.pipeline.sensors import schema_drift_sensor

TABLES = 1_000
ROWS = 100_000
TICK_MS_MAX = 50.0
READ_SHARE_MAX = 0.05
PARTITION = "2026-03-01"
NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)


def main(arguments: Sequence[str]) -> int:
    """Print the table; 1 where a tick takes too long or reads the data."""
    tables = int(arguments[0]) if arguments else TABLES
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ORDERS_MONITOR_HOME"] = f"{folder}/home"
        files = _upstreams(Path(folder), tables)
        footers_ms = _footers(files) / tables * 1_000
        before = _bytes_read()
        tick_ms = _ticks([_declared(file) for file in files]) / tables * 1_000
        share = (_bytes_read() - before) / sum(file.stat().st_size for file in files)
    print(f"{tables:,} tables of {ROWS:,} rows, one tick of each sensor")
    print(f"  reading the footer with DuckDB alone   {footers_ms:8.2f} ms a table   1.00")
    print(f"  a tick of the sensor                   {tick_ms:8.2f} ms a table   {tick_ms / footers_ms:.2f}")
    print(f"  share of the files' bytes that was read {share:7.2%}")
    missed = tick_ms > TICK_MS_MAX or share > READ_SHARE_MAX
    print(f"bars: {TICK_MS_MAX:.0f} ms a table, {READ_SHARE_MAX:.0%} of the bytes: {'MISSED' if missed else 'met'}")
    return int(missed)


def _upstreams(folder: Path, tables: int) -> list[Path]:
    """One file of rows a table; the same bytes under a thousand names."""
    made = folder / "rows.parquet"
    with duckdb.connect() as connection:
        columns = ", ".join(f"hash(i, {n}) AS c{n}" for n in range(13))
        connection.execute(
            f"COPY (SELECT i AS id, 'paid' AS status, {columns} FROM range({ROWS}) t(i)) TO '{made}' (FORMAT parquet)"
        )
    files = []
    for number in range(tables):
        upstream = folder / f"t{number:04}"
        upstream.mkdir()
        files.append(upstream / f"{PARTITION}.parquet")
        files[-1].hardlink_to(made)
    return files


def _declared(file: Path) -> MonitoredTable:
    return MonitoredTable.model_validate(
        {
            "name": file.parent.name,
            "source": {"kind": "files", "path": f"{file.parent}/{{partition}}.parquet"},
            "partitions": {"start": PARTITION, "end": PARTITION},
            "contract": {"key": ["id"], "columns": [{"name": "id", "type": "BIGINT"}]},
            "owners": {"team": "data"},
        }
    )


def _footers(files: Sequence[Path]) -> float:
    """CPU seconds for the least that a tick has to do."""
    begun = time.process_time()
    for file in files:
        with duckdb.connect(config={"threads": 1}) as connection:
            connection.execute("DESCRIBE FROM read_parquet(?)", [str(file)]).fetchall()
    return time.process_time() - begun


def _ticks(tables: Sequence[MonitoredTable]) -> float:
    """CPU seconds for one evaluation of every sensor, each with the cursor that the first tick of one of them left."""
    with dg.DagsterInstance.ephemeral() as instance:
        sensors = [schema_drift_sensor(table, nightly_job(table), now=lambda: NOW) for table in tables]
        cursors = [_tick(sensor, None, instance) for sensor in sensors[:1]] * len(sensors)
        begun = time.process_time()
        for sensor, cursor in zip(sensors, cursors, strict=True):
            _tick(sensor, cursor, instance)
        return time.process_time() - begun


def _tick(sensor: dg.SensorDefinition, cursor: str | None, instance: dg.DagsterInstance) -> str | None:
    with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
        result = sensor(context)
    return result.cursor if isinstance(result, dg.SensorResult) else None


def _bytes_read() -> int:
    """Bytes that this process has asked the kernel for, from its page cache or from disk."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("rchar")).split()[1])


if __name__ == "__main__":
    warnings.simplefilter("ignore", dg.PreviewWarning)
    logging.disable(logging.WARNING)
    sys.exit(main(sys.argv[1:]))
