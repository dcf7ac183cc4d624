"""Calibrations in the journal, on both databases: versions that are only added."""

import pytest
import sqlalchemy as sa

from orders_monitor.adapters.journal import chain
from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.adapters.journal.store import open_store
from orders_monitor.core.calibration import Calibration, Thresholds
from orders_monitor.core.contract import Column, Contract
from orders_monitor.core.errors import StoreUnavailable
from orders_monitor.core.rates import rate
from orders_monitor.core.rules import RowRepeats, Rules


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url(request, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/journal.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def journal(url):
    opened = Journal.open(url)
    yield opened
    opened.close()


def calibration(table: str = "orders_daily", *, days: int = 40) -> Calibration:
    return Calibration(
        version=1,
        table=table,
        detector="1",
        first="2026-01-01",
        last="2026-02-09",
        days=days,
        rules=Rules(rules=(RowRepeats(ordinary=0.01),), days=days),
        thresholds=Thresholds(),
        false_positive_rate=rate(1, days),
        target=0.05,
    )


def test_each_calibration_is_the_next_version_of_its_table(journal):
    """The newest is the one that judges; an earlier one is there as it was, and another table has its own versions."""
    first, second = (journal.calibrated(calibration(days=days)) for days in (40, 50))
    other = journal.calibrated(calibration("refunds"))

    assert (calibration(days=40), 2, 1) == (first, second.version, other.version)
    assert second == journal.calibration("orders_daily")
    assert first == journal.calibration("orders_daily", 1)
    assert [first, second] == [kept for kept, _ in journal.calibrations("orders_daily")]
    assert (None, None) == (journal.calibration("orders_daily", 3), journal.calibration("returns"))


def test_a_calibration_that_was_changed_judges_nothing(journal, url):
    """Thresholds that somebody wrote over are refused with the version's number."""
    journal.calibrated(calibration())
    store = open_store(url)
    with store.writing() as connection:
        connection.execute(sa.text("UPDATE calibrations SET body = replace(body, '0.05', '0.99')"))
    store.close()

    with pytest.raises(StoreUnavailable, match="calibration 1 of orders_daily was changed after it was written"):
        journal.calibration("orders_daily")


def test_what_another_release_wrote_judges_nothing_and_says_so(journal, url):
    """A kind of rule that this release does not know ends no night: it asks for a new calibration."""
    kept = journal.calibrated(calibration())
    store = open_store(url)
    with store.writing() as connection:
        body = connection.scalar(sa.text("SELECT body FROM calibrations")).replace("row_repeats", "row_sings")
        values = {"body": body, "digest": chain.sha256(body)}
        connection.execute(sa.text("UPDATE calibrations SET body = :body, body_digest = :digest"), values)
    store.close()
    found = journal.calibration("orders_daily")
    contract = Contract(columns=(Column(name="order_id", type="BIGINT"),))

    assert "row_sings" in body
    assert (kept.version, Rules(), Thresholds()) == (found.version, found.rules, found.thresholds)
    assert "another release wrote it and this one cannot read it" == found.outdated(contract)
    assert [found] == [each for each, _ in journal.calibrations("orders_daily")]
