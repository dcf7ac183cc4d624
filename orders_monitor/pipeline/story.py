"""story: a run's record as a person reads it: what was asked, said, called, refused, paid, planned and decided."""

from collections.abc import Sequence
from dataclasses import dataclass

from orders_monitor.adapters.journal.chain import Break
from orders_monitor.adapters.journal.events import Event
from orders_monitor.core.candidate import Candidate
from orders_monitor.core.plan import Plan
from orders_monitor.core.review import Case, Decision, Publication, gate
from orders_monitor.pipeline.resources import Desk
from orders_monitor.pipeline.sentences import plain, visible
from orders_monitor.pipeline.telling import Said, tell

# As much of a story as one metadata value may hold: the UI loads it with every event of the asset.
MARKDOWN_CHARACTERS_MAX = 16_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """What happened at one moment. `at` is empty where the moment is not recorded in the run."""

    at: str
    lines: tuple[Said, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One run. `broken` says where its record is not what was written: what comes from there on is not believed."""

    run_id: str
    table: str
    partition: str
    chapters: tuple[Chapter, ...]
    broken: Break | None = None


def story_of(desk: Desk, run_id: str) -> Story:
    """The story of a run of which something is recorded, with what was decided about its plan."""
    events = desk.journal.events_of_run(run_id)
    table, partition = events[0].table, events[0].partition
    case = desk.journal.case(table, partition, environment=desk.settings.environment)
    return Story(
        run_id=run_id,
        table=table,
        partition=partition,
        chapters=(*_chapters(events), *_afterwards(events, case)),
        broken=desk.journal.verify(run_id),
    )


def so_far(desk: Desk, partition: str) -> str:
    """The run's story up to now as Markdown, for the UI."""
    events = desk.journal.events_of_run(desk.run_id)
    return as_markdown(
        Story(run_id=desk.run_id, table=desk.table.name, partition=partition, chapters=tuple(_chapters(events)))
    )


def latest_run(desk: Desk, partition: str) -> str | None:
    """The run of the partition's latest night, whole or only a part of it; None where there was none."""
    found = [desk.journal.latest(desk.table.name, partition, kind) for kind in ("landed", "investigation", "plan")]
    newest = max((event for event in found if event is not None), key=lambda event: event.id, default=None)
    return None if newest is None else newest.run_id


def decided(events: Sequence[Event], case: Case) -> tuple[tuple[Decision, ...], tuple[Publication, ...]]:
    """The decisions on the plan and bytes that a run recorded, and the publications of its plan, or by this run."""
    plan = _newest(events, "plan")
    candidate = _newest(events, "candidate")
    digest = None
    if plan is not None and candidate is not None:
        made = Case.model_validate(
            {
                "table": case.table,
                "partition": case.partition,
                "environment": case.environment,
                "plan": Plan.model_validate(plan.body),
                "candidate": Candidate.model_validate(candidate.body),
            }
        )
        digest = made.digest
    publications = tuple(
        p for p in case.publications if p.run_id == events[0].run_id or (digest is not None and p.digest == digest)
    )
    named = {digest, *(publication.digest for publication in publications)}
    return tuple(decision for decision in case.decisions if decision.digest in named), publications


def as_text(story: Story) -> str:
    """For a terminal: nothing that data or model wrote begins a line or moves the cursor."""
    lines = [f"{story.table} {story.partition}, run {story.run_id}"]
    if story.broken is not None:
        lines.append(f"NOT WHAT WAS WRITTEN from event {story.broken.seq} on: {story.broken.why}")
    for chapter in story.chapters:
        for number, (word, text) in enumerate(chapter.lines):
            lines.append(f"{chapter.at if number == 0 else '':<8}  {word:<9}  {text}")
    return "\n".join(visible(line) for line in lines)


def as_markdown(story: Story) -> str:
    """For the UI: one bullet a line, nothing in it is a table, a link or an image, and not longer than is sane."""
    bullets = [
        f"- {f'`{chapter.at}` ' if number == 0 and chapter.at else ''}**{plain(word)}** {plain(text)}"
        for chapter in story.chapters
        for number, (word, text) in enumerate(chapter.lines)
    ]
    kept, room = [], MARKDOWN_CHARACTERS_MAX
    for bullet in bullets:
        room -= len(bullet) + 1
        if room < 0:
            break
        kept.append(bullet)
    more = len(bullets) - len(kept)
    rest = f"- and {more} lines more: " if more else "- the whole of it: "
    return "\n".join([*kept, f"{rest}`orders-monitor trace show {story.run_id}`"])


def as_json(desk: Desk, run_id: str) -> dict[str, object]:
    """The record itself, for another program: every event as it was recorded, and what came of it."""
    events = desk.journal.events_of_run(run_id)
    table, partition = events[0].table, events[0].partition
    decisions, publications = decided(
        events, desk.journal.case(table, partition, environment=desk.settings.environment)
    )
    broken = desk.journal.verify(run_id)
    return {
        "run": run_id,
        "table": table,
        "partition": partition,
        "events": [
            event.model_dump(mode="json", include={"seq", "kind", "recorded_at", "body", "hash"}) for event in events
        ],
        "decisions": [decision.model_dump(mode="json") for decision in decisions],
        "publications": [publication.model_dump(mode="json") for publication in publications],
        "broken": None if broken is None else {"event": broken.seq, "why": broken.why},
    }


def _chapters(events: Sequence[Event]) -> list[Chapter]:
    return [Chapter(at=event.recorded_at[11:19], lines=tuple(tell(event))) for event in events]


def _afterwards(events: Sequence[Event], case: Case) -> list[Chapter]:
    """What was decided and published, and what is waited for now."""
    decisions, publications = decided(events, case)
    lines = [
        ("decided", f"{d.verdict} by {d.reviewer} ({d.source}): {d.note or 'no note'} [{d.digest[:12]}]")
        for d in decisions
    ]
    for p in publications:
        how = "given up" if p.voided else "claimed" if p.delta_version is None else f"version {p.delta_version}"
        lines.append(("published", f"{p.rows:,} rows, {how}, by run {p.run_id}"))
    newest = _newest(events, "plan")
    if newest is not None and case.plan == Plan.model_validate(newest.body):
        answer = gate(case)
        lines.append(("now", f"{answer.status}: {answer.sentence}"))
    return [Chapter(at="", lines=tuple(lines))] if lines else []


def _newest(events: Sequence[Event], kind: str) -> Event | None:
    return next((event for event in reversed(events) if event.kind == kind), None)
