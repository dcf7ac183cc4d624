"""What a source may say of a partition beside its rows: control totals, by the names of the declared controls."""

import math
import re
from decimal import Decimal
from typing import Literal

from pydantic import Field, model_validator

from orders_monitor.core.value import Value

NO_VALUE = "NULL"
WHOLE = ""
GROUPS_MAX = 1_000

# More than any database's widest decimal; a sentence about a number has to have an end.
_DIGITS_MAX = 80


class Control(Value):
    """One total to compare: rows, the sum of a column or its distinct values, of everything or `by` a column's values.

    `tolerance` is the share, 0 to 1, by which the two may differ. Names are the contract's.
    """

    measure: Literal["rows", "sum", "distinct"]
    column: str | None = None
    by: str | None = None
    tolerance: float = Field(default=0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _rows_have_no_column(self) -> "Control":
        if (self.measure == "rows") != (self.column is None):
            raise ValueError(f"{self.measure} needs {'no' if self.measure == 'rows' else 'a'} column")
        return self

    @property
    def name(self) -> str:
        """How its total is called where a source writes it down: `rows`, `sum_amount_by_currency`."""
        by = [] if self.by is None else ["by", self.by]
        words = [self.measure, *([] if self.column is None else [self.column]), *by]
        return re.sub(r"[^A-Za-z0-9]+", "_", "_".join(words)).strip("_")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads."""
        return tuple(name for name in (self.column, self.by) if name is not None)


def can_be_total(number: Decimal) -> bool:
    """Whether a number is one that can be compared and told: finite, also as a double, of at most 80 digits."""
    return number.is_finite() and math.isfinite(float(number)) and len(number.as_tuple().digits) <= _DIGITS_MAX


class Total(Value):
    """The value of one control as decimal text, by group; the group of everything is called by the empty text.

    `groups` is None where it cannot be computed of these bytes (a column is not there, or is no number).
    """

    control: str
    groups: dict[str, str] | None
