"""Chance that is the same on every machine and in every version of Python."""

import hashlib
import random
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Choices that follow from the words they are made of, such as a seed, a date and a purpose.

    Only `random()` is used: it is the one sequence that Python promises to keep from version to version (`choice`,
    `sample` and `gauss` may change), and no function of the platform's mathematics library is involved.
    """

    def __init__(self, *words: object) -> None:
        self._random = random.Random(int.from_bytes(digest_of_words(*words), "big"))  # noqa: S311 - simulated data, no secret

    def share(self) -> float:
        """A number from 0 up to, not including, 1."""
        return self._random.random()

    def happens(self, probability: float) -> bool:
        """True in that share of the calls."""
        return self._random.random() < probability

    def below(self, count: int) -> int:
        """A whole number from 0 to count - 1."""
        return int(self._random.random() * count)

    def one_of(self, options: Sequence[T]) -> T:
        """Any of the options, each as likely."""
        return options[self.below(len(options))]

    def normal(self) -> float:
        """About normal, mean 0 and deviation 1, never beyond 6: the sum of twelve uniform numbers."""
        return sum(self._random.random() for _ in range(12)) - 6.0

    def weighted(self, options: Sequence[tuple[T, float]]) -> T:
        """One of the options, as likely as its weight says."""
        return weighted(options, self._random.random())

    def some_of(self, count: int, wanted: int) -> list[int]:
        """That many different numbers from 0 to count - 1, in rising order."""
        chosen: list[int] = []
        for number in range(count):
            if self._random.random() * (count - number) < wanted - len(chosen):
                chosen.append(number)
        return chosen


def weighted(options: Sequence[tuple[T, float]], share: float) -> T:
    """The option at that share (0 to 1) of the summed weights."""
    ends = list(accumulate(weight for _, weight in options))
    return next(option for (option, _), end in zip(options, ends, strict=True) if share * ends[-1] < end)


def digest_of_words(*words: object) -> bytes:
    """32 bytes that follow from the words' text."""
    return hashlib.sha256("/".join(map(str, words)).encode()).digest()
