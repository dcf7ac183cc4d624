"""A case as a person reads it: everything that is needed to decide it, as one value, whichever door shows it.

Every text may quote data or a model, so whoever shows it escapes it. Values of rows are masked here already.
"""

from orders_monitor.core.policy import Route
from orders_monitor.core.review import Decision, Publication, Status
from orders_monitor.core.value import Value


class Finding(Value):
    """Something that was found, in one line, and what it rests on. `severity` is a signal's; of a claim it is empty."""

    id: str
    severity: str
    sentence: str
    evidence: tuple[str, ...] = ()


class ColumnChange(Value):
    """One change of the schema: what, how compatible, and what it means for the published table."""

    sentence: str
    compatibility: str
    meaning: str


class RowCounts(Value):
    """Where the landed rows go; `published_now` are those that readers see today, None while they see none."""

    landed: int
    to_publish: int
    set_aside: int
    duplicates: int
    published_now: int | None = None


class SampledRows(Value):
    """A few rows of a kind (set aside, suspicious, before and after a repair), their cells as masked texts."""

    title: str
    of_rows: int
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class MetricSeries(Value):
    """A metric's history, oldest first, with what is usual now; the last point is this partition's."""

    metric: str
    points: tuple[tuple[str, float], ...]
    low: float
    high: float


class Links(Value):
    """Where to look further. Empty where there is no such place."""

    case: str
    plan: str
    run: str
    launchpad: str


class CaseSummary(Value):
    """One line of an inbox: what a person needs to choose which case to open first.

    `asked_at` is when it began to wait, `deadline` when it is rejected if nobody decides (UTC ISO texts; empty where
    there is none, as of a held partition). `digest` is None where there is nothing to decide.
    """

    table: str
    partition: str
    status: Status
    verdict: str
    digest: str | None
    route: Route
    asked_at: str
    deadline: str
    team: str
    assigned: tuple[str, ...]
    cost: str


class CaseView(Value):
    """All that a person needs to decide one case.

    `verdict` is the one line at the top; `effect` what approving does, `undo` how it is taken back; `modes` are the
    failure modes and signal kinds that say whose case it is; `cost` is what the agent spent on it so far.
    """

    table: str
    partition: str
    environment: str
    status: Status
    verdict: str
    digest: str | None
    release: str
    plan_digest: str
    actions: tuple[Finding, ...]
    claims: tuple[Finding, ...]
    evidence: tuple[Finding, ...]
    schema_changes: tuple[ColumnChange, ...]
    failing: tuple[str, ...]
    rows: RowCounts | None
    samples: tuple[SampledRows, ...]
    series: tuple[MetricSeries, ...]
    route: Route
    reasons: tuple[str, ...]
    asked_at: str
    deadline: str
    team: str
    contacts: tuple[str, ...]
    assigned: tuple[str, ...]
    modes: tuple[str, ...]
    cost: str
    effect: tuple[str, ...]
    undo: str
    changed: tuple[str, ...]
    decisions: tuple[Decision, ...]
    publications: tuple[Publication, ...]
    links: Links
