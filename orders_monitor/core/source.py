"""Where a table comes from: what a declaration may say about it, and what every source can do.

A source answers two questions: which schema would this partition have (metadata only), and what are its bytes.
What the *data* did wrong is an answer (`Missing`, `Unreadable`); that we cannot ask is `SourceUnavailable`.
"""

import datetime as dt
from pathlib import Path
from typing import Annotated, Literal, Protocol

from pydantic import Field, field_validator, model_validator

from orders_monitor.core.schema import Schema
from orders_monitor.core.totals import Total
from orders_monitor.core.value import Value

# Of a digest: enough for two versions of one partition never to look alike.
VERSION_CHARACTERS = 16
IncidentKind = Literal[
    "column_renamed",
    "type_changed",
    "column_dropped",
    "nullable_column_added",
    "amounts_in_cents",
    "duplicated_batch",
    "missing_hours",
    "null_burst",
    "new_enum_value",
    "bad_emails",
    "empty_partition",
    "prompt_injection",
]


class Incident(Value):
    """One entry of the simulator's calendar.

    It happens on the partition `date`, or on every partition whose days since 1970-01-01, modulo `every_days`,
    equal `on_day`. Exactly one of the two forms is given.
    """

    kind: IncidentKind
    date: str | None = None
    every_days: int | None = Field(default=None, ge=1)
    on_day: int | None = Field(default=None, ge=0)

    @field_validator("date", mode="before")
    @classmethod
    def _as_text(cls, date: object) -> object:
        # YAML reads an unquoted 2026-03-01 as a date.
        return date.isoformat() if isinstance(date, dt.date) else date

    @field_validator("date")
    @classmethod
    def _is_a_day(cls, date: str | None) -> str | None:
        if date is not None and dt.date.fromisoformat(date).isoformat() != date:
            raise ValueError(f"{date!r} is not a date of the form YYYY-MM-DD")
        return date

    @model_validator(mode="after")
    def _has_exactly_one_form(self) -> "Incident":
        repeats = self.every_days is not None or self.on_day is not None
        if repeats == (self.date is not None):
            raise ValueError(f"{self.kind}: say either `date`, or `every_days` and `on_day`")
        if repeats and (self.every_days is None or self.on_day is None):
            raise ValueError(f"{self.kind}: `every_days` and `on_day` belong together")
        if self.every_days is not None and self.on_day is not None and self.on_day >= self.every_days:
            raise ValueError(f"{self.kind}: a day modulo {self.every_days} is never {self.on_day}")
        return self

    def happens_on(self, day: dt.date) -> bool:
        """Whether the partition of that day has this incident."""
        if self.every_days is None:
            return self.date == day.isoformat()
        return (day - dt.date(1970, 1, 1)).days % self.every_days == self.on_day


class SimulatorSource(Value):
    """A seeded orders system: the same seed and date give the same bytes."""

    kind: Literal["simulator"]
    seed: int = 7
    orders_per_day: int = Field(default=600, ge=0)
    incidents: tuple[Incident, ...] = ()


class FilesSource(Value):
    """Parquet or CSV files, or one file that holds every partition.

    `path` names a file per partition with `{partition}` in it (a `*` after it may match several files), or one
    file whose `partition_column` says which rows belong to the partition. A relative path is taken from the
    project's root. `columns` maps a name as found to the contract's name. `totals` names a JSON file per partition
    with the control totals: {"rows": 1234, "sum_amount_by_currency": {"EUR": "99.50"}}.
    """

    kind: Literal["files"]
    path: str
    format: Literal["parquet", "csv"] = "parquet"
    partition_column: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    totals: str | None = None


class DatabaseSource(Value):
    """A table or view in any database that SQLAlchemy speaks.

    `url_env` names the environment variable that holds the URL (a URL carries a password and does not belong in
    a declaration). `partition_column` compared with the partition's date picks the rows. `changed_column` says when a
    row was last written: by it late data is seen, and without one it is not.
    """

    kind: Literal["database"]
    url_env: str
    relation: str
    schema_name: str | None = None
    partition_column: str
    changed_column: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)


SourceDeclaration = Annotated[SimulatorSource | FilesSource | DatabaseSource, Field(discriminator="kind")]


class Fetched(Value):
    """The partition's rows are in the file that was asked for, as found; `totals` is what the source says of them."""

    rows: int
    totals: tuple[Total, ...] = ()


class Missing(Value):
    """The source has nothing for this partition."""

    why: str


class Unreadable(Value):
    """The source has something for this partition that cannot be read as a table."""

    why: str


Fetch = Fetched | Missing | Unreadable


class Source(Protocol):
    """What the pipeline asks of any source."""

    def schema(self, partition: str) -> Schema | None:
        """The schema that the partition would land with, from metadata only; None where there is nothing yet.

        Raises SourceUnavailable.
        """
        ...

    def version(self, partition: str) -> str | None:
        """A text that is another one once the partition is changed, from metadata only; None where that cannot be said.

        Raises SourceUnavailable.
        """
        ...

    def fetch(self, partition: str, into: Path) -> Fetch:
        """Write the partition's rows, as found, to the Parquet file `into` (it does not exist yet).

        Nothing is left at `into` unless the answer is Fetched. Raises SourceUnavailable.
        """
        ...
