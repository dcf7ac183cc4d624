"""What the contract promises of values is asked like a declared expectation: else a promise would be decoration."""

from collections.abc import Iterator, Sequence

from orders_monitor.core.column_type import is_numeric, normal, relation
from orders_monitor.core.contract import Contract
from orders_monitor.core.expectation import IN_SET, NOT_NULL, UNIQUE, UNIQUE_TOGETHER, Expectation
from orders_monitor.core.totals import Control


def unasked(contract: Contract, declared: Sequence[Expectation]) -> tuple[Expectation, ...]:
    """The promises (not null, allowed values, key) that no declared expectation asks, each as a gate.

    A declared expectation of the same type about the same columns takes a promise's place, with its own tolerance.
    """
    asked = {_about(expectation) for expectation in declared}
    return tuple(promise for promise in _promises(contract) if _about(promise) not in asked)


def uncontrollable(control: Control, contract: Contract) -> str | None:
    """Why the contract cannot be controlled by that total; None where it can."""
    unknown = next((name for name in control.columns if contract.column(name) is None), None)
    if unknown is not None:
        return f"{unknown!r} is not a column of the contract"
    summed = contract.column(control.column or "")
    if control.measure == "sum" and summed is not None and not is_numeric(summed.type):
        return f"{control.column!r} is {summed.type}, which has no sum"
    if control.measure == "sum" and summed is not None and summed.personal:
        return f"{control.column!r} is personal, and a sum of one row is its value"
    by = contract.column(control.by or "")
    # A moment or an amount is written in another way by every database: its groups would never agree.
    if by is not None and not (normal(by.type) == "VARCHAR" or relation(was=by.type, now="HUGEINT") == "widened"):
        return f"rows are grouped by text or whole numbers, and {control.by!r} is {by.type}"
    return f"{control.by!r} is personal, and groups are told" if by is not None and by.personal else None


def _promises(contract: Contract) -> Iterator[Expectation]:
    for column in contract.columns:
        if not column.nullable:
            yield Expectation(type=NOT_NULL, kwargs={"column": column.name})
        if column.allowed is not None:
            yield Expectation(type=IN_SET, kwargs={"column": column.name, "value_set": list(column.allowed)})
    if len(contract.key) == 1:
        yield Expectation(type=UNIQUE, kwargs={"column": contract.key[0]})
    if len(contract.key) > 1:
        yield Expectation(type=UNIQUE_TOGETHER, id="key_is_unique", kwargs={"column_list": list(contract.key)})


def _about(expectation: Expectation) -> tuple[str, frozenset[str]]:
    listed = expectation.kwargs.get("column_list")
    names = listed if isinstance(listed, list | tuple) else [expectation.column]
    return expectation.type, frozenset(str(name) for name in names)
