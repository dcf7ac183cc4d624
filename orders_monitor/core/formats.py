"""Whether texts came in another format: dates, phone numbers, ids, upper or lower case, by the shapes of their values.

A shape has a letter or digit of its class for each character (`2026-03-01` is `9999-99-99`); of a column with too many
shapes the profile writes a run as `9+`. Texts of no fixed length are compared by families of shapes, in which a run
counts once (`9-9-9`). Within one family only a run that became longer or shorter by two or more is another format: ids
grow a digit now and then. On the four text columns of a real shop (Online Retail) none of 304 ordinary days is one.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from orders_monitor.core.profile import ColumnProfile

# The shapes of a column that has a format cover this share of its values, and after a change next to none of them.
KNOWN_MIN = 0.8
KEPT_MAX = 0.2
NEW_MIN = 0.5
VALUES_MIN = 20

_RARE = 0.01
_RUN = re.compile(r"([Aa9])\++")
_RUN_GROWTH = 2


@dataclass(frozen=True, slots=True)
class Reformatted:
    """The most frequent shape as it was and as it is, and the share of values (0 to 1) in none of the known shapes."""

    was: str
    now: str
    share: float


def reformatted(was: ColumnProfile, now: ColumnProfile, *, was_values: int, now_values: int) -> Reformatted | None:
    """How the format of a text column changed; None where it did not or where it has none."""
    if not was.patterns or not now.patterns or min(was_values, now_values) < VALUES_MIN:
        return None
    before, today = _shares(was.patterns, was_values), _shares(now.patterns, now_values)
    return _changed(_by_family(before), _by_family(today), before, today) or _longer_or_shorter(before, today)


def family(shape: str) -> str:
    """The shape with each run of one class once, however the profile writes a run."""
    once = _RUN.sub(r"\1", "".join(character for character, _ in groupby(shape)))
    return "".join(character for character, _ in groupby(once))


def family_shares(column: ColumnProfile, values: int) -> dict[str, float]:
    """The share of the values (0 to 1) that each listed family of shapes has."""
    return _by_family(_shares(column.patterns, values))


def _changed(
    was: Mapping[str, float], now: Mapping[str, float], shapes: Mapping[str, float], new: Mapping[str, float]
) -> Reformatted | None:
    known = {name: share for name, share in was.items() if share >= _RARE}
    kept = sum(now.get(name, 0.0) for name in known)
    if sum(known.values()) < KNOWN_MIN or kept > KEPT_MAX or max(now.values()) < NEW_MIN:
        return None
    return Reformatted(was=_most(shapes), now=_most(new), share=round(1 - kept, 4))


def _longer_or_shorter(was: Mapping[str, float], now: Mapping[str, float]) -> Reformatted | None:
    before, today = _most(was), _most(now)
    kept = now.get(before, 0.0)
    if was[before] < KNOWN_MIN or kept > KEPT_MAX or now[today] < NEW_MIN or family(before) != family(today):
        return None
    if _RUN.search(before) or _RUN.search(today):
        return None  # how long the runs are is not known
    runs = zip(_runs(before), _runs(today), strict=True)
    return (
        Reformatted(was=before, now=today, share=round(1 - kept, 4))
        if any(abs(a - b) >= _RUN_GROWTH for a, b in runs)
        else None
    )


def _shares(patterns: tuple[tuple[str, int], ...], values: int) -> dict[str, float]:
    counted = Counter[str]()
    for shape, rows in patterns:
        counted[shape] += rows
    return {shape: rows / values for shape, rows in counted.items()}


def _by_family(shapes: Mapping[str, float]) -> dict[str, float]:
    shares: dict[str, float] = {}
    for shape, share in shapes.items():
        shares[family(shape)] = shares.get(family(shape), 0.0) + share
    return shares


def _most(shapes: Mapping[str, float]) -> str:
    return max(shapes, key=lambda shape: (shapes[shape], shape))


def _runs(shape: str) -> list[int]:
    return [len(list(run)) for _, run in groupby(shape)]
