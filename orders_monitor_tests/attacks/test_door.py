"""What was approved yesterday, under another declaration, another word or another journal, opens no door today."""

import dataclasses
import json
import sqlite3

import pytest

from orders_monitor.core.errors import PublicationRefused, ReviewRefused, StoreUnavailable
from orders_monitor_tests.attacks.stages import decided, night, published
from orders_monitor_tests.small_shop import DAY, DAY_BEFORE, Shop, csv_of, declared, rows_of

RENAMED = "order_id,order_status,quantity,email,amount,created_at"


@pytest.fixture
def approved(shop) -> Shop:
    """A shop in which the policy approved a clean day that is not published yet."""
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    assert "approved" == night(shop, DAY).status
    return shop


def test_an_expectation_added_since_is_asked_at_the_door(approved):
    """Bytes that were validated before an expectation was declared are asked about it before they are published."""
    stricter = [{"type": "expect_column_values_to_be_between", "kwargs": {"column": "quantity", "max_value": 1}}]
    today = dataclasses.replace(approved, table=declared(approved.upstream, expectations=stricter))
    with pytest.raises(PublicationRefused, match="quality gate: "):
        published(today, DAY)

    assert "failed" == today.gate(DAY).status


@pytest.mark.parametrize(
    "change",
    [
        {"name": "money", "type": "DOUBLE"},
        pytest.param({"name": "amount", "type": "DECIMAL(12,2)"}, marks=pytest.mark.slow),
    ],
)
def test_a_contract_changed_since_is_refused_until_the_candidate_is_made_again(approved, change):
    """A file that was made for another contract never comes under today's schema, where readers would miss values."""
    body = declared(approved.upstream).model_dump(mode="json")
    body["contract"]["columns"][4].update(change)
    today = dataclasses.replace(approved, table=type(approved.table).model_validate(body))
    with pytest.raises(PublicationRefused, match="the contract was changed after this candidate was made"):
        published(today, DAY)

    assert None is _version(today)
    assert published(approved, DAY).delta_version is not None


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("validation", {"outcomes": []}),
        ("candidate", {"rows": 39, "duplicate_rows": 1}),
        ("plan", {"release": "another"}),
    ],
)
def test_a_record_changed_in_the_database_is_noticed_at_the_door(approved, kind, change):
    """What the gate answers from is compared with the chain of its run, and the run to repeat is named."""
    with sqlite3.connect(approved.settings.home / "journal.db") as journal:
        ((number, body),) = journal.execute(
            "select id, body from events where kind = ? order by id desc limit 1", (kind,)
        ).fetchall()
        journal.execute("update events set body = ? where id = ?", (json.dumps(json.loads(body) | change), number))
    with pytest.raises(
        StoreUnavailable, match=r"journal: record \d+ of run night-\d+ was changed after it was written"
    ):
        published(approved, DAY)

    assert None is _version(approved)


@pytest.mark.slow
def test_going_back_to_what_was_approved_before_something_else_asks_again(shop):
    """An approval that a later one on other bytes overtook is not used for a partition that lands as before."""
    shop.arrives(DAY_BEFORE, csv_of(rows_of(DAY_BEFORE)))
    night(shop, DAY_BEFORE)
    published(shop, DAY_BEFORE)
    one, two = csv_of(rows_of(DAY), RENAMED), csv_of(rows_of(DAY, 39), RENAMED)
    for text in (one, two):
        shop.arrives(DAY, text)
        night(shop, DAY)
        decided(shop, DAY)
    shop.arrives(DAY, one)

    assert "stale" == night(shop, DAY).status
    with pytest.raises(PublicationRefused):
        published(shop, DAY)
    third = decided(shop, DAY)
    assert third.id == published(shop, DAY).decision_id
    shop.arrives(DAY, two)
    assert "awaiting" == night(shop, DAY).status


@pytest.mark.parametrize("reviewer", ["policy", pytest.param(" Policy ", marks=pytest.mark.slow)])
def test_nobody_decides_under_the_name_of_the_policy(shop, reviewer):
    """What a person decides is a person's word in the journal, so that the policy does not speak after it."""
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    night(shop, DAY)
    with pytest.raises(ReviewRefused, match="is nobody's name: the system itself answers by it"):
        decided(shop, DAY, "reject", reviewer=reviewer)


def _version(shop: Shop) -> int | None:
    with shop.desk() as desk:
        published = desk.case(DAY).published
    return None if published is None else published.delta_version
