"""Great Expectations as this project runs it: on a DuckDB view over the file."""

import importlib
from pathlib import Path

import duckdb

from orders_monitor.adapters.expectations.library import great_expectations
from orders_monitor.adapters.expectations.validate import validate
from orders_monitor.core.expectation import Expectation
from orders_monitor_tests.benchmarks.contenders.declared import declared
from orders_monitor_tests.benchmarks.contenders.suite import contend


def validated(path: str, rows: int, *, plan: Path | None = None) -> dict[str, int]:
    """With masked samples of what is broken, as a run asks for them."""
    asked = [Expectation(type=f"expect_{type_}", kwargs=kwargs, id=name) for name, type_, kwargs in declared(rows)]
    with duckdb.connect() as connection:
        connection.execute(f"create view orders as select * from '{path}'")
        outcomes = validate(connection, view="orders", expectations=asked, sample_values="masked", plan=plan)
    return {outcome.check_name: outcome.unexpected or int(not outcome.passed) for outcome in outcomes}


if __name__ == "__main__":
    # It imports Great Expectations when it is first needed; here that is part of the process and not of validating.
    great_expectations()
    importlib.import_module("orders_monitor.adapters.expectations.asking")
    contend(validated)
