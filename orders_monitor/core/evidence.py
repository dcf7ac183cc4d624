"""Which proposed actions code accepts: those whose every cited evidence exists and asks for exactly that action.

A proposal is a suggestion of where to look. Nothing in it is believed: an action survives because the signals that
it cites, found by code, support it on that column with that value.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import assert_never

from orders_monitor.core.contract import Contract
from orders_monitor.core.drift import (
    Change,
    ColumnAdded,
    ColumnRenamed,
    TypeChanged,
    TypeNarrowed,
    TypeWidened,
    UnitChanged,
)
from orders_monitor.core.expectation import Expectation
from orders_monitor.core.plan import (
    AcceptChange,
    Action,
    CastColumn,
    DropDuplicates,
    Hold,
    PublishAsIs,
    QuarantineRows,
    RenameColumn,
    ScaleColumn,
)
from orders_monitor.core.predicate import IsNull, violated_by
from orders_monitor.core.quality import COUNTS_REPETITION, DUPLICATES, Quality, anomaly_id, drift_id, expectation_id
from orders_monitor.core.value import Value

# What makes a column readable comes before what reads it. The candidate is made in this order whatever was proposed.
ORDER = (
    "hold",
    "publish_as_is",
    "accept_change",
    "rename_column",
    "cast_column",
    "scale_column",
    "drop_duplicates",
    "quarantine_rows",
)


TWICE = "proposed twice"
HELD = "the partition is held"


class Dropped(Value):
    """A proposed action that is not done, and why."""

    action: Action
    why: str

    @property
    def is_against_evidence(self) -> bool:
        """Whether what it cites does not ask for it; else it is only not needed."""
        return self.why not in (TWICE, HELD)


class Accepted(Value):
    """What is left of a proposal. `unexplained` are the gate and warn signals that no accepted action explains."""

    actions: tuple[Action, ...]
    dropped: tuple[Dropped, ...]
    unexplained: tuple[str, ...]


def accept(
    proposed: Sequence[Action],
    quality: Quality,
    contract: Contract,
    expectations: Sequence[Expectation],
    *,
    differing: Mapping[str, str] | None = None,
) -> Accepted:
    """The proposed actions whose evidence holds, in the one order in which they are done.

    `differing` says of cited evidence why, asked for again, it was not as it had been. A hold wins
    over everything: then it is the only action, and nothing needs explaining because nothing is published.
    """
    hold = next((action for action in proposed if isinstance(action, Hold)), None)
    if hold is not None:
        others = tuple(Dropped(action=a, why=HELD) for a in proposed if a is not hold)
        return Accepted(actions=(_with_known_evidence(hold, quality),), dropped=others, unexplained=())
    kept: dict[str, Action] = {}
    dropped: list[Dropped] = []
    for action in proposed:
        deed = action.model_copy(update={"evidence": ()}).model_dump_json()
        why = TWICE if deed in kept else refusal(action, quality, contract, expectations)
        why = why or _no_longer(action, differing or {})
        if why is None:
            kept[deed] = _with_known_evidence(action, quality)
        else:
            dropped.append(Dropped(action=action, why=why))
    actions = in_order(kept.values())
    return Accepted(
        actions=actions,
        dropped=tuple(dropped),
        unexplained=unexplained(actions, quality, contract, expectations),
    )


def in_order(actions: Iterable[Action]) -> tuple[Action, ...]:
    """The actions in the one order in which they are done, so that a plan's digest does not follow the proposal's."""
    return tuple(sorted(actions, key=lambda action: (ORDER.index(action.kind), action.model_dump_json())))


def refusal(action: Action, quality: Quality, contract: Contract, expectations: Sequence[Expectation]) -> str | None:
    """Why the evidence that an action cites does not ask for it, in one sentence; None where it does."""
    if isinstance(action, PublishAsIs | Hold):
        return None
    if not action.evidence:
        return "it cites no evidence"
    unknown = next((cited for cited in action.evidence if quality.signal(cited) is None), None)
    if unknown is not None:
        return f"it cites {unknown[:120]!r}, which is no signal of this partition"
    asks = supporting(action, quality, contract, expectations)
    stray = next((cited for cited in action.evidence if not {cited, quality.cause(cited)} & asks), None)
    if stray is not None:
        return f"{stray[:120]!r} does not ask for this action"
    return None if set(action.evidence) & asks else "it cites consequences only, not the signal that asks for it"


def _no_longer(action: Action, differing: Mapping[str, str]) -> str | None:
    lost = next((cited for cited in action.evidence if cited in differing), None)
    return None if lost is None else f"{lost[:120]!r}: {differing[lost]}"


def unexplained(
    actions: Sequence[Action], quality: Quality, contract: Contract, expectations: Sequence[Expectation]
) -> tuple[str, ...]:
    """The gate and warn signals that none of these actions explains, directly or through their cause."""
    explained = {asked for action in actions for asked in supporting(action, quality, contract, expectations)}
    return tuple(
        signal.id
        for signal in quality.signals
        if signal.severity != "info" and not _is_explained(signal.id, explained, quality, contract)
    )


def supporting(
    action: Action, quality: Quality, contract: Contract, expectations: Sequence[Expectation]
) -> frozenset[str]:
    """The ids of the signals that ask for exactly this action."""
    match action:
        case PublishAsIs() | Hold():
            return frozenset()
        case QuarantineRows():
            return _asking_for_quarantine(action, quality, expectations)
        case DropDuplicates():
            return _asking_for_one_of_each(quality)
        case RenameColumn() | CastColumn() | ScaleColumn() | AcceptChange():
            changes = (change for change in quality.changes if _asks(change, action, contract))
            return frozenset(drift_id(change) for change in changes)
        case _:
            assert_never(action)


def _asks(change: Change, action: RenameColumn | CastColumn | ScaleColumn | AcceptChange, contract: Contract) -> bool:
    match action, change:
        case RenameColumn(), ColumnRenamed():
            return (action.column, action.to) == (change.now, change.column)
        case CastColumn(), TypeWidened() | TypeNarrowed() | TypeChanged():
            promised = contract.column(action.column)
            return action.column == change.column and promised is not None and action.type == promised.type
        case ScaleColumn(), UnitChanged():
            return (action.column, action.divide_by) == (change.column, change.divide_by)
        case AcceptChange(), ColumnAdded():
            return action.column == change.column
    return False


def _asking_for_quarantine(
    action: QuarantineRows, quality: Quality, expectations: Sequence[Expectation]
) -> frozenset[str]:
    failed = {o.check_name for o in quality.outcomes if not o.passed and o.raised is None}
    asking = {
        expectation_id(expectation.check_name)
        for expectation in expectations
        if expectation.check_name in failed and violated_by(expectation) == action.where
    }
    if asking and isinstance(action.where, IsNull):
        unusual = f"null_share:{action.where.column}"
        asking |= {anomaly_id(a.metric) for a in quality.anomalies if a.metric == unusual}
    return frozenset(asking)


def _asking_for_one_of_each(quality: Quality) -> frozenset[str]:
    baseline = quality.baseline("duplicate_rows")
    if baseline is None or baseline.observed <= 0:
        return frozenset()
    repeated = (o for o in quality.outcomes if not o.passed and o.raised is None and o.type in COUNTS_REPETITION)
    asking = {expectation_id(o.check_name) for o in repeated if o.type.endswith("_unique")}
    return frozenset(asking | {DUPLICATES for a in quality.anomalies if a.metric == "duplicate_rows"})


def _is_explained(signal_id: str, explained: set[str], quality: Quality, contract: Contract) -> bool:
    """A change that the contract does not tolerate needs a person, also where it can simply be gone on with."""
    untolerated = {drift_id(c) for c in quality.changes if c.kind == "added" and c.kind not in contract.tolerate}
    return bool({signal_id, quality.cause(signal_id)} & (explained - untolerated))


def _with_known_evidence(action: Action, quality: Quality) -> Action:
    """Without the ids that are no signal: a hold and a publication as is are kept whatever they cite."""
    known = tuple(cited for cited in action.evidence if quality.signal(cited) is not None)
    return action.model_copy(update={"evidence": known})
