"""What the real sources share: which day a partition is, and which name a found column goes by."""

import datetime as dt
import re
from collections.abc import Mapping, Sequence

_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def day_of(partition: str) -> dt.date:
    """The day of a partition key. Raises ValueError where the key is not a date written YYYY-MM-DD."""
    # date.fromisoformat alone also takes 20260301 and 2026-W09-7, which are other file names for the same day.
    if _ISO_DAY.fullmatch(partition) is None:
        raise ValueError(f"{partition!r} is not a date of the form YYYY-MM-DD")
    return dt.date.fromisoformat(partition)


def contract_names(found: Sequence[str], columns: Mapping[str, str]) -> tuple[str, ...]:
    """The found names in their order, each replaced by the contract's name where the declaration maps it.

    A mapping is not applied where its target is there already (found, or mapped to before): two columns of one name
    would be one column to every later reader, and the leftover name shows as drift. DuckDB ignores case, so do we.
    """
    taken = {name.lower() for name in found}
    names = []
    for name in found:
        target = columns.get(name, name)
        if target != name and (target.lower() not in taken or target.lower() == name.lower()):
            taken.add(target.lower())
            names.append(target)
        else:
            names.append(name)
    return tuple(names)
