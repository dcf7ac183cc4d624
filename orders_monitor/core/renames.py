"""Which column that came is the promised column that did not: by content first, helped by the name.

The score of a pair is 0.65 content + 0.35 name, or 0.75 content where the names say nothing: an opaque name needs a
content of 0.80, a telling one about 0.40. Content compares the column's profile in the last published partition with
the profile of the column that came. Values of keys change every day, so that no common value says little about a key
and much about a column with few values.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import pairwise

from orders_monitor.core.column_type import Relation, is_time, relation
from orders_monitor.core.profile import ColumnProfile, Profile

SCORE_MIN = 0.60
NAME_WEIGHT = 0.35
CONTENT_ALONE_WEIGHT = 0.75
NAME_ALONE_MIN = 0.60

_NAME_CHARACTERS_MAX = 64
# Two letters in order are found in too many words: "at" in "amount".
_ABBREVIATION_LETTERS_MIN = 3
_TYPE_FACTOR: Mapping[Relation, float] = {"same": 1.0, "widened": 0.9, "narrowed": 0.9, "changed": 0.7}
# Two flags can look alike by chance: their values alone never reach SCORE_MIN.
_FLAG_FACTOR = 0.78


@dataclass(frozen=True, slots=True)
class Pair:
    """A promised column and the column that it came as. `score` is 0 to 1."""

    column: str
    now: str
    score: float


def find(
    removed: Mapping[str, str], added: Mapping[str, str], *, profile: Profile, reference: Profile | None
) -> tuple[Pair, ...]:
    """The renames among removed and added columns (name -> type), one to one, the best score first."""
    scored = [
        pair
        for column in removed
        for now in added
        if (pair := _scored(column, now, profile=profile, reference=reference)) is not None
    ]
    scored.sort(key=lambda pair: (-pair.score, pair.column, pair.now))
    found = list(_one_to_one(scored))
    rest = [c for c in removed if all(pair.column != c for pair in found)]
    left = [c for c in added if all(pair.now != c for pair in found)]
    if len(rest) == len(left) == 1 and _content(rest[0], left[0], profile=profile, reference=reference) is None:
        found.extend(_by_name_alone(rest[0], left[0], was=removed[rest[0]], now=added[left[0]]))
    return tuple(found)


def name_similarity(one: str, other: str) -> float:
    """How alike two names are, 0 to 1: letters in order, or words in common, an abbreviation counting as its word."""
    words, others = _words(one), _words(other)
    letters = SequenceMatcher(None, "".join(words), "".join(others), autojunk=False).ratio()
    in_common = sum(any(_same_word(word, candidate) for candidate in others) for word in words)
    return max(letters, 2 * min(in_common, len(others)) / max(1, len(words) + len(others)))


def content_similarity(was: ColumnProfile, now: ColumnProfile, *, was_rows: int, now_rows: int) -> float | None:
    """How alike the contents of two columns are, 0 to 1; None where there is no value to compare."""
    if was_rows <= was.nulls or now_rows <= now.nulls:
        return None
    evidence = list(_evidence(was, now, was_values=was_rows - was.nulls, now_values=now_rows - now.nulls))
    weights = sum(weight for _, weight in evidence)
    mean = sum(similarity * weight for similarity, weight in evidence) / weights
    nulls = 1 - abs(was.nulls / was_rows - now.nulls / now_rows)
    flag = _FLAG_FACTOR if max(was.distinct, now.distinct) <= 2 else 1.0  # noqa: PLR2004 - a flag has two values
    return mean * nulls * flag * _TYPE_FACTOR[relation(was=was.type, now=now.type)]


def sketch_overlap(one: Sequence[int], other: Sequence[int]) -> float | None:
    """The estimated share of common values among all values of two columns (Jaccard); None without a sketch."""
    if not one or not other:
        return None
    # Only a sketch of the full length was cut off; beyond its largest hash nothing is known of its column.
    longest = max(len(one), len(other))
    known_to = min(max(sketch) for sketch in (one, other) if len(sketch) == longest)
    known, known_other = ({value for value in sketch if value <= known_to} for sketch in (one, other))
    return len(known & known_other) / len(known | known_other)


def _scored(column: str, now: str, *, profile: Profile, reference: Profile | None) -> Pair | None:
    content = _content(column, now, profile=profile, reference=reference)
    if content is None or max(NAME_WEIGHT + (1 - NAME_WEIGHT) * content, CONTENT_ALONE_WEIGHT * content) < SCORE_MIN:
        return None
    with_name = NAME_WEIGHT * name_similarity(column, now) + (1 - NAME_WEIGHT) * content
    score = round(max(with_name, CONTENT_ALONE_WEIGHT * content), 4)
    return Pair(column=column, now=now, score=score) if score >= SCORE_MIN else None


def _content(column: str, now: str, *, profile: Profile, reference: Profile | None) -> float | None:
    before = None if reference is None else reference.column(column)
    came = profile.column(now)
    if reference is None or before is None or came is None:
        return None
    return content_similarity(before, came, was_rows=reference.rows, now_rows=profile.rows)


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


def _evidence(
    was: ColumnProfile, now: ColumnProfile, *, was_values: int, now_values: int
) -> Iterator[tuple[float, float]]:
    """Each comparison that both profiles allow: how alike, and how much it weighs."""
    uniqueness = max(min(1.0, was.distinct / was_values), min(1.0, now.distinct / now_values))
    yield (
        max(
            _ratio(was.distinct / was_values, now.distinct / now_values),
            _ratio(was.distinct, now.distinct),
        ),
        1.0,
    )
    if was.quantiles and len(was.quantiles) == len(now.quantiles):
        yield _quantiles(was.quantiles, now.quantiles), 2.0
    if was.lengths is not None and now.lengths is not None:
        yield sum(_ratio(a, b) for a, b in zip(was.lengths, now.lengths, strict=True)) / 3, 2.0
    if is_time(was.type) and is_time(now.type):
        yield from _times(was, now)
    if was.top and now.top:
        yield _shares(dict(was.top), dict(now.top)), 3.0
    overlap = sketch_overlap(was.sketch, now.sketch)
    if overlap is not None:
        # The more every value is its own, the less is expected to come back tomorrow.
        yield overlap, max(3.0 * (1 - uniqueness), 3.0 * overlap)


def _quantiles(was: Sequence[float], now: Sequence[float]) -> float:
    spread = max(was[-1] - was[0], now[-1] - now[0])
    return sum(_near(a, b, spread=spread) for a, b in zip(was, now, strict=True)) / len(was)


def _near(one: float, other: float, *, spread: float) -> float:
    if one == other:
        return 1.0
    by_spread = 0.0 if spread <= 0 else max(0.0, 1 - abs(one - other) / spread)
    return max(by_spread, _ratio(one, other))


def _ratio(one: float, other: float) -> float:
    if one == other:
        return 1.0
    if one * other <= 0 or not math.isfinite(one * other):
        return 0.0
    return min(one / other, other / one)


def _times(was: ColumnProfile, now: ColumnProfile) -> Iterator[tuple[float, float]]:
    bounds = [_moment(text) for text in (was.minimum, was.maximum, now.minimum, now.maximum)]
    if None in bounds:
        return
    was_low, was_high, now_low, now_high = (moment for moment in bounds if moment is not None)
    days_apart = abs((now_low - was_low).total_seconds()) / 86_400
    spans = ((was_high - was_low).total_seconds() + 3_600, (now_high - now_low).total_seconds() + 3_600)
    yield _ratio(*spans) / (1 + days_apart / 365), 2.0


def _moment(text: str | None) -> datetime | None:
    try:
        # The zone is left out: only distances count here, and a zone's hours are nothing beside days.
        return None if text is None else datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return None


def _shares(was: Mapping[str, int], now: Mapping[str, int]) -> float:
    was_rows, now_rows = max(1, sum(was.values())), max(1, sum(now.values()))
    return sum(min(was[value] / was_rows, now[value] / now_rows) for value in was.keys() & now.keys())


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
