"""What a publication does next, from what was recorded: publish twice = publish once.

Order of a publication: claim (journal), Delta commit (idempotent by its application transaction), receipt (journal).
Killed anywhere, the next attempt finds the open claim, looks at the Delta log, and finishes or does nothing.
"""

from dataclasses import dataclass

from orders_monitor.core.review import Case, Gate, Publication, gate
from orders_monitor.core.value import Value


class Claimed(Value):
    """A claim with its times in UTC (ISO texts): when it was made, and when it ended; empty while it is open."""

    publication: Publication
    claimed_at: str
    ended_at: str = ""

    @property
    def is_open(self) -> bool:
        """Whether nobody knows yet if it was written."""
        return not self.ended_at

    @property
    def is_written(self) -> bool:
        """Whether it has a receipt."""
        return self.publication.is_written


@dataclass(frozen=True, slots=True)
class Claimable:
    """The gate says yes: this claim is to be recorded, then written."""

    claim: Publication


@dataclass(frozen=True, slots=True)
class Open:
    """An earlier attempt claimed and left no receipt: ask the Delta log whether it was written."""

    claim: Publication


@dataclass(frozen=True, slots=True)
class Done:
    """These very bytes are published already."""

    publication: Publication


@dataclass(frozen=True, slots=True)
class Refused:
    """The gate does not say yes."""

    gate: Gate


Step = Claimable | Open | Done | Refused


def next_step(case: Case, *, run_id: str) -> Step:
    """The only step that is right now. An open claim comes first, whatever was planned since."""
    unfinished = next((p for p in case.publications if p.delta_version is None and not p.voided), None)
    if unfinished is not None:
        return Open(unfinished)
    answer = gate(case)
    if answer.status == "published" and case.published is not None:
        return Done(case.published)
    if answer.status != "approved" or case.candidate is None or case.plan is None or answer.decision is None:
        return Refused(answer)
    return Claimable(
        Publication(
            table=case.table,
            partition=case.partition,
            number=max((p.number for p in case.publications), default=0) + 1,
            digest=answer.decision.digest,
            decision_id=answer.decision.id,
            path=case.candidate.path,
            rows=case.candidate.rows,
            size_bytes=case.candidate.size_bytes,
            plan_digest=case.plan.digest,
            run_id=run_id,
        )
    )
