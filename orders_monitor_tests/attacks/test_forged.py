"""Approvals that nobody gave: reported to Dagster, written into the database, copied or kept. None opens the door."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.workspace.context import WorkspaceProcessContext  # what the web server is made of; not exported
from dagster._core.workspace.load_target import EmptyWorkspaceTarget
from dagster_webserver.webserver import DagsterWebserver
from starlette.testclient import TestClient

from orders_monitor.adapters import signing
from orders_monitor.adapters.journal import chain
from orders_monitor.adapters.journal.store import open_store
from orders_monitor.core.errors import PublicationRefused
from orders_monitor.core.people import Reviewer, signed_text
from orders_monitor.core.publication import Claimable, Refused
from orders_monitor.core.review import Decision
from orders_monitor.pipeline import keys
from orders_monitor.pipeline.resources import Desk
from orders_monitor_tests.attacks.stages import night, published
from orders_monitor_tests.deciders import DAY, Room, decides, waits
from orders_monitor_tests.small_shop import Shop, csv_of, rows_of

RENAMED = "order_id,order_status,quantity,email,amount,created_at"


@pytest.fixture
def room(tmp_path) -> Room:
    """Production, with two reviewers."""
    room = Room(tmp_path)
    room.hires(Reviewer(name="ada"), Reviewer(name="bob"))
    return room


def opens(desk: Desk, day: str = DAY) -> bool:
    """Whether the publication itself would be let in."""
    step = desk.journal.claim(table=desk.table.name, partition=day, environment=desk.settings.environment, run_id="p")
    assert isinstance(step, Claimable | Refused)
    return isinstance(step, Claimable)


def writes(room: Room, table: str, **row: Any) -> None:
    """Somebody who can write to the database, around the journal."""
    store = open_store(room.settings.journal_url)
    with store.writing() as connection:
        columns = ", ".join(row)
        values = ", ".join(f":{name}" for name in row)
        connection.execute(sa.text(f"INSERT INTO {table} ({columns}) VALUES ({values})"), row)
    store.close()


def row_of(decision: Decision, environment: str = "prod", **changes: Any) -> dict[str, Any]:
    """The row of a decision, with other columns."""
    body = decision.model_dump(exclude={"id", "table", "partition"})
    known = {"table_name": decision.table, "partition_key": decision.partition, "environment": environment}
    return {**known, **body, "team": "", "fixes": 0, "fixed_rows": 0, **changes}


def about(desk: Desk, day: str = DAY, **changes: Any) -> Decision:
    """An approval of what waits, not signed."""
    case = desk.case(day)
    assert case.digest is not None
    assert case.plan is not None
    assert case.candidate is not None
    known = {
        "id": 0,
        "table": case.table,
        "partition": day,
        "digest": case.digest,
        "verdict": "approve",
        "reviewer": "ada",
        "note": "",
        "source": "cli",
        "seen": case.last_decision,
        "plan_digest": case.plan.digest,
        "candidate_digest": case.candidate.digest,
        "release": case.plan.release,
        "recorded_at": "2026-03-05T12:00:00.000+00:00",
    }
    return Decision(**{**known, **changes})


@pytest.mark.parametrize(
    "forged",
    [
        {},
        {"signature": "A" * 86 + "=="},
        {"signature": "not base64"},
        {"reviewer": "policy", "source": "policy"},
        {"reviewer": "expiry", "source": "clock"},
        {"reviewer": "zoe"},
        {"reviewer": "ada", "source": "proxy"},
    ],
)
def test_a_row_in_the_database_is_nobodys_word(room, forged):
    """Unsigned, wrongly signed, or under the system's own names: it is left out, and people decide as before."""
    with room.desk() as desk:
        waits(desk)
        writes(room, "decisions", **row_of(about(desk, **forged)))

        assert ("awaiting", False) == (desk.gate(DAY).status, opens(desk))
        decides(desk, room.identity("bob"))
        assert opens(desk)


@pytest.mark.parametrize(
    "changes",
    [
        {"reviewer": "bob"},
        {"note": "another note"},
        {"verdict": "approve"},
        {"partition_key": "2026-03-05"},
        {"source": "proxy"},
        {"environment": "prod"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_signature_is_good_for_what_was_signed(room, changes):
    """Ada's rejection, copied as an approval, for bob, for another day or once more: it is not on that text."""
    with room.desk() as desk:
        waits(desk)
        waits(desk, day="2026-03-05")
        signed = decides(desk, room.identity("ada"), "reject")
        row = row_of(signed, **changes)
        row |= {"digest": desk.gate(row["partition_key"]).digest, "verdict": "approve", "seen": signed.id}
        writes(room, "decisions", **row)

        assert (False, False) == (opens(desk), opens(desk, "2026-03-05"))


@pytest.mark.parametrize("kept_seen", [True, False])
def test_an_approval_is_no_approval_at_a_later_moment(room, kept_seen):
    """Approved, published, replaced, landed again as before: the old row, written once more, is for another moment."""
    with room.desk() as desk:
        waits(desk)
        old = decides(desk, room.identity("ada"))
        for version, landed in ((1, None), (2, "two")):
            if landed:
                waits(desk, landed)
                decides(desk, room.identity("bob"))
            step = desk.journal.claim(table="small_shop", partition=DAY, environment="prod", run_id="p")
            desk.journal.receipt(step.claim, delta_version=version)
        waits(desk)
        asked = desk.gate(DAY).status
        row = row_of(old) if kept_seen else row_of(old, seen=desk.case(DAY).last_decision)
        writes(room, "decisions", **row)

        assert ("awaiting", "awaiting", False) == (asked, desk.gate(DAY).status, opens(desk))


def test_an_approval_kept_from_an_older_plan_is_stale(room):
    """What ada signed for the first plan says nothing about the second, and the gate says what changed."""
    with room.desk() as desk:
        waits(desk)
        old = decides(desk, room.identity("ada"))
        gate = waits(desk, "two")
        writes(room, "decisions", **row_of(old, digest=gate.digest, seen=old.id))

        assert ("stale", False) == (desk.gate(DAY).status, opens(desk))
        assert gate.sentence.endswith("changed the plan and the bytes")


def test_an_approval_of_staging_is_none_in_production(tmp_path):
    """The same people, keys, plan and bytes: what is signed names the environment."""
    staging, prod = Room(tmp_path / "staging", "staging"), Room(tmp_path / "prod", "prod")
    for room in (staging, prod):
        room.home.mkdir()
    staging.hires(Reviewer(name="ada"))
    prod.reviewers_file.write_text(staging.reviewers_file.read_text())
    with staging.desk() as there, prod.desk() as here:
        waits(there)
        waits(here)
        signed = decides(there, staging.identity("ada"))
        for digest in (signed.digest, here.gate(DAY).digest):
            writes(prod, "decisions", **row_of(signed, digest=digest))

        assert (True, False) == (opens(there), opens(here))


def test_a_page_vouches_with_its_own_key_only(room):
    """The proxy's word is the page's signature: ada's own key is none, and the page's key is none for her own word."""
    with room.desk() as desk:
        waits(desk)
        for source, private in (("proxy", room.keys["ada"]), ("cli", room.page_key)):
            row = about(desk, source=source)
            signature = signing.sign(private, signed_text(row, environment="prod"))
            writes(room, "decisions", **row_of(row, signature=signature))
            assert not opens(desk)
        row = about(desk, source="proxy")
        signature = signing.sign(room.page_key, signed_text(row, environment="prod"))
        writes(room, "decisions", **row_of(row, signature=signature))

        assert opens(desk)


def test_a_signature_with_one_other_bit_is_none(room):
    """Every byte of the signature counts."""
    with room.desk() as desk:
        waits(desk)
        row = about(desk)
        raw = bytearray(base64.b64decode(room.identity("ada").signature(row, desk)))
        for place in (0, 31, 32, 63):
            raw[place] ^= 1
            writes(room, "decisions", **row_of(row, signature=base64.b64encode(raw).decode()))
            raw[place] ^= 1
            assert not opens(desk)


def test_a_forged_question_is_asked_again_at_the_door(shop):
    """Events that say `automatic`, in a chain that holds, and the policy's own row: the publication asks the policy."""
    shop.arrives("2026-03-03", csv_of(rows_of("2026-03-03")))
    night(shop, "2026-03-03")
    published(shop, "2026-03-03")
    shop.arrives(DAY, csv_of(rows_of(DAY), RENAMED))
    assert "awaiting" == night(shop, DAY).status
    room = Room(shop.settings.home, "dev")
    with shop.desk() as desk:
        asked = desk.case(DAY).asked
        desk.record(DAY, "decision_asked", asked.model_copy(update={"route": "automatic", "reasons": ()}))
        writes(room, "decisions", **row_of(about(desk, reviewer="policy", source="policy"), environment="dev"))
        believed = desk.gate(DAY).status
    with pytest.raises(PublicationRefused, match="waits for a decision"):
        published(shop, DAY)

    assert ("approved", "awaiting") == (believed, shop.gate(DAY).status)


def test_a_changed_question_is_noticed_at_the_door(shop):
    """A `decision_asked` whose route was changed in the database breaks the chain of its run."""
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    night(shop, DAY)
    room = Room(shop.settings.home, "dev")
    store = open_store(room.settings.journal_url)
    with store.writing() as connection:
        connection.execute(
            sa.text("UPDATE events SET body = replace(body, 'automatic', 'human') WHERE kind = 'decision_asked'")
        )
        broken = {
            chain.first_break(connection, run) is not None
            for (run,) in connection.execute(
                sa.text("SELECT DISTINCT run_id FROM events WHERE kind = 'decision_asked'")
            )
        }
    store.close()

    assert {True} == broken


REPORT = """mutation ($events: ReportRunlessAssetEventsParams!) {
    reportRunlessAssetEvents(eventParams: $events) { __typename }
}"""


@pytest.mark.slow
def test_what_dagster_is_told_opens_nothing(shop, tmp_path):
    """A check or a materialization reported at Dagster's endpoints, by GraphQL or as an event is a sign on the door."""
    shop.arrives("2026-03-03", csv_of(rows_of("2026-03-03")))
    night(shop, "2026-03-03")
    published(shop, "2026-03-03")
    shop.arrives(DAY, csv_of(rows_of(DAY), RENAMED))
    night(shop, DAY)
    events = {"eventType": "ASSET_MATERIALIZATION", "assetKey": {"path": ["small_shop"]}, "partitionKeys": [DAY]}
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance, webserver(instance) as web:
        said = [
            web.post(
                "/report_asset_check/small_shop/candidate",
                json={"check_name": keys.HUMAN_REVIEW, "passed": True, "partition": DAY},
            ).json(),
            web.post("/report_asset_materialization/small_shop", json={"partition": DAY}).json(),
            web.post("/graphql", json={"query": REPORT, "variables": {"events": events}}).json(),
        ]
        instance.report_dagster_event(evaluated(shop), run_id="another")
    with pytest.raises(PublicationRefused, match="waits for a decision"):
        published(shop, DAY)

    success = {"data": {"reportRunlessAssetEvents": {"__typename": "ReportRunlessAssetEventsSuccess"}}}
    assert [{}, {}, success] == said
    assert "awaiting" == shop.gate(DAY).status


def evaluated(shop: Shop) -> dg.DagsterEvent:
    """A passed `human_review` of this very partition, that nobody decided."""
    evaluation = dg.AssetCheckEvaluation(
        asset_key=keys.stage(shop.table, "candidate"),
        check_name=keys.HUMAN_REVIEW,
        partition=DAY,
        passed=True,
        blocking=True,
        metadata={"status": "approved", "reviewer": "ada"},
    )
    return dg.DagsterEvent(
        event_type_value=dg.DagsterEventType.ASSET_CHECK_EVALUATION.value,
        event_specific_data=evaluation,
        job_name="small_shop_review",
    )


@contextmanager
def webserver(instance: dg.DagsterInstance) -> Iterator[TestClient]:
    """Dagster's own web server over that instance, in this process."""
    with WorkspaceProcessContext(instance, EmptyWorkspaceTarget(), version="") as workspace:
        yield TestClient(DagsterWebserver(workspace).create_asgi_app())
