import hashlib
import json

import pytest

from orders_monitor.adapters.releases import load_release
from orders_monitor.agent import tools
from orders_monitor.agent.model import ToolCall
from orders_monitor.core.claims import Claim, Claims, Doubt, DroppedClaim, Unknown
from orders_monitor.core.investigation import Finding, Investigation, Question, Spend
from orders_monitor.core.landing import Landing
from orders_monitor.core.plan import Hold, PublishAsIs, QuarantineRows, RenameColumn
from orders_monitor.core.predicate import NotMatching
from orders_monitor.core.quality import Quality
from orders_monitor.pipeline import casefile
from orders_monitor.pipeline.landed import land
from orders_monitor.pipeline.plan import draw, draw_up
from orders_monitor.pipeline.profile import scan
from orders_monitor.pipeline.quality import judge
from orders_monitor.pipeline.resources import open_desk
from orders_monitor.settings import read_settings
from orders_monitor_tests.small_shop import DAY, csv_of, declared, rows_of

EMAIL = "expectation:email_match_regex"
ASIDE = QuarantineRows(where=NotMatching(column="email", regex="@"), evidence=(EMAIL,))
AS_IS = PublishAsIs()
THE_FILE = "the landed file is not the one that was examined"


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A desk of a small shop of which one address is no address: landed, profiled and judged once."""
    home = tmp_path_factory.mktemp("shop")
    (home / "upstream").mkdir()
    rows = rows_of(DAY)
    rows[3][3] = "nobody"
    (home / "upstream" / f"{DAY}.csv").write_text(csv_of(rows))
    settings = read_settings({"ORDERS_MONITOR_HOME": str(home)})
    with open_desk(declared(home / "upstream"), run_id="evidence", settings=settings) as opened:
        for stage in (land, scan, judge):
            stage(opened, DAY)
        yield opened


@pytest.fixture
def found(desk):
    """An investigation with these findings and actions."""

    def answered(*findings, proposed=(AS_IS,), **parts):
        return Investigation(
            landed_digest=desk.read(DAY, "landed", Landing).digest,
            ending="answered",
            why="it answered",
            release=load_release(desk.settings.prompts, "orders_daily").label,
            model="m",
            findings=tuple(Finding(claim=claim, evidence=cited) for claim, *cited in findings),
            proposed=tuple(proposed),
            spend=Spend(budget_tokens=1, budget_micro_usd=1),
            **parts,
        )

    return answered


def drawn(desk, investigation, *, quality=None, landing=None):
    return draw(
        desk,
        landing or desk.read(DAY, "landed", Landing),
        quality or desk.read(DAY, "quality", Quality),
        investigation,
    )


def test_what_holds_is_told_with_codes_numbers(desk, found):
    """The expectation is asked again, and the claim gets its numbers from that."""
    made = drawn(desk, found((f"{{{EMAIL}#unexpected}} of {{{EMAIL}#rows}} rows", EMAIL), proposed=(AS_IS, ASIDE)))

    assert ("agent", (AS_IS, ASIDE)) == (made.plan.origin, made.plan.actions)
    assert (Claim(text="1 of 40 rows", evidence=(EMAIL,)),) == made.claims.kept
    assert ((), ()) == (made.claims.dropped, made.claims.doubts)


def test_made_up_evidence_is_a_persons(desk, found):
    """An id that nobody gave: the claim is dropped, the action is not done, and the plan is doubted."""
    rename = RenameColumn(column="a", to="status", evidence=("drift:renamed:status",))
    made = drawn(desk, found(("all is well", "sql:0123456789ab"), proposed=(AS_IS, rename)))

    assert ("doubted", (AS_IS,), (EMAIL,)) == (made.plan.origin, made.plan.actions, made.plan.unexplained)
    assert ["sql:0123456789ab", "drift:renamed:status"] == [doubt.evidence for doubt in made.claims.evidence]
    assert [f"'sql:0123456789ab': {Unknown().why}"] == [claim.why for claim in made.claims.dropped]


def test_an_expectation_that_now_says_something_else_differs(desk, found):
    """What was recorded is not believed: the landed file is asked."""
    quality = desk.read(DAY, "quality", Quality)
    outcomes = tuple(
        outcome.model_copy(update={"unexpected": 2} if outcome.column == "email" else {})
        for outcome in quality.outcomes
    )
    tampered = quality.model_copy(update={"outcomes": outcomes})
    made = drawn(desk, found(("two are wrong", EMAIL), proposed=(AS_IS, ASIDE)), quality=tampered)
    (doubt,) = made.claims.evidence

    assert ("doubted", (AS_IS,)) == (made.plan.origin, made.plan.actions)
    assert doubt.why.startswith("asked again, it says 'email_match_regex of email: 1 of 40 rows (2.50%)")


def test_drift_and_anomalies_are_found_again_in_the_file(desk, found):
    """A change and an unusual metric that were recorded, and that the file does not have, are not there any more."""
    quality = desk.read(DAY, "quality", Quality)
    signal = quality.signals[0].model_copy
    ids = ("drift:removed:status", "anomaly:rows")
    tampered = quality.model_copy(
        update={"signals": (*quality.signals, *(signal(update={"id": one, "kind": one.split(":")[0]}) for one in ids))}
    )
    made = drawn(desk, found(("all is lost", *ids)), quality=tampered)

    assert [Doubt(evidence=one, why="asked again, it is not found any more") for one in ids] == [*made.claims.evidence]


def test_a_tool_is_run_again_on_the_same_question(desk, found):
    """The same answer holds, another one differs, a question under another release cannot be asked again."""
    release = load_release(desk.settings.prompts, "orders_daily")
    call = asking_for("profile", columns=["status"])
    answer = run_now(desk, call, release)
    question = Question(
        evidence=call.evidence, tool=call.name, arguments=json.dumps(call.arguments), answer_digest=sha256(answer)
    )
    claim = (f"{{{call.evidence}#columns.0.distinct}} kinds in 40 rows, not 41", call.evidence)
    right, wrong = claim[0].replace(", not 41", ""), question.model_copy(update={"answer_digest": "0" * 64})

    assert [Claim(text="3 kinds in 40 rows", evidence=(call.evidence,))] == [
        *drawn(desk, found((right, call.evidence), questions=(question,))).claims.kept
    ]
    assert ["'41' is no number of its evidence"] == why(drawn(desk, found(claim, questions=(question,))))
    assert [f"{call.evidence!r}: asked again, the tool answers something else"] == why(
        drawn(desk, found(claim, questions=(wrong,)))
    )


@pytest.mark.parametrize(
    ("query", "claim", "holds"),
    [
        ("SELECT count(*) AS n, 41 AS checked FROM landed", "40 rows", True),
        ("SELECT count(*) AS n, 41 AS checked FROM landed", "41 rows", False),
        ("SELECT 41 - 1 AS n, count(*) * 0 + 41 AS m, 'all 42 are fine' AS o FROM landed LIMIT 1", "40 rows", False),
        ("SELECT 41 - 1 AS n, count(*) * 0 + 41 AS m, 'all 42 are fine' AS o FROM landed LIMIT 1", "41 rows", False),
        ("SELECT 'all 42 are fine' AS o FROM landed LIMIT 1", "'all 42 are fine'", False),
        ("SELECT max(CASE WHEN true THEN '7' END) AS n FROM landed", "{sql#rows.0.0} rows", False),
        ('SELECT count(*) AS "42 rows are fine" FROM landed', "'42 rows are fine'", False),
        ("SELECT sum(CASE WHEN quantity = 1 THEN 1 ELSE 0 END) FROM landed WHERE order_id > 9", "10 are small", True),
    ],
)
def test_what_a_query_says_itself_is_no_evidence(desk, found, query, claim, holds):
    """A number, a text or a column's name that the query brings along is the asker's, whatever it is called."""
    call = asking_for("sql", query=query)
    answer = run_now(desk, call, load_release(desk.settings.prompts, "orders_daily"))
    question = Question(
        evidence=call.evidence, tool=call.name, arguments=json.dumps(call.arguments), answer_digest=sha256(answer)
    )
    made = drawn(desk, found((claim.replace("sql#", f"{call.evidence}#"), call.evidence), questions=(question,)))

    assert (holds, "agent" if holds else "doubted") == (bool(made.claims.kept), made.plan.origin)


def test_a_file_that_was_changed_is_nobodys_evidence(desk, found):
    """Its bytes are looked at before anything else: the partition is held, and everything cited differs."""
    landing = desk.read(DAY, "landed", Landing).model_copy(update={"digest": "0" * 64})
    made = drawn(desk, found(("1 row is wrong", EMAIL)), landing=landing)

    assert ("doubted", (Hold(why=f"{THE_FILE}: land the partition again"),)) == (made.plan.origin, made.plan.actions)
    assert [f"{EMAIL!r}: {THE_FILE}"] == why(made)


def test_what_came_of_the_evidence_is_kept(desk, found):
    """Each try and each dropped claim is an event of the run, and `claims` tells it without asking again."""
    desk.record(DAY, "investigation", found(("1 row is wrong", EMAIL), ("9 rows are wrong", EMAIL)))
    draw_up(desk, DAY)
    kept = desk.read(DAY, "claims", Claims)
    events = [e for e in desk.journal.events_of_run("evidence") if e.kind.startswith("agent_")]

    assert (
        (Claim(text="1 row is wrong", evidence=(EMAIL,)),),
        (DroppedClaim(claim="9 rows are wrong", evidence=(EMAIL,), why="'9' is no number of its evidence"),),
    ) == (kept.kept, kept.dropped)
    assert [
        ("agent_evidence", "it is there again, and the same"),
        ("agent_claim_dropped", "'9' is no number of its evidence"),
    ] == [(event.kind, event.body["why"]) for event in events]


def test_an_investigation_of_before_is_read_as_it_was(desk, found):
    """Without questions, with digits in its claims: what it cites is tried, what it says is compared."""
    body = found(("1 of 40 rows are wrong", EMAIL), proposed=(AS_IS, ASIDE)).model_dump(mode="json")
    old = Investigation.model_validate({k: v for k, v in body.items() if k not in ("questions", "alerts")})

    assert "agent" == drawn(desk, old).plan.origin


def why(made):
    return [claim.why for claim in made.claims.dropped]


def asking_for(tool, **arguments):
    return ToolCall(id="c", name=tool, arguments=arguments)


def run_now(desk, call, release):
    briefing = casefile.brief(desk, DAY, desk.read(DAY, "quality", Quality))
    with casefile.room_of(desk, desk.read(DAY, "landed", Landing), release) as workbench:
        return tools.run(call, briefing=briefing, release=release, workbench=workbench)


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()
