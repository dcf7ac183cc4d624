"""An expectation as declared, and what came of it on some exact bytes. Great Expectations runs it; this names it."""

import re
from typing import Any, Literal

from pydantic import Field

from orders_monitor.core.value import Value

Severity = Literal["gate", "warn"]

NOT_NULL = "expect_column_values_to_not_be_null"
IN_SET = "expect_column_values_to_be_in_set"
UNIQUE = "expect_column_values_to_be_unique"
UNIQUE_TOGETHER = "expect_compound_columns_to_be_unique"


class Expectation(Value):
    """One declared expectation: Great Expectations' own type and kwargs, and whether a failure stops publication."""

    type: str = Field(pattern=r"^expect_[a-z0-9_]+$")
    kwargs: dict[str, Any] = Field(default_factory=dict)
    severity: Severity = "gate"
    id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_]+$")

    @property
    def column(self) -> str | None:
        """The column it is about; None for a table or a pair of columns."""
        column = self.kwargs.get("column")
        return column if isinstance(column, str) else None

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that it names: the one, a pair, or those of a list or set."""
        lists = (self.kwargs.get("column_list"), self.kwargs.get("column_set"))
        listed = [name for names in lists if isinstance(names, list | tuple) for name in names]
        named = [self.kwargs.get(key) for key in ("column", "column_A", "column_B")]
        return tuple(dict.fromkeys(name for name in (*named, *listed) if isinstance(name, str) and name))

    @property
    def check_name(self) -> str:
        """The name of its asset check: letters, digits and underscores, whatever the column is called."""
        if self.id is not None:
            return self.id
        about = [str(self.kwargs[k]) for k in ("column", "column_A", "column_B") if k in self.kwargs]
        what = self.type.removeprefix("expect_").removeprefix("column_").removeprefix("values_to_")
        return re.sub(r"[^A-Za-z0-9]+", "_", "_".join([*about, what])).strip("_")


class Outcome(Value):
    """What an expectation said of some bytes. `sample` holds masked values; `raised` says why it could not be asked."""

    check_name: str
    type: str
    column: str | None
    severity: Severity
    passed: bool
    observed: str
    rows: int
    unexpected: int
    sample: tuple[str, ...] = ()
    raised: str | None = None

    @property
    def sentence(self) -> str:
        """One line: what, how many, where."""
        about = "" if self.column is None else f" of {self.column}"
        if self.raised is not None:
            return f"{self.check_name}: could not be asked: {self.raised}"
        if self.passed:
            return f"{self.check_name}: passed on {self.rows:,} rows ({self.observed})"
        share = "" if self.rows == 0 or self.unexpected == 0 else f" ({self.unexpected / self.rows:.2%})"
        few = f", such as {', '.join(self.sample[:3])}" if self.sample else ""
        count = f"{self.unexpected:,} of {self.rows:,} rows{share}" if self.unexpected else self.observed
        return f"{self.check_name}{about}: {count}{few}"


class Asked(Value):
    """The outcomes of one question: `question` is the digest of the bytes, the expectations and who answered."""

    question: str
    outcomes: tuple[Outcome, ...]
