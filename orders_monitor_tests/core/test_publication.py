from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from orders_monitor.core.publication import Claimable, Done, Open, Refused, next_step
from orders_monitor.core.review import gate
from orders_monitor_tests.core.cases import candidate, case, decision, plan, publication, validation

WAITING = case()
APPROVED = case(decisions=(decision(1, WAITING.digest),))


def test_an_approval_may_be_claimed():
    """The claim names what was decided: the digest, the decision, the plan and the file."""
    assert Claimable(publication(1, WAITING, 1)) == next_step(APPROVED, run_id="run")


def test_without_an_approval_nothing_may_be_claimed():
    """The refusal carries the gate's answer."""
    assert Refused(gate(WAITING)) == next_step(WAITING, run_id="run")


def test_the_same_bytes_are_published_once():
    """After the receipt there is nothing to do."""
    received = publication(1, WAITING, 1, delta_version=3)

    assert Done(received) == next_step(APPROVED.model_copy(update={"publications": (received,)}), run_id="again")


def test_an_open_claim_comes_first():
    """An attempt that left no receipt is looked at before anything else, whatever was planned since."""
    left = publication(1, WAITING, 1)
    replanned = case("two", decisions=APPROVED.decisions, publications=(left,))

    assert Open(left) == next_step(replanned, run_id="again")


def test_a_claim_that_was_given_up_keeps_its_number():
    """Numbers are never used twice: the Delta log knows a publication by its number."""
    given_up = publication(4, WAITING, 1, voided=True)
    step = next_step(APPROVED.model_copy(update={"publications": (given_up,)}), run_id="run")

    assert Claimable(publication(5, WAITING, 1)) == step


class PublishingMachine(RuleBasedStateMachine):
    """People decide, plans change, and publication is killed between any two of its steps.

    The model beside it: the Delta log (what was really written), and for each digest the first answer since the last
    publication. The log is never wrong; the journal may lack a receipt.
    """

    @initialize()
    def start(self):
        self.case = case().model_copy(update={"plan": None, "candidate": None, "validation": None})
        self.log = {}  # publication number -> digest, in the order of writing
        self.allowed = {}  # digest -> the first verdict that counts now
        self.claims = 0

    @rule(
        landed=st.sampled_from(["one", "two"]),
        hold=st.sampled_from([None, None, None, "look"]),
        digest=st.sampled_from(["x", "x", "x", "y"]),
        failing=st.sampled_from([(), (), (), ("a",)]),
        reached=st.sampled_from(["plan", "candidate", "validation", "validation", "validation"]),
    )
    def replan(self, landed, hold, digest, failing, reached):
        made_by = plan(landed, hold=hold)
        parts = {"plan": made_by}
        if reached != "plan" and hold is None:
            parts["candidate"] = candidate(made_by, digest=digest)
        if reached == "validation" and "candidate" in parts:
            parts["validation"] = validation(parts["candidate"], *failing)
        self.case = self.case.model_copy(update=parts)

    @precondition(lambda self: self.case.candidate)
    @rule(failing=st.sampled_from([(), ("a",)]))
    def validate_again(self, failing):
        self.case = self.case.model_copy(update={"validation": validation(self.case.candidate, *failing)})

    @rule(verdict=st.sampled_from(["approve", "approve", "reject"]), landed=st.sampled_from([None, None, "one"]))
    def decide(self, verdict, landed):
        """On what waits, or (a page left open since yesterday) on something else."""
        digest = self.case.digest if landed is None else case(landed).digest
        if digest is not None:
            number = len(self.case.decisions) + 1
            decisions = (*self.case.decisions, decision(number, digest, verdict))
            self.case = self.case.model_copy(update={"decisions": decisions})
            self.allowed = {digest: self.allowed.get(digest, verdict)}

    @rule(killed_after=st.sampled_from(["claim", "commit", "receipt", "receipt"]), give_up=st.booleans())
    def publish(self, killed_after, give_up):
        step = next_step(self.case, run_id=f"run {len(self.log)}")
        if isinstance(step, Claimable):
            self.check_claim(step.claim)
            self.case = self.case.model_copy(update={"publications": (*self.case.publications, step.claim)})
        if not isinstance(step, Claimable | Open) or killed_after == "claim":
            return
        if isinstance(step, Open) and give_up and step.claim.number not in self.log:
            self.replace(step.claim, voided=True)
            return
        self.log.setdefault(step.claim.number, step.claim.digest)
        if killed_after == "receipt":
            self.replace(step.claim, delta_version=step.claim.number)
            self.allowed = self.first_answers(after=step.claim.decision_id)

    def check_claim(self, claim):
        assert claim.digest == self.case.digest
        assert claim.number not in {p.number for p in self.case.publications}
        assert not self.case.plan.hold
        assert self.case.validation.candidate_digest == self.case.candidate.digest
        assert () == self.case.validation.failures
        assert "approve" == self.allowed[claim.digest]

    def first_answers(self, after):
        """The first answer on the bytes that were decided on last: a decision on other bytes is the later word."""
        allowed = {}
        for made in self.case.decisions:
            if made.id > after:
                allowed = {made.digest: allowed.get(made.digest, made.verdict)}
        return allowed

    def replace(self, claim, **update):
        publications = tuple(p.model_copy(update=update) if p == claim else p for p in self.case.publications)
        self.case = self.case.model_copy(update={"publications": publications})

    @invariant()
    def every_receipt_is_in_the_log(self):
        for published in self.case.publications:
            if published.delta_version is not None:
                assert self.log[published.number] == published.digest

    @invariant()
    def a_decision_publishes_once(self):
        spent = [p.decision_id for p in self.case.publications if not p.voided]
        assert sorted(set(spent)) == spent

    @invariant()
    def at_most_one_claim_is_open(self):
        assert sum(p.delta_version is None and not p.voided for p in self.case.publications) <= 1

    @invariant()
    def the_gate_says_yes_only_to_the_first_answer(self):
        answer = gate(self.case)
        if answer.status in ("approved", "rejected"):
            assert answer.status.startswith(self.allowed[self.case.digest])

    def teardown(self):
        """Whatever was killed, another attempt or two finishes: each written publication gets its one receipt."""
        for _ in range(2):
            self.publish("receipt", give_up=False)
        received = {p.number for p in self.case.publications if p.delta_version is not None and not p.voided}
        assert set(self.log) == received


PublishingMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=50, deadline=None, derandomize=True)
TestPublishing = PublishingMachine.TestCase
