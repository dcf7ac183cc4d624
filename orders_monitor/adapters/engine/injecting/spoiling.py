"""What an injected incident makes of one value, as SQL over the table `came`."""

from orders_monitor.adapters.engine.injecting.roles import Found
from orders_monitor.adapters.engine.types import family
from orders_monitor.adapters.quoting import text
from orders_monitor.core.injection import CellsInjected

_LETTER_LOST = 0xFFFD
_DEFAULTS = {"text": "'UNKNOWN'", "temporal": "TIMESTAMP '1970-01-01 00:00:00'", "boolean": "false"}


def spoilt(effect: CellsInjected, column: Found, other: Found | None, *, order: str) -> str:
    """The new value of a hit row; `order` is SQL of a number by which rows change places, `other` a second column."""
    value = column.sql
    if effect.how == "blank":
        return "NULL"
    if effect.how in ("shift", "midnight", "month_day"):
        return _time(effect, value)
    match effect.how:
        case "default":
            return _DEFAULTS.get(family(column.type), "0")
        case "swap" | "copy":
            return value if other is None else other.sql
        case "shuffle":
            return f"lead({value}) OVER (ORDER BY {order})"
        case "offset":
            return _offset(column, int(effect.amount))
        case "scale" | "whole" | "negate" | "round" | "clamp" | "zero":
            return _number(effect, value)
        case "new_value" | "null_word" | "encoding" | "cut" | "typo" | "spaces" | "suffix":
            return _text(effect, value)
        case _:
            return value


def _time(effect: CellsInjected, value: str) -> str:
    match effect.how:
        case "shift":
            return f"{value} + INTERVAL ({int(effect.amount)}) HOUR"
        case "midnight":
            return f"date_trunc('day', {value})"
        case _:
            return f"TRY_STRPTIME(strftime({value}, '%Y-%d-%m %H:%M:%S'), '%Y-%m-%d %H:%M:%S')"


def _number(effect: CellsInjected, value: str) -> str:
    double = f"CAST({value} AS DOUBLE)"
    match effect.how:
        case "scale":
            return f"{double} * {effect.amount}"
        case "whole":
            return f"CASE WHEN {double} = trunc({double}) THEN {double} ELSE {double} * 100 END"
        case "negate":
            return f"-{double}"
        case "round":
            return f"round({double})"
        case "clamp":
            return f"least({double}, median({double}) OVER ())"
        case _:
            return "0"


def _text(effect: CellsInjected, value: str) -> str:
    match effect.how:
        case "new_value":
            return text("Elsewhere")
        case "null_word":
            return text("NULL")
        case "encoding":
            return f"regexp_replace({value}, '[aeiouAEIOU0-9]', chr({_LETTER_LOST}))"
        case "cut":
            return f"left({value}, {int(effect.amount)})"
        case "suffix":
            return f"CASE WHEN length({value}) > 1 THEN left({value}, length({value}) - 1) ELSE {value} END"
        case "spaces":
            other_case = f"CASE WHEN {value} = lower({value}) THEN upper({value}) ELSE lower({value}) END"
            return f"CASE WHEN hash({value}, n) % 2 = 0 THEN {value} || ' ' ELSE {other_case} END"
        case _:
            return _mistyped(value)


def _mistyped(value: str) -> str:
    """One character, at a place that the row draws, is the next digit but four, or an X (a Y where it was one)."""
    at = f"(1 + CAST(hash({value}, n) % greatest(length({value}), 1) AS INTEGER))"
    was = f"substr({value}, {at}, 1)"
    digit = f"CAST((CAST({was} AS INTEGER) + 5) % 10 AS VARCHAR)"
    now = f"CASE WHEN {was} BETWEEN '0' AND '9' THEN {digit} WHEN {was} = 'X' THEN 'Y' ELSE 'X' END"
    return f"left({value}, {at} - 1) || {now} || substr({value}, {at} + 1)"


def _offset(column: Found, amount: int) -> str:
    """An identifier so much higher; of a text its first number is moved."""
    if family(column.type) == "integer":
        return f"{column.sql} + {amount}"
    number = f"TRY_CAST(regexp_extract({column.sql}, '[0-9]+') AS HUGEINT)"
    return f"regexp_replace({column.sql}, '[0-9]+', CAST({number} + {amount} AS VARCHAR))"
