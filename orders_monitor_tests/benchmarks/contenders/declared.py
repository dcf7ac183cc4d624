"""The suite as Great Expectations' own types and arguments."""

from typing import Any

from orders_monitor_tests.benchmarks.contenders.suite import (
    AMOUNT_TYPE,
    BETWEEN,
    DAY,
    IN_SET,
    KEY,
    MAIL,
    MEAN,
    NEXT_DAY,
    NOT_NULL,
    QUANTILES,
)

Declared = tuple[str, str, dict[str, Any]]


def declared(rows: int, *, amount_type: str = "DECIMAL({},{})".format(*AMOUNT_TYPE)) -> list[Declared]:
    """Name, type and arguments of each expectation."""
    quantiles = {"quantiles": list(QUANTILES), "value_ranges": [list(bounds) for bounds in QUANTILES.values()]}
    day = {"min_value": f"{DAY}T00:00:00", "max_value": f"{NEXT_DAY}T00:00:00", "strict_max": True}
    pair = {"column_A": "shipping_ts", "column_B": "order_ts", "or_equal": True}
    return [
        *((f"null_{column}", "column_values_to_not_be_null", {"column": column}) for column in NOT_NULL),
        *(
            (f"set_{column}", "column_values_to_be_in_set", {"column": column, "value_set": list(allowed)})
            for column, allowed in IN_SET.items()
        ),
        *(
            (f"range_{column}", "column_values_to_be_between", {"column": column, "min_value": low, "max_value": high})
            for column, (low, high) in BETWEEN.items()
        ),
        ("range_order_ts", "column_values_to_be_between", {"column": "order_ts", **day}),
        ("unique", "column_values_to_be_unique", {"column": KEY}),
        ("mail", "column_values_to_match_regex", {"column": "email", "regex": MAIL}),
        (
            "shipped",
            "column_pair_values_a_to_be_greater_than_b",
            {**pair, "ignore_row_if": "either_value_is_missing"},
        ),
        ("rows", "table_row_count_to_be_between", {"min_value": rows // 2, "max_value": rows * 2}),
        ("type", "column_values_to_be_of_type", {"column": "amount", "type_": amount_type}),
        ("mean", "column_mean_to_be_between", {"column": "amount", "min_value": MEAN[0], "max_value": MEAN[1]}),
        ("quantiles", "column_quantile_values_to_be_between", {"column": "amount", "quantile_ranges": quantiles}),
    ]
