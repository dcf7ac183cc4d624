"""A case on a terminal: what is wrong first, what to type last, and nothing in it moves the cursor."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import get_args

from orders_monitor.core.casebook import CaseSummary, CaseView, Finding, MetricSeries, SampledRows
from orders_monitor.core.policy import Route
from orders_monitor.core.review import WAITS, Verdict
from orders_monitor.pipeline.sentences import visible

Typed = Callable[..., str]
WHO: dict[Route, str] = {"automatic": "the policy", "human": "a person", "two_humans": "two people", "never": "nobody"}
CELL_CHARACTERS_MAX = 32
_HOUR_S, _DAY_S = 3_600, 86_400


def lines_of(case: CaseView, *, now: datetime, typed: Typed) -> Iterator[str]:
    """The whole case, line by line; `typed` makes a command of ours as it is typed here."""
    yield f"{case.table} {case.partition} ({case.environment}): {visible(case.verdict)}"
    yield f"digest {case.digest or 'none: there is nothing to decide'}"
    if case.status in WAITS:
        yield f"{_waits(case.asked_at, case.deadline, now)}; for {_who(case.route, case.assigned, case.team)}"
    yield from _part("asked of a person because", case.reasons if case.route != "automatic" else ())
    yield from _part("changed since the last decision", case.changed)
    yield from _part("plan", [_cited(action) for action in case.actions])
    yield from _part("evidence", [_signal(signal) for signal in case.evidence] or ["everything is clean"])
    yield from _part("the agent says", [_cited(claim) for claim in case.claims])
    changes = [f"{change.sentence} [{change.compatibility}]: {change.meaning}" for change in case.schema_changes]
    yield from _part("schema", changes)
    yield from _part("failing", case.failing)
    if case.rows is not None:
        rows = case.rows
        seen = "no row now" if rows.published_now is None else f"{rows.published_now:,} rows now"
        out = f"{rows.to_publish:,} to publish + {rows.set_aside:,} set aside + {rows.duplicates:,} duplicates"
        yield from _part("rows", [f"{rows.landed:,} landed = {out}", f"readers see {seen}"])
    for sample in case.samples:
        yield from _table(sample)
    yield from _part("history", [_series(series) for series in case.series])
    yield from _part("cost so far", [case.cost])
    yield from _part("decided before", [_decision(case, number) for number, _ in enumerate(case.decisions)])
    yield from _part("approving", case.effect)
    yield from _part("undo", [case.undo] if case.undo else ())
    places = [case.links.case, case.links.plan, case.links.run]
    yield from _part("look", [place for place in places if place])
    if case.status in WAITS:
        yield from _answers(case, typed)


def summary_lines(case: CaseSummary, *, now: datetime, typed: Typed, named: bool = False) -> Iterator[str]:
    """One case of the inbox; `named` says the table's name too."""
    who = _who(case.route, case.assigned, case.team)
    where = f"{case.table} {case.partition}" if named else case.partition
    waits = _waits(case.asked_at, case.deadline, now) if case.asked_at else ""
    line = f"{where}  {case.status:<9}  {(case.digest or '-')[:12]:<12}  {waits}"
    yield f"{line}; for {who}" if case.status in WAITS else line.rstrip()
    yield f"            {visible(case.verdict)}"
    if case.status in WAITS:
        yield f"            {typed('review', 'show', case.partition)}"


def _answers(case: CaseView, typed: Typed) -> Iterator[str]:
    """What to type, the last lines: a tired person looks there first."""
    digest = str(case.digest)[:12]
    for verdict in get_args(Verdict):
        yield f"{verdict + ':':<8} {typed('review', verdict, case.partition, '--digest', digest, '--note', 'why')}"
    yield f"narrow:  {typed('review', 'edit', case.partition, '--digest', digest, '--set-aside', 'COLUMN is_null')}"
    yield f"hold:    {typed('review', 'edit', case.partition, '--digest', digest, '--hold', 'why')}"


def _part(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield title
        yield from (f"  {visible(line)}" for line in lines)


def _cited(finding: Finding) -> str:
    return f"{finding.sentence}  [{', '.join(finding.evidence)}]" if finding.evidence else finding.sentence


def _signal(signal: Finding) -> str:
    because = f"  (follows from {', '.join(signal.evidence)})" if signal.evidence else ""
    return f"{signal.severity:<4}  {signal.id}: {signal.sentence}{because}"


def _series(series: MetricSeries) -> str:
    *before, (_, today) = series.points
    last = ", ".join(f"{value:,.4g}" for _, value in before[-7:])
    inside = "usual" if series.low <= today <= series.high else "unusual"
    return f"{series.metric}: {today:,.4g} is {inside} ({series.low:,.4g} to {series.high:,.4g}); before: {last}"


def _table(sample: SampledRows) -> Iterator[str]:
    """Rows in columns as wide as what is in them."""
    yield visible(f"{sample.title} ({len(sample.rows)} of {sample.of_rows:,})")
    cells = [[visible(cell)[:CELL_CHARACTERS_MAX] for cell in row] for row in (sample.columns, *sample.rows)]
    widths = [max(len(row[place]) for row in cells) for place, _ in enumerate(sample.columns)]
    for row in cells if sample.rows else ():
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _decision(case: CaseView, number: int) -> str:
    made = case.decisions[number]
    at = made.recorded_at[:16].replace("T", " ")
    return f"{at}  {made.verdict} by {made.reviewer} ({made.source}): {made.note or 'no note'} [{made.digest[:12]}]"


def _who(route: Route, assigned: Sequence[str], team: str) -> str:
    names = f" ({', '.join(assigned)})" if assigned else ""
    return f"{WHO[route]}{names} of {team}"


def _waits(asked_at: str, deadline: str, now: datetime) -> str:
    """How long it waits already, and how long it may."""
    since = f"waits {_span((now - _moment(asked_at)).total_seconds())}" if asked_at else "waits"
    if not deadline:
        return since
    left = (_moment(deadline) - now).total_seconds()
    return f"{since}, {f'{_span(left)} left' if left > 0 else f'expired {_span(-left)} ago'}"


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _span(seconds: float) -> str:
    """A time in its largest unit, rounded down: `2 d`, `5 h`, `40 min`."""
    if seconds >= 2 * _DAY_S:
        return f"{int(seconds // _DAY_S)} d"
    return f"{int(seconds // _HOUR_S)} h" if seconds >= _HOUR_S else f"{int(max(0, seconds) // 60)} min"
