"""evidence: everything that the agent cites, derived again from the landed bytes before its plan is accepted.

Nothing that was found out before is believed: the file is read again, the cited expectations are asked again, and a
tool is run again on the same question.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from orders_monitor.adapters.releases import load_release
from orders_monitor.agent import tools
from orders_monitor.agent.minutes import digest_of_text
from orders_monitor.agent.model import ToolCall
from orders_monitor.agent.workbench import Cell
from orders_monitor.core import retrial
from orders_monitor.core.calibration import Detection
from orders_monitor.core.claims import CHANGED_FILE, Claims, Differs, Holds, Tried, Unknown, cited_by
from orders_monitor.core.errors import ToolRefused
from orders_monitor.core.expectation import Outcome
from orders_monitor.core.investigation import Investigation, Question
from orders_monitor.core.landing import Landing
from orders_monitor.core.profile import Profile
from orders_monitor.core.prose import flattened, texts_in
from orders_monitor.core.quality import Quality, anomaly_id, expectation_id
from orders_monitor.core.record import PREFIX, ClaimDropped, EvidenceTried
from orders_monitor.pipeline import casefile, controls
from orders_monitor.pipeline.profile import personal_columns
from orders_monitor.pipeline.quality import answers, closed_on, judged, published_history
from orders_monitor.pipeline.resources import Desk
from orders_monitor.pipeline.watching import anomalies_before, failed_of, shares_of, watch

# Their answers hold every outcome, so every expectation is asked again where one of them is cited.
_TELL_OUTCOMES = frozenset({"signals", "expectation_outcomes"})
_TEXTS_MAX = 1_000


def try_again(
    desk: Desk, landing: Landing, quality: Quality, investigation: Investigation
) -> tuple[bool, dict[str, Tried]]:
    """Whether the landed file is still the one that was examined, and how each cited evidence fares."""
    cited = cited_by(investigation)
    if desk.lake.digest(landing.path) != landing.digest:
        return False, dict.fromkeys(cited, Differs(why=CHANGED_FILE))
    retrial_ = _Retrial(desk, landing, quality, investigation, cited)
    return True, {evidence: retrial_.of(evidence) for evidence in cited}


def record(desk: Desk, partition: str, tried: Mapping[str, Tried], claims: Claims) -> None:
    """Keep each try and each dropped claim as an event of the run, and what is left as the partition's `claims`."""
    events: list[EvidenceTried | ClaimDropped] = [
        *(EvidenceTried(evidence=e[:200], holds=isinstance(t, Holds), why=_why(t)) for e, t in tried.items()),
        *(ClaimDropped(claim=c.claim, evidence=c.evidence, why=c.why) for c in claims.dropped),
    ]
    bodies = [(f"{PREFIX}{event.kind}", event) for event in events]
    desk.journal.record_all(
        table=desk.table.name, partition=partition, run_id=desk.run_id, bodies=[*bodies, ("claims", claims)]
    )


def _why(tried: Tried) -> str:
    return "it is there again, and the same" if isinstance(tried, Holds) else tried.why


@dataclass(frozen=True)
class _Retrial:
    """One partition's evidence, found out again as far as it is cited."""

    desk: Desk
    landing: Landing
    quality: Quality
    investigation: Investigation
    cited: Sequence[str]

    def of(self, evidence: str) -> Tried:
        if self.quality.signal(evidence) is not None:
            return retrial.again(
                evidence, self.quality, self.now, profile=self.profile, expectations=self.desk.table.asked
            )
        question = self.questions.get(evidence)
        return Unknown() if question is None else self._asked(question)

    @cached_property
    def questions(self) -> Mapping[str, Question]:
        """The tool calls that were answered, by the id under which they can be cited."""
        return {question.evidence: question for question in self.investigation.questions}

    @cached_property
    def profile(self) -> Profile:
        """A fresh scan of the landed file."""
        path = self.desk.lake.path(self.landing.path)
        landed = self.desk.engine.schema(path)
        profile = self.desk.engine.profile(path, personal=personal_columns(self.desk.table, landed))
        return profile.model_copy(update={"landed_digest": self.landing.digest})

    @cached_property
    def now(self) -> Quality:
        """The quality as the file's own schema, the fresh profile and the cited expectations say it now."""
        return self._quality(self._outcomes())

    def _quality(self, outcomes: Sequence[Outcome]) -> Quality:
        desk, partition = self.desk, self.landing.partition
        schema = desk.engine.schema(desk.lake.path(self.landing.path))
        seen = self.landing.model_copy(update={"landed_schema": schema, "rows": self.profile.rows})
        # A partition before this one may have been published since: what was known then is what is tried.
        found = desk.journal.latest(desk.table.name, partition, "quality")
        known_at = None if found is None else found.id
        history = published_history(desk, partition, known_at=known_at)
        days = {day for day, _ in history}
        landed = published_history(desk, partition, as_landed=True, known_at=known_at)
        then = [(day, profile) for day, profile in landed if day in days]
        return judged(
            desk.table,
            seen,
            self.profile,
            history=history,
            landed=then,
            outcomes=outcomes,
            totals=controls.compare(desk, seen),
            closed=closed_on(desk.table, self.landing.partition),
            before=anomalies_before(desk, partition, known_at=known_at),
            calibration=self.quality.calibration,
            detection=self._detection(seen, outcomes, known_at=known_at),
        )

    def _detection(self, seen: Landing, outcomes: Sequence[Outcome], *, known_at: int | None) -> Detection | None:
        """What the calibration that judged then says now: a newer one changes no verdict.

        Of an expectation that is not asked again, the share that was recorded is taken.
        """
        version = self.quality.calibration
        calibration = None if version is None else self.desk.journal.calibration(self.desk.table.name, version)
        if calibration is None:
            return None
        shares = {**shares_of(self.quality.outcomes), **shares_of(outcomes)}
        failed = failed_of(self.desk.table, self.quality.outcomes)
        return watch(self.desk, seen, self.profile, shares, calibration, failed=failed, known_at=known_at).detection

    def _outcomes(self, *, every: bool = False) -> tuple[Outcome, ...]:
        """The cited expectations, asked about the landed file for real and not remembered."""
        names = {evidence.removeprefix(anomaly_id("pass_share:")) for evidence in self.cited}
        names |= {e.check_name for e in self.desk.table.asked if every or expectation_id(e.check_name) in self.cited}
        wanted = [e for e in self.desk.table.asked if e.check_name in names]
        return answers(self.desk, wanted, path=self.landing.path) if wanted else ()

    def _asked(self, question: Question) -> Tried:
        """The tool run again on the same question."""
        release = load_release(self.desk.settings.prompts, self.desk.table.agent)
        if release.label != self.investigation.release:
            return Differs(why=f"it was asked under {self.investigation.release}, and {release.label} is what there is")
        call = ToolCall(id=question.evidence, name=question.tool, arguments=json.loads(question.arguments))
        quality = self._quality(self._outcomes(every=True)) if question.tool in _TELL_OUTCOMES else self.now
        found = self.desk.journal.latest(self.desk.table.name, self.landing.partition, "investigation")
        known_at = None if found is None else found.id
        briefing = casefile.brief(self.desk, self.landing.partition, quality, known_at=known_at)
        try:
            with casefile.room_of(self.desk, self.landing, release, known_at=known_at) as workbench:
                text = tools.run(
                    call,
                    briefing=briefing.model_copy(update={"profile": self.profile}),
                    release=release,
                    workbench=workbench,
                )
                own = workbench.own_words(call.arguments["query"]) if call.name == "sql" else None
        except ToolRefused as refused:
            return Differs(why=f"asked again, it is refused: {refused.why}")
        if digest_of_text(text) != question.answer_digest:
            return Differs(why="asked again, the tool answers something else")
        return _held(json.loads(text), own)


def _held(answer: dict[str, Any], own: Collection[Cell] | None) -> Holds:
    """The numbers and names in an answer. What a query says of itself is neither, nor what it calls its columns."""
    if own is None:
        return Holds(numbers=tuple(flattened(answer)), texts=tuple(texts_in(answer))[:_TEXTS_MAX])
    said = [number.value for number in flattened(list(own))]
    numbers = (number for number in flattened(answer) if number.value not in said)
    texts = (text for text in texts_in(answer["rows"]) if text not in own)
    return Holds(numbers=tuple(numbers), texts=tuple(texts)[:_TEXTS_MAX])
