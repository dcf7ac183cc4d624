"""What detectors watch of one partition's bytes: one number a metric, and a day as its profile and these together."""

from pydantic import Field

from orders_monitor.core.profile import Profile
from orders_monitor.core.rules import FlaggedRow
from orders_monitor.core.value import Value


class Measures(Value):
    """The metrics of some bytes that no profile has, because they need the days before or another column.

    `values` is by metric name: `<measure>`, `<measure>:<column>` or `broken:<rule>` (the share of rows, 0 to 1, that
    break a learned rule). `digest` names the bytes, `rules` the digest of the rules they were measured with.

    `of_day` are the other metrics of a published day, as its profile and the days before it gave them: with these no
    later night needs its profile. None of what is not published, and in older journals.
    """

    digest: str
    rules: str
    values: dict[str, float]
    of_day: dict[str, float] | None = None


class Memory(Value):
    """The small file in which a published partition is remembered: its path in the lake and the SHA-256 of its bytes.

    `rules` is the digest of the rules that it was made for, `published_digest` names what it remembers.
    """

    path: str
    digest: str
    rules: str
    published_digest: str


class Flagged(Value):
    """The suspicious rows of some landed bytes, the most suspicious first; `of` is how many rows there are."""

    landed_digest: str
    of: int
    rows: tuple[FlaggedRow, ...]


class Day(Value):
    """Everything that a detector may know of one partition (an ISO date); `measures` are there once rules are learned.

    `pass_shares` is by check name: the share of rows, 0 to 1, that met each expectation. `timezone` is the IANA zone
    in which the day ends. Where `of_day` is given these metrics are taken as they were recorded, and of the profile no
    more than the rows need be known.
    """

    partition: str
    profile: Profile
    timezone: str = "UTC"
    measures: Measures | None = None
    pass_shares: dict[str, float] = Field(default_factory=dict)
    of_day: dict[str, float] | None = None
