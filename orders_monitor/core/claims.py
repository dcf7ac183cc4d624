"""Claims of the agent: kept where the evidence that they cite is there again and says the same, with code's numbers.

A number is written `{evidence_id#field}` and filled in by code, or as digits, which must then be a number of the
cited evidence. Everything else is dropped and said, and makes the plan a person's.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from orders_monitor.core.investigation import Finding, Investigation
from orders_monitor.core.plan import Action, Hold
from orders_monitor.core.prose import Number, numbers_in, stray_of, written
from orders_monitor.core.value import Value

CLAIM_CHARACTERS_MAX = 2_000
CITED_MAX = 50
CHANGED_FILE = "the landed file is not the one that was examined"
FINISHED = ("answered", "finalised")
NO_REASON = "the agent asks to hold it, and its reason does not follow from the evidence"
_SHOWN_MAX = 120
_PLACEHOLDER = re.compile(r"\{[^{}]*#[^{}]*\}")


@dataclass(frozen=True, slots=True)
class _No:
    """Why a claim does not hold."""

    why: str


class Holds(Value):
    """The evidence was derived again and is the same. `texts` are the names in it: columns, types."""

    kind: Literal["holds"] = "holds"
    numbers: tuple[Number, ...] = ()
    texts: tuple[str, ...] = ()


class Differs(Value):
    """The evidence was derived again and is not what it was."""

    kind: Literal["differs"] = "differs"
    why: str


class Unknown(Value):
    """Nobody ever found or answered that: the id is made up."""

    kind: Literal["unknown"] = "unknown"
    why: str = "it is no signal of this partition and no answer that the agent was given"


Tried = Holds | Differs | Unknown


class Claim(Value):
    """A claim that holds; every number in it is the evidence's."""

    text: str
    evidence: tuple[str, ...]


class DroppedClaim(Value):
    """A claim that is not used, as the model wrote it, and why."""

    claim: str
    evidence: tuple[str, ...]
    why: str


class Doubt(Value):
    """A cited evidence that is not there again as it was."""

    evidence: str
    why: str


class Claims(Value):
    """What is left of an investigation's claims. Anything in `doubts` makes the plan a person's."""

    landed_digest: str
    kept: tuple[Claim, ...] = ()
    dropped: tuple[DroppedClaim, ...] = ()
    evidence: tuple[Doubt, ...] = ()
    doubts: tuple[str, ...] = ()


def cited_by(investigation: Investigation) -> tuple[str, ...]:
    """Every evidence id that a finding or an action cites, once each."""
    if investigation.ending not in FINISHED:
        return ()
    citing = (*investigation.findings, *investigation.proposed)
    return tuple(dict.fromkeys(cited for one in citing for cited in one.evidence))


def judge(
    investigation: Investigation, tried: Mapping[str, Tried], *, columns: Sequence[str], partition: str
) -> tuple[Claims, tuple[Action, ...]]:
    """What holds of the claims, and the proposed actions with no unverified number in a hold's reason."""
    if investigation.ending not in FINISHED:
        return Claims(landed_digest=investigation.landed_digest), investigation.proposed
    kept: list[Claim] = []
    dropped: list[DroppedClaim] = []
    for finding in investigation.findings:
        said = _judged(finding, tried, columns=columns, partition=partition)
        if isinstance(said, Claim):
            kept.append(said)
        else:
            dropped.append(said)
    proposed = []
    for action in investigation.proposed:
        reasoned, lost = _reasoned(action, tried, columns=columns, partition=partition)
        proposed.append(reasoned)
        dropped += [] if lost is None else [lost]
    differing = tuple(
        Doubt(evidence=cited[:_SHOWN_MAX], why=found.why)
        for cited in cited_by(investigation)
        if not isinstance(found := tried.get(cited, Unknown()), Holds)
    )
    claims = Claims(
        landed_digest=investigation.landed_digest,
        kept=tuple(kept),
        dropped=tuple(dropped),
        evidence=differing,
        doubts=tuple(_doubts(investigation, dropped, differing)),
    )
    return claims, tuple(proposed)


def _doubts(investigation: Investigation, dropped: Sequence[DroppedClaim], differing: Sequence[Doubt]) -> list[str]:
    finalised = [f"it had to finish early: {investigation.why}"] if investigation.ending == "finalised" else []
    claims = [f"a claim was dropped: {claim.why}" for claim in dropped]
    evidence = [f"evidence {doubt.evidence!r} does not hold: {doubt.why}" for doubt in differing]
    return [*finalised, *claims, *evidence]


def _judged(
    finding: Finding, tried: Mapping[str, Tried], *, columns: Sequence[str], partition: str
) -> Claim | DroppedClaim:
    if not finding.evidence:
        return DroppedClaim(claim=finding.claim, evidence=(), why="it cites no evidence")
    said = _checked(finding.claim, finding.evidence, tried, columns=columns, partition=partition)
    if isinstance(said, _No):
        return DroppedClaim(claim=finding.claim, evidence=finding.evidence, why=said.why)
    return Claim(text=said, evidence=finding.evidence)


def _reasoned(
    action: Action, tried: Mapping[str, Tried], *, columns: Sequence[str], partition: str
) -> tuple[Action, DroppedClaim | None]:
    """An action whose words, where it has any, hold: a hold's reason. It may cite nothing, and then holds no number."""
    if not isinstance(action, Hold):
        return action, None
    said = _checked(action.why, action.evidence, tried, columns=columns, partition=partition)
    if isinstance(said, _No):
        lost = DroppedClaim(claim=action.why, evidence=action.evidence, why=said.why)
        return action.model_copy(update={"why": NO_REASON}), lost
    return action.model_copy(update={"why": said}), None


def _checked(
    claim: str, cited: Sequence[str], tried: Mapping[str, Tried], *, columns: Sequence[str], partition: str
) -> str | _No:
    """The claim with code's numbers, or why it is dropped."""
    if len(claim) > CLAIM_CHARACTERS_MAX or len(cited) > CITED_MAX:
        return _No("it is longer than can be checked")
    holding: dict[str, Holds] = {}
    for evidence in cited:
        again = tried.get(evidence, Unknown())
        if not isinstance(again, Holds):
            return _No(f"{evidence[:_SHOWN_MAX]!r}: {again.why}")
        holding[evidence] = again
    text = _filled(claim, holding)
    if isinstance(text, _No):
        return text
    texts = [*columns, *(text for again in holding.values() for text in again.texts)]
    stated = numbers_in(text, names=(*holding, partition), quoted=dict.fromkeys(texts))
    stray = stray_of(stated, _pool(holding), counted=len(holding))
    return text if stray is None else _No(f"{stray!r} is no number of its evidence")


def _filled(claim: str, holding: Mapping[str, Holds]) -> str | _No:
    """The claim with its placeholders filled in. Only the cited ids are looked for, so an id may hold any character."""
    ids = "|".join(re.escape(evidence) for evidence in sorted(holding, key=len, reverse=True))
    placeholder = re.compile(rf"\{{({ids})#([\w.]+)\}}(\s?%)?" if ids else r"(?!)(.)(.)(.)", re.ASCII)
    missing: list[str] = []

    def fill(match: "re.Match[str]") -> str:
        number = next((n for n in holding[match[1]].numbers if n.name == match[2]), None)
        if number is None:
            missing.append(f"{match[1][:_SHOWN_MAX]!r} has no number called {match[2][:_SHOWN_MAX]!r}")
            return ""
        return written(number) + ("" if number.is_share else match[3] or "")

    text = placeholder.sub(fill, claim)
    if _PLACEHOLDER.search(placeholder.sub("", claim)):
        missing.append("a placeholder in it names no evidence that it cites")
    return _No(missing[0]) if missing else text


def _pool(holding: Mapping[str, Holds]) -> list[Number]:
    """Every number of the cited evidence, and for several expectations together what they add up to."""
    numbers = [number for again in holding.values() for number in again.numbers]
    parts = {name: [n.value for n in numbers if n.name == name] for name in ("unexpected", "share")}
    return numbers + [Number(name=name, value=sum(values)) for name, values in parts.items() if len(values) > 1]
