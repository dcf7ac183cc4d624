"""Values that a column never had: outside of what the contract allows, or new in a set that had stopped growing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orders_monitor.core.profile import ColumnProfile

VALUES_MAX = 20
# The set counts as closed where the later half of at least so many days brought nothing that the earlier half lacked.
# On the countries of a real shop (Online Retail) 1 of 304 ordinary days brings a new one to a closed set.
DAYS_MIN = 14
_CHARACTERS_PROFILED = 64  # of a value in ColumnProfile.top


@dataclass(frozen=True, slots=True)
class Grown:
    """How many new values there are, in how many rows, and whether the contract says which there may be.

    `about` says that the rows are an estimate.
    """

    values: int
    rows: int
    promised: bool
    about: bool = False


def grown(allowed: Sequence[str] | None, before: Sequence[ColumnProfile], now: ColumnProfile) -> Grown | None:
    """The new values of a column; None where there are none, or where its values are not listed in the profile."""
    if allowed is not None:
        return _outside({value[:_CHARACTERS_PROFILED] for value in allowed}, now, promised=True)
    days = [{value for value, _ in day.top} for day in before]
    if len(days) < DAYS_MIN or not all(days) or len(now.top) > VALUES_MAX:
        return None
    earlier, later = set[str]().union(*days[: len(days) // 2]), set[str]().union(*days[len(days) // 2 :])
    return _outside(earlier, now, promised=False) if later <= earlier else None


def _outside(known: Iterable[str], now: ColumnProfile, *, promised: bool) -> Grown | None:
    new = [rows for value, rows in now.top if value not in known]
    about = "top" in now.approximate
    return Grown(values=len(new), rows=sum(new), promised=promised, about=about) if new else None
