"""telling: what one event of a run says to a person: a few short lines, each with the word that it begins with.

The texts are as the data and the model wrote them: whoever shows them makes them visible first.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from orders_monitor.adapters.journal.events import Event
from orders_monitor.core.candidate import Candidate, Validation
from orders_monitor.core.claims import Claims
from orders_monitor.core.expectation import Asked as ExpectationsAsked
from orders_monitor.core.failure_modes import MEANINGS
from orders_monitor.core.feedback import DECIDED, EDITED, Decided, Edited
from orders_monitor.core.investigation import Investigation
from orders_monitor.core.landing import Landing
from orders_monitor.core.measures import Flagged, Measures, Memory
from orders_monitor.core.plan import Plan
from orders_monitor.core.profile import Profile
from orders_monitor.core.quality import Quality
from orders_monitor.core.record import (
    EVENT,
    PREFIX,
    Alerted,
    Answered,
    Asked,
    Attempt,
    ClaimDropped,
    Ended,
    EvidenceTried,
    Failed,
    ToolAnswered,
    ToolDenied,
)
from orders_monitor.core.review import Asked as DecisionAsked
from orders_monitor.core.value import Value, canonical_json
from orders_monitor.pipeline import sentences

Said = tuple[str, str]
Body = TypeVar("Body", bound=Value)
SAID_CHARACTERS_MAX = 1_000
ANSWER_CHARACTERS_MAX = 160
LISTED_MAX = 12
ATTEMPTS = "paid"
NOTHING_TO_DO = ("not_called", "answered")


def tell(event: Event) -> list[Said]:
    """The lines of an event. One that cannot be read as what it says it is says that: old, or tampered with."""
    try:
        if event.kind.startswith(PREFIX):
            return list(_agent(event))
        teller = _STAGES.get(event.kind)
        return [(event.kind, cut(canonical_json(event.body)))] if teller is None else list(teller(event.body))
    except ValidationError:
        return [(event.kind, "the record is there and cannot be read as one of these")]


def cut(text: str, characters_max: int = ANSWER_CHARACTERS_MAX) -> str:
    """The beginning of a text on one line, and how much more there is."""
    flat = " ".join(text.split())
    more = len(flat) - characters_max
    return flat if more <= 0 else f"{flat[:characters_max]}… ({more:,} characters more)"


def _agent(event: Event) -> Iterator[Said]:
    match EVENT.validate_python(event.body):
        case Asked(step=step, digest=digest, request_bytes=size, last_word=last_word):
            what = "for its last word, no tool allowed" if last_word else "the model was asked"
            yield "asked", f"step {step}: {what} ({size:,} bytes, request {digest[:12]})"
        case Answered() as answered:
            yield from _turn(answered)
            yield from _attempts(answered.attempts)
        case Failed(error=error, why=why, attempts=attempts):
            yield "no answer", f"{error}: {why}"
            yield from _attempts(attempts)
        case ToolAnswered(call=call, evidence=evidence, answer=answer, cached=cached):
            again = " (known from before)" if cached else ""
            yield "tool", f"{cut(call)}{again} → {cut(answer)} [{evidence}]"
        case ToolDenied(call=call, why=why):
            yield "denied", f"{cut(call)}: {why}"
        case Alerted(mode=mode, why=why):
            yield "ALERT", f"{mode}: {why}"
        case Ended(ending=ending, why=why):
            yield "ended", f"{ending}: {why}"
        case EvidenceTried(evidence=evidence, holds=holds, why=why):
            yield "evidence", f"{evidence} {'holds' if holds else 'DOES NOT HOLD'}: {why}"
        case ClaimDropped(claim=claim, evidence=evidence, why=why):
            cited = ", ".join(evidence) or "nothing"
            yield "dropped", f"the claim “{cut(claim)}” (citing {cited}): {why}"


def _turn(answered: Answered) -> Iterator[Said]:
    """What the model said, and what it asked for, in its own order."""
    if answered.cached:
        yield "cached", "the same question on the same bytes was answered before; nothing was sent"
    for block in _blocks(answered.turn):
        kind = block.get("type")
        if kind in ("text", "thinking"):
            yield from _words(str(block.get(kind, "")), thought=kind == "thinking")
        elif kind == "tool_use":
            yield "calls", cut(f"{block.get('name')}({canonical_json(block.get('input'))})")
    if answered.stop not in ("tool_use", "end_turn"):
        yield "stopped", f"{answered.stop}: the turn is not used as an answer"


def _blocks(turn: str) -> list[dict[str, Any]]:
    try:
        blocks = json.loads(turn)
    except (ValueError, RecursionError):
        return [{"type": "text", "text": turn}]
    return [block for block in blocks if isinstance(block, dict)] if isinstance(blocks, list) else []


def _words(text: str, *, thought: bool) -> Iterator[Said]:
    """Reasoning is told; an answer in the asked form is not quoted here: the investigation tells what is in it."""
    if not text.strip():
        return
    if not thought and text.lstrip().startswith("{"):
        yield "answers", f"in the asked form ({len(text):,} characters)"
    else:
        yield ("thinks" if thought else "says"), cut(text, SAID_CHARACTERS_MAX)


def _attempts(attempts: tuple[Attempt, ...]) -> Iterator[Said]:
    for attempt in attempts:
        held = f"held {sentences.of_amount(attempt.reserved_tokens, attempt.reserved_micro_usd)}"
        if attempt.spent_tokens is None or attempt.spent_micro_usd is None:
            cost = "its cost is not known, so all of it stays held"
        else:
            cost = f"cost {sentences.of_amount(attempt.spent_tokens, attempt.spent_micro_usd)}"
        yield ATTEMPTS, f"attempt {attempt.attempt} ({attempt.outcome}): {held}; {cost}"


def _landed(body: Mapping[str, Any]) -> Iterator[Said]:
    landing = Landing.model_validate(body)
    columns = len(landing.landed_schema.names)
    yield "landed", f"{landing.rows:,} rows, {columns} columns, bytes {landing.digest[:12]}"
    if landing.problem is not None:
        yield "problem", landing.problem


def _profile(body: Mapping[str, Any]) -> Iterator[Said]:
    profile = Profile.model_validate(body)
    yield "profile", f"{len(profile.columns)} columns counted, {profile.duplicate_rows:,} duplicate rows"


def _quality(body: Mapping[str, Any]) -> Iterator[Said]:
    quality = Quality.model_validate(body)
    serious = sum(signal.severity != "info" for signal in quality.signals)
    yield "quality", "everything is clean" if not serious else f"{serious} signals to explain"
    if quality.calibration is not None:
        yield "judged by", f"calibration {quality.calibration}"
    for signal in quality.signals[:LISTED_MAX]:
        yield signal.severity, f"{signal.id}: {signal.sentence}"
    if len(quality.signals) > LISTED_MAX:
        yield "more", f"{len(quality.signals) - LISTED_MAX} signals more"


def _investigation(body: Mapping[str, Any]) -> Iterator[Said]:
    found = Investigation.model_validate(body)
    spend = found.spend
    yield "verdict", f"{found.ending}: {found.why} ({found.model}, release {found.release})"
    for alert in found.alerts:
        yield "ALERT", f"{alert.mode}: {alert.why}"
    if found.ending not in NOTHING_TO_DO:
        yield "do", MEANINGS[found.ending].to_do
    for finding in found.findings:
        yield "finds", f"{finding.claim} [{', '.join(finding.evidence)}]"
    for action in found.proposed:
        yield "proposes", sentences.of_action(action)
    held = f"; still held: {sentences.of_amount(spend.reserved_tokens, spend.reserved_micro_usd)}"
    still = held if spend.reserved_tokens or spend.reserved_micro_usd else ""
    yield "spent", f"{sentences.of_spend(spend)}, in {spend.calls} calls{still}"


def _claims(body: Mapping[str, Any]) -> Iterator[Said]:
    """What holds of the claims; what does not is an event of its own."""
    claims = Claims.model_validate(body)
    for claim in claims.kept:
        yield "holds", f"{claim.text} [{', '.join(claim.evidence)}]"
    for doubt in claims.doubts:
        yield "doubt", doubt


def _plan(body: Mapping[str, Any]) -> Iterator[Said]:
    plan = Plan.model_validate(body)
    yield "plan", f"{plan.digest[:12]}, on the word of: {plan.origin}"
    for action in plan.actions:
        cited = f" [{', '.join(action.evidence)}]" if action.evidence else ""
        yield "action", f"{sentences.of_action(action)}{cited}"
    if plan.unexplained:
        yield "open", f"left unexplained: {', '.join(plan.unexplained)}"


def _candidate(body: Mapping[str, Any]) -> Iterator[Said]:
    made = Candidate.model_validate(body)
    aside = f"{made.quarantined_rows:,} set aside + {made.duplicate_rows:,} duplicates"
    yield "candidate", f"{made.landed_rows:,} landed = {made.rows:,} to publish + {aside}, bytes {made.digest[:12]}"


def _asked(body: Mapping[str, Any]) -> Iterator[Said]:
    outcomes = ExpectationsAsked.model_validate(body).outcomes
    failed = sum(not outcome.passed for outcome in outcomes)
    yield "expected", f"{len(outcomes)} expectations asked, {failed} fail"


def _validation(body: Mapping[str, Any]) -> Iterator[Said]:
    validation = Validation.model_validate(body)
    failed = [outcome for outcome in validation.outcomes if not outcome.passed]
    yield "checked", f"{len(validation.outcomes)} expectations asked of the candidate, {len(failed)} fail"
    for outcome in failed[:LISTED_MAX]:
        yield outcome.severity, f"{outcome.check_name}: {outcome.unexpected:,} of {outcome.rows:,} rows"


def _published_profile(body: Mapping[str, Any]) -> Iterator[Said]:
    yield "written", f"{Profile.model_validate(body).rows:,} rows are in the table that readers read"


def _measures(body: Mapping[str, Any]) -> Iterator[Said]:
    measures = Measures.model_validate(body)
    yield "measured", f"{len(measures.values)} metrics of learned rules, bytes {measures.digest[:12]}"


def _flagged(body: Mapping[str, Any]) -> Iterator[Said]:
    flagged = Flagged.model_validate(body)
    yield "flagged", f"{len(flagged.rows):,} of {flagged.of:,} rows to look at first"


def _memory(body: Mapping[str, Any]) -> Iterator[Said]:
    memory = Memory.model_validate(body)
    yield "remembered", f"for later partitions, in {memory.path} ({memory.digest[:12]})"


def _decision_asked(body: Mapping[str, Any]) -> Iterator[Said]:
    asked = DecisionAsked.model_validate(body)
    yield "route", f"{asked.route} for {asked.digest[:12]}: {'; '.join(asked.reasons)}"


def _decided(body: Mapping[str, Any]) -> Iterator[Said]:
    case = Decided.model_validate(body)
    decision = case.decision
    yield "decided", f"{decision.verdict} by {decision.reviewer} ({decision.source}): {decision.note or 'no note'}"


def _edited(body: Mapping[str, Any]) -> Iterator[Said]:
    edited = Edited.model_validate(body)
    yield "edited", f"by {edited.reviewer} ({edited.source}): {edited.note or 'no note'} [{edited.digest[:12]}]"


_STAGES: Mapping[str, Callable[[Mapping[str, Any]], Iterator[Said]]] = {
    "landed": _landed,
    "profile": _profile,
    "quality": _quality,
    "investigation": _investigation,
    "plan": _plan,
    "asked": _asked,
    "claims": _claims,
    "candidate": _candidate,
    "validation": _validation,
    "published_profile": _published_profile,
    "measures": _measures,
    "published_measures": _measures,
    "flagged": _flagged,
    "memory": _memory,
    "decision_asked": _decision_asked,
    DECIDED: _decided,
    EDITED: _edited,
}
