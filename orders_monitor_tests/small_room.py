"""A small landed partition with two days of history, as the workbench gets them: texts, persons, strangers, times."""

from pathlib import Path

import duckdb

from orders_monitor.adapters.engine.conditions import condition
from orders_monitor.adapters.workbench.workbench import open_workbench
from orders_monitor.core.contract import Column, Contract
from orders_monitor.core.release import SqlLimits

CONTRACT = Contract(
    columns=(
        Column(name="order_id", type="BIGINT", nullable=False),
        Column(name="email", type="VARCHAR", personal=True),
        Column(name="phone", type="BIGINT", personal=True),
        Column(name="status", type="VARCHAR"),
        Column(name="note", type="VARCHAR"),
        Column(name="amount", type="DECIMAL(12,2)"),
        Column(name="created_at", type="TIMESTAMP"),
        Column(name="tags", type="VARCHAR[]"),
    ),
    key=("order_id",),
)
DAYS = ("2026-11-17", "2026-11-18")
# One of every ten orders is `lost`, all of them in the third hour; each of five people orders again and again.
ROWS = """
SELECT
    i AS order_id,
    'user' || (i % 5) || '@example.org' AS email,
    49170000000 + i AS phone,
    CASE WHEN i % 10 = 0 THEN 'lost' ELSE 'paid' END AS status,
    'note of order ' || i AS note,
    CAST(i AS DECIMAL(12,2)) / 2 AS amount,
    TIMESTAMP '2026-11-19 00:00:00' + INTERVAL (CASE WHEN i % 10 = 0 THEN 3 ELSE i % 24 END) HOUR AS created_at,
    ['a', 'b'] AS tags,
    'stranger ' || i AS "Odd ""name"" from strangers",
    i AS guest
FROM range(100) t(i)
"""


def write(folder: Path, called: str, sql: str = ROWS) -> Path:
    """A Parquet file of a query's rows."""
    path = folder / f"{called}.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet)")
    return path


def room(folder: Path, *, landed: Path | None = None, text_columns=("status",), days=DAYS, **limits):
    """An open workbench over small files in a folder; `limits` are the release's."""
    history = {day: folder / f"{day}.parquet" for day in days}
    for path in history.values():
        if not path.exists():
            write(folder, path.stem, f'SELECT * EXCLUDE ("Odd ""name"" from strangers", guest) FROM ({ROWS})')
    return open_workbench(
        landed or write(folder, "landed"),
        history=history,
        contract=CONTRACT,
        text_columns=text_columns,
        limits=SqlLimits(**limits),
        catches=condition,
    )
