"""restoring: an earlier version of a partition proposed again, for the same gate and the same publication.

A restore is a plan on a person's word whose candidate is the very file of then. What was recorded of that file's
landing is recorded again before the plan, so that whoever asks what the published bytes were like reads of these.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from orders_monitor.adapters.delta.log import DeltaLog
from orders_monitor.adapters.journal.events import Event
from orders_monitor.core.candidate import Candidate, Validation
from orders_monitor.core.claims import Claims
from orders_monitor.core.errors import RestoreRefused
from orders_monitor.core.investigation import Investigation
from orders_monitor.core.landing import Landing
from orders_monitor.core.measures import Flagged, Measures
from orders_monitor.core.plan import Plan, RestoreVersion
from orders_monitor.core.profile import Profile
from orders_monitor.core.quality import Quality
from orders_monitor.core.review import Asked, Case, Decision, Gate, Publication
from orders_monitor.core.value import Value
from orders_monitor.pipeline.deciding import Identity, ask_for, require_a_name
from orders_monitor.pipeline.publish import finish
from orders_monitor.pipeline.quality import ask
from orders_monitor.pipeline.resources import Desk
from orders_monitor.pipeline.trust import Trust

# What is known of a landing once it is planned, in the order in which the stages record it.
_FOUND: dict[str, type[Value]] = {
    "landed": Landing,
    "profile": Profile,
    "measures": Measures,
    "quality": Quality,
    "flagged": Flagged,
    "investigation": Investigation,
    "claims": Claims,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A restore that is put to decision. `replaced` is what waited before and waits no more, None where nothing did."""

    target: Publication
    now: Publication
    digest: str
    asked: Asked
    replaced: Gate | None


@dataclass(frozen=True, slots=True)
class ThereAlready:
    """Readers see these very bytes."""

    now: Publication


def propose(desk: Desk, partition: str, *, version: int, by: Identity) -> Proposed | ThereAlready:
    """Put to decision that readers get the partition again as it was in that version of the table.

    Nothing is recorded where it cannot be had: raises RestoreRefused for a version in which there was no such
    partition, for a file that is gone or was changed, for bytes that do not keep what is declared today, and for
    somebody who decides nothing here; ReviewRefused for what is nobody's name.
    """
    finish(desk, partition)
    require_a_name(desk, partition, by.name.strip())
    case = desk.case(partition)
    now = case.published
    if now is None:
        raise _refused(desk, partition, "nothing of it is published")
    target = _as_of(desk, case, version)
    _require_may_propose(desk, target, by)
    if {target.path} == {now.path} == _shown(desk, partition):
        return ThereAlready(now)
    candidate = _candidate_of(desk, target)
    _require_publishable(desk, target, candidate)
    before = desk.gate(partition)
    action = RestoreVersion(
        publication=target.number, version=target.delta_version or 0, candidate_digest=candidate.digest
    )
    if not (case.plan is not None and case.plan.restore == action and before.is_pending):
        _record(desk, partition, action=action, candidate=candidate, target=target, author=by.name.strip())
        replaced = before if before.is_pending else None
    else:
        replaced = None
    return _put_to_decision(desk, partition, target=target, now=now, replaced=replaced)


def _shown(desk: Desk, partition: str) -> set[str]:
    """The files of the partition that readers read, whatever the journal says: a restore mends that too."""
    files = DeltaLog(desk.settings.lake_root).files(desk.table.name)
    return {listed.path for listed in files if listed.partition == partition}


def _as_of(desk: Desk, case: Case, version: int) -> Publication:
    """The partition's publication that readers of that version of the table saw."""
    written = case.written
    newest = desk.journal.newest_version(desk.table.name)
    if newest is None or version > newest:
        raise _refused(desk, case.partition, f"there is no version {version}; the newest is {newest}")
    seen = [p for p in written if p.delta_version is not None and p.delta_version <= version]
    if not seen:
        first = min(p.delta_version for p in written if p.delta_version is not None)
        why = f"it was first published as version {first}; a restore gives bytes back, and takes no partition away"
        raise _refused(desk, case.partition, why)
    return max(seen, key=lambda p: p.number)


def _candidate_of(desk: Desk, target: Publication) -> Candidate:
    events = desk.journal.records(desk.table.name, ("candidate",), partition=target.partition)
    made = (Candidate.model_validate(event.body) for event in reversed(events))
    found = next((c for c in made if (c.plan_digest, c.path) == (target.plan_digest, target.path)), None)
    if found is None:
        raise _refused(desk, target.partition, f"the journal has no candidate of version {target.delta_version}")
    return found


def _require_publishable(desk: Desk, target: Publication, candidate: Candidate) -> None:
    """The file is there, is what it was, and keeps what is declared today. Raises RestoreRefused."""
    which = f"version {target.delta_version}"
    if not desk.lake.wanted(target.path):
        raise _refused(desk, target.partition, f"the file of {which} is gone: it was older than `retention:` keeps")
    if desk.lake.digest(target.path) != candidate.digest:
        raise _refused(desk, target.partition, f"the file of {which} was changed since it was published")
    if not desk.engine.keeps(desk.lake.path(target.path), desk.table.contract):
        raise _refused(desk, target.partition, f"the contract was changed since {which}")
    failures = Validation(
        candidate_digest=candidate.digest,
        outcomes=ask(desk, target.partition, path=target.path, digest=candidate.digest),
    ).failures
    if failures:
        why = f"{which} does not meet what is declared today: {failures[0].sentence}"
        raise _refused(desk, target.partition, why)


def _record(
    desk: Desk, partition: str, *, action: RestoreVersion, candidate: Candidate, target: Publication, author: str
) -> None:
    """What was found of the landing of then, the plan, and its candidate: all of it or nothing."""
    table = desk.table.name
    events = desk.journal.records(table, ("plan", *_FOUND), partition=partition)
    planned = next((e for e in reversed(events) if e.kind == "plan" and _digest_of(e) == target.plan_digest), None)
    if planned is None:
        raise _refused(desk, partition, f"the journal has no plan of version {target.delta_version}")
    then = Plan.model_validate(planned.body)
    plan = Plan(
        table=table,
        partition=partition,
        landed_digest=candidate.landed_digest,
        release=then.release,
        origin="reviewer",
        actions=(action,),
        author=author,
    )
    found = [(kind, _newest(events, kind, before=planned.id)) for kind in _FOUND]
    bodies = [(kind, _FOUND[kind].model_validate(event.body)) for kind, event in found if event is not None]
    desk.journal.record_all(
        table=table,
        partition=partition,
        run_id=desk.run_id,
        bodies=[
            *((kind, _as_seen_last(desk, body) if isinstance(body, Landing) else body) for kind, body in bodies),
            ("plan", plan),
            ("candidate", candidate.model_copy(update={"plan_digest": plan.digest})),
        ],
    )


def _as_seen_last(desk: Desk, landing: Landing) -> Landing:
    """The source is as it was when it was last landed: going back to older bytes is no late data."""
    last = desk.read(landing.partition, "landed", Landing)
    return landing.model_copy(update={"source_version": last.source_version})


def _put_to_decision(
    desk: Desk, partition: str, *, target: Publication, now: Publication, replaced: Gate | None
) -> Proposed:
    plan, candidate = desk.read(partition, "plan", Plan), desk.read(partition, "candidate", Candidate)
    outcomes = ask(desk, partition, path=candidate.path, digest=candidate.digest)
    desk.record(partition, "validation", Validation(candidate_digest=candidate.digest, outcomes=outcomes))
    ask_for(desk, partition, plan=plan, candidate=candidate, outcomes=outcomes)
    case = desk.case(partition)
    return Proposed(target=target, now=now, digest=case.digest or "", asked=case.asked_for, replaced=replaced)


def _require_may_propose(desk: Desk, target: Publication, by: Identity) -> None:
    """A proposal takes the place of what waits: whose decision would count for nothing here proposes nothing."""
    wish = Decision(
        id=0,
        table=target.table,
        partition=target.partition,
        digest=target.digest,
        verdict="reject",
        reviewer=by.name.strip(),
        note=f"restore version {target.delta_version}",
        source=by.source,
    )
    signed = wish.model_copy(update={"signature": by.signature(wish, desk)})
    why = Trust(desk.settings)(signed, Asked(digest=target.digest, route="human"))
    if why is not None:
        raise _refused(desk, target.partition, why)


def _newest(events: Sequence[Event], kind: str, *, before: int) -> Event | None:
    return next((event for event in reversed(events) if event.kind == kind and event.id <= before), None)


def _digest_of(planned: Event) -> str:
    return Plan.model_validate(planned.body).digest


def _refused(desk: Desk, partition: str, why: str) -> RestoreRefused:
    return RestoreRefused(table=desk.table.name, partition=partition, why=why)
