"""past: the history of one partition, told from the journal: what landed, was planned, decided and published."""

from collections.abc import Iterator

from orders_monitor.adapters.journal.events import Event
from orders_monitor.core.landing import Landing
from orders_monitor.core.plan import Plan
from orders_monitor.core.publication import Claimed
from orders_monitor.core.review import Asked, Publication
from orders_monitor.core.value import Value
from orders_monitor.pipeline import sentences
from orders_monitor.pipeline.resources import Desk

KINDS = ("landed", "plan", "decision_asked")


class Moment(Value):
    """One thing that happened, at a time in UTC (ISO text). `about` holds what a program reads."""

    at: str
    what: str
    sentence: str
    about: dict[str, str | int | None]


class PartitionHistory(Value):
    """Everything that happened to a partition, the oldest first, and the publication that readers see now."""

    table: str
    partition: str
    readers_see: Publication | None
    moments: tuple[Moment, ...]


def of_partition(desk: Desk, partition: str) -> PartitionHistory:
    """The history of a partition; without a moment where nothing is known of it."""
    table = desk.table.name
    moments = [
        *(_of_event(event) for event in desk.journal.records(table, KINDS, partition=partition)),
        *_of_decisions(desk, partition),
        *(m for claimed in desk.journal.claims(table, partition=partition) for m in _of_claim(claimed)),
    ]
    return PartitionHistory(
        table=table,
        partition=partition,
        readers_see=desk.case(partition).published,
        moments=tuple(sorted(moments, key=lambda moment: moment.at)),
    )


def _of_event(event: Event) -> Moment:
    match event.kind:
        case "landed":
            landing = Landing.model_validate(event.body)
            said = f"{landing.rows:,} rows, bytes {landing.digest[:12]}" + (
                f"; {landing.problem}" if landing.problem else ""
            )
            about: dict[str, str | int | None] = {"rows": landing.rows, "digest": landing.digest}
        case "plan":
            plan = Plan.model_validate(event.body)
            who = f"{plan.author} asks" if plan.author else f"on the word of: {plan.origin}"
            said = f"{who}: {'; '.join(sentences.of_action(action) for action in plan.actions)}"
            about = {"digest": plan.digest, "origin": plan.origin, "author": plan.author, "release": plan.release}
        case _:
            asked = Asked.model_validate(event.body)
            said = f"{asked.route} for {asked.digest[:12]}: {'; '.join(asked.reasons)}"
            about = {"digest": asked.digest, "route": asked.route, "deadline": asked.deadline}
    what = {"decision_asked": "asked", "plan": "planned"}.get(event.kind, event.kind)
    return Moment(
        at=event.recorded_at, what=what, sentence=f"{said} (run {event.run_id})", about={**about, "run": event.run_id}
    )


def _of_decisions(desk: Desk, partition: str) -> Iterator[Moment]:
    counted = {decision.id for decision in desk.case(partition).decisions}
    for decision in desk.journal.all_decisions(desk.table.name, partition=partition):
        counts = decision.id in counted
        who = f"{decision.digest[:12]} by {decision.reviewer} ({decision.source}, decision {decision.id})"
        note = f": {decision.note}" if decision.note else ""
        yield Moment(
            at=decision.recorded_at,
            what="approved" if decision.verdict == "approve" else "rejected",
            sentence=f"{who}{note}" + ("" if counts else "; it is not trusted, and counts for nothing"),
            about={
                "decision": decision.id,
                "digest": decision.digest,
                "reviewer": decision.reviewer,
                "source": decision.source,
                "note": decision.note,
                "trusted": str(counts).lower(),
            },
        )


def _of_claim(claimed: Claimed) -> Iterator[Moment]:
    publication = claimed.publication
    which = f"publication {publication.number} of {publication.digest[:12]}, {publication.rows:,} rows"
    about: dict[str, str | int | None] = {
        "publication": publication.number,
        "version": publication.delta_version,
        "rows": publication.rows,
        "digest": publication.digest,
        "decision": publication.decision_id,
        "file": publication.path,
        "run": publication.run_id,
    }
    run = f"(run {publication.run_id})"
    if claimed.is_open:
        yield Moment(at=claimed.claimed_at, what="claimed", sentence=f"{which}; it is not finished {run}", about=about)
        return
    how = "given up" if publication.voided else f"version {publication.delta_version}"
    what = "given up" if publication.voided else "published"
    yield Moment(
        at=claimed.ended_at,
        what=what,
        sentence=f"{how}: {which} {run}" if how != what else f"{which} {run}",
        about=about,
    )
