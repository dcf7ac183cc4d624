import pytest
from pydantic import ValidationError

from orders_monitor.core.contract import Column, Contract
from orders_monitor.core.schema import ColumnSchema, Schema

ID, AMOUNT = Column(name="id", type="BIGINT"), Column(name="amount", type="DECIMAL(12,2)", unit="EUR")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"columns": ()}, "at least 1 item"),
        ({"columns": (ID, Column(name="ID", type="VARCHAR"))}, "two columns have the same name"),
        ({"columns": (ID,), "key": ("order_id",)}, "key names 'order_id', which is not a column of the contract"),
        ({"columns": (ID,), "tolerate": ("everything",)}, "Input should be"),
        ({"columns": ({"name": "", "type": "BIGINT"},)}, "at least 1 character"),
    ],
)
def test_a_contract_that_contradicts_itself_is_refused(fields, why):
    """Names are unique without case, a key names columns, tolerated changes are known kinds."""
    with pytest.raises(ValidationError, match=why):
        Contract(**fields)


def test_a_contract_promises_names_types_and_order():
    """The promised schema is what landings are compared with; unknown columns are None."""
    contract = Contract(columns=(ID, AMOUNT), key=("id",))
    promised = Schema(
        columns=(ColumnSchema(name="id", type="BIGINT"), ColumnSchema(name="amount", type="DECIMAL(12,2)"))
    )

    assert (promised, AMOUNT, None) == (contract.promised_schema, contract.column("amount"), contract.column("AMOUNT"))


def test_a_fingerprint_changes_with_names_types_and_order_only():
    """Equal schemas have one fingerprint; each difference has another."""
    a, b, c = (ColumnSchema(name=n, type=t) for n, t in (("a", "BIGINT"), ("b", "BIGINT"), ("a", "VARCHAR")))
    schemas = [Schema(columns=columns) for columns in ((a, b), (b, a), (c, b), (a,), (a, b))]

    assert 4 == len({schema.fingerprint for schema in schemas})
    assert schemas[0].fingerprint == schemas[-1].fingerprint
