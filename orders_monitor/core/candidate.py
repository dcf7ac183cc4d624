"""The exact bytes that would be published, and what the expectations say of them."""

from pydantic import model_validator

from orders_monitor.core.expectation import Outcome
from orders_monitor.core.value import Value


class Candidate(Value):
    """The plan applied to the landed bytes. Paths are relative to the lake's root, digests are of the files' bytes.

    Rows in = rows + rows quarantined + duplicates dropped: a value that breaks this cannot be made.
    """

    plan_digest: str
    landed_digest: str
    path: str
    digest: str
    size_bytes: int
    landed_rows: int
    rows: int
    quarantined_rows: int
    duplicate_rows: int
    quarantine_path: str | None = None
    quarantine_digest: str | None = None

    @model_validator(mode="after")
    def _rows_are_conserved(self) -> "Candidate":
        out = self.rows + self.quarantined_rows + self.duplicate_rows
        if out != self.landed_rows:
            raise ValueError(f"{self.landed_rows:,} rows in, {out:,} out: the candidate is not the plan's")
        return self


class Validation(Value):
    """The outcomes of every declared expectation on the candidate of that digest."""

    candidate_digest: str
    outcomes: tuple[Outcome, ...]

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """The outcomes that keep these bytes from being published."""
        return tuple(o for o in self.outcomes if o.severity == "gate" and not o.passed)
