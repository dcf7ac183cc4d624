import pytest
from pydantic import ValidationError

from orders_monitor.core.table import MonitoredTable

DECLARED = {
    "name": "refunds",
    "source": {"kind": "files", "path": "refunds/{partition}.parquet"},
    "partitions": {"start": "2026-01-01"},
    "contract": {"columns": [{"name": "id", "type": "BIGINT"}]},
    "owners": {"team": "data"},
}
UNIQUE = {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}}


def test_the_least_declaration_is_enough():
    """What is not declared has careful defaults: nobody publishes a repaired column without a person."""
    table = MonitoredTable.model_validate(DECLARED)

    assert ("UTC", 60_000, 250_000, "masked", "human") == (
        table.partitions.timezone,
        table.budget.run_tokens,
        table.budget.run_micro_usd,
        table.sample_values,
        table.policy.route("rename_column"),
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"name": "Orders Daily"}, "should match pattern"),
        ({"partitions": {"start": "2026-01-01", "timezone": "Mars/Base"}}, "'Mars/Base' is not a time zone"),
        ({"partitions": {"start": "2026-01-01", "timezone": "../etc/passwd"}}, "is not a time zone"),
        ({"partitions": {"start": "2026-01-02", "end": "2026-01-01"}}, "2026-01-01 is before the first one 2026-01-02"),
        ({"contract": {"columns": [{"name": "Partition_Date", "type": "DATE"}]}}, "give it another name with `source"),
        ({"expectations": [UNIQUE, UNIQUE]}, "two checks would be called 'id_be_unique'"),
        ({"expectations": [UNIQUE | {"id": "quality_gate"}]}, "two checks would be called 'quality_gate'"),
        ({"policy": {"routes": {"publish": "automatic"}}}, "Input should be"),
        ({"policy": {"routes": {"overwrite": "maybe"}}}, "it is automatic, human, two_humans or never"),
        ({"policy": {"quarantine_share_automatic": 2}}, "less than or equal to 1"),
        ({"budget": {"run_tokens": -1}}, "greater than or equal to 0"),
        ({"tolerances": {"volume_deviations": 0}}, "greater than 0"),
        ({"tolerances": {"days_min": 9, "days_max": 8}}, "days_min 9 is above days_max 8"),
        ({"source": {"kind": "carrier_pigeon"}}, "carrier_pigeon"),
        ({"sauce": {}}, "Extra inputs are not permitted"),
    ],
)
def test_a_wrong_declaration_is_refused(change, why):
    """Every mistake is found when it is read, and not at night."""
    with pytest.raises(ValidationError, match=why):
        MonitoredTable.model_validate(DECLARED | change)


def test_checks_of_one_name_may_be_told_apart_by_an_id():
    """Two expectations that would share a name need one `id`."""
    table = MonitoredTable.model_validate(DECLARED | {"expectations": [UNIQUE, UNIQUE | {"id": "again"}]})

    assert ["id_be_unique", "again"] == [expectation.check_name for expectation in table.expectations]
