"""casebook: a case as a person reads it, from what the stages recorded: for the command line, the page and messages."""

from collections.abc import Iterator

from orders_monitor.adapters.journal.feedback import review_chain
from orders_monitor.core import meaning
from orders_monitor.core.anomaly.vector import past_values
from orders_monitor.core.casebook import (
    CaseSummary,
    CaseView,
    ColumnChange,
    Finding,
    Links,
    MetricSeries,
    RowCounts,
    SampledRows,
)
from orders_monitor.core.claims import Claims
from orders_monitor.core.cost import Cost
from orders_monitor.core.errors import ReviewRefused
from orders_monitor.core.evidence import accept
from orders_monitor.core.investigation import Investigation
from orders_monitor.core.landing import Landing
from orders_monitor.core.measures import Flagged
from orders_monitor.core.modes import modes_of
from orders_monitor.core.plan import Plan
from orders_monitor.core.quality import Quality
from orders_monitor.core.review import Case, Gate, gate
from orders_monitor.pipeline import case_rows, case_words, links, sentences
from orders_monitor.pipeline.quality import days_before
from orders_monitor.pipeline.resources import Desk

NEEDS_A_PERSON = ("awaiting", "stale", "held", "failed")
SERIES_MAX, DAYS_MAX = 6, 28


def inbox(desk: Desk, *, every: bool = False) -> tuple[CaseSummary, ...]:
    """The cases of the table that need a person, oldest partition first; with `every` all that are known.

    Cheap: what a case rests on is read only where a person is needed.
    """
    cases = desk.journal.cases(desk.table.name, environment=desk.settings.environment)
    found = [(case, gate(case)) for case in cases]
    shown = [(case, answer) for case, answer in found if every or answer.status in NEEDS_A_PERSON]
    costs = _costs(desk) if shown else {}
    return tuple(_summary(desk, case, answer, costs.get(case.partition)) for case, answer in shown)


def view(desk: Desk, partition: str) -> CaseView:
    """All that a person needs to decide one case. Raises ReviewRefused where there is no plan yet."""
    case = desk.case(partition)
    if case.plan is None:
        why = "there is no plan; run the partition first"
        raise ReviewRefused(table=desk.table.name, partition=partition, why=why)
    answer, asked, plan = gate(case), case.asked_for, case.plan
    quality = desk.found_of(plan, "quality", Quality)
    claims = desk.found_of(plan, "claims", Claims)
    investigation = desk.found_of(plan, "investigation", Investigation)
    return CaseView(
        table=case.table,
        partition=partition,
        environment=case.environment,
        status=answer.status,
        verdict=case_words.verdict_of(answer, plan, quality),
        digest=answer.digest,
        release=plan.release,
        plan_digest=plan.digest,
        actions=_actions(plan),
        claims=tuple(_claims(desk, claims, investigation, quality)),
        evidence=() if quality is None else tuple(_signals(quality)),
        schema_changes=() if quality is None else tuple(_changes(quality)),
        failing=tuple(_failing(case, quality)),
        rows=_rows(case),
        samples=_samples(desk, case, plan, quality),
        series=() if quality is None else tuple(_series(desk, partition, quality)),
        route=asked.route,
        reasons=asked.reasons,
        asked_at=_since(desk, case),
        deadline=asked.deadline,
        team=desk.table.owners.team,
        contacts=desk.table.owners.contacts,
        assigned=asked.assigned,
        modes=modes_of(quality, investigation),
        cost=case_words.cost_of(_costs(desk).get(partition)),
        effect=case_words.effect_of(case, answer, newest_version=desk.journal.newest_version(case.table)),
        undo=case_words.undo_of(case, answer),
        changed=_changed(desk, case, answer),
        decisions=case.decisions,
        publications=case.publications,
        links=_links(desk, case, answer),
    )


def _summary(desk: Desk, case: Case, answer: Gate, cost: Cost | None) -> CaseSummary:
    plan = case.plan if answer.status in NEEDS_A_PERSON else None
    worded = answer.sentence
    if plan is not None:
        worded = case_words.verdict_of(answer, plan, desk.found_of(plan, "quality", Quality))
    return CaseSummary(
        table=case.table,
        partition=case.partition,
        status=answer.status,
        verdict=worded,
        digest=answer.digest,
        route=case.asked_for.route,
        asked_at=case.asked_for.asked_at if plan is None else _since(desk, case),
        deadline=case.asked_for.deadline,
        team=desk.table.owners.team,
        assigned=case.asked_for.assigned,
        cost=case_words.cost_of(cost),
    )


def _costs(desk: Desk) -> dict[str, Cost]:
    """What was spent on each partition of the table."""
    return {cost.key: cost for cost in desk.journal.costs("partition") if cost.pipeline == desk.table.name}


def _since(desk: Desk, case: Case) -> str:
    """When it began to wait: when it was asked, or where nothing can be decided, when it was planned."""
    planned = None if case.asked_for.asked_at else desk.journal.latest(case.table, case.partition, "plan")
    return case.asked_for.asked_at if planned is None else planned.recorded_at


def _actions(plan: Plan) -> tuple[Finding, ...]:
    return tuple(
        Finding(id=action.kind, severity="", sentence=sentences.of_action(action), evidence=action.evidence)
        for action in plan.actions
    )


def _claims(
    desk: Desk, claims: Claims | None, investigation: Investigation | None, quality: Quality | None
) -> Iterator[Finding]:
    """What the agent says; then what of it is not used and why; then why a person decides."""
    for number, claim in enumerate(claims.kept if claims else (), start=1):
        yield Finding(id=f"claim {number}", severity="", sentence=claim.text, evidence=claim.evidence)
    for number, lost in enumerate(claims.dropped if claims else (), start=1):
        sentence = f"dropped, because {lost.why}: {lost.claim}"
        yield Finding(id=f"dropped {number}", severity="", sentence=sentence, evidence=lost.evidence)
    if investigation is not None and quality is not None:
        accepted = accept(investigation.proposed, quality, desk.table.contract, desk.table.asked)
        for number, undone in enumerate(accepted.dropped, start=1):
            sentence = f"not done, because {undone.why}: {sentences.of_action(undone.action)}"
            yield Finding(id=f"not done {number}", severity="", sentence=sentence, evidence=undone.action.evidence)
    for number, doubt in enumerate(claims.doubts if claims else (), start=1):
        yield Finding(id=f"doubt {number}", severity="", sentence=f"a person decides: {doubt}")


def _signals(quality: Quality) -> Iterator[Finding]:
    for signal in quality.signals:
        because = () if signal.explained_by is None else (signal.explained_by,)
        yield Finding(id=signal.id, severity=signal.severity, sentence=signal.sentence, evidence=because)


def _changes(quality: Quality) -> Iterator[ColumnChange]:
    for change in quality.changes:
        yield ColumnChange(
            sentence=meaning.sentence(change),
            compatibility=meaning.compatibility(change),
            meaning=meaning.effect(change),
        )


def _failing(case: Case, quality: Quality | None) -> Iterator[str]:
    """The expectations that fail: of what landed, and of what would be published."""
    landed = [o.sentence for o in (quality.outcomes if quality else ()) if not o.passed]
    yield from (f"as it landed: {sentence}" for sentence in landed)
    asked = case.validation
    if asked is not None and case.candidate is not None and asked.candidate_digest == case.candidate.digest:
        left = [o.sentence for o in asked.outcomes if not o.passed]
        yield from (f"as it would be published: {sentence}" for sentence in left)


def _rows(case: Case) -> RowCounts | None:
    candidate, published = case.candidate, case.published
    if candidate is None or case.digest is None:
        return None
    return RowCounts(
        landed=candidate.landed_rows,
        to_publish=candidate.rows,
        set_aside=candidate.quarantined_rows,
        duplicates=candidate.duplicate_rows,
        published_now=None if published is None else published.rows,
    )


def _samples(desk: Desk, case: Case, plan: Plan, quality: Quality | None) -> tuple[SampledRows, ...]:
    landing = desk.find(case.partition, "landed", Landing)
    if landing is None or landing.digest != plan.landed_digest or plan.restore is not None:
        return ()
    flagged = desk.find(case.partition, "flagged", Flagged)
    return case_rows.samples(desk, landing, plan, case.candidate, quality=quality, flagged=flagged)


def _series(desk: Desk, partition: str, quality: Quality) -> Iterator[MetricSeries]:
    """The row count and what is unusual, of the last days; what has no history yet has no series."""
    rows = quality.baseline("rows")
    judged = (
        {} if rows is None or rows.low is None or rows.high is None else {"rows": (rows.observed, rows.low, rows.high)}
    )
    judged |= {each.metric: (each.observed, each.low, each.high) for each in quality.anomalies}
    history = days_before(desk, partition, quality)[-DAYS_MAX:]
    known = past_values(history, {metric.removeprefix("slow:") for metric in judged})
    drawn = 0
    for metric, (observed, low, high) in judged.items():
        past = known[metric.removeprefix("slow:")]
        if past and drawn < SERIES_MAX:
            drawn += 1
            yield MetricSeries(metric=metric, points=(*past, (partition, observed)), low=low, high=high)


def _changed(desk: Desk, case: Case, answer: Gate) -> tuple[str, ...]:
    """What is another than what a stale decision was on."""
    if answer.status != "stale":
        return ()
    chain = desk.journal.events_of_run(review_chain(case.table, case.partition))
    return case_words.changed_since(case, answer.decision, chain)


def _links(desk: Desk, case: Case, answer: Gate) -> Links:
    table, partition, settings = case.table, case.partition, desk.settings
    landed = desk.journal.latest(table, partition, "landed")
    one = case.asked_for.assigned[0] if len(case.asked_for.assigned) == 1 else ""
    return Links(
        case=links.case_url(table, partition, settings.review_url),
        plan=links.partition_url(table, "plan", partition, settings.ui_url),
        run="" if landed is None else links.run_url(landed.run_id, settings.ui_url),
        launchpad=links.decide_url(
            table,
            partition,
            settings.ui_url,
            digest=answer.digest or "",
            reviewer=one,
            signed=settings.environment != "dev",
        )
        if answer.waits
        else "",
    )
