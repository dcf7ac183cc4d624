"""The statements that a declaration leads to, kept on disk so that the next process can begin with them.

Only what follows from the declaration and the columns' types is kept; what was built from values of the data is not.
Nothing is believed because it is here: an answer counts where exactly its statement is asked (see `ahead`).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from orders_monitor.adapters.expectations.docs import replaced
from orders_monitor.core.value import Value

# How a bound value of a type is read from its text; a statement with one of another type is not kept.
_READ: Mapping[str, Callable[[str], Any]] = {
    **{type_.__name__: type_ for type_ in (str, int, float, Decimal)},
    **{type_.__name__: type_.fromisoformat for type_ in (date, datetime, time)},
    "bool": {"True": True, "False": False}.__getitem__,
}


class Statement(Value):
    """A SELECT and its bound values, each as the name of its type and its text."""

    text: str
    bound: tuple[tuple[str, str], ...]

    @property
    def values(self) -> list[Any]:
        """The bound values. Raises ValueError, LookupError or ArithmeticError where they are not what was kept."""
        return [_READ[type_](text) for type_, text in self.bound]


class KeyAsked(Value):
    """Columns whose values together were asked to be unique, and how many that are not were wanted."""

    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    sample: Annotated[int, Field(ge=0)]


class Plan(Value):
    """What to read for a question, in this order: the statements, then the keys."""

    question: str
    statements: tuple[Statement, ...] = ()
    keys: tuple[KeyAsked, ...] = ()


def statement(text: str, values: Sequence[Any]) -> Statement | None:
    """The statement to keep; None where a value of it could not be read again."""
    kept = Statement(text=text, bound=tuple((type(value).__name__, str(value)) for value in values))
    try:
        return kept if repr(kept.values) == repr(list(values)) else None
    except (ValueError, LookupError, ArithmeticError):
        return None


def kept(file: Path | None, *, question: str) -> Plan | None:
    """The plan for a question; None where none is kept that can be read."""
    try:
        found = None if file is None else Plan.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None
    return found if found is not None and found.question == question else None


def keep(file: Path, plan: Plan) -> None:
    """Take the place of the plan before. Raises StoreUnavailable."""
    replaced(file, plan.model_dump_json())
