"""The journal on both databases: facts, decisions, publications, spend, and what happens when many write at once."""

import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from orders_monitor.adapters.journal.events import Event
from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.adapters.journal.migrations import MIGRATIONS
from orders_monitor.adapters.journal.store import open_store
from orders_monitor.core.candidate import Candidate, Validation
from orders_monitor.core.errors import (
    OrdersMonitorError,
    PublicationRefused,
    ReviewRefused,
    StoreUnavailable,
)
from orders_monitor.core.expectation import Outcome
from orders_monitor.core.plan import Hold, Plan, PublishAsIs
from orders_monitor.core.profile import ColumnProfile, Profile
from orders_monitor.core.publication import Claimable, Done, Open, Refused
from orders_monitor.core.review import Case, Decision, Publication, gate

TABLE, DAY = "orders_daily", "2026-03-01"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state/journal.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def journal(url) -> Iterator[Journal]:
    opened = Journal.open(url)
    yield opened
    opened.close()


@pytest.fixture
def sql(url) -> Iterator[Callable[[str], list[Any]]]:
    """Another way into the same database, for what the journal offers no way to do."""
    store = open_store(url)

    def run(statement: str) -> list[Any]:
        with store.writing() as connection:
            result = connection.execute(sa.text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []

    yield run
    store.close()


def make_plan(partition: str = DAY, *, landed: str = "L1", hold: bool = False) -> Plan:
    action = Hold(why="the source is half empty") if hold else PublishAsIs()
    return Plan(table=TABLE, partition=partition, landed_digest=landed, release="1", origin="clean", actions=(action,))


def make_candidate(plan: Plan) -> Candidate:
    return Candidate(
        plan_digest=plan.digest,
        landed_digest=plan.landed_digest,
        path=f"candidates/{plan.landed_digest}.parquet",
        digest=f"bytes of {plan.landed_digest}",
        size_bytes=2_048,
        landed_rows=10,
        rows=10,
        quarantined_rows=0,
        duplicate_rows=0,
    )


def make_outcome(*, passed: bool) -> Outcome:
    return Outcome(
        check_name="order_id_not_be_null",
        type="expect_column_values_to_not_be_null",
        column="order_id",
        severity="gate",
        passed=passed,
        observed="3 nulls",
        rows=10,
        unexpected=0 if passed else 3,
    )


def prepare(journal: Journal, partition: str = DAY, *, landed: str = "L1", run_id: str = "run-1") -> str:
    """Record a partition up to the gate and return the digest that waits."""
    plan = make_plan(partition, landed=landed)
    candidate = make_candidate(plan)
    validation = Validation(candidate_digest=candidate.digest, outcomes=(make_outcome(passed=True),))
    for kind, body in (("plan", plan), ("candidate", candidate), ("validation", validation)):
        journal.record(table=TABLE, partition=partition, run_id=run_id, kind=kind, body=body)
    return digest_of(journal, partition)


def digest_of(journal: Journal, partition: str = DAY) -> str:
    digest = journal.case(TABLE, partition, environment="dev").digest
    assert digest is not None
    return digest


def decide(journal: Journal, digest: str, partition: str = DAY, **changes: Any) -> Decision:
    answer = {"verdict": "approve", "reviewer": "ada", "note": "", "source": "cli", "environment": "dev"} | changes
    return journal.decide(table=TABLE, partition=partition, digest=digest, **answer)


def claim(journal: Journal, partition: str = DAY, *, environment: str = "dev", run_id: str = "publish-1") -> Any:
    return journal.claim(table=TABLE, partition=partition, environment=environment, run_id=run_id)


def publish(journal: Journal, partition: str = DAY, *, version: int = 0) -> Publication:
    step = claim(journal, partition)
    assert isinstance(step, Claimable)
    return journal.receipt(step.claim, delta_version=version)


def status(journal: Journal, partition: str = DAY) -> str:
    return gate(journal.case(TABLE, partition, environment="dev")).status


def refusal(what: Callable[[], object]) -> str:
    with pytest.raises(OrdersMonitorError) as caught:
        what()
    return str(caught.value)


def in_processes(count: int, script: str, *arguments: str) -> list[str]:
    """What each of several interpreters that run the script at once printed."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script, *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    printed = []
    for process in started:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        printed.append(out.strip())
    return printed


def at_once(count: int, what: Callable[[int], Any]) -> list[Any]:
    """What each of several threads got, an error of ours being an answer too."""

    def answer(number: int) -> Any:
        try:
            return what(number)
        except OrdersMonitorError as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(answer, range(count)))


# Events


def test_a_recorded_value_comes_back_whole(journal):
    """What was recorded is read back as the same value, also where JSON has no number for it."""
    profile = Profile(
        rows=1,
        duplicate_rows=0,
        columns=(ColumnProfile(name='"; drop table x --\0', type="DOUBLE", nulls=0, distinct=1, mean=float("inf")),),
    )

    recorded = journal.record(table=TABLE, partition=DAY, run_id="run-1", kind="profile", body=profile)
    found = journal.latest(TABLE, DAY, "profile")

    assert recorded == found
    assert (TABLE, DAY, "run-1", 1, "profile") == (found.table, found.partition, found.run_id, found.seq, found.kind)
    assert profile == Profile.model_validate(found.body)


def test_the_latest_is_of_its_own_partition_and_kind(journal):
    """The newest event is looked for among those of the same table, partition and kind."""
    prepare(journal, landed="L1")
    prepare(journal, landed="L2")
    prepare(journal, "2026-03-02", landed="L3")

    found = journal.latest(TABLE, DAY, "plan")

    assert make_plan(landed="L2") == Plan.model_validate(found.body)
    assert journal.latest(TABLE, DAY, "quality") is None
    assert journal.latest("other", DAY, "plan") is None


def test_a_runs_events_are_numbered_and_whole(journal):
    """A run's events count from 1 whatever other runs do, and their chain is whole."""
    prepare(journal, run_id="run-1")
    prepare(journal, "2026-03-02", run_id="run-2")
    prepare(journal, landed="L2", run_id="run-1")

    chain = journal.events_of_run("run-1")

    assert [1, 2, 3, 4, 5, 6] == [event.seq for event in chain]
    assert journal.verify("run-1") is None
    assert journal.verify("never ran") is None


@pytest.mark.parametrize(
    ("tampering", "first_bad"),
    [
        # One byte of what was found.
        ("UPDATE events SET body = replace(body, 'L1', 'L2') WHERE seq = 2", 2),
        # The same with its own digest mended: the hash still knows.
        ("UPDATE events SET body_digest = 'x' WHERE seq = 2", 2),
        # The time of a record.
        ("UPDATE events SET recorded_at = '2020-01-01' WHERE seq = 3", 3),
        # Another partition's fact.
        ("UPDATE events SET partition_key = '2026-03-02' WHERE seq = 1", 1),
        # An event taken out of the middle.
        ("DELETE FROM events WHERE seq = 2", 2),
    ],
)
def test_a_flipped_byte_breaks_the_chain_where_it_is(journal, sql, tampering, first_bad):
    """Any change behind the journal's back is found at the event that it touched."""
    prepare(journal)

    sql(tampering)

    assert ("run-1", first_bad) == (journal.verify("run-1").run_id, journal.verify("run-1").seq)
    assert (journal.verify("run-1"),) == journal.verify_all()


def test_events_are_appended_together_or_not_at_all(journal):
    """Several facts of one flush continue the run's chain in their order; where one cannot be written none is."""
    prepare(journal)
    facts = [("agent_ended", Hold(why="first")), ("note", Hold(why="second"))]

    journal.record_all(table=TABLE, partition=DAY, run_id="run-1", bodies=facts)
    journal.record_all(table=TABLE, partition=DAY, run_id="run-1", bodies=[])
    with pytest.raises((sa.exc.IntegrityError, sqlite3.IntegrityError)):
        journal.record_all(table=TABLE, partition=DAY, run_id="run-1", bodies=[*facts, (None, Hold(why="no kind"))])

    assert [(4, "agent_ended"), (5, "note")] == [(e.seq, e.kind) for e in journal.events_of_run("run-1")][3:]
    assert journal.verify("run-1") is None


def test_the_journal_is_read_as_it_was_at_an_event(journal):
    """As of an event there are no later facts, decisions and publications, also not those of other partitions."""
    digest = prepare(journal, "2026-02-28", landed="L0")
    then = journal.record(table=TABLE, partition=DAY, run_id="run-2", kind="plan", body=make_plan(landed="L1"))
    time.sleep(0.002)  # a decision has no place among the events, only its time in milliseconds
    decide(journal, digest, "2026-02-28")
    publish(journal, "2026-02-28")
    prepare(journal, landed="L2", run_id="run-3")

    before = journal.as_of(then.id)
    known = {case.partition: case for case in before.cases(TABLE, environment="dev")}
    now = {case.partition: case for case in journal.cases(TABLE, environment="dev")}

    assert then == before.latest(TABLE, DAY, "plan")
    assert then != journal.latest(TABLE, DAY, "plan")
    assert ((), ()) == (known["2026-02-28"].decisions, known["2026-02-28"].publications)
    assert (1, 1) == (len(now["2026-02-28"].decisions), len(now["2026-02-28"].publications))
    assert (0, 1) == tuple(len(j.history(TABLE, "plan", before=DAY, days_max=9)) for j in (before, journal))
    assert () == journal.as_of(0).history(TABLE, "plan", before=DAY, days_max=9, published_only=False)


@pytest.mark.parametrize("url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True)
def test_a_chain_never_forks(journal, url):
    """Many writers of one run, in threads and processes, make one chain."""
    script = (
        "import sys\n"
        "from orders_monitor.adapters.journal.journal import Journal\n"
        "from orders_monitor.core.plan import Hold\n"
        "journal = Journal.open(sys.argv[1])\n"
        "for number in range(10):\n"
        "    journal.record(table='t', partition='p', run_id='run-1', kind='note', body=Hold(why=str(number)))\n"
        "journal.close()\n"
    )

    in_processes(2, script, url)
    at_once(
        8, lambda n: journal.record(table="t", partition=str(n), run_id="run-1", kind="note", body=Hold(why="thread"))
    )

    assert list(range(1, 29)) == [event.seq for event in journal.events_of_run("run-1")]
    assert journal.verify("run-1") is None


def test_partitions_are_those_with_a_plan(journal):
    """A partition that only landed has no plan and is not listed; the rest come in order."""
    prepare(journal, "2026-03-02")
    prepare(journal, "2026-03-01")
    journal.record(table=TABLE, partition="2026-03-03", run_id="run-1", kind="profile", body=Hold(why="no plan"))

    assert ("2026-03-01", "2026-03-02") == journal.partitions(TABLE)


# History


def record_profile(journal: Journal, partition: str, rows: int) -> Event:
    body = Profile(rows=rows, duplicate_rows=0, columns=())
    return journal.record(table=TABLE, partition=partition, run_id=f"run of {partition}", kind="profile", body=body)


def rows_of(events: tuple[Event, ...]) -> list[tuple[str, int]]:
    return [(event.partition, event.body["rows"]) for event in events]


def test_history_is_what_readers_have_seen(journal):
    """Only published partitions count, each with the facts of the landing that was published."""
    for day, rows in (("2026-03-01", 100), ("2026-03-02", 200), ("2026-03-03", 300), ("2026-03-05", 500)):
        record_profile(journal, day, rows)
        decide(journal, prepare(journal, day), day)
        publish(journal, day)
    # Held back, and so not a baseline for anything.
    record_profile(journal, "2026-03-04", 4)
    prepare(journal, "2026-03-04")
    # Landed once more, with something new that nobody has allowed: readers still see the old bytes.
    record_profile(journal, "2026-03-02", 2)
    prepare(journal, "2026-03-02", landed="L2")

    published = journal.history(TABLE, "profile", before="2026-03-05", days_max=56)
    last_two = journal.history(TABLE, "profile", before="2026-03-05", days_max=2)
    everything = journal.history(TABLE, "profile", before="2026-03-05", days_max=3, published_only=False)

    assert [("2026-03-01", 100), ("2026-03-02", 200), ("2026-03-03", 300)] == rows_of(published)
    assert [("2026-03-02", 200), ("2026-03-03", 300)] == rows_of(last_two)
    assert [("2026-03-02", 2), ("2026-03-03", 300), ("2026-03-04", 4)] == rows_of(everything)


def test_a_claim_without_receipt_is_no_history(journal):
    """A publication that was claimed and given up, or not finished, was seen by nobody."""
    record_profile(journal, DAY, 100)
    decide(journal, prepare(journal))
    step = claim(journal)

    assert () == journal.history(TABLE, "profile", before="2026-04-01", days_max=56)

    journal.void(step.claim)

    assert () == journal.history(TABLE, "profile", before="2026-04-01", days_max=56)


# Cases


def test_a_case_holds_the_newest_of_everything(journal):
    """A case has the newest of each part with all decisions and publications, alone or in the list."""
    first = decide(journal, prepare(journal, landed="L1"))
    published = publish(journal, version=4)
    second = decide(journal, prepare(journal, landed="L2"), verdict="reject", reviewer="bob", note="cents")
    plan = make_plan(landed="L2")
    candidate = make_candidate(plan)

    expected = Case(
        table=TABLE,
        partition=DAY,
        environment="dev",
        plan=plan,
        candidate=candidate,
        validation=Validation(candidate_digest=candidate.digest, outcomes=(make_outcome(passed=True),)),
        last_decision=second.id,
        decisions=(first, second),
        publications=(published,),
    )

    assert expected == journal.case(TABLE, DAY, environment="dev")
    assert (expected,) == journal.cases(TABLE, environment="dev")


def test_an_unknown_partition_is_an_empty_case(journal):
    """Nothing known is a case with nothing in it, and not one of the list."""
    assert Case(table=TABLE, partition=DAY, environment="dev") == journal.case(TABLE, DAY, environment="dev")
    assert () == journal.cases(TABLE, environment="dev")


def test_the_list_of_cases_is_three_queries(journal, url):
    """The number of queries does not grow with the number of partitions."""
    for day in range(1, 6):
        decide(journal, prepare(journal, f"2026-03-0{day}"), f"2026-03-0{day}")
    statements: list[str] = []
    store = open_store(url)
    sa.event.listen(store.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))

    cases = Journal(store).cases(TABLE, environment="dev")
    store.close()

    assert 5 == len(cases)
    assert 3 == len([statement for statement in statements if statement.startswith("SELECT") and "FROM" in statement])


# Decisions


def test_a_decision_records_the_full_digest(journal):
    """Twelve characters name the digest; all of it is recorded."""
    digest = prepare(journal)

    decision = decide(journal, digest[:12], note="looks right")

    expected = Decision(
        id=decision.id,
        table=TABLE,
        partition=DAY,
        digest=digest,
        verdict="approve",
        reviewer="ada",
        note="looks right",
        source="cli",
        plan_digest=make_plan().digest,
        candidate_digest=make_candidate(make_plan()).digest,
        release="1",
        recorded_at=decision.recorded_at,
    )
    assert expected == decision
    assert (decision,) == journal.decisions_after(TABLE, 0)
    assert decision.id == journal.last_decision_id(TABLE)
    assert status(journal) == "approved"


def test_decisions_are_read_on_from_an_id(journal):
    """Each table has its own line of decisions, in the order in which they were made."""
    first = decide(journal, prepare(journal, "2026-03-01"), "2026-03-01")
    second = decide(journal, prepare(journal, "2026-03-02"), "2026-03-02", verdict="reject")

    assert (second,) == journal.decisions_after(TABLE, first.id)
    assert () == journal.decisions_after(TABLE, second.id)
    assert () == journal.decisions_after("other", 0)
    assert 0 == journal.last_decision_id("other")


def test_a_decision_on_nothing_is_refused(journal):
    """Before there is a plan there is nothing to decide."""
    said = refusal(lambda: decide(journal, "0" * 64))

    assert "orders_daily 2026-03-01: there is nothing to decide: there is no plan yet" == said


def test_a_held_partition_cannot_be_approved(journal):
    """A hold is repaired at the source, not argued away."""
    journal.record(table=TABLE, partition=DAY, run_id="run-1", kind="plan", body=make_plan(hold=True))

    said = refusal(lambda: decide(journal, "0" * 64))

    assert "orders_daily 2026-03-01: there is nothing to decide: held: the source is half empty" == said


def test_bytes_that_were_not_validated_cannot_be_approved(journal):
    """The expectations answer before a person does."""
    plan = make_plan()
    journal.record(table=TABLE, partition=DAY, run_id="run-1", kind="plan", body=plan)
    journal.record(table=TABLE, partition=DAY, run_id="run-1", kind="candidate", body=make_candidate(plan))

    said = refusal(lambda: decide(journal, digest_of(journal)))

    assert "there is nothing to decide: the expectations have not been asked about these bytes yet" in said


def test_a_failed_quality_gate_cannot_be_approved(journal):
    """Nobody can approve past a failed gate, and the refusal says which."""
    digest = prepare(journal)
    validation = Validation(candidate_digest=make_candidate(make_plan()).digest, outcomes=(make_outcome(passed=False),))
    journal.record(table=TABLE, partition=DAY, run_id="run-1", kind="validation", body=validation)

    said = refusal(lambda: decide(journal, digest))

    assert said.startswith("orders_daily 2026-03-01: there is nothing to decide: quality gate: order_id_not_be_null")


def test_an_older_digest_is_refused(journal):
    """Who looked at an earlier plan is told what waits now, and nothing is recorded."""
    older = prepare(journal, landed="L1")
    newer = prepare(journal, landed="L2")

    said = refusal(lambda: decide(journal, older))

    assert f"orders_daily 2026-03-01: {older[:12]} is not what waits; it is {newer[:12]} now, look at it again" == said
    assert 0 == journal.last_decision_id(TABLE)


def test_another_partitions_digest_is_refused_by_name(journal):
    """A digest taken from the wrong line of the list is recognised."""
    here = prepare(journal, "2026-03-01")
    there = prepare(journal, "2026-03-02")

    said = refusal(lambda: decide(journal, there, "2026-03-01"))

    expected = f"{there[:12]} is what waits for 2026-03-02; for 2026-03-01 it is {here[:12]}"
    assert f"orders_daily 2026-03-01: {expected}" == said


def test_another_environments_digest_is_refused(journal):
    """What was reviewed in one environment is not approved in another."""
    digest = prepare(journal)

    said = refusal(lambda: decide(journal, digest, environment="prod"))

    assert f"{digest[:12]} is not what waits" in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"digest": "abc"}, "name at least the first 12 characters of the digest, 3 are too few"),
        ({"digest": ""}, "name at least the first 12 characters of the digest, 0 are too few"),
        ({"reviewer": "  "}, "a decision needs the name of its reviewer"),
        ({"reviewer": "x" * 201}, "the reviewer's name is longer than 200 characters"),
        ({"note": "x" * 4_001}, "the note has 4,001 characters, 4,000 are allowed"),
        # PostgreSQL cannot keep it; SQLite would.
        ({"note": "a\0b"}, "reviewer, note, source and digest must be plain text"),
        # A command line argument that was not UTF-8.
        ({"reviewer": "ad\udce4"}, "reviewer, note, source and digest must be plain text"),
    ],
)
def test_a_malformed_decision_is_refused(journal, changes, said):
    """What is wrong with the answer itself is said in one sentence, and nothing is recorded."""
    digest = prepare(journal)

    assert f"orders_daily 2026-03-01: {said}" == refusal(lambda: decide(journal, **({"digest": digest} | changes)))
    assert "awaiting" == status(journal)


def test_a_note_may_say_anything(journal):
    """A note at its limit, with quotes and SQL in it, is kept as it is."""
    note = ("'; DROP TABLE decisions; -- %s :name é 漢" + "x" * 4_000)[:4_000]

    assert note == decide(journal, prepare(journal), note=note).note


def test_the_first_decision_wins(journal):
    """A second answer on the same digest is told who gave the first."""
    digest = prepare(journal)
    first = decide(journal, digest, verdict="reject", reviewer="bob")

    said = refusal(lambda: decide(journal, digest))

    at = first.recorded_at[:19].replace("T", " ")
    assert f"orders_daily 2026-03-01: bob has rejected it already at {at} UTC (decision {first.id})" == said
    assert "rejected" == status(journal)


def test_a_published_digest_is_not_decided_again(journal):
    """After publication a late answer is told what was decided and published."""
    digest = prepare(journal)
    first = decide(journal, digest)
    publish(journal, version=7)

    said = refusal(lambda: decide(journal, digest, verdict="reject"))

    assert said.endswith(f" UTC (decision {first.id}) and published as version 7")


def test_a_stale_partition_can_be_decided_again(journal):
    """A plan that changed after its approval waits for a new one."""
    decide(journal, prepare(journal, landed="L1"))
    newer = prepare(journal, landed="L2")
    before = status(journal)

    decide(journal, newer)

    assert ("stale", "approved") == (before, status(journal))


def test_a_decision_is_spent_by_its_publication(journal):
    """Publishing older bytes again asks again, though the same digest was approved before."""
    first = prepare(journal, landed="L1")
    decide(journal, first)
    publish(journal, version=0)
    decide(journal, prepare(journal, landed="L2"))
    publish(journal, version=1)

    back = prepare(journal, landed="L1")
    step = claim(journal)

    assert first == back
    assert isinstance(step, Refused)
    assert "awaiting" == step.gate.status

    decide(journal, back)

    assert 3 == publish(journal, version=2).number


def test_of_many_reviewers_at_once_one_wins(journal):
    """Eight threads that answer at the same time leave one decision."""
    digest = prepare(journal)

    answers = at_once(8, lambda n: decide(journal, digest, reviewer=f"reviewer {n}"))

    assert 1 == len([answer for answer in answers if isinstance(answer, Decision)])
    assert 7 == len([answer for answer in answers if isinstance(answer, ReviewRefused)])
    assert 1 == len(journal.decisions_after(TABLE, 0))


@pytest.mark.parametrize("url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True)
def test_of_many_processes_at_once_one_decides_and_one_claims(journal, url):
    """Processes that approve and publish the same partition at the same time leave one decision and one claim."""
    digest = prepare(journal)
    script = (
        "import sys\n"
        "from orders_monitor.adapters.journal.journal import Journal\n"
        "from orders_monitor.core.errors import ReviewRefused\n"
        "journal = Journal.open(sys.argv[1])\n"
        "of = {'table': 'orders_daily', 'partition': '2026-03-01', 'environment': 'dev'}\n"
        "try:\n"
        "    journal.decide(**of, digest=sys.argv[2], verdict='approve', reviewer='ada', note='', source='cli')\n"
        "    print('decided', end=' ')\n"
        "except ReviewRefused:\n"
        "    print('refused', end=' ')\n"
        "print(type(journal.claim(**of, run_id='r')).__name__)\n"
        "journal.close()\n"
    )

    printed = in_processes(4, script, url, digest)

    assert 1 == len([line for line in printed if line.startswith("decided")])
    assert ["Claimable", "Open", "Open", "Open"] == sorted(line.split()[1] for line in printed)
    assert 1 == len(journal.decisions_after(TABLE, 0))
    assert 1 == len(journal.case(TABLE, DAY, environment="dev").publications)


# Publications


def test_an_approved_partition_is_claimed_once(journal):
    """The first to ask claims, the next finds the claim open, and after the receipt it is done."""
    digest = prepare(journal)
    decision = decide(journal, digest)

    first = claim(journal)
    second = claim(journal, run_id="publish-2")
    published = journal.receipt(first.claim, delta_version=3)
    third = claim(journal, run_id="publish-3")

    expected = Publication(
        table=TABLE,
        partition=DAY,
        number=1,
        digest=digest,
        decision_id=decision.id,
        path="candidates/L1.parquet",
        rows=10,
        size_bytes=2_048,
        plan_digest=make_plan().digest,
        run_id="publish-1",
    )
    assert Claimable(expected) == first
    assert Open(expected) == second
    assert expected.model_copy(update={"delta_version": 3}) == published
    assert Done(published) == third


def test_what_is_not_approved_is_not_claimed(journal):
    """Unanswered, rejected, stale and another environment's are each refused, and nothing is claimed."""
    answers = {}
    prepare(journal, landed="L1")
    answers["awaiting"] = claim(journal)
    decide(journal, digest_of(journal))
    answers["awaiting in prod"] = claim(journal, environment="prod")
    prepare(journal, landed="L2")
    answers["stale"] = claim(journal)
    decide(journal, digest_of(journal), verdict="reject")
    answers["rejected"] = claim(journal)
    answers["no_plan"] = claim(journal, "2026-03-02")

    expected = {
        "awaiting": "awaiting",
        # The approval was for dev's digest; in prod it names something else.
        "awaiting in prod": "stale",
        "stale": "stale",
        "rejected": "rejected",
        "no_plan": "no_plan",
    }
    assert expected == {name: step.gate.status for name, step in answers.items()}
    assert () == journal.case(TABLE, DAY, environment="dev").publications


def test_of_many_publishers_at_once_one_claims(journal):
    """Eight threads that publish at the same time make one claim; the others find it open."""
    decide(journal, prepare(journal))

    steps = at_once(8, lambda n: claim(journal, run_id=f"publish-{n}"))

    claimed = [step for step in steps if isinstance(step, Claimable)]
    assert 1 == len(claimed)
    assert [Open(claimed[0].claim)] * 7 == [step for step in steps if not isinstance(step, Claimable)]


def test_a_receipt_is_given_once(journal):
    """The same receipt again changes nothing; another version is a contradiction and refused."""
    decide(journal, prepare(journal))
    claimed = claim(journal).claim

    first = journal.receipt(claimed, delta_version=3)
    again = journal.receipt(claimed, delta_version=3)
    said = refusal(lambda: journal.receipt(claimed, delta_version=4))

    assert first == again
    assert "orders_daily 2026-03-01: not published: claim 1 was written as version 3, not as 4" == said


def test_a_claim_is_given_up_or_written_never_both(journal):
    """A void after a receipt and a receipt after a void are refused."""
    decide(journal, prepare(journal, "2026-03-01"), "2026-03-01")
    decide(journal, prepare(journal, "2026-03-02"), "2026-03-02")
    written, abandoned = claim(journal, "2026-03-01").claim, claim(journal, "2026-03-02").claim
    journal.receipt(written, delta_version=1)
    journal.void(abandoned)

    assert abandoned.model_copy(update={"voided": True}) == journal.void(abandoned)
    assert "claim 1 was written as version 1, it cannot be given up" in refusal(lambda: journal.void(written))
    with pytest.raises(PublicationRefused, match="claim 1 was given up before version 2 was written"):
        journal.receipt(abandoned, delta_version=2)


def test_after_a_void_the_next_claim_has_the_next_number(journal):
    """A number is used once, also by a claim that was given up; its approval is not spent."""
    decide(journal, prepare(journal))
    journal.void(claim(journal).claim)

    again = claim(journal, run_id="publish-2")

    assert isinstance(again, Claimable)
    assert (2, "publish-2") == (again.claim.number, again.claim.run_id)


def test_a_claim_that_was_never_made_has_no_receipt(journal):
    """A receipt for an unknown claim is refused."""
    decide(journal, prepare(journal))
    claimed = claim(journal).claim

    with pytest.raises(PublicationRefused, match="claim 2 was not claimed"):
        journal.receipt(claimed.model_copy(update={"number": 2}), delta_version=1)
    with pytest.raises(PublicationRefused, match="claim 1 was not claimed"):
        journal.receipt(claimed.model_copy(update={"digest": "other bytes"}), delta_version=1)


# The database


@pytest.mark.parametrize("url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True)
def test_many_may_come_first_at_once(url):
    """Processes that open a new journal at the same time make its tables once."""
    script = (
        "import sys\n"
        "from orders_monitor.adapters.journal.journal import Journal\n"
        "journal = Journal.open(sys.argv[1])\n"
        "print(journal.last_decision_id('t'))\n"
        "journal.close()\n"
    )

    assert ["0"] * 3 == in_processes(3, script, url)


def test_migrations_are_recorded_and_not_repeated(journal, sql, url):
    """Opening a journal again finds every migration applied."""
    Journal.open(url).close()

    expected = sorted(migration.__name__ for migration in MIGRATIONS)
    assert expected == sorted(name for (name,) in sql("SELECT name FROM migrations"))


def test_a_journal_of_a_newer_version_is_left_alone(journal, sql, url):
    """Older code does not write into tables that newer code has changed."""
    sql("INSERT INTO migrations (name, applied_at) VALUES ('m999_later', 'x')")

    assert "a newer version has written it (migration m999_later)" in refusal(lambda: Journal.open(url))


def test_records_survive_closing(url):
    """What was recorded is there for the next process."""
    first = Journal.open(url)
    digest = prepare(first)
    first.close()

    second = Journal.open(url)
    found = digest_of(second)
    second.close()

    assert digest == found


def test_our_own_mistakes_are_not_called_weather(journal, url):
    """A wrong statement or a broken constraint is raised as what it is."""
    store = open_store(url)

    with pytest.raises((sa.exc.OperationalError, sa.exc.ProgrammingError)), store.reading() as connection:
        connection.execute(sa.text("SELECT nothing FROM nowhere"))
    with pytest.raises(sa.exc.IntegrityError), store.writing() as connection:
        connection.execute(sa.text("INSERT INTO migrations (name) VALUES (NULL)"))
    store.close()


def test_an_unreachable_server_is_one_sentence_without_a_password():
    """A database that refuses the connection is unavailable, and its password is not shown."""
    said = refusal(lambda: Journal.open("postgresql://ada:s3cret@127.0.0.1:1/orders"))

    assert said.startswith("journal 127.0.0.1:1/orders: ")
    assert "s3cret" not in said
    assert "\n" not in said


def test_a_wrong_database_is_unavailable(postgres_url):
    """A server that has no such database says so."""
    said = refusal(lambda: Journal.open(str(sa.make_url(postgres_url).set(database="no_such").render_as_string(False))))

    assert 'database "no_such" does not exist' in said


@pytest.mark.parametrize("bad", ["postgresql://ada:s3cret@host:port/x", "not a url", "mysql://x/y", "sqlite://"])
def test_an_url_that_names_no_journal_is_refused(bad):
    """A URL that cannot be read or names another kind of database is refused without being repeated."""
    said = refusal(lambda: Journal.open(bad))

    assert said.startswith("journal: ")
    assert "s3cret" not in said


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path):
    """A file where the folder should be is said, with its path."""
    (tmp_path / "state").write_text("a file")

    said = refusal(lambda: Journal.open(f"sqlite:///{tmp_path}/state/journal.db"))

    assert f"journal {tmp_path}/state/journal.db: its folder cannot be made: File exists" == said


def test_a_file_that_is_no_database_is_unavailable(tmp_path):
    """A file with other bytes is left as it is."""
    path = tmp_path / "journal.db"
    path.write_text("these are not the bytes of a database, " * 100)

    assert f"journal {path}: file is not a database" == refusal(lambda: Journal.open(f"sqlite:///{path}"))


def test_a_full_disk_loses_nothing(tmp_path):
    """When the disk is full the write is refused and the journal reads as before."""
    journal = Journal.open(f"sqlite:///{tmp_path}/journal.db")
    prepare(journal)
    # The file may grow by nothing: what the engine meets on a full disk.
    sa.event.listen(
        journal._store.engine,  # noqa: SLF001 - no public way to fill a disk
        "connect",
        lambda connection, _: connection.execute("PRAGMA max_page_count = 1"),
    )
    journal._store.close()  # noqa: SLF001 - the connections that it keeps were opened before

    with pytest.raises(StoreUnavailable, match="database or disk is full"):
        journal.record(table=TABLE, partition=DAY, run_id="run-1", kind="note", body=Hold(why="x" * 100_000))

    assert 3 == len(journal.events_of_run("run-1"))
    assert journal.verify("run-1") is None
    journal.close()


def test_a_locked_file_is_unavailable(tmp_path):
    """A writer that another keeps out says so, and has written nothing."""
    url = f"sqlite:///{tmp_path}/journal.db"
    journal, other = Journal.open(url), open_store(url)
    # Not the half minute that a real writer waits.
    sa.event.listen(other.engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout = 0"))

    with journal._store.writing():  # noqa: SLF001 - no public way to dawdle in a transaction
        said = refusal(lambda: Journal(other).settle(run_id="run-1", step=1, attempt=1, tokens=0, micro_usd=0))

    assert f"journal {tmp_path}/journal.db: database is locked" == said
    journal.close()
    other.close()


def test_a_lock_that_is_not_had_is_unavailable(postgres_url):
    """On PostgreSQL too, waiting has an end that is not a traceback."""
    journal, other = Journal.open(postgres_url), open_store(postgres_url)

    def wait_shortly() -> None:
        with other.writing() as connection:
            connection.execute(sa.text("SET LOCAL lock_timeout = '20ms'"))
            connection.execute(sa.text("LOCK TABLE events"))

    with journal._store.writing() as connection:  # noqa: SLF001 - no public way to dawdle in a transaction
        connection.execute(sa.text("LOCK TABLE events"))
        said = refusal(wait_shortly)

    assert said.endswith("canceling statement due to lock timeout")
    journal.close()
    other.close()


def test_a_restarted_server_is_met_again(postgres_url):
    """Connections that the server has ended are replaced without anybody noticing."""
    journal, other = Journal.open(postgres_url), open_store(postgres_url)
    digest = prepare(journal)
    with other.reading() as connection:
        connection.execute(
            sa.text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )

    assert digest == digest_of(journal)
    journal.close()
    other.close()


def test_sqlite_survives_a_power_cut(tmp_path):
    """The file is in write-ahead mode and every commit is on disk before it is acknowledged."""
    store = open_store(f"sqlite:///{tmp_path}/journal.db")

    with store.reading() as connection:
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
        synchronous = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
    store.close()

    assert ("wal", 2) == (mode, synchronous)
