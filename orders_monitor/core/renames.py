"""Which column that came is the promised column that did not: by content first (`likeness`), helped by the name.

The score of a pair is 0.65 content + 0.35 name, or 0.75 content where the names say nothing: an opaque name needs a
content of 0.80, a telling one about 0.40. Content compares the column's profile in the last published partition with
the profile of the column that came, as far as the column was like itself on the days before.

Measured by `benchmarks/renames` over real and made tables: precision 0.99, recall 0.96 over names in another case, with
an affix, abbreviated and opaque. Of opaque names 0.92 are found where two days are known or more, 0.69 where one is.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import pairwise

from orders_monitor.core.column_type import relation
from orders_monitor.core.likeness import content_of, likeness, usual
from orders_monitor.core.profile import Profile

SCORE_MIN = 0.60
NAME_WEIGHT = 0.35
CONTENT_ALONE_WEIGHT = 0.75
NAME_ALONE_MIN = 0.60

_NAME_CHARACTERS_MAX = 64
# Two letters in order are found in too many words: "at" in "amount".
_ABBREVIATION_LETTERS_MIN = 3


@dataclass(frozen=True, slots=True)
class Pair:
    """A promised column and the column that it came as. `score` is 0 to 1."""

    column: str
    now: str
    score: float


def find(
    removed: Mapping[str, str],
    added: Mapping[str, str],
    *,
    profile: Profile,
    reference: Profile | None,
    history: Sequence[Profile] = (),
) -> tuple[Pair, ...]:
    """The renames among removed and added columns (name -> type), one to one, the best score first.

    `history` are the published days up to the reference, oldest first: how like itself a column is from day to day.
    """
    alike = _contents(removed, added, profile=profile, reference=reference, history=history)
    scored = [pair for column in removed for now in added if (pair := _scored(column, now, alike)) is not None]
    scored.sort(key=lambda pair: (-pair.score, pair.column, pair.now))
    found = list(_one_to_one(scored))
    rest = [c for c in removed if all(pair.column != c for pair in found)]
    left = [c for c in added if all(pair.now != c for pair in found)]
    if len(rest) == len(left) == 1 and (rest[0], left[0]) not in alike:
        found.extend(_by_name_alone(rest[0], left[0], was=removed[rest[0]], now=added[left[0]]))
    return tuple(found)


def name_similarity(one: str, other: str) -> float:
    """How alike two names are, 0 to 1: letters in order, or words in common, an abbreviation counting as its word."""
    words, others = _words(one), _words(other)
    letters = SequenceMatcher(None, "".join(words), "".join(others), autojunk=False).ratio()
    in_common = sum(any(_same_word(word, candidate) for candidate in others) for word in words)
    return max(letters, 2 * min(in_common, len(others)) / max(1, len(words) + len(others)))


def _contents(
    removed: Mapping[str, str],
    added: Mapping[str, str],
    *,
    profile: Profile,
    reference: Profile | None,
    history: Sequence[Profile],
) -> Mapping[tuple[str, str], float]:
    """How alike the contents of each pair are, where both hold a value."""
    came = {name: content for name in added if (content := content_of(profile, name)) is not None}
    alike: dict[tuple[str, str], float] = {}
    for column in removed:
        was = None if reference is None else content_of(reference, column)
        if was is None or not came:
            continue
        days = [content for day in history if (content := content_of(day, column)) is not None]
        own = usual(days)
        alike |= {(column, now): likeness(was, content, own) for now, content in came.items()}
    return alike


def _scored(column: str, now: str, alike: Mapping[tuple[str, str], float]) -> Pair | None:
    content = alike.get((column, now))
    if content is None or max(NAME_WEIGHT + (1 - NAME_WEIGHT) * content, CONTENT_ALONE_WEIGHT * content) < SCORE_MIN:
        return None
    with_name = NAME_WEIGHT * name_similarity(column, now) + (1 - NAME_WEIGHT) * content
    score = round(max(with_name, CONTENT_ALONE_WEIGHT * content), 4)
    return Pair(column=column, now=now, score=score) if score >= SCORE_MIN else None


def _one_to_one(scored: Sequence[Pair]) -> Iterator[Pair]:
    columns: set[str] = set()
    came: set[str] = set()
    for pair in scored:
        if pair.column not in columns and pair.now not in came:
            columns.add(pair.column)
            came.add(pair.now)
            yield pair


def _by_name_alone(column: str, came: str, *, was: str, now: str) -> Iterator[Pair]:
    similarity = round(name_similarity(column, came), 4)
    if relation(was=was, now=now) == "same" and similarity >= NAME_ALONE_MIN:
        yield Pair(column=column, now=came, score=similarity)


@lru_cache(maxsize=1024)
def _words(name: str) -> tuple[str, ...]:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name[:_NAME_CHARACTERS_MAX])
    return tuple(word for word in re.split(r"[\W_]+", spaced.lower()) if word)


def _same_word(one: str, other: str) -> bool:
    """The same word, or its abbreviation: its beginning (id, identifier), or its letters in order (qty, quantity)."""
    short, long = sorted((one, other), key=len)
    if one == other or len(short) < _ABBREVIATION_LETTERS_MIN or short[0] != long[0]:
        return one == other or (len(short) > 1 and long.startswith(short))
    places = [-1]
    for letter in short:
        places.append(long.find(letter, places[-1] + 1))
    return all(now > before for before, now in pairwise(places))
