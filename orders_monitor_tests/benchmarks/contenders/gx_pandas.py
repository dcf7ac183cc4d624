"""Great Expectations as it comes, on pandas."""

import duckdb
import great_expectations as gx

from orders_monitor.adapters.expectations.library import great_expectations
from orders_monitor_tests.benchmarks.contenders.declared import declared
from orders_monitor_tests.benchmarks.contenders.suite import READ, contend


def validated(path: str, rows: int) -> dict[str, int]:
    """The same suite on a frame that DuckDB fills: quicker than pandas reads it, and decimals are quick floats."""
    with duckdb.connect() as connection:
        frame = connection.execute(f"select {', '.join(READ)} from '{path}'").df()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    batch = (
        context.data_sources.add_pandas("orders")
        .add_dataframe_asset("orders")
        .add_batch_definition_whole_dataframe("all")
        .get_batch(batch_parameters={"dataframe": frame})
    )
    suite = gx.ExpectationSuite(name="orders")
    for name, type_, kwargs in declared(rows, amount_type="float64"):
        theirs = gx.expectations.registry.get_expectation_impl(f"expect_{type_}")
        suite.add_expectation(theirs(**kwargs, meta={"name": name}))
    answers = batch.validate(suite, result_format="SUMMARY").results
    return {
        answer.expectation_config.meta["name"]: answer.result.get("unexpected_count") or int(not answer.success)
        for answer in answers
    }


if __name__ == "__main__":
    great_expectations()
    contend(validated)
