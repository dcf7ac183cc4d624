"""Who may decide, how it is proved, and how many must agree: at a real journal, with real keys."""

import shutil
from datetime import timedelta

import pytest

from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.core.errors import DecidedAlready, ReviewRefused
from orders_monitor.core.people import Reviewer
from orders_monitor.core.plan import DropDuplicates
from orders_monitor.core.publication import Claimable, Refused
from orders_monitor.core.quality import Quality, Signal
from orders_monitor.pipeline.deciding import Identity, put_to_decision, record_decision
from orders_monitor.pipeline.expiry import expire_overdue
from orders_monitor.settings import PROJECT_ROOT
from orders_monitor_tests.deciders import CLEAN, DAY, TWO, Room, decides, waits

ADA, BOB, EVE, LEA = (Reviewer(name=name) for name in ("ada", "bob", "eve", "lea"))


@pytest.fixture
def room(tmp_path) -> Room:
    """Production, with two reviewers, a viewer, one for another table, and a lead."""
    room = Room(tmp_path)
    room.hires(
        ADA,
        BOB,
        EVE.model_copy(update={"roles": ("viewer",)}),
        Reviewer(name="max", tables=("another",)),
        LEA.model_copy(update={"roles": ("lead",)}),
    )
    return room


def claimed(desk) -> bool:
    """Whether the door opens: the step that the publication itself takes."""
    step = desk.journal.claim(table=desk.table.name, partition=DAY, environment=desk.settings.environment, run_id="p")
    assert isinstance(step, Claimable | Refused)
    return isinstance(step, Claimable)


def test_a_signed_decision_of_a_reviewer_opens_the_door(room):
    """Who is in the file and signs with their own key approves."""
    with room.desk() as desk:
        waits(desk)
        decision = decides(desk, room.identity("ada"))

        assert ("approved", True, "ada") == (desk.gate(DAY).status, claimed(desk), decision.reviewer)


@pytest.mark.parametrize(
    ("name", "key_of", "why"),
    [
        ("ada", None, "the decision of ada is not signed"),
        ("ada", "bob", "the signature is not one of ada on this decision"),
        ("eve", "eve", "eve does not decide on small_shop"),
        ("max", "max", "max does not decide on small_shop"),
        ("zoe", "ada", "zoe is not in the reviewers file"),
        ("Ada", "ada", "Ada is not in the reviewers file"),
    ],
)
def test_who_is_not_proved_decides_nothing(room, name, key_of, why):
    """Unsigned, with another's key, without the role, on another table or unknown: refused, and nothing is recorded."""
    with room.desk() as desk:
        waits(desk)
        sign = None if key_of is None else room.identity(key_of).sign
        with pytest.raises(ReviewRefused, match=f"{DAY}: {why}"):
            decides(desk, Identity(name, "cli", sign))

        assert ((), "awaiting", False) == (desk.case(DAY).decisions, desk.gate(DAY).status, claimed(desk))


@pytest.mark.parametrize(
    "name",
    [
        *("policy", "POLICY", " expiry ", "Expiry", "policy.", "p-o-l-i-c-y"),
        *("\uff50olicy", "pol\u0131cy", "\u0440olicy", "pol\u200bicy"),  # other widths, letters and nothing at all
        *("ada\u202e", "a\x1b[2Jda", "a\nb", "x" * 101, "-ada"),
    ],
)
def test_no_name_looks_like_the_systems_own(tmp_path, name):
    """In whatever script or width: a bare name in dev is plain letters, and is none of the two that answer by code."""
    with Room(tmp_path, environment="dev").desk() as desk:
        waits(desk)
        with pytest.raises(ReviewRefused, match=r"is nobody's name|is no name"):
            decides(desk, Identity(name, "cli"))
        decides(desk, Identity("Ada Lovelace", "cli"))


@pytest.mark.parametrize(
    ("note", "why"),
    [("a\0b", "must be plain text"), ("x" * 4_001, "4,001 characters"), ("\udc80", "must be plain text")],
)
def test_a_note_that_no_database_keeps_is_refused(room, note, why):
    """A NUL, a lone surrogate or more than 4,000 characters; 4,000 of them are kept."""
    with room.desk() as desk:
        waits(desk)
        with pytest.raises(ReviewRefused, match=why):
            decides(desk, room.identity("ada"), note=note)

        assert "x" * 4_000 == decides(desk, room.identity("ada"), note="x" * 4_000).note


def test_two_people_are_two_people(room):
    """The first approval waits for a second, the same person again is refused, and the second opens the door."""
    room.changes = TWO
    with room.desk() as desk:
        waits(desk)
        decides(desk, room.identity("ada"))
        first = desk.gate(DAY)
        with pytest.raises(ReviewRefused, match="ada has approved it; another person is needed"):
            decides(desk, room.identity("ada"))
        before = claimed(desk)
        decides(desk, room.identity("bob"))

        assert ("awaiting", f"approved by ada, waits for a second person on {str(first.digest)[:12]}", False) == (
            first.status,
            first.sentence,
            before,
        )
        assert ("approved by ada and bob (decision 2)", True) == (desk.gate(DAY).sentence, claimed(desk))


def test_a_rejection_after_the_first_approval_rejects(room):
    """One of two is no approval: who rejects then is the last word, also where it is the same person."""
    room.changes = TWO
    with room.desk() as desk:
        waits(desk)
        decides(desk, room.identity("ada"))
        decides(desk, room.identity("ada"), "reject", note="I was wrong")

        assert "rejected by ada: I was wrong" == desk.gate(DAY).sentence
        with pytest.raises(DecidedAlready, match="ada has rejected it already"):
            decides(desk, room.identity("bob"))


def test_the_name_in_other_letters_is_no_second_person(tmp_path):
    """In dev, where names are bare, `Ada` beside `ada` is the same person."""
    with Room(tmp_path, environment="dev", changes=TWO).desk() as desk:
        waits(desk)
        decides(desk, Identity("ada", "cli"))
        with pytest.raises(ReviewRefused, match="Ada has approved it; another person is needed"):
            decides(desk, Identity("Ada", "cli"))


def test_nobody_approves_what_their_own_release_proposed(room, tmp_path):
    """Where two people are needed, the release's author is none of them, and may still reject."""
    room.changes = TWO
    authored(tmp_path, "ada")
    room.variables = {"ORDERS_MONITOR_PROMPTS": str(tmp_path / "prompts")}
    with room.desk() as desk:
        waits(desk)
        with pytest.raises(ReviewRefused, match="two other people are needed here: it is ada's own work"):
            decides(desk, room.identity("ada"))
        decides(desk, room.identity("bob"))
        waiting = desk.gate(DAY).status
        decides(desk, room.identity("lea"))

        assert ("awaiting", "approved", ("ada",)) == (waiting, desk.gate(DAY).status, desk.case(DAY).asked_for.not_by)


def authored(tmp_path, name: str) -> None:
    """The shipped release, with an author."""
    shutil.copytree(PROJECT_ROOT / "prompts", tmp_path / "prompts")
    path = tmp_path / "prompts" / "orders_daily" / "release.yaml"
    path.write_text(path.read_text() + f"author: {name}\n")


@pytest.mark.parametrize(("name", "decided"), [("ada", False), ("bob", True), ("lea", True)])
def test_what_is_assigned_is_decided_by_them_or_a_lead(room, name, decided):
    """A case of drift is bob's here: ada, who may decide on the table, is refused and told whose it is."""
    room.changes = {
        "review": {
            "assigned": [{"reviewers": ["bob"], "when": ["renamed"]}, {"reviewers": ["ada"], "when": ["tool_storm"]}]
        }
    }
    signal = Signal(id="drift:renamed:status", kind="drift", severity="gate", sentence="renamed")
    found = Quality(
        landed_digest="one",
        problem=None,
        rows=100,
        changes=(),
        outcomes=(),
        baselines=(),
        anomalies=(),
        signals=(signal,),
    )
    with room.desk() as desk:
        desk.record(DAY, "quality", found)
        waits(desk)
        if not decided:
            with pytest.raises(ReviewRefused, match=f"{name} does not decide this case: it is assigned to bob"):
                decides(desk, room.identity(name))
        else:
            decides(desk, room.identity(name))

        assert (("bob",), decided) == (desk.case(DAY).asked_for.assigned, claimed(desk))


def test_whoever_left_decided_nothing(room):
    """An approval that nobody published yet counts by the reviewers file of now."""
    with room.desk() as desk:
        waits(desk)
        decides(desk, room.identity("ada"))
    room.hires(BOB)
    with room.desk() as desk:
        assert ("awaiting", False) == (desk.gate(DAY).status, claimed(desk))


def test_expiry_rejects_and_asking_again_asks_again(room):
    """Nobody decided in 24 hours: rejected, and a late answer is told; the plan again has a new day, no old voice."""
    room.changes = TWO
    with room.desk() as desk:
        waits(desk)
        decides(desk, room.identity("ada"))
        room.later(hours=24)
        assert () == expire_overdue(desk)
        room.later(seconds=1)
        (expired,) = expire_overdue(desk)
        assert () == expire_overdue(desk)
        sentence = "rejected by expiry: nobody decided until 2026-03-06 12:00 UTC"
        assert (("expiry", "reject"), sentence) == ((expired.reviewer, expired.verdict), desk.gate(DAY).sentence)
        with pytest.raises(DecidedAlready, match="expiry has rejected it already at 2026-03-06 12:00:01 UTC"):
            decides(desk, room.identity("bob"))
        waits(desk)
        asked = desk.case(DAY).asked_for
        decides(desk, room.identity("bob"))

        assert ("2026-03-07T12:00:01+00:00", "awaiting") == (asked.deadline, desk.gate(DAY).status)
        decides(desk, room.identity("ada"))
        assert "approved" == desk.gate(DAY).status


def test_an_answer_after_the_deadline_is_the_expiry(room):
    """No tick is needed: who comes a second late finds that it expired, and that is what is on record."""
    with room.desk() as desk:
        waits(desk)
        room.now += timedelta(hours=desk.table.policy.decide_within_h, seconds=1)
        with pytest.raises(DecidedAlready, match="it expired: nobody decided until 2026-03-12 12:00 UTC"):
            decides(desk, room.identity("ada"))

        assert ["expiry"] == [decision.reviewer for decision in desk.case(DAY).decisions]


def test_the_allowance_ends_where_it_is_spent_and_begins_again(tmp_path):
    """Two fixes a week: the third is a person's, what mends nothing takes none, and on Monday the policy goes on."""
    room = Room(tmp_path, changes={"policy": {"allowance": {"week_fixes": 2}}})
    days = [f"2026-03-{day:02d}" for day in range(1, 6)]
    fix = DropDuplicates(evidence=("anomaly:duplicate_rows",))
    with room.desk() as desk:
        said = [waits(desk, day, fix, day=day).status for day in days[:3]]
        said.append(waits(desk, "clean", CLEAN, day=days[3]).status)
        reasons = desk.case(days[2]).asked_for.reasons
        room.later(days=4)  # from Thursday to Monday
        said.append(waits(desk, "next", fix, day=days[4]).status)
        used = desk.journal.used("shop")

    assert ["approved", "approved", "awaiting", "approved", "approved"] == said
    assert "shop has used 2 of 2 fixes of this week, and this takes 1 more: human" == reasons[0]
    assert (1, 3) == (used.week_fixes, used.month_fixes)


def test_after_a_person_the_policy_does_not_speak(tmp_path):
    """Who rejected a plan of this partition is asked about the next one too, and the reason says so."""
    with Room(tmp_path, environment="dev").desk() as desk:
        waits(desk)
        decides(desk, Identity("ada", "cli"), "reject")
        gate = waits(desk, "two", CLEAN)

        assert ("stale", "ada decided on this partition before: human") == (
            gate.status,
            desk.case(DAY).asked_for.reasons[0],
        )


def test_a_journal_of_before_keeps_what_it_published_and_asks_the_policy_again(tmp_path):
    """Without a record of whose decision was needed: published stays published; the policy's word counts once asked."""
    room = Room(tmp_path, environment="dev")
    with room.desk() as desk:
        published, waiting = (waits(desk, day, CLEAN, day=day) for day in ("2026-03-01", "2026-03-02"))
        step = desk.journal.claim(table="small_shop", partition=published.partition, environment="dev", run_id="p")
        assert isinstance(step, Claimable)
        desk.journal.receipt(step.claim, delta_version=1)
    settings = room.settings
    store = Journal.open(settings.journal_url)
    with store._store.writing() as connection:  # noqa: SLF001 - the journal itself forgets nothing
        connection.exec_driver_sql("DELETE FROM events WHERE kind = 'decision_asked'")
    store.close()
    with room.desk() as desk:
        before = [desk.gate(gate.partition).status for gate in (published, waiting)]
        case = desk.case(waiting.partition)
        put_to_decision(desk, waiting.partition, plan=case.plan, candidate=case.candidate, outcomes=())

        assert (["published", "awaiting"], "approved") == (before, desk.gate(waiting.partition).status)


def test_too_little_of_the_digest_or_anothers_is_refused(room):
    """Eleven characters name nothing, and what waits for another day is said to."""
    with room.desk() as desk:
        one, two = waits(desk), waits(desk, "two", day="2026-03-05")
        for digest, why in ((one.digest[:11], "11 are too few"), (two.digest, "is what waits for 2026-03-05")):
            with pytest.raises(ReviewRefused, match=why):
                record_decision(desk, DAY, digest=digest, verdict="approve", by=room.identity("ada"))
