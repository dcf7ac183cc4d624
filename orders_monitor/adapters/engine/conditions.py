"""A predicate as SQL over one column: every value is bound, and NULL is caught by IsNull only."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from orders_monitor.adapters.engine.types import family
from orders_monitor.core.errors import PlanInapplicable
from orders_monitor.core.predicate import IsNull, LongerThan, NotIn, NotMatching, OutOfRange, Predicate

Bound = str | float | Decimal


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL that is true for a caught row, the values bound to it in order, and one clause for the quarantine."""

    sql: str
    values: tuple[Bound, ...]
    reason: str


def condition(predicate: Predicate, *, sql: str, type_name: str) -> Condition:
    """The rows of a predicate, where `sql` is its column of that type.

    Raises PlanInapplicable for a value that cannot be of the column's type.
    """
    caught, values = _caught(predicate, sql, type_name)
    # The coalesce makes it two-valued: a row is caught or it is not.
    return Condition(sql=f"coalesce({caught}, false)", values=values, reason=reason(predicate))


def reason(predicate: Predicate) -> str:
    """What the quarantine says of a row that the predicate caught."""
    match predicate:
        case IsNull():
            return f"{predicate.column} has no value"
        case NotIn():
            return f"{predicate.column} is not an allowed value"
        case OutOfRange():
            return f"{predicate.column} is outside {predicate.minimum or '...'} to {predicate.maximum or '...'}"
        case NotMatching():
            return f"{predicate.column} does not match {predicate.regex}"
        case LongerThan():
            return f"{predicate.column} is longer than {predicate.characters} characters"


def _caught(predicate: Predicate, sql: str, type_name: str) -> tuple[str, tuple[Bound, ...]]:
    match predicate:
        case IsNull():
            return f"{sql} IS NULL", ()
        case NotIn(values=()):
            return f"{sql} IS NOT NULL", ()
        case NotIn():
            places = [_place(type_name)] * len(predicate.values)
            values = tuple(_bound(predicate.column, value, type_name) for value in predicate.values)
            return f"{_comparable(sql, type_name)} NOT IN ({', '.join(places)})", values
        case OutOfRange():
            sides = [(op, at) for op, at in (("<", predicate.minimum), (">", predicate.maximum)) if at is not None]
            tests = [f"{_comparable(sql, type_name)} {op} {_place(type_name)}" for op, _ in sides]
            return " OR ".join(tests) or "false", tuple(_bound(predicate.column, at, type_name) for _, at in sides)
        case NotMatching():
            return f"NOT regexp_matches(CAST({sql} AS VARCHAR), ?)", (predicate.regex,)
        case LongerThan():
            return f"length(CAST({sql} AS VARCHAR)) > CAST(? AS BIGINT)", (str(predicate.characters),)


def _comparable(sql: str, type_name: str) -> str:
    return f"CAST({sql} AS VARCHAR)" if family(type_name) == "other" else sql


def _place(type_name: str) -> str:
    """Where a value is bound. Exact numbers come as decimals: as the column's type 0.5 would be rounded to 1."""
    match family(type_name):
        case "floating" | "boolean":
            return f"CAST(? AS {type_name})"
        case "temporal":
            return "CAST(? AS TIMESTAMP)" if type_name == "DATE" else f"CAST(? AS {type_name})"
        case _:
            return "?"


def _bound(column: str, value: str, type_name: str) -> Bound:
    if family(type_name) not in ("integer", "decimal"):
        return value
    try:
        number = Decimal(value)
    except InvalidOperation as error:
        raise PlanInapplicable(why=f"{column} is a {type_name}, and {value!r} is not a number") from error
    if not number.is_finite():
        raise PlanInapplicable(why=f"{column} is a {type_name}, and {value!r} is not a number")
    return number
