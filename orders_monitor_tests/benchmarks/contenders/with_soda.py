"""Soda Core 4 on DuckDB: one contract, verified without its cloud and without telemetry."""

import json
import logging
import os
from typing import Any

os.environ["SODA_CORE_TELEMETRY_ENABLED"] = "false"

import duckdb
from soda_core.common.yaml import ContractYamlSource
from soda_core.contracts.contract_verification import ContractVerificationSession
from soda_duckdb.common.data_sources.duckdb_data_source import DuckDBDataSourceImpl

from orders_monitor_tests.benchmarks.contenders.suite import (
    BETWEEN,
    DAY,
    IN_SET,
    KEY,
    MAIL,
    MEAN,
    NEXT_DAY,
    NOT_NULL,
    QUANTILES,
    READ,
    contend,
)


def contract(rows: int) -> dict[str, Any]:
    """Checks that Soda has where it has one, expressions elsewhere: those it puts into the same statement."""
    checks: dict[str, list[dict[str, Any]]] = {column: [] for column in READ}
    for column in NOT_NULL:
        checks[column].append({"missing": {"name": f"null_{column}"}})
    for column, allowed in IN_SET.items():
        checks[column].append({"invalid": {"name": f"set_{column}", "valid_values": list(allowed)}})
    for column, (low, high) in BETWEEN.items():
        checks[column].append({"invalid": {"name": f"range_{column}", "valid_min": low, "valid_max": high}})
    checks["email"].append({"invalid": {"name": "mail", "valid_format": {"regex": MAIL, "name": "mail"}}})
    checks[KEY].append({"duplicate": {"name": "unique"}})
    between = {"greater_than_or_equal": MEAN[0], "less_than_or_equal": MEAN[1]}
    mean = {"name": "mean", "function": "avg", "threshold": {"must_be_between": between}}
    checks["amount"].append({"aggregate": mean})
    # DuckDB computes the same aggregate once.
    held = " and ".join(
        f"quantile_disc(amount, {list(QUANTILES)})[{n}] between {low} and {high}"
        for n, (low, high) in enumerate(QUANTILES.values(), start=1)
    )
    table = [
        {"row_count": {"name": "rows", "threshold": {"must_be_between": _between(rows // 2, rows * 2)}}},
        {"schema": {"name": "type", "allow_extra_columns": True, "allow_other_column_order": True}},
        {
            "failed_rows": {
                "name": "range_order_ts",
                "expression": f"not (order_ts >= '{DAY}' and order_ts < '{NEXT_DAY}')",
            }
        },
        {"failed_rows": {"name": "shipped", "expression": "shipping_ts < order_ts"}},
        {"metric": {"name": "quantiles", "expression": f"(not ({held}))::integer", "threshold": {"must_be": 0}}},
    ]
    columns = [
        {
            "name": column,
            **({"data_type": "decimal"} if column == "amount" else {}),
            **({"checks": _unlike(asked)} if asked else {}),
        }
        for column, asked in checks.items()
    ]
    return {"dataset": "given/main/orders", "columns": columns, "checks": table}


def _between(low: int, high: int) -> dict[str, int]:
    return {"greater_than_or_equal": low, "less_than_or_equal": high}


def _unlike(checks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Two checks of a kind on one column are told apart by a qualifier."""
    return [{kind: {**about, "qualifier": about["name"]} for kind, about in check.items()} for check in checks]


def validated(path: str, rows: int) -> dict[str, int]:
    """What the contract says of a view over the file."""
    logging.disable(logging.CRITICAL)
    with duckdb.connect() as connection:
        connection.execute(f"create view orders as select * from '{path}'")
        session = ContractVerificationSession.execute(
            contract_yaml_sources=[ContractYamlSource.from_str(json.dumps(contract(rows)))],
            data_source_impls=[DuckDBDataSourceImpl.from_existing_cursor(connection, "given")],
        )
    (result,) = session.contract_verification_results
    return {each.check.name: _broken(each) for each in result.check_results}


def _broken(result: Any) -> int:
    if result.check.name in ("rows", "type", "mean", "quantiles"):
        return int(not result.is_passed)
    return int(result.threshold_value)


if __name__ == "__main__":
    contend(validated)
