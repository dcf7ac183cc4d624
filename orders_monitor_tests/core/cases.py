"""Hand-made parts of one partition's case, for the tests of review and publication."""

from orders_monitor.core.candidate import Candidate, Validation
from orders_monitor.core.expectation import Outcome
from orders_monitor.core.plan import Hold, Plan, PublishAsIs
from orders_monitor.core.review import Case, Decision, Publication, Verdict

TABLE, PARTITION = "orders_daily", "2026-03-02"


def plan(landed: str = "one", *, hold: str | None = None) -> Plan:
    """The plan of that landing."""
    action = PublishAsIs() if hold is None else Hold(why=hold)
    return Plan(table=TABLE, partition=PARTITION, landed_digest=landed, release="1", origin="clean", actions=(action,))


def candidate(made_by: Plan, *, digest: str | None = None) -> Candidate:
    """What that plan makes."""
    digest = digest or f"bytes of {made_by.landed_digest}"
    return Candidate(
        plan_digest=made_by.digest,
        landed_digest=made_by.landed_digest,
        path=f"candidate/{digest}.parquet",
        digest=digest,
        size_bytes=9,
        landed_rows=3,
        rows=3,
        quarantined_rows=0,
        duplicate_rows=0,
    )


def validation(of: Candidate, *failing: str) -> Validation:
    """The outcomes on that candidate: these checks fail."""
    outcomes = tuple(
        Outcome(
            check_name=name,
            type="expect_x",
            column=None,
            severity="gate",
            passed=name not in failing,
            observed="2",
            rows=3,
            unexpected=0,
        )
        for name in ("a", "b")
    )
    return Validation(candidate_digest=of.digest, outcomes=outcomes)


def case(landed: str = "one", *, failing: tuple[str, ...] = (), **parts: object) -> Case:
    """A partition that waits for a decision, or one with other parts."""
    made_by = plan(landed)
    made = candidate(made_by)
    known = {"plan": made_by, "candidate": made, "validation": validation(made, *failing)}
    return Case(**{"table": TABLE, "partition": PARTITION, "environment": "test", **known, **parts})


def decision(number: int, digest: str | None, verdict: Verdict = "approve", note: str = "") -> Decision:
    """An answer to that digest."""
    return Decision(
        id=number,
        table=TABLE,
        partition=PARTITION,
        digest=digest or "",
        verdict=verdict,
        reviewer="ada",
        note=note,
        source="cli",
    )


def publication(number: int, of: Case, decision_id: int, **kwargs: object) -> Publication:
    """A claim for what that case holds."""
    assert of.plan is not None
    assert of.candidate is not None
    return Publication(
        table=TABLE,
        partition=PARTITION,
        number=number,
        digest=of.digest or "",
        decision_id=decision_id,
        path=of.candidate.path,
        rows=3,
        size_bytes=9,
        plan_digest=of.plan.digest,
        run_id="run",
        **kwargs,
    )
