"""case rows: the few rows that a person looks at before deciding, masked as the table's declaration says.

A personal column shows nothing, text only its shape; numbers and times are shown as they are. With
`sample_values: none` there is no row at all.
"""

from collections.abc import Iterator, Sequence

from orders_monitor.adapters.engine.peeking import Peeked
from orders_monitor.adapters.expectations import masking
from orders_monitor.core.candidate import Candidate
from orders_monitor.core.casebook import SampledRows
from orders_monitor.core.errors import PlanInapplicable, StoreUnavailable
from orders_monitor.core.landing import Landing
from orders_monitor.core.measures import Flagged
from orders_monitor.core.plan import CastColumn, Plan, QuarantineRows, RenameColumn, ScaleColumn
from orders_monitor.core.quality import Quality
from orders_monitor.core.schema import Schema
from orders_monitor.pipeline.profile import personal_columns
from orders_monitor.pipeline.resources import Desk

ROWS_MAX = 5
COLUMNS_MAX = 8
REPAIRS_MAX = 4
PERSONAL, MISSING = "(personal)", "(missing)"
REASON = "_quarantine_reason"


def samples(
    desk: Desk,
    landing: Landing,
    plan: Plan,
    candidate: Candidate | None,
    *,
    quality: Quality | None,
    flagged: Flagged | None,
) -> tuple[SampledRows, ...]:
    """Rows set aside, columns before and after their repair, and suspicious rows; a file that is gone says so."""
    if desk.table.sample_values == "none":
        return ()
    shown = _Shown(desk, landing, plan, quality)
    found = [*shown.repaired()] if plan.hold is None else []
    if candidate is not None and candidate.plan_digest == plan.digest and candidate.quarantine_path is not None:
        found.append(shown.set_aside(candidate.quarantine_path, candidate.quarantined_rows))
    if flagged is not None and flagged.landed_digest == plan.landed_digest and flagged.rows:
        found.append(shown.suspicious(flagged))
    return tuple(found)


class _Shown:
    """The landed rows of one partition as they may be shown."""

    def __init__(self, desk: Desk, landing: Landing, plan: Plan, quality: Quality | None) -> None:
        self._desk, self._landing, self._plan = desk, landing, plan
        self._columns = _columns_of(desk, landing.landed_schema, plan, quality)
        self._hidden = personal_columns(desk.table, landing.landed_schema) | _personal_by(desk, plan)

    def set_aside(self, path: str, rows: int) -> SampledRows:
        """Rows of the quarantine file, with why they are there."""
        title = "rows that are set aside"
        try:
            names = [*self._columns, REASON]
            peeked = self._desk.engine.peek(self._desk.lake.path(path), names, rows_max=ROWS_MAX, hidden=self._hidden)
        except StoreUnavailable as error:
            return _unreadable(title, rows, error)
        return self._told(title, rows, peeked)

    def suspicious(self, flagged: Flagged) -> SampledRows:
        """The rows with the most evidence against them, with what they break."""
        title = "the most suspicious rows"
        first = flagged.rows[:ROWS_MAX]
        try:
            peeked = self._desk.engine.peek(
                self._desk.lake.path(self._landing.path),
                self._columns,
                at=[row.row for row in first],
                rows_max=ROWS_MAX,
                hidden=self._hidden,
            )
        except StoreUnavailable as error:
            return _unreadable(title, len(flagged.rows), error)
        told = self._told(title, len(flagged.rows), peeked)
        if len(told.rows) != len(first):
            return _unreadable(title, len(flagged.rows), StoreUnavailable(store="lake", why="the file was changed"))
        breaks = [masking.plain(", ".join(r.rule for r in row.reasons[:2]), characters_max=80) for row in first]
        rows = tuple((*cells, broken) for cells, broken in zip(told.rows, breaks, strict=True))
        return told.model_copy(update={"columns": (*told.columns, "breaks"), "rows": rows})

    def repaired(self) -> Iterator[SampledRows]:
        """Each repaired column, before and after."""
        for column in _repaired(self._plan)[:REPAIRS_MAX]:
            title = f"{masking.name(column)}, as it came and as it would be published"
            try:
                peeked = self._desk.engine.before_and_after(
                    self._desk.lake.path(self._landing.path),
                    self._plan,
                    self._desk.table.contract,
                    column,
                    rows_max=ROWS_MAX,
                )
            except (StoreUnavailable, PlanInapplicable) as error:
                yield _unreadable(title, self._landing.rows, error)
                continue
            told = self._told(title, self._landing.rows, peeked, repaired=True)
            yield told.model_copy(
                update={"columns": (f"{told.columns[0]} (landed)", f"{told.columns[1]} (to publish)")}
            )

    def _told(self, title: str, of_rows: int, peeked: Peeked, *, repaired: bool = False) -> SampledRows:
        """`repaired`: what came as text and is a number or a time afterwards is shown as it came, to be compared."""
        personal = self._hidden | {c.name for c in self._desk.table.contract.columns if c.personal}
        rows = tuple(
            tuple(
                _cell(
                    cell,
                    peeked.columns[-1].type if repaired and row[-1] is not None else column.type,
                    personal=column.name in personal,
                    ours=column.name == REASON,
                )
                for cell, column in zip(row, peeked.columns, strict=True)
            )
            for row in peeked.rows
        )
        columns = tuple("why" if c.name == REASON else masking.name(c.name) for c in peeked.columns)
        return SampledRows(title=title, of_rows=of_rows, columns=columns, rows=rows)


def _cell(text: str | None, type_name: str, *, personal: bool, ours: bool) -> str:
    if personal:
        return PERSONAL
    if text is None:
        return MISSING
    if ours:
        return masking.plain(text, characters_max=80)
    return masking.told(text, shown=masking.is_shown(type_name))


def _unreadable(title: str, of_rows: int, error: StoreUnavailable | PlanInapplicable) -> SampledRows:
    return SampledRows(title=f"{title}: they cannot be shown ({error})", of_rows=of_rows, columns=(), rows=())


def _columns_of(desk: Desk, landed: Schema, plan: Plan, quality: Quality | None) -> list[str]:
    """The landed names of the columns to show: what the case is about, then the key, then the others in order."""
    came_as = {a.to: a.column for a in plan.actions if isinstance(a, RenameColumn)}
    about = [a.where.column for a in plan.actions if isinstance(a, QuarantineRows)]
    failed = [o.column for o in (quality.outcomes if quality else ()) if not o.passed and o.column is not None]
    wanted = [came_as.get(name, name) for name in (*about, *failed, *desk.table.contract.key)]
    known = [name for name in dict.fromkeys((*wanted, *landed.names)) if name in landed.names]
    # `_quarantine_reason` of the source's own would be taken for ours.
    return [name for name in known if name != REASON][:COLUMNS_MAX]


def _personal_by(desk: Desk, plan: Plan) -> frozenset[str]:
    """The landed columns that a plan reads a personal one from."""
    personal = {column.name for column in desk.table.contract.columns if column.personal}
    return frozenset(a.column for a in plan.actions if isinstance(a, RenameColumn) and a.to in personal)


def _repaired(plan: Plan) -> Sequence[str]:
    promised = {a.column: a.to for a in plan.actions if isinstance(a, RenameColumn)}
    repairs = (a for a in plan.actions if isinstance(a, RenameColumn | CastColumn | ScaleColumn))
    return list(dict.fromkeys(promised.get(a.column, a.column) for a in repairs))
