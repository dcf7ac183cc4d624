"""The file of control totals that comes with a delivery: JSON, a number for each control or one for each group."""

import json
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from orders_monitor.core.totals import GROUPS_MAX, WHOLE, Control, Total, can_be_total

BYTES_MAX = 1_000_000


def read_totals(path: Path, controls: Sequence[Control]) -> tuple[Total, ...]:
    """The totals of the declared controls in their order; what else the file says is left alone.

    Raises FileNotFoundError where there is no such file, and ValueError, in words about the file, where it is not
    what it should be.
    """
    body = _read(path)
    return tuple(
        Total(control=control.name, groups=_groups(control, body[control.name]))
        for control in controls
        if control.name in body
    )


def _read(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        raw = file.read(BYTES_MAX + 1)
    if len(raw) > BYTES_MAX:
        raise ValueError(f"it is larger than {BYTES_MAX:,} bytes")
    try:
        body = json.loads(
            raw, parse_float=Decimal, parse_int=Decimal, parse_constant=_no_number, object_pairs_hook=_once
        )
    except _SaidTwice:
        raise
    except (ValueError, InvalidOperation, RecursionError):
        raise ValueError("it is not JSON") from None
    match body:
        case dict():
            return body
        case _:
            raise ValueError("it is not a JSON object of totals by name")


def _groups(control: Control, said: object) -> dict[str, str]:
    grouped = said if isinstance(said, dict) else {WHOLE: said}
    if isinstance(said, dict) == (control.by is None):
        wanted = "one number" if control.by is None else f"an object of numbers by {control.by}"
        raise ValueError(f"{control.name} is not {wanted}")
    if len(grouped) > GROUPS_MAX:
        raise ValueError(f"{control.name} has more than {GROUPS_MAX:,} groups")
    return {str(group): _number(control, value) for group, value in grouped.items()}


def _number(control: Control, value: object) -> str:
    try:
        # A text holds every digit of an amount; a JSON reader elsewhere may have rounded a number.
        number = Decimal(value) if isinstance(value, str | Decimal) else None
    except InvalidOperation:
        number = None
    if number is None or not can_be_total(number):
        raise ValueError(f"{control.name} has a total that is no number, or one beyond every sum")
    return str(number)


class _SaidTwice(ValueError):
    """A name is in an object twice: readers of JSON differ about which of the two counts."""


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) < len(pairs):
        raise _SaidTwice("it says something twice")
    return body


def _no_number(constant: str) -> object:
    raise ValueError(f"{constant} is no number")
