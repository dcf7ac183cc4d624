"""casebook: a case as a person reads it, from what the stages recorded: for the command line, the page and messages."""

from collections.abc import Iterator
from typing import TypeVar

from orders_monitor.core import meaning
from orders_monitor.core.casebook import CaseSummary, CaseView, ColumnChange, Finding, Links, RowCounts
from orders_monitor.core.claims import Claims
from orders_monitor.core.cost import Cost
from orders_monitor.core.errors import ReviewRefused
from orders_monitor.core.investigation import Investigation
from orders_monitor.core.plan import Plan
from orders_monitor.core.quality import Quality
from orders_monitor.core.review import Case, Gate, gate
from orders_monitor.pipeline import links, sentences
from orders_monitor.pipeline.resources import Desk

Body = TypeVar("Body", Quality, Claims, Investigation)
NEEDS_A_PERSON = ("awaiting", "stale", "held", "failed")


def inbox(desk: Desk, *, every: bool = False) -> tuple[CaseSummary, ...]:
    """The cases of the table that need a person, oldest partition first; with `every` all that are known.

    Cheap: what a case rests on is read only where a person is needed.
    """
    cases = desk.journal.cases(desk.table.name, environment=desk.settings.environment)
    found = [(case, gate(case)) for case in cases]
    shown = [(case, answer) for case, answer in found if every or answer.status in NEEDS_A_PERSON]
    costs = {cost.key: cost for cost in desk.journal.costs("partition") if cost.pipeline == desk.table.name}
    return tuple(_summary(desk, case, answer, costs.get(case.partition)) for case, answer in shown)


def view(desk: Desk, partition: str) -> CaseView:
    """All that a person needs to decide one case. Raises ReviewRefused where there is no plan yet."""
    case = desk.case(partition)
    if case.plan is None:
        why = "there is no plan; run the partition first"
        raise ReviewRefused(table=desk.table.name, partition=partition, why=why)
    answer, asked, plan = gate(case), case.asked_for, case.plan
    quality = _about(desk.find(partition, "quality", Quality), plan)
    claims = _about(desk.find(partition, "claims", Claims), plan)
    investigation = _about(desk.find(partition, "investigation", Investigation), plan)
    costs = (cost for cost in desk.journal.costs("partition") if cost.pipeline == desk.table.name)
    return CaseView(
        table=case.table,
        partition=partition,
        environment=case.environment,
        status=answer.status,
        verdict=verdict_of(answer, plan, quality),
        digest=answer.digest,
        release=plan.release,
        plan_digest=plan.digest,
        actions=_actions(plan),
        claims=() if claims is None else tuple(_claims(claims)),
        evidence=() if quality is None else tuple(_signals(quality)),
        schema_changes=() if quality is None else tuple(_changes(quality)),
        failing=tuple(o.sentence for o in (quality.outcomes if quality else ()) if not o.passed),
        rows=_rows(case),
        samples=(),
        series=(),
        route=asked.route,
        reasons=asked.reasons,
        asked_at=_since(desk, case),
        deadline=asked.deadline,
        team=desk.table.owners.team,
        contacts=desk.table.owners.contacts,
        assigned=(),
        modes=modes_of(quality, investigation),
        cost=_cost(next((cost for cost in costs if cost.key == partition), None)),
        effect=(),
        undo="",
        changed=(),
        decisions=case.decisions,
        publications=case.publications,
        links=Links(
            case="",
            plan=links.partition_url(case.table, "plan", partition, desk.settings.ui_url),
            run="",
            launchpad=links.launchpad_url(case.table, desk.settings.ui_url),
        ),
    )


def verdict_of(answer: Gate, plan: Plan, quality: Quality | None) -> str:
    """One line: what is wrong, what is to be done about it, and what it waits for."""
    causes = [s for s in (quality.signals if quality else ()) if s.severity != "info" and s.explained_by is None]
    wrong = causes[0].sentence if causes else "nothing is wrong with what landed"
    more = f" (and {len(causes) - 1} more)" if len(causes) > 1 else ""
    done = "" if plan.hold else f"; to do: {', '.join(sentences.of_action(action) for action in plan.actions)}"
    return f"{wrong}{more}{done}; {answer.sentence}"


def modes_of(quality: Quality | None, investigation: Investigation | None) -> tuple[str, ...]:
    """What says whose case it is: the kinds of the signals and of the changes, and the agent's failure modes."""
    signals = [s for s in (quality.signals if quality else ()) if s.severity != "info"]
    kinds = [kind for s in signals for kind in (s.kind, *(s.id.split(":")[1:2] if s.kind == "drift" else ()))]
    alerts = [alert.mode for alert in (investigation.alerts if investigation else ())]
    return tuple(dict.fromkeys((*kinds, *alerts)))


def _summary(desk: Desk, case: Case, answer: Gate, cost: Cost | None) -> CaseSummary:
    needs_a_person = answer.status in NEEDS_A_PERSON and case.plan is not None
    quality = _about(desk.find(case.partition, "quality", Quality), case.plan) if needs_a_person else None
    verdict = verdict_of(answer, case.plan, quality) if case.plan and needs_a_person else answer.sentence
    return CaseSummary(
        table=case.table,
        partition=case.partition,
        status=answer.status,
        verdict=verdict,
        digest=answer.digest,
        route=case.asked_for.route,
        asked_at=_since(desk, case) if needs_a_person else case.asked_for.asked_at,
        deadline=case.asked_for.deadline,
        team=desk.table.owners.team,
        assigned=(),
        cost=_cost(cost),
    )


def _since(desk: Desk, case: Case) -> str:
    """When it began to wait: when it was asked, or where nothing can be decided, when it was planned."""
    planned = None if case.asked_for.asked_at else desk.journal.latest(case.table, case.partition, "plan")
    return case.asked_for.asked_at if planned is None else planned.recorded_at


def _about(found: Body | None, plan: Plan | None) -> Body | None:
    """A record, where it is about the bytes that the plan is for."""
    return found if found is not None and plan is not None and found.landed_digest == plan.landed_digest else None


def _actions(plan: Plan) -> tuple[Finding, ...]:
    return tuple(
        Finding(id=action.kind, severity="", sentence=sentences.of_action(action), evidence=action.evidence)
        for action in plan.actions
    )


def _claims(claims: Claims) -> Iterator[Finding]:
    """What the agent says; then what of it is not used and why; then why a person decides."""
    for number, claim in enumerate(claims.kept, start=1):
        yield Finding(id=f"claim {number}", severity="", sentence=claim.text, evidence=claim.evidence)
    for number, lost in enumerate(claims.dropped, start=1):
        sentence = f"dropped, because {lost.why}: {lost.claim}"
        yield Finding(id=f"dropped {number}", severity="", sentence=sentence, evidence=lost.evidence)
    for number, doubt in enumerate(claims.doubts, start=1):
        yield Finding(id=f"doubt {number}", severity="", sentence=doubt)


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


def _cost(cost: Cost | None) -> str:
    if cost is None or not (cost.tokens or cost.reserved_tokens):
        return "nothing: the agent was not asked"
    held = f" and {sentences.of_amount(cost.reserved_tokens, cost.reserved_micro_usd)} held"
    return sentences.of_amount(cost.tokens, cost.micro_usd) + (held if cost.reserved_tokens else "")
