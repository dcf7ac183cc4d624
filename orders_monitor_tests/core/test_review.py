import pytest
from pydantic import ValidationError

from orders_monitor.core.review import Case, Gate, gate
from orders_monitor_tests.core.cases import PARTITION, TABLE, candidate, case, decision, plan, publication, validation

WAITING = case()
DIGEST = WAITING.digest
OTHER = case("two").digest


def answer(status, sentence, *, digest=DIGEST, by=None):
    return Gate(table=TABLE, partition=PARTITION, status=status, digest=digest, sentence=sentence, decision=by)


YES, NO, LATE_YES = decision(1, DIGEST), decision(1, DIGEST, "reject", note="wrong day"), decision(2, DIGEST)
STALE = decision(1, OTHER)
RECEIVED = publication(1, WAITING, 1, delta_version=7)
HELD = plan(hold="no row landed")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"plan": None}, answer("no_plan", "there is no plan yet", digest=None)),
        ({"plan": HELD}, answer("held", "held: no row landed", digest=None)),
        ({"candidate": None}, answer("no_plan", "the candidate of this plan is not made yet", digest=None)),
        # the candidate of an earlier plan
        (
            {"candidate": candidate(plan("two"))},
            answer("no_plan", "the candidate of this plan is not made yet", digest=None),
        ),
        # made by this plan, they say, from other bytes
        (
            {"candidate": candidate(plan()).model_copy(update={"landed_digest": "two"})},
            answer("no_plan", "the candidate of this plan is not made yet", digest=None),
        ),
        (
            {"validation": None, "decisions": (YES,)},
            answer("unvalidated", "the expectations have not been asked about these bytes yet"),
        ),
        (
            {"validation": validation(candidate(plan("two"))), "decisions": (YES,)},
            answer("unvalidated", "the expectations have not been asked about these bytes yet"),
        ),
        ({"failing": ("a",), "decisions": (YES,)}, answer("failed", "quality gate: a: 2")),
        ({"failing": ("a", "b"), "decisions": (YES,)}, answer("failed", "quality gate: a: 2 (and 1 more)")),
        ({}, answer("awaiting", f"waits for a decision on {DIGEST[:12]}")),
        ({"decisions": (YES,)}, answer("approved", "approved by ada (decision 1)", by=YES)),
        ({"decisions": (NO,)}, answer("rejected", "rejected by ada: wrong day", by=NO)),
        ({"decisions": (NO, LATE_YES)}, answer("rejected", "rejected by ada: wrong day", by=NO)),
        ({"decisions": (LATE_YES, NO)}, answer("rejected", "rejected by ada: wrong day", by=NO)),
        (
            {"decisions": (STALE,)},
            answer("stale", f"decision 1 of ada was for {OTHER[:12]}, now it is {DIGEST[:12]}", by=STALE),
        ),
        ({"decisions": (STALE, LATE_YES)}, answer("approved", "approved by ada (decision 2)", by=LATE_YES)),
        ({"decisions": (YES,), "publications": (RECEIVED,)}, answer("published", "published as version 7", by=YES)),
        # a claim without a receipt published nothing yet
        (
            {"decisions": (YES,), "publications": (publication(1, WAITING, 1),)},
            answer("approved", "approved by ada (decision 1)", by=YES),
        ),
        # a claim that was given up has spent nothing
        (
            {"decisions": (YES,), "publications": (publication(1, WAITING, 1, voided=True),)},
            answer("approved", "approved by ada (decision 1)", by=YES),
        ),
        # what is published already does not allow a plan that holds
        (
            {"plan": HELD, "decisions": (YES,), "publications": (RECEIVED,)},
            answer("held", "held: no row landed", digest=None),
        ),
    ],
)
def test_the_gate_has_one_answer(parts, expected):
    """Every state of a partition has one status, and only an approval of exactly these bytes is one."""
    assert expected == gate(case(**parts))


def test_a_decision_is_spent_by_what_it_published():
    """Going back to bytes that were published before the present ones asks again."""
    one, two = case(), case("two")
    decisions = (decision(1, one.digest), decision(2, two.digest))
    published = (publication(1, one, 1, delta_version=1), publication(2, two, 2, delta_version=2))
    again = case(decisions=decisions, publications=published)

    assert "awaiting" == gate(again).status
    assert "approved" == gate(again.model_copy(update={"decisions": (*decisions, decision(3, one.digest))})).status


def test_a_decision_made_before_a_publication_is_spent_with_it():
    """An approval that waited while something else was published was about a table that nobody sees any more."""
    one, two = case(), case("two")
    decisions = (decision(1, one.digest), decision(2, two.digest))

    assert "awaiting" == gate(case(decisions=decisions, publications=(publication(1, two, 2, delta_version=1),))).status


def test_an_approval_counts_in_its_own_environment_only():
    """The digest names the environment, so an approval of a test is none for production."""
    elsewhere = case(environment="production", decisions=(YES,))

    assert "stale" == gate(elsewhere).status


def test_every_part_of_what_is_decided_is_in_the_digest():
    """Another table, partition, environment, plan or file is another digest."""
    digests = {
        case().digest,
        case("two").digest,
        case(environment="production").digest,
        case(candidate=candidate(plan(), digest="other bytes")).digest,
    }

    assert 4 == len(digests)


@pytest.mark.parametrize(
    "parts",
    [
        {"plan": plan().model_copy(update={"partition": "2026-03-03"})},
        {"decisions": (YES.model_copy(update={"table": "refunds"}),)},
        {"publications": (RECEIVED.model_copy(update={"partition": "2026-03-03"}),)},
    ],
)
def test_a_case_holds_parts_of_one_partition_only(parts):
    """What belongs to another partition cannot get into a case by mistake."""
    with pytest.raises(ValidationError, match="in the case of orders_daily 2026-03-02"):
        case(**parts)


def test_readers_see_the_newest_written_publication():
    """A claim that is open or given up is not what readers see, in whatever order they were read."""
    one = case()
    written = [publication(number, one, 1, delta_version=number) for number in (1, 2)]
    others = [publication(3, one, 1), publication(4, one, 1, delta_version=9, voided=True)]

    assert (written[1], None) == (
        case(publications=tuple(reversed([*written, *others]))).published,
        Case(table=TABLE, partition=PARTITION, environment="test", publications=tuple(others)).published,
    )
