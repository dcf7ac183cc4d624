"""What a reviewer may change of a plan: publish fewer rows of it, or none. Everything else is the agent's or nobody's.

A rename, cast or division is taken out only by holding the partition: without it the contract's columns cannot be made
from what landed, or would be wrong.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from orders_monitor.core import evidence
from orders_monitor.core.contract import Contract
from orders_monitor.core.errors import ReviewRefused
from orders_monitor.core.expectation import Expectation
from orders_monitor.core.latecomers import decided_already, why_another
from orders_monitor.core.plan import Action, Hold, Plan, QuarantineRows
from orders_monitor.core.predicate import IsNull, LongerThan, NotIn, NotMatching, OutOfRange, Predicate
from orders_monitor.core.quality import Quality
from orders_monitor.core.review import NOTHING_TO_DECIDE, Case, Gate, gate
from orders_monitor.core.value import Value, canonical_json

WORDS = "is_null, not_in A,B, below N, above N, outside MIN MAX, not_matching REGEX, longer_than N"
_PREDICATE: TypeAdapter[Predicate] = TypeAdapter(Predicate)
_SAID = re.compile(
    r"(?P<column>.+?)\s+(?P<word>is_null|not_in|below|above|outside|not_matching|longer_than)(?:\s+(?P<rest>.+))?",
    re.DOTALL,
)


class HoldInstead(Value):
    """Publish nothing of it."""

    kind: Literal["hold"] = "hold"
    why: str = Field(min_length=1, max_length=2_000)


class SetAside(Value):
    """Keep these rows out: instead of those that the plan sets aside, or with `also`, besides them."""

    kind: Literal["set_aside"] = "set_aside"
    where: tuple[Predicate, ...] = Field(min_length=1, max_length=20)
    also: bool = False


Change = Annotated[HoldInstead | SetAside, Field(discriminator="kind")]


def predicate_of(text: str) -> Predicate:
    """The predicate of what a person types: `amount below 0`, `status not_in paid,shipped`, or a predicate's JSON.

    Raises ValueError, in one sentence.
    """
    if text.lstrip().startswith("{"):
        return _checked(text)
    said = _SAID.fullmatch(text.strip())
    if said is None:
        raise ValueError(f"{text!r} names no rows; say a column and one of: {WORDS}")
    column, word, rest = said["column"], said["word"], (said["rest"] or "").strip()
    if (word == "is_null") == bool(rest):
        raise ValueError(f"{text!r}: {word} takes {'no value' if rest else 'a value'}; there are: {WORDS}")
    return _said(text, column, word, rest)


def edit_text(change: Change, note: str) -> str:
    """What stands in the note of a signed edit, which rejects the digest and says what should be instead."""
    return canonical_json({"edit": change.model_dump(mode="json"), "note": note})


def require_editable(case: Case, digest: str) -> None:
    """Raise where what waits is not what the digest names, is decided, or cannot be narrowed.

    ReviewRefused; DecidedAlready where somebody was first.
    """
    found = gate(case)
    why = _why_not_editable(case, found, digest)
    if why is not None:
        raise ReviewRefused(table=case.table, partition=case.partition, why=why)
    if not _is_open(found) and found.decision is not None:
        raise decided_already(found.decision, f"it is decided already: {found.sentence}")


def edited(
    plan: Plan,
    change: Change,
    *,
    author: str,
    quality: Quality,
    contract: Contract,
    expectations: Sequence[Expectation],
) -> Plan:
    """The plan as a reviewer wants it; what stays of it keeps its evidence. Raises ReviewRefused."""
    if isinstance(change, HoldInstead):
        cited = tuple(dict.fromkeys(cited for action in plan.actions for cited in action.evidence))
        update: dict[str, object] = {"actions": (Hold(why=change.why, evidence=cited),), "unexplained": ()}
    else:
        _require_columns(plan, change, contract)
        actions = evidence.in_order(_actions(plan, change, quality, contract, expectations))
        left = evidence.unexplained(actions, quality, contract, expectations)
        update = {"actions": actions, "unexplained": left}
    if update["actions"] == plan.actions:
        raise ReviewRefused(table=plan.table, partition=plan.partition, why="that is the plan already")
    return plan.model_copy(update={**update, "origin": "reviewer", "author": author})


def _why_not_editable(case: Case, found: Gate, digest: str) -> str | None:
    if found.digest is None or found.status in NOTHING_TO_DECIDE:
        return f"there is nothing to edit: {found.sentence}"
    another = why_another(found, digest)
    if another is not None:
        return another
    if not _is_open(found):
        return None if found.decision is not None else f"it cannot be edited: {found.sentence}"
    restores = case.plan is not None and case.plan.restore is not None
    return "a version that is given back is approved or rejected whole" if restores else None


def _is_open(found: Gate) -> bool:
    return found.waits or found.status == "failed"


def _actions(
    plan: Plan, change: SetAside, quality: Quality, contract: Contract, expectations: Sequence[Expectation]
) -> list[Action]:
    known = {a.where: a for a in plan.actions if isinstance(a, QuarantineRows)}
    kept = [a for a in plan.actions if a.kind != "restore_version" and (change.also or a.kind != "quarantine_rows")]
    added = []
    for where in dict.fromkeys(change.where):
        if change.also and where in known:
            continue
        bare = QuarantineRows(where=where)
        asking = tuple(sorted(evidence.supporting(bare, quality, contract, expectations)))
        added.append(known.get(where, bare.model_copy(update={"evidence": asking})))
    return [*kept, *added]


def _require_columns(plan: Plan, change: SetAside, contract: Contract) -> None:
    strange = next((p.column for p in change.where if contract.column(p.column) is None), None)
    if strange is not None:
        names = ", ".join(column.name for column in contract.columns)
        why = f"{strange[:80]!r} is not a column of the contract; there are: {names}"
        raise ReviewRefused(table=plan.table, partition=plan.partition, why=why)


def _said(text: str, column: str, word: str, rest: str) -> Predicate:
    match word:
        case "is_null":
            return IsNull(column=column)
        case "not_in":
            return NotIn(column=column, values=tuple(value.strip() for value in rest.split(",")))
        case "below" | "above":
            return OutOfRange(column=column, **{"minimum" if word == "below" else "maximum": rest})
        case "outside":
            bounds = rest.split()
            if len(bounds) != 2:  # noqa: PLR2004 - a range has two ends
                raise ValueError(f"{text!r}: outside takes two values, MIN MAX")
            return OutOfRange(column=column, minimum=bounds[0], maximum=bounds[1])
        case "not_matching":
            return NotMatching(column=column, regex=rest)
        case _:
            if not re.fullmatch(r"[0-9]{1,9}", rest):
                raise ValueError(f"{text!r}: longer_than takes a number of characters")
            return LongerThan(column=column, characters=int(rest))


def _checked(text: str) -> Predicate:
    try:
        return _PREDICATE.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "it"
        raise ValueError(f"{text[:80]!r} is no predicate: {place}: {first['msg']}") from None
