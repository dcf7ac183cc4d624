"""A case as a person reads it, and what a reviewer makes of it: real nights of a small shop."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from orders_monitor.core.editing import HoldInstead, SetAside, predicate_of
from orders_monitor.core.errors import DecidedAlready, ReviewRefused
from orders_monitor.core.feedback import EDITED, Decided, Edited, label_of
from orders_monitor.core.people import Reviewer
from orders_monitor.core.plan import DropDuplicates
from orders_monitor.core.quality import Quality
from orders_monitor.pipeline import casebook
from orders_monitor.pipeline.deciding import Identity, record_decision
from orders_monitor.pipeline.editing import edit
from orders_monitor.pipeline.links import decide_url
from orders_monitor_tests.deciders import CLEAN, Room, waits
from orders_monitor_tests.small_shop import DAY, HEADER, csv_of, declared, rows_of

ADA = Identity("ada", "cli")
RENAMED = HEADER.replace("status", "order_status").replace("email", "mail_of_customer")

NOTHING_FOUND = Quality(
    landed_digest="one", problem=None, rows=100, changes=(), outcomes=(), baselines=(), anomalies=(), signals=()
)


def aside(text: str, *, also: bool = False) -> SetAside:
    return SetAside(where=(predicate_of(text),), also=also)


def waiting(shop) -> str:
    """A night whose strange statuses are to be set aside, and wait for a person."""
    rows = rows_of(DAY)
    rows[3][1] = rows[5][1] = "<script>"
    shop.arrives(DAY, csv_of(rows))
    assert shop.night(DAY).success
    return str(shop.gate(DAY).digest)


def test_the_whole_life_of_a_case(shop):
    """A case is shown with masked rows; narrowed it is another case; a stale decision says what has changed."""
    digest = waiting(shop)
    with shop.desk() as desk:
        before, (summary,) = casebook.view(desk, DAY), casebook.inbox(desk)
        for refused in ("amount above 0", "email is_null", "nope is_null", "amount below x"):
            with pytest.raises(ReviewRefused):
                edit(desk, DAY, digest=digest, change=aside(refused), by=ADA)
        assert digest == desk.gate(DAY).digest
        plan = edit(desk, DAY, digest=digest, change=aside("amount above 31", also=True), by=ADA, note="dear")
        after = casebook.view(desk, DAY)
        with pytest.raises(ReviewRefused, match="is not what waits"):
            edit(desk, DAY, digest=digest, change=HoldInstead(why="late"), by=ADA)
        record_decision(desk, DAY, digest=str(after.digest), verdict="reject", by=ADA, note="ask the shop")
        with pytest.raises(DecidedAlready):
            edit(desk, DAY, digest=str(after.digest), change=HoldInstead(why="late"), by=ADA)
        chain = desk.journal.events_of_run(f"review small_shop {DAY}")
        broken = desk.journal.verify_all()

    (shown,) = [sample for sample in before.samples if sample.title == "rows that are set aside"]
    assert (before.verdict, before.digest) == (summary.verdict, summary.digest)
    assert (40, 38, 2, 0, None) == tuple(before.rows.model_dump().values())
    assert ("status", 2, {"(personal)"}) == (
        *(shown.columns[0], shown.of_rows),
        {row[shown.columns.index("email")] for row in shown.rows},
    )
    assert [("<saaaa>" if row[0].startswith("<") else row[0]) for row in shown.rows] != ["<script>", "<script>"]
    assert ("reviewer", "ada", 36) == (plan.origin, plan.author, after.rows.to_publish)
    assert before.digest != after.digest
    assert ["edited", "plan", "candidate", "validation", "decided"] == [event.kind for event in chain]
    decided = Decided.model_validate(chain[-1].body)
    assert ("rejected", before.plan_digest) == (label_of(decided), decided.edited_from.digest)
    assert "customer" not in json.dumps([event.body for event in chain])
    assert () == broken


def test_a_renamed_personal_column_shows_nothing(shop):
    """However the personal column came, neither its sample nor its repair shows a value; `none` shows no row."""
    shop.arrives(DAY, csv_of(rows_of(DAY), RENAMED))
    shop.night(DAY)
    with shop.desk() as desk:
        case = casebook.view(desk, DAY)
        silent = declared(shop.upstream, sample_values="none")
        object.__setattr__(desk, "table", silent)
        nothing = casebook.view(desk, DAY).samples

    assert "example.com" not in case.model_dump_json()
    assert "aaaaaaaaa@" not in case.model_dump_json()
    assert () == nothing


def test_a_stale_decision_says_what_changed(tmp_path):
    """What came and went since, the bytes and the release are compared with the plan that was decided on."""
    with Room(tmp_path, environment="dev").desk() as desk:
        record_decision(desk, DAY, digest=str(waits(desk).digest), verdict="approve", by=ADA)
        waits(desk, "two", DropDuplicates(), release="2")
        case = casebook.view(desk, DAY)

    assert "stale" == case.status
    assert (
        "came: drop exact duplicates",
        "went: read status from the landed column order_status",
        "the partition landed again with other bytes",
        "the bytes to publish were bytes of one, and are bytes of two",
        "the release was 1, and is 2",
    ) == case.changed


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def test_an_edit_is_signed_outside_dev(tmp_path, request, database):
    """A bare name, a viewer and another's key edit nothing; what is signed is recorded with its proof, and at once."""
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else None
    room = Room(tmp_path, database_url=url)
    room.hires(Reviewer(name="ada"), Reviewer(name="grace", roles=("viewer",)))
    hold = HoldInstead(why="ask the shop")
    with room.desk() as desk:
        digest = str(waits(desk).digest)
        desk.record(DAY, "quality", NOTHING_FOUND)
        borrowed = Identity("ada", "cli", room.identity("grace").sign)
        for by in (ADA, room.identity("grace"), borrowed):
            with pytest.raises(ReviewRefused):
                edit(desk, DAY, digest=digest, change=hold, by=by)
        assert digest == desk.gate(DAY).digest
        edit(desk, DAY, digest=digest, change=hold, by=room.identity("ada"), note="odd")
        recorded, status = desk.find(DAY, EDITED, Edited), desk.gate(DAY).status
        broken = desk.journal.verify_all()

    assert ("held", digest, "ada", "odd", True) == (
        *(status, recorded.digest, recorded.reviewer, recorded.note, recorded.signature != ""),
    )
    assert () == broken


def test_there_is_no_case_before_a_plan(shop):
    """What did not run has nothing to show, and says what to do."""
    with shop.desk() as desk:
        assert () == casebook.inbox(desk)
        with pytest.raises(ReviewRefused, match="there is no plan; run the partition first"):
            casebook.view(desk, DAY)


def test_the_launchpad_is_filled_in():
    """The link holds the digest, the partition's tag and one answer, each as the UI reads it; no name breaks out."""
    url = urlsplit(decide_url("shop", DAY, "http://ui", digest="d" * 64, reviewer='x"\n&tags=1'))
    asked = parse_qs(url.query)

    assert "/locations/orders_monitor/jobs/shop_review/playground/setup" == url.path
    assert (["dagster/partition"], [DAY]) == (asked["tags[0][key]"], asked["tags[0][value]"])
    assert {"config", "tags[0][key]", "tags[0][value]"} == set(asked)
    assert f'digest: "{"d" * 64}"' in asked["config"][0]
    assert r'reviewer: "x\"\n&tags=1"' in asked["config"][0]


def test_what_a_person_held_is_not_published_by_the_policy_afterwards(tmp_path):
    """To hold a case is a decision: the next plan, which the policy would have let through, is for a person too."""
    with Room(tmp_path, environment="dev").desk() as desk:
        digest = str(waits(desk).digest)
        desk.record(DAY, "quality", NOTHING_FOUND)
        for name in ("policy", "ada\u202e"):
            with pytest.raises(ReviewRefused, match=r"nobody's name|no name"):
                edit(desk, DAY, digest=digest, change=HoldInstead(why="odd"), by=Identity(name, "test"))
        edit(desk, DAY, digest=digest, change=HoldInstead(why="ask the shop"), by=ADA)
        again = waits(desk, "two", CLEAN)
        asked = desk.case(DAY).asked_for

    assert ("awaiting", "human") == (again.status, asked.route)
    assert "ada decided on this partition before: human" == asked.reasons[0]
