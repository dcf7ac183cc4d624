"""Values of the data as they may be told to others: on one line, short, and masked where they could name somebody."""

from decimal import Decimal
from math import isfinite
from typing import Any, TypeGuard

CHARACTERS_MAX = 24
NAME_CHARACTERS_MAX = 64

_KEPT_FIRST = 2
_KEPT_FROM = 6
_SMALL = 0.001
_NUMBERS_AND_TIMES = (
    *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "BIGNUM"),
    *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
    *("FLOAT", "DOUBLE", "DECIMAL", "BOOLEAN"),
    *("DATE", "TIME", "INTERVAL"),
)


def is_shown(type_: str | None) -> bool:
    """Whether values of that DuckDB type are numbers or times, which are told as they are. A list of them is not."""
    return type_ is not None and type_.startswith(_NUMBERS_AND_TIMES) and not type_.endswith("]")


def told(value: Any, *, shown: bool) -> str:
    """One value as text of at most 24 characters, masked unless it is shown."""
    text = str(value)
    return plain(text) if shown else masked(text)


def masked(text: str) -> str:
    """The shape of a text: `jane@mail.com` is `jaaa@aaaa.aam`.

    Its first two characters and its last stay, the others become `a`, `A` or `9` where they are letters or digits.
    A text of five characters or fewer keeps none. A long one is cut, and its end is not told.
    """
    if len(text) < _KEPT_FROM:
        return plain("".join(map(_class, text)))
    first, middle, last = text[:_KEPT_FIRST], text[_KEPT_FIRST:-1], text[-1]
    return plain(first + "".join(map(_class, middle)) + last)


def name(text: str) -> str:
    """The name of a column or type on one line, cut to 64 characters."""
    return plain(text, characters_max=NAME_CHARACTERS_MAX)


def plain(text: str, *, characters_max: int = CHARACTERS_MAX) -> str:
    """The text on one line, cut; what cannot be printed is `?`."""
    cut = text if len(text) <= characters_max else text[: characters_max - 1] + "…"
    return "".join(character if character.isprintable() else "?" for character in cut)


def _class(character: str) -> str:
    if character.isupper():
        return "A"
    if character.isalpha():
        return "a"
    return "9" if character.isnumeric() else character


def is_number(value: Any) -> TypeGuard[float | Decimal]:
    """Whether it is a number and not a yes or no."""
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def number(value: float | Decimal) -> str:
    """A number for reading: thousands separated, at most four decimals, more only below 0.001."""
    if isinstance(value, int):
        return f"{value:,}"
    if not isfinite(value) or 0 < abs(float(value)) < _SMALL:
        return f"{value:.4g}"
    return f"{value:,.4f}".rstrip("0").rstrip(".")
