"""A published history made quickly: every record and file that the stages leave, without running them."""

import contextlib
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import duckdb

from orders_monitor.core.candidate import Candidate, Validation
from orders_monitor.core.landing import Landing
from orders_monitor.core.plan import Plan, PublishAsIs
from orders_monitor.core.publication import Claimable
from orders_monitor.core.review import Asked
from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline.resources import Desk, open_desk
from orders_monitor.pipeline.watching import learn_from
from orders_monitor.settings import read_settings

FIRST = dt.date(2026, 1, 5)
# An item costs what it costs; nothing else in it is regular.
ROWS = """
SELECT
    ({day} * 1000 + i) AS order_id,
    CASE hash(i, {day}, 's') % 3 WHEN 0 THEN 'paid' WHEN 1 THEN 'shipped' ELSE 'cancelled' END AS status,
    CAST(1 + hash(i, {day}, 'q') % 4 AS BIGINT) AS quantity,
    'customer' || (hash(i, {day}, 'c') % 50) || '@example.com' AS email,
    CAST(5 + hash(i, {day}, 'a') % 40 AS DOUBLE) AS amount,
    TIMESTAMP '{date} 06:00:00' + INTERVAL (i * 50400 // {count}) SECOND AS created_at
FROM range({count}) t(i)
"""


def day_of(number: int) -> str:
    """The partition of that number, from 0."""
    return (FIRST + dt.timedelta(days=number)).isoformat()


def rows_of(number: int) -> str:
    """SQL of an ordinary day's rows: some more or less, every day others."""
    return ROWS.format(day=number, date=day_of(number), count=80 + number * 7919 % 9)


def publish(desk: Desk, partition: str, sql: str) -> Path:
    """Land, plan, decide and publish these rows as they are, and let the history learn from them."""
    with desk.lake.scratch() as scratch:
        file = scratch / "rows.parquet"
        with duckdb.connect() as connection:
            connection.execute(f"COPY ({sql}) TO '{file}' (FORMAT parquet)")
        kept = desk.lake.keep(file, table=desk.table.name, partition=partition, stage="candidate")
    path = desk.lake.path(kept.path)
    schema = desk.engine.schema(path)
    personal = frozenset(column.name for column in desk.table.contract.columns if column.personal)
    profile = desk.engine.profile(path, personal=personal)
    landing = Landing(
        table=desk.table.name,
        partition=partition,
        path=kept.path,
        digest=kept.digest,
        rows=profile.rows,
        landed_schema=schema,
    )
    plan = Plan(
        table=desk.table.name,
        partition=partition,
        landed_digest=kept.digest,
        release="1",
        origin="clean",
        actions=(PublishAsIs(),),
    )
    candidate = Candidate(
        plan_digest=plan.digest,
        landed_digest=kept.digest,
        path=kept.path,
        digest=kept.digest,
        size_bytes=kept.size_bytes,
        landed_rows=profile.rows,
        rows=profile.rows,
        quarantined_rows=0,
        duplicate_rows=0,
    )
    desk.journal.record_all(
        table=desk.table.name,
        partition=partition,
        run_id=f"night-{partition}",
        bodies=[
            ("landed", landing),
            ("profile", profile.model_copy(update={"landed_digest": kept.digest})),
            ("plan", plan),
            ("candidate", candidate),
            ("validation", Validation(candidate_digest=kept.digest, outcomes=())),
            ("published_profile", profile),
        ],
    )
    place = {"table": desk.table.name, "partition": partition, "environment": "dev"}
    digest = desk.journal.case(desk.table.name, partition, environment="dev").digest
    desk.record(partition, "decision_asked", Asked(digest=digest, route="automatic"))
    desk.journal.decide(**place, digest=digest, verdict="approve", reviewer="policy", note="", source="policy")
    step = desk.journal.claim(**place, run_id=desk.run_id)
    assert isinstance(step, Claimable)
    learn_from(desk, partition, path, digest=kept.digest)
    desk.journal.receipt(step.claim, delta_version=0)
    return path


@contextlib.contextmanager
def history_of(table: MonitoredTable, days: int) -> Iterator[Desk]:
    """A desk with so many ordinary published days, in the home that the environment names."""
    with open_desk(table, run_id="night", settings=read_settings()) as desk:
        for number in range(days):
            publish(desk, day_of(number), rows_of(number))
        yield desk
