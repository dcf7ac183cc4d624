"""The plan of a partition, made from what code found and, where it was asked, from what is left of a proposal.

However it was proposed, a plan holds the partition where nothing landed, where the contract's columns cannot be made
from what landed, and where more rows would be set aside than people can be asked about.
"""

from collections.abc import Iterator, Mapping, Sequence

from orders_monitor.core import evidence, meaning
from orders_monitor.core.claims import CHANGED_FILE, FINISHED
from orders_monitor.core.contract import Contract
from orders_monitor.core.drift import (
    Change,
    ColumnAdded,
    ColumnRemoved,
    ColumnRenamed,
    ColumnsReordered,
    FormatChanged,
    NullabilityChanged,
    TypeChanged,
    TypeNarrowed,
    TypeWidened,
    UnitChanged,
    ValueSetGrown,
)
from orders_monitor.core.evidence import Accepted
from orders_monitor.core.expectation import Expectation
from orders_monitor.core.investigation import Investigation
from orders_monitor.core.landing import Landing
from orders_monitor.core.plan import (
    AcceptChange,
    Action,
    CastColumn,
    Hold,
    Plan,
    PublishAsIs,
    QuarantineRows,
    RenameColumn,
)
from orders_monitor.core.policy import Policy
from orders_monitor.core.predicate import Predicate, violated_by
from orders_monitor.core.quality import CLOSED, Quality, drift_id


def build(
    landing: Landing,
    quality: Quality,
    investigation: Investigation,
    *,
    contract: Contract,
    expectations: Sequence[Expectation],
    policy: Policy,
    doubts: Sequence[str] = (),
    differing: Mapping[str, str] | None = None,
) -> tuple[Plan, Accepted | None]:
    """The plan after an investigation, and what was left of its proposal; None where there was no proposal.

    An audit of a clean partition that did not finish takes nothing from it: code found nothing to explain. `doubts`
    are about what the agent claims and cites, `differing` the cited evidence that is not there again as it was. An
    action that its evidence does not ask for is not done, and what is left of the proposal is doubted.
    """
    release, unanswered = investigation.release, investigation.ending not in FINISHED
    if investigation.ending == "not_called" and nothing_landed(landing, quality) is not None:
        return code_plan(landing, quality, release=release, why=investigation.why), None
    if investigation.ending == "not_called" or (unanswered and quality.is_clean):
        return clean_plan(landing, quality, contract, release=release), None
    if unanswered:
        return code_plan(landing, quality, release=release, why=investigation.why), None
    accepted = evidence.accept(investigation.proposed, quality, contract, expectations, differing=differing)
    plan = accepted_plan(
        landing, quality, accepted, contract=contract, expectations=expectations, policy=policy, release=release
    )
    against = any(dropped.is_against_evidence for dropped in accepted.dropped)
    doubted = bool(doubts) or against or investigation.ending == "finalised"
    return plan.model_copy(update={"origin": "doubted"}) if doubted else plan, accepted


def clean_plan(landing: Landing, quality: Quality, contract: Contract, *, release: str) -> Plan:
    """Publish as is, going on with the changes that the contract tolerates.

    A signal that is not clean after all stays unexplained, and so the plan is for a person.
    """
    actions = (PublishAsIs(), *_tolerated(quality, contract))
    hold = _unavoidable_hold(landing, quality, actions)
    left = () if hold is not None else evidence.unexplained(actions, quality, contract, ())
    return Plan(
        table=landing.table,
        partition=landing.partition,
        landed_digest=landing.digest,
        release=release,
        origin="clean",
        actions=actions if hold is None else (hold,),
        unexplained=left,
    )


def accepted_plan(
    landing: Landing,
    quality: Quality,
    accepted: Accepted,
    *,
    contract: Contract,
    expectations: Sequence[Expectation],
    policy: Policy,
    release: str,
) -> Plan:
    """What is left of the agent's proposal, and what the contract tolerates anyway.

    Where nothing is left, publishing as is waits for a person with everything unexplained.
    """
    proposed = accepted.actions or (PublishAsIs(),)
    hold = next((action for action in proposed if isinstance(action, Hold)), None)
    missing = [a for a in _tolerated(quality, contract) if not any(_same_deed(a, other) for other in proposed)]
    actions = evidence.in_order((*proposed, *missing))
    hold = (
        _unavoidable_hold(landing, quality, actions) or hold or _too_many_rows(quality, actions, expectations, policy)
    )
    return Plan(
        table=landing.table,
        partition=landing.partition,
        landed_digest=landing.digest,
        release=release,
        origin="agent",
        actions=actions if hold is None else (hold,),
        unexplained=() if hold is not None else evidence.unexplained(actions, quality, contract, expectations),
    )


def changed_plan(landing: Landing, investigation: Investigation) -> Plan:
    """Hold: the file that was examined is another one now, so nothing that was found out is about it."""
    return Plan(
        table=landing.table,
        partition=landing.partition,
        landed_digest=landing.digest,
        release=investigation.release,
        origin="doubted" if investigation.ending in FINISHED else "code",
        actions=(Hold(why=f"{CHANGED_FILE}: land the partition again"),),
    )


def code_plan(landing: Landing, quality: Quality, *, release: str, why: str) -> Plan:
    """Hold: the agent could not finish. `why` says how it ended, in one sentence."""
    signals = tuple(signal.id for signal in quality.signals if signal.severity != "info")
    hold = nothing_landed(landing, quality) or Hold(why=f"the agent could not finish: {why}", evidence=signals)
    return Plan(
        table=landing.table,
        partition=landing.partition,
        landed_digest=landing.digest,
        release=release,
        origin="code",
        actions=(hold,),
    )


def quarantined_rows_max(
    where: Sequence[Predicate], quality: Quality, expectations: Sequence[Expectation]
) -> int | None:
    """At most how many landed rows these predicates set aside; None where the outcomes do not say.

    A row that two of them name is counted twice, so the sum is never too small.
    """
    unexpected = {o.check_name: o.unexpected for o in quality.outcomes if o.raised is None}
    rows = 0
    for predicate in dict.fromkeys(where):
        counts = [unexpected.get(e.check_name) for e in expectations if violated_by(e) == predicate]
        known = [count for count in counts if count is not None]
        if not known:
            return None
        rows += max(known)
    return rows


def _tolerated(quality: Quality, contract: Contract) -> tuple[Action, ...]:
    """What makes the contract's columns from changes that it tolerates."""
    tolerated = (change for change in quality.changes if change.kind in contract.tolerate)
    return tuple(action for change in tolerated for action in _repair(change))


def _repair(change: Change) -> Iterator[Action]:
    cited = (drift_id(change),)
    match change:
        case ColumnAdded():
            yield AcceptChange(column=change.column, evidence=cited)
        case ColumnRenamed():
            yield RenameColumn(column=change.now, to=change.column, evidence=cited)
        case TypeWidened() | TypeNarrowed() | TypeChanged():
            yield CastColumn(column=change.column, type=change.was, evidence=cited)
        case (
            ColumnRemoved()
            | ColumnsReordered()
            | NullabilityChanged()
            | ValueSetGrown()
            | UnitChanged()
            | FormatChanged()
        ):
            return


def _unavoidable_hold(landing: Landing, quality: Quality, actions: Sequence[Action]) -> Hold | None:
    return nothing_landed(landing, quality) or _impossible(quality, actions)


def nothing_landed(landing: Landing, quality: Quality) -> Hold | None:
    """The hold of a partition that the source lacks or garbled, or that has no row: certain before anybody is asked."""
    closed = quality.signal(CLOSED)
    if closed is not None:
        return Hold(why=closed.sentence, evidence=(closed.id,))
    cited = tuple(i for i in ("landing", "anomaly:rows") if quality.signal(i) is not None)
    if landing.problem is not None:
        return Hold(why=landing.problem, evidence=cited)
    return Hold(why="no row landed", evidence=cited) if landing.rows == 0 or quality.rows == 0 else None


def _impossible(quality: Quality, actions: Sequence[Action]) -> Hold | None:
    """The contract's columns cannot be made from what landed, because of drift that no action repairs."""
    broken = [change for change in quality.changes if not _is_possible(change, actions)]
    if not broken:
        return None
    why = "; ".join(meaning.sentence(change) for change in broken)
    return Hold(why=f"{why}; nothing accepted repairs that", evidence=tuple(drift_id(change) for change in broken))


def _is_possible(change: Change, actions: Sequence[Action]) -> bool:
    match change:
        case (
            ColumnAdded()
            | ColumnsReordered()
            | NullabilityChanged()
            | ValueSetGrown()
            | UnitChanged()
            | FormatChanged()
        ):
            return True  # wrong units, values and formats are for a person; the columns are there
        case ColumnRemoved():
            return False
        case ColumnRenamed() | TypeWidened() | TypeNarrowed() | TypeChanged():
            return all(any(_same_deed(needed, action) for action in actions) for needed in _repair(change))


def _too_many_rows(
    quality: Quality, actions: Sequence[Action], expectations: Sequence[Expectation], policy: Policy
) -> Hold | None:
    """Above the share of rows that people can be asked about, the partition is one case and not many."""
    quarantines = [action for action in actions if isinstance(action, QuarantineRows)]
    if not quarantines:
        return None
    cited = tuple(dict.fromkeys(cited for action in quarantines for cited in action.evidence))
    rows = quarantined_rows_max([action.where for action in quarantines], quality, expectations)
    if rows is None:
        return Hold(why="how many rows would be set aside is not known", evidence=cited)
    if rows <= policy.review_share_max * quality.rows:
        return None
    share = f"{rows:,} of {quality.rows:,} rows ({rows / quality.rows:.1%})"
    return Hold(
        why=f"{share} would be set aside, above {policy.review_share_max:.1%}: held as one case", evidence=cited
    )


def _same_deed(one: Action, other: Action) -> bool:
    return one.model_copy(update={"evidence": ()}) == other.model_copy(update={"evidence": ()})
