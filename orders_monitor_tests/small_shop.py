"""A small monitored table over CSV files, and its runs: the real pipeline and stores, in a folder of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from orders_monitor.core.review import Gate
from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline import keys
from orders_monitor.pipeline.execution import QUIET, definitions_of
from orders_monitor.pipeline.resources import Desk, open_desk
from orders_monitor.settings import Settings, read_settings

DAY = "2026-03-04"
DAY_BEFORE = "2026-03-03"
STATUSES = ["paid", "shipped", "cancelled"]
HEADER = "order_id,status,quantity,email,amount,created_at"


def rows_of(day: str, count: int = 40) -> list[list[str]]:
    """A quiet day: every row keeps the contract and every expectation."""
    return [
        [
            str(int(day.replace("-", "")) * 1_000 + n),
            STATUSES[n % 3],
            str(1 + n % 4),
            f"customer{n % 17}@example.com",
            f"{10 + n % 23}.50",
            f"{day} {8 + n % 12:02d}:{n % 60:02d}:00",
        ]
        for n in range(count)
    ]


def csv_of(rows: Sequence[Sequence[str]], header: str = HEADER) -> str:
    """The rows as the upstream's file."""
    return "\n".join([header, *(",".join(row) for row in rows)]) + "\n"


def declared(folder: Path, **changes: Any) -> MonitoredTable:
    """The small shop's declaration; `changes` replace whole attributes."""
    attributes: dict[str, Any] = {
        "name": "small_shop",
        "source": {"kind": "files", "path": f"{folder}/{{partition}}.csv", "format": "csv"},
        "partitions": {"start": "2026-03-01"},
        "contract": {
            "key": ["order_id"],
            "columns": [
                {"name": "order_id", "type": "BIGINT", "nullable": False},
                {"name": "status", "type": "VARCHAR", "nullable": False},
                {"name": "quantity", "type": "BIGINT", "nullable": False},
                {"name": "email", "type": "VARCHAR", "personal": True},
                {"name": "amount", "type": "DOUBLE"},
                {"name": "created_at", "type": "TIMESTAMP"},
            ],
        },
        "expectations": [
            {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "order_id"}},
            {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "order_id"}},
            {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "status", "value_set": STATUSES}},
            {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "email", "regex": "@"}},
        ],
        "owners": {"team": "shop"},
        "policy": {"quarantine_share_automatic": 0.03, "review_share_max": 0.2},
        **changes,
    }
    return MonitoredTable.model_validate(attributes)


@dataclass(frozen=True)
class Shop:
    """One declared table, its upstream's folder, its instance and its settings."""

    table: MonitoredTable
    upstream: Path
    instance: dg.DagsterInstance
    settings: Settings

    def arrives(self, day: str, text: str | bytes) -> None:
        """The upstream writes (or rewrites) its file of that day."""
        body = text.encode() if isinstance(text, str) else text
        (self.upstream / f"{day}.csv").write_bytes(body)

    def night(self, day: str) -> dg.ExecuteInProcessResult:
        """The nightly job of that partition."""
        return self.job(keys.nightly_job(self.table), day)

    def publication(self, day: str) -> dg.ExecuteInProcessResult:
        """The publish job of that partition, as the decisions sensor launches it."""
        return self.job(keys.publish_job(self.table), day)

    def job(self, name: str, day: str, **run: Any) -> dg.ExecuteInProcessResult:
        """A job of the monitor on that partition."""
        job = definitions_of(self.table).resolve_job_def(name)
        quiet = {"run_config": QUIET, **run}
        return job.execute_in_process(instance=self.instance, partition_key=day, raise_on_error=False, **quiet)

    def selected(self, day: str, selection: dg.AssetSelection) -> dg.ExecuteInProcessResult:
        """Whatever somebody selects in the UI, on that partition."""
        job = dg.define_asset_job("selected", selection)
        definitions = dg.Definitions.merge(definitions_of(self.table), dg.Definitions(jobs=[job]))
        return definitions.resolve_job_def("selected").execute_in_process(
            instance=self.instance, partition_key=day, raise_on_error=False
        )

    def gate(self, day: str) -> Gate:
        """What the gate says now."""
        with self.desk() as desk:
            return desk.gate(day)

    def desk(self) -> Any:
        """A desk outside a run, to look at the stores."""
        return open_desk(self.table, run_id="test", settings=self.settings)


def open_shop(home: Path, instance: dg.DagsterInstance, **changes: Any) -> Shop:
    """A shop whose stores are the ones that the environment names: the fixture has pointed it at `home`."""
    upstream = home / "upstream"
    upstream.mkdir(parents=True, exist_ok=True)
    return Shop(table=declared(upstream, **changes), upstream=upstream, instance=instance, settings=read_settings())


def checks_of(result: dg.ExecuteInProcessResult) -> Mapping[str, tuple[bool, str]]:
    """Each check of a run: whether it passed, and at which severity."""
    return {e.check_name: (e.passed, e.severity.value) for e in result.get_asset_check_evaluations()}


def materialized(result: dg.ExecuteInProcessResult) -> list[str]:
    """The assets that a run materialized, in order."""
    return [event.asset_key.to_user_string() for event in result.get_asset_materialization_events() if event.asset_key]


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    """The sentence with which a run failed."""
    for event in result.all_node_events:
        if event.is_step_failure:
            said = event.step_failure_data.user_failure_data
            return "" if said is None else said.description or ""
    return ""


def published_days(desk: Desk, days: Sequence[str]) -> dict[str, int | None]:
    """The Delta version of each day, or None where nothing is published."""
    cases = {day: desk.case(day).published for day in days}
    return {day: None if publication is None else publication.delta_version for day, publication in cases.items()}
