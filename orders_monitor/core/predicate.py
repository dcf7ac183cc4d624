"""Which rows a plan sets aside. A predicate is a value, never SQL text: nothing a row or a model says is executed."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from orders_monitor.core.expectation import Expectation
from orders_monitor.core.value import Value


class IsNull(Value):
    """The column has no value."""

    kind: Literal["is_null"] = "is_null"
    column: str


class NotIn(Value):
    """The column has a value that is not one of these."""

    kind: Literal["not_in"] = "not_in"
    column: str
    values: tuple[str, ...]


class OutOfRange(Value):
    """The column has a value below `minimum` or above `maximum` (compared as the column's own type)."""

    kind: Literal["out_of_range"] = "out_of_range"
    column: str
    minimum: str | None = None
    maximum: str | None = None


class NotMatching(Value):
    """The column has a value in which the regular expression (RE2) is found nowhere."""

    kind: Literal["not_matching"] = "not_matching"
    column: str
    regex: str


class LongerThan(Value):
    """The column has a text of more characters."""

    kind: Literal["longer_than"] = "longer_than"
    column: str
    characters: int


Predicate = Annotated[IsNull | NotIn | OutOfRange | NotMatching | LongerThan, Field(discriminator="kind")]


def violated_by(expectation: Expectation) -> Predicate | None:
    """The rows that an expectation calls unexpected, where one predicate says it; else None."""
    kwargs, column = expectation.kwargs, expectation.column
    if column is None or kwargs.get("row_condition") or kwargs.get("strict_min") or kwargs.get("strict_max"):
        return None
    match expectation.type:
        case "expect_column_values_to_not_be_null":
            return IsNull(column=column)
        case "expect_column_values_to_be_in_set":
            values = tuple(str(value) for value in kwargs.get("value_set") or () if value is not None)
            return NotIn(column=column, values=values) if values else None
        case "expect_column_values_to_be_between":
            minimum, maximum = _text(kwargs.get("min_value")), _text(kwargs.get("max_value"))
            bounded = minimum is not None or maximum is not None
            return OutOfRange(column=column, minimum=minimum, maximum=maximum) if bounded else None
        case "expect_column_values_to_match_regex" if kwargs.get("regex"):
            return NotMatching(column=column, regex=str(kwargs["regex"]))
        case "expect_column_value_lengths_to_be_between" if kwargs.get("min_value") in (None, 0):
            longest = kwargs.get("max_value")
            return LongerThan(column=column, characters=longest) if isinstance(longest, int) else None
    return None


def _text(bound: object) -> str | None:
    if bound is None:
        return None
    return format(Decimal(str(bound)), "f") if isinstance(bound, int | float) else str(bound)
