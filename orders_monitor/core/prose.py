"""Numbers in prose: where a text states one, and whether a number of some evidence is what it states.

A stated number is exact for whole numbers, a rounding to the printed precision otherwise; `3.4 %` states a share. What
reads like a number and cannot be checked (digits of other scripts or inside a word, hidden characters) is unreadable.
"""

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from orders_monitor.core.value import Value

CHARACTERS_MAX = 40  # of one number; no evidence of ours needs more
_HALF = Decimal("0.5")
_RELATIVE = Decimal("0.001")  # 1.23457e+06 is a rounding, 1e6 of 1,234,567 is none
_SMALL = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen")
_TEENS = ("fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_UP_TO_TWENTY = {word: Decimal(2 + n) for n, word in enumerate((*_SMALL, *_TEENS))}
_ROUND = {word: Decimal(10 * n) for n, word in enumerate(_TENS, start=2)}
WORDS = {"zero": Decimal(0), "half": Decimal("0.5"), **_UP_TO_TWENTY, **_ROUND}
_UNITS = {"one": Decimal(1)} | {word: Decimal(2 + n) for n, word in enumerate(_SMALL[:8])}
_MANY = "hundred|thousand|million|billion|trillion|quadrillion|dozen|myriad"

_DIGITS = r"(?:[0-9]{1,3}(?:[ ,'\u2019_\u00a0\u2009\u202f][0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+"
_NUMBER = rf"(?:(?<![\w)\]}}\"'`%.])[+\-\u2212])?(?:{_DIGITS})(?:[eE][+-]?[0-9]+)?"
_PERCENT = r"\s?%|\s(?:percent|per\scent|percentage\spoints?)\b"
_TIMES = r"\s?(?i:k|m|g|bn|mn|mio|mrd|lakhs?|crores?)\b"
_COMPOUND = rf"(?:{'|'.join(_ROUND)})[\s-](?:{'|'.join(_UNITS)})"
_TOKEN = (
    rf"(?P<number>{_NUMBER})(?P<percent>{_PERCENT})?(?P<times>{_TIMES})?"
    rf"|(?P<word>(?i:\b(?:{_COMPOUND}|{'|'.join(WORDS)}|(?:{_MANY})s?)\b))"
    r"|(?P<mixed>[A-Za-z][\u0370-\u03ff]|[\u0370-\u03ff][A-Za-z])"
)
_HUGE = re.compile(r"[eE][+-]?[0-9]{4,}$")  # no double has such an exponent
_SCRIPTS = ("LATIN", "GREEK", "MICRO")
_PLAIN_NAME = re.compile(r"[A-Za-z_]\w*(?:\([0-9]+(?:,\s?[0-9]+)?\))?", re.ASCII)
_QUOTES = (("`", "`"), ("'", "'"), ('"', '"'), ("\u201c", "\u201d"), ("\u2018", "\u2019"))


class Number(Value):
    """One number of some evidence, under the name by which a placeholder can ask for it."""

    name: str
    value: int | float

    @property
    def is_share(self) -> bool:
        """A fraction of a whole, or how far two numbers are apart: what may be said in per cent."""
        return isinstance(self.value, float) and (0 <= self.value <= 1 or self.name == "difference")


@dataclass(frozen=True, slots=True)
class Stated:
    """A number as it stands in a text. `value` is None where it reads like a number and cannot be checked."""

    text: str
    value: Decimal | None
    percent: bool = False
    in_words: bool = False

    def is_of(self, number: Number) -> bool:
        """Whether it states that number."""
        if self.value is None:
            return False
        truth = Decimal(str(number.value)) * (100 if self.percent else 1)
        if self.percent and not number.is_share:
            return False
        if truth == self.value:
            return True
        if self.value == 0 or (isinstance(number.value, int) or self.in_words):
            return False
        exponent = int(self.value.as_tuple().exponent)
        if number.is_share and not self.percent and exponent >= 0:
            return False  # 0.93 is no whole 1
        half = Decimal(1).scaleb(exponent) / 2
        return abs(truth - self.value) <= half and (half <= _HALF or half <= abs(truth) * _RELATIVE)


def numbers_in(text: str, *, names: Iterable[str] = (), quoted: Iterable[str] = ()) -> Iterator[Stated]:
    """Every number that a text states. `names` state none, nor do `quoted` ones in quotes or that are plain words."""
    known = _known(text, names=names, quoted=quoted)
    tokens = re.compile("|".join([*known, _TOKEN, r"(?P<other>.)"]), re.DOTALL)
    for match in tokens.finditer(text):
        if match["number"] is not None:
            yield _read(match, text)
        elif match["word"] is not None:
            yield Stated(match["word"], _in_words(match["word"].lower()), in_words=True)
        elif match["mixed"] is not None:
            yield Stated(match["mixed"], None)
        elif match["other"] is not None and _is_unreadable(match["other"]):
            yield Stated(f"U+{ord(match['other']):04X}", None)


def written(number: Number) -> str:
    """The number as code writes it in prose; `numbers_in` reads it back as that number."""
    value = number.value
    if number.is_share:
        return f"{value * 100:.4g}%"
    if isinstance(value, int) or value.is_integer():
        return f"{int(value):,}"
    return f"{value:,.2f}".rstrip("0") if abs(value) >= 1 else f"{value:.4g}"


def flattened(body: object, name: str = "") -> Iterator[Number]:
    """Every finite number in a JSON body, also where it stands in a text of its own, by its dotted place."""
    if isinstance(body, dict):
        for key, part in body.items():
            yield from flattened(part, f"{name}.{key}" if name else str(key))
    elif isinstance(body, list | tuple):
        for position, part in enumerate(body):
            yield from flattened(part, f"{name}.{position}" if name else str(position))
    elif isinstance(body, int | float) and not isinstance(body, bool):
        if math.isfinite(body):
            yield Number(name=name, value=body)
    elif isinstance(body, str) and len(body) <= CHARACTERS_MAX and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", body):
        yield Number(name=name, value=float(body) if "." in body else int(body))


def texts_in(body: object) -> list[str]:
    """Every text in a JSON body that is no name of a field."""
    if isinstance(body, str):
        return [body]
    parts = body.values() if isinstance(body, dict) else body if isinstance(body, list | tuple) else ()
    return [text for part in parts for text in texts_in(part)]


def _known(text: str, *, names: Iterable[str], quoted: Iterable[str]) -> list[str]:
    """Patterns of what is a name and states nothing, the longest first."""
    patterns = {name: rf"(?<!\w){re.escape(name)}(?!\w)" for name in names if name and name in text}
    for name in (name for name in quoted if name and name in text):
        ways = [re.escape(f"{opening}{name}{closing}") for opening, closing in _QUOTES]
        if _PLAIN_NAME.fullmatch(name):
            ways.append(rf"(?<!\w){re.escape(name)}(?!\w)")
        patterns.setdefault(name, "|".join(ways))
    return [patterns[name] for name in sorted(patterns, key=len, reverse=True)]


def _read(match: "re.Match[str]", text: str) -> Stated:
    said, whole = match["number"], match.group()
    around = text[max(0, match.start() - 1) : match.start()] + text[match.end() : match.end() + 1]
    in_a_word = any(c.isalpha() or c in "_‰‱" or unicodedata.category(c).startswith("M") for c in around)
    if in_a_word or match["times"] or len(said) > CHARACTERS_MAX or _HUGE.search(said):
        return Stated(whole[:CHARACTERS_MAX], None)
    plain = re.sub("[ ,'\u2019_\u00a0\u2009\u202f]", "", said).replace("\u2212", "-")
    return Stated(whole, Decimal(plain), percent=match["percent"] is not None)


def _in_words(word: str) -> Decimal | None:
    """`twenty-one` is one number; a word that only says how many times is none that can be checked."""
    ten, _, unit = word.replace("-", " ").partition(" ")
    return _ROUND[ten] + _UNITS[unit.strip()] if unit else WORDS.get(word)


def _is_unreadable(character: str) -> bool:
    """Digits, numerals and words of other scripts, fractions, per mille, and what cannot be seen at all."""
    if character.isascii():
        return not character.isprintable() and character not in "\n\t"
    if character.isalpha() and not unicodedata.name(character, "").startswith(_SCRIPTS):
        return True
    return character.isnumeric() or character in "‰‱" or not (character.isprintable() or character.isspace())


def stray_of(stated: Iterable[Stated], numbers: Sequence[Number], *, counted: int) -> str | None:
    """The first stated number that none of the numbers is; a number in words may also count what is cited."""
    pool = (*numbers, Number(name="cited", value=counted))
    for each in stated:
        if not any(each.is_of(number) for number in (pool if each.in_words else numbers)):
            return each.text
    return None
