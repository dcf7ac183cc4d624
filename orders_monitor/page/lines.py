"""The lines of the form in which a person narrows a plan: what they are filled with, and the change they ask for."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass

from orders_monitor.core.editing import Change, HoldInstead, SetAside
from orders_monitor.core.plan import Plan
from orders_monitor.core.predicate import IsNull, LongerThan, NotIn, NotMatching, OutOfRange, Predicate

ROWS = 4
WHY_MAX = 2_000  # as `core.editing.HoldInstead` takes it
WORDS = {
    "is_null": "has no value",
    "not_in": "is none of (a, b)",
    "below": "is below",
    "above": "is above",
    "outside": "is outside of (from, to)",
    "not_matching": "does not match (regular expression)",
    "longer_than": "has more characters than",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the form: the rows whose `column` `word` (of WORDS) `value`."""

    column: str = ""
    word: str = ""
    value: str = ""


def rows_of(plan: Plan | None, form: Mapping[str, str]) -> tuple[Row, ...]:
    """What the lines are filled with: what was sent, or what the plan sets aside; the rest of them is empty."""
    if any(name.startswith("column") for name in form):
        return tuple(_row(form, number) for number in range(ROWS))
    aside = [a.where for a in (plan.actions if plan else ()) if a.kind == "quarantine_rows"][:ROWS]
    return (*map(_said, aside), *(Row() for _ in range(ROWS - len(aside))))


def change_of(form: Mapping[str, str]) -> Change:
    """The change that was filled in. Raises ValueError, in one sentence."""
    why = form.get("why", "").strip()
    if not why:
        raise ValueError("say why")
    if len(why) > WHY_MAX:
        raise ValueError(f"the reason has at most {WHY_MAX:,} characters")
    match form.get("instead"):
        case "hold":
            return HoldInstead(why=why)
        case "set_aside":
            rows = [row for row in (_row(form, number) for number in range(ROWS)) if row.column]
            if not rows:
                raise ValueError("name the rows that are to be set aside")
            return SetAside(where=tuple(map(_predicate, rows)))
        case _:
            raise ValueError("choose what is to be done instead")


def _row(form: Mapping[str, str], number: int) -> Row:
    column, word, value = (form.get(f"{part}{number}", "").strip() for part in ("column", "word", "value"))
    return Row(column, word, value)


def _predicate(row: Row) -> Predicate:
    column, value = row.column, row.value
    if (row.word == "is_null") == bool(value):
        raise ValueError(f"{column}: {WORDS.get(row.word, 'this')} takes {'no' if value else 'a'} value")
    match row.word:
        case "is_null":
            return IsNull(column=column)
        case "not_in":
            return NotIn(column=column, values=_listed(value))
        case "below":
            return OutOfRange(column=column, minimum=value)
        case "above":
            return OutOfRange(column=column, maximum=value)
        case "outside" if len(ends := _listed(value)) == 2:  # noqa: PLR2004 - a range has two ends
            return OutOfRange(column=column, minimum=ends[0], maximum=ends[1])
        case "not_matching":
            return NotMatching(column=column, regex=value)
        case "longer_than" if value.isascii() and value.isdigit() and len(value) < 10:  # noqa: PLR2004 - as the CLI
            return LongerThan(column=column, characters=int(value))
        case _:
            raise ValueError(f"{column}: {WORDS.get(row.word, 'choose a word')} cannot be read with that value")


def _said(where: Predicate) -> Row:
    """A predicate as a line of the form."""
    match where.kind:
        case "is_null":
            return Row(where.column, "is_null")
        case "not_in":
            return Row(where.column, "not_in", _list(where.values))
        case "out_of_range" if where.minimum is not None and where.maximum is not None:
            return Row(where.column, "outside", _list((where.minimum, where.maximum)))
        case "out_of_range" if where.minimum is not None:
            return Row(where.column, "below", where.minimum)
        case "out_of_range":
            return Row(where.column, "above", where.maximum or "")
        case "not_matching":
            return Row(where.column, "not_matching", where.regex)
        case "longer_than":
            return Row(where.column, "longer_than", str(where.characters))


def _listed(value: str) -> tuple[str, ...]:
    """Values with commas between them; one that has a comma itself stands in double quotes."""
    try:
        return tuple(cell.strip() for cell in next(csv.reader([value], skipinitialspace=True, strict=True)))
    except csv.Error:
        raise ValueError("the values cannot be told apart: put a comma between them") from None


def _list(values: tuple[str, ...]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(values)
    return text.getvalue()
