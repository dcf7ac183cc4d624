"""Incidents that are injected into real bytes, to measure what the detectors find: which there are, as data.

A kind names no column: it says what role a column must play (an amount, a category, the identifier of a group of
rows), and whoever applies it finds such a column in the table at hand. The kinds of `HELD_OUT` were written after the
rules of the detectors, by somebody who had not read them, and nothing may ever be tuned on them.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from orders_monitor.core.value import Value

IncidentClass = Literal["volume", "repetition", "staleness", "unit", "missing", "columns", "values", "texts", "times"]
Role = Literal["amount", "count", "number", "category", "code", "words", "text", "identifier", "time", "any"]
WEEK = 7


class RowsInjected(Value):
    """Rows go, come again, are added or are taken from an earlier partition.

    `share` of the rows: 0 to 1, above 1 only for `grow`. `which` are they: any at random, whole groups, the rows of
    some hours, the end of the file, those of one category, or one block of neighbours.
    """

    form: Literal["rows"] = "rows"
    how: Literal["lose", "repeat", "grow", "replace"]
    share: float = Field(gt=0)
    which: Literal["rows", "groups", "hours", "end", "category", "block"] = "rows"


class CellsInjected(Value):
    """The values of one column change, or of all columns that count the same unit.

    `share` of the rows, 0 to 1, that are hit: any of them, whole groups, whole items, or those of one category.
    `amount` is what `how` is done by: a factor, a number of characters, of hours, or an offset.
    """

    form: Literal["cells"] = "cells"
    on: Role
    how: Literal[
        "scale", "whole", "negate", "round", "clamp", "zero", "shuffle", "blank", "default", "new_value", "null_word",
        "encoding", "cut", "typo", "spaces", "suffix", "offset", "shift", "midnight", "month_day", "swap", "copy",
    ]  # fmt: skip  # a list of words
    share: float = Field(default=1.0, gt=0, le=1)
    per: Literal["row", "group", "item", "category"] = "row"
    amount: float = 1.0


Effect = Annotated[RowsInjected | CellsInjected, Field(discriminator="form")]


class Kind(Value):
    """One kind of incident. `lasts` counts partitions; `weekly` kinds grow: the effect is that of one week.

    `tuned` kinds were there when the detectors were made; the others are held out.
    """

    name: str
    incident: IncidentClass
    does: str
    effect: Effect
    tuned: bool = True
    lasts: int = Field(default=1, ge=1)
    weekly: bool = False

    def after(self, days: int) -> "Kind":
        """The kind as it is so many days after its first: only a weekly one differs, by compound interest."""
        if not self.weekly:
            return self
        weeks = (days + 1) / WEEK
        effect = self.effect
        if effect.form == "rows":
            return self.model_copy(
                update={"effect": effect.model_copy(update={"share": 1 - (1 - effect.share) ** weeks})}
            )
        return self.model_copy(update={"effect": effect.model_copy(update={"amount": effect.amount**weeks})})


class Injected(Value):
    """What was done to some bytes: the rows that are not as they were, and the columns whose values changed."""

    kind: str
    rows: int
    rows_changed: int
    columns: tuple[str, ...]


def _rows(name: str, incident: IncidentClass, does: str, **effect: object) -> Kind:
    return Kind(name=name, incident=incident, does=does, effect=RowsInjected.model_validate(effect))


def _cells(name: str, incident: IncidentClass, does: str, **effect: object) -> Kind:
    return Kind(name=name, incident=incident, does=does, effect=CellsInjected.model_validate(effect))


def _held_out(*kinds: Kind) -> tuple[Kind, ...]:
    return tuple(kind.model_copy(update={"tuned": False}) for kind in kinds)


LASTING = 7
DRIFTING = 60

TUNED: tuple[Kind, ...] = (
    _rows("volume_half", "volume", "half of the rows are lost at random", how="lose", share=0.5),
    _rows("volume_tenth", "volume", "nine rows of ten are lost at random", how="lose", share=0.9),
    _rows("volume_tripled", "volume", "twice as many rows more, with new identifiers", how="grow", share=2.0),
    _rows("loaded_twice", "repetition", "every row comes twice", how="repeat", share=1.0),
    _rows("batch_twice", "repetition", "a block of a tenth comes twice", how="repeat", share=0.1, which="block"),
    _rows("yesterday_again", "staleness", "the partition before comes under this one's name", how="replace", share=1.0),
    _rows("hours_missing", "volume", "the rows of some hours are lost", how="lose", share=0.3, which="hours"),
    _cells("amounts_x100", "unit", "amounts come in hundredths", on="amount", how="scale", amount=100.0),
    _cells("amounts_in_currency", "unit", "amounts come in another currency", on="amount", how="scale", amount=1.2),
    _cells("level_up", "unit", "amounts are a third higher", on="amount", how="scale", amount=1.3).model_copy(
        update={"lasts": LASTING}
    ),
    _cells("level_down", "unit", "amounts are a third lower", on="amount", how="scale", amount=0.7).model_copy(
        update={"lasts": LASTING}
    ),
    _rows("volume_drift", "volume", "2 % of the rows less each week", how="lose", share=0.02).model_copy(
        update={"lasts": DRIFTING, "weekly": True}
    ),
    _cells("amounts_drift", "unit", "amounts fall by 2 % a week", on="amount", how="scale", amount=0.98).model_copy(
        update={"lasts": DRIFTING, "weekly": True}
    ),
    _cells("nulls_at_random", "missing", "a fifth of a column is lost", on="any", how="blank", share=0.2),
    _cells(
        "nulls_in_groups", "missing", "a third of the groups loses a column", on="any", how="blank", share=0.3,
        per="group",
    ),
    _cells("columns_swapped", "columns", "two columns change their contents", on="any", how="swap"),
    _cells("new_category", "values", "a value that never was, in a row of twenty", on="category", how="new_value",
           share=0.05),
    _cells("default_burst", "values", "a third of a column is one default", on="any", how="default", share=0.3),
    _cells("signs_flipped", "values", "a fifth of the numbers changes its sign", on="number", how="negate", share=0.2),
    _cells("amounts_shuffled", "values", "amounts stand in other rows", on="amount", how="shuffle"),
    _cells("amounts_zero", "values", "a fifth of the amounts is zero", on="amount", how="zero", share=0.2),
    _cells("encoding_damaged", "texts", "letters are lost in a tenth", on="text", how="encoding", share=0.1),
    _cells("texts_cut", "texts", "texts end after ten characters", on="words", how="cut", amount=10.0),
    _cells("codes_mistyped", "texts", "a character is another in a tenth", on="code", how="typo", share=0.1),
    _cells("spaces_and_case", "texts", "spaces and case differ in a fifth", on="text", how="spaces", share=0.2),
    _cells("day_before", "times", "all times are a day too early", on="time", how="shift", amount=-24.0),
)  # fmt: skip  # a table

HELD_OUT: tuple[Kind, ...] = _held_out(
    _cells("time_zone", "times", "all times are five hours too late", on="time", how="shift", amount=5.0),
    _cells("midnight", "times", "times have lost their hours", on="time", how="midnight"),
    _cells("month_and_day", "times", "month and day change places", on="time", how="month_day"),
    _rows("category_lost", "volume", "the rows of one category are lost", how="lose", share=1.0, which="category"),
    _rows("groups_lost", "volume", "a third of the groups is lost", how="lose", share=0.3, which="groups"),
    _rows("end_lost", "volume", "the last third of the file is lost", how="lose", share=0.3, which="end"),
    _rows("stale_rows", "staleness", "a fifth are rows of an earlier partition", how="replace", share=0.2),
    _cells("comma_lost", "unit", "decimal commas are lost in a third", on="amount", how="whole", share=0.3),
    _cells("dozens", "unit", "a fifth of the items counts in dozens", on="count", how="scale", share=0.2, per="item",
           amount=12.0),
    _cells("amounts_rounded", "values", "amounts are whole numbers", on="amount", how="round"),
    _cells("amounts_capped", "values", "nothing is above the median", on="amount", how="clamp"),
    _cells("identifiers_offset", "values", "identifiers are a million higher", on="identifier", how="offset",
           amount=1_000_000.0),
    _cells("wrong_join", "columns", "codes stand in other rows", on="code", how="shuffle"),
    _cells("column_copied", "columns", "a column repeats another", on="any", how="copy"),
    _cells("null_spelt_out", "texts", "a seventh of the texts is the word NULL", on="text", how="null_word",
           share=0.15),
    _cells("suffix_lost", "texts", "codes lose their last character in a third", on="code", how="suffix", share=0.3),
)  # fmt: skip  # a table

KINDS: tuple[Kind, ...] = (*TUNED, *HELD_OUT)


def kinds_named(names: Sequence[str]) -> tuple[Kind, ...]:
    """The kinds of these names, in the order of `KINDS`; all where none is named. Raises KeyError for a stranger."""
    known = {kind.name for kind in KINDS}
    for name in names:
        if name not in known:
            raise KeyError(name)
    return tuple(kind for kind in KINDS if not names or kind.name in names)
