"""Nights of a calibrated table: what the detectors add to a case changes nobody's decision about it."""

import dagster as dg
import duckdb
import pytest

from orders_monitor.core.calibration import DAYS_MIN
from orders_monitor.core.candidate import Candidate
from orders_monitor.core.investigation import Investigation
from orders_monitor.core.plan import Plan
from orders_monitor.core.quality import Quality
from orders_monitor.pipeline.calibration import calibrate
from orders_monitor_tests.cases import PROMPTS
from orders_monitor_tests.published import day_of, history_of, rows_of
from orders_monitor_tests.small_shop import open_shop

STARTS = {"start": "2026-01-05"}
CLEAN, TWICE, CENTS, SPOILT = (DAYS_MIN + number for number in range(4))

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A small shop with a calibrated history; its stand-in for the model answers as ever."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as environment, dg.DagsterInstance.ephemeral() as instance:
        environment.setenv("ORDERS_MONITOR_HOME", str(home))
        environment.setenv("ORDERS_MONITOR_MODEL", "stand-in")
        environment.setenv("ORDERS_MONITOR_PROMPTS", str(PROMPTS))
        environment.delenv("ORDERS_MONITOR_DATABASE_URL", raising=False)
        opened = open_shop(home, instance, partitions=STARTS)
        with history_of(opened.table, DAYS_MIN) as desk:
            calibrate(desk)
        yield opened


def night(shop, number, sql):
    """The night of that day on which these rows landed: gate, actions, what stays unexplained, causes of anomalies."""
    day = day_of(number)
    file = shop.upstream / f"{day}.csv"
    duckdb.sql(f"COPY ({sql}) TO '{file}' (HEADER, TIMESTAMPFORMAT '%Y-%m-%d %H:%M:%S')")
    assert shop.night(day).success
    with shop.desk() as desk:
        plan, quality = desk.read(day, "plan", Plan), desk.read(day, "quality", Quality)
        causes = {s.explained_by for s in quality.signals if s.id.startswith("anomaly:")}
        actions = [action.kind for action in plan.actions]
    return shop.gate(day).status, actions, plan.unexplained, causes


def test_a_clean_day_costs_no_token(shop):
    """It is judged by the calibration, nothing is unusual, policy publishes it, and no agent was asked."""
    assert ("approved", ["publish_as_is"], (), set()) == night(shop, CLEAN, rows_of(CLEAN))
    with shop.desk() as desk:
        assert 1 == desk.read(day_of(CLEAN), "quality", Quality).calibration
        spent = desk.read(day_of(CLEAN), "investigation", Investigation).spend
        assert (0, 0) == (spent.calls, spent.spent_tokens)


def test_a_duplicated_batch_is_settled_by_policy(shop):
    """Everything that the detectors find in it is a consequence of the repeated rows."""
    sql = rows_of(TWICE)
    again = f"SELECT * FROM (SELECT * FROM ({sql}) ORDER BY order_id LIMIT 12 OFFSET 20)"

    assert ("approved", ["publish_as_is", "drop_duplicates"], (), {None, "anomaly:duplicate_rows"}) == night(
        shop, TWICE, f"SELECT * FROM ({sql}) UNION ALL {again}"
    )
    with shop.desk() as desk:
        assert ["policy"] == [each.reviewer for each in desk.case(day_of(TWICE)).decisions]
        assert 12 == desk.read(day_of(TWICE), "candidate", Candidate).duplicate_rows


def test_amounts_in_cents_wait_for_a_person(shop):
    """Every unusual measure of the amounts is the drift's consequence, and dividing them is for a person."""
    gate, actions, unexplained, causes = night(
        shop, CENTS, f"SELECT * REPLACE (CAST(amount * 100 AS BIGINT) AS amount) FROM ({rows_of(CENTS)})"
    )

    assert ("awaiting", ["publish_as_is", "cast_column", "scale_column"], ()) == (gate, actions, unexplained)
    assert causes
    assert all(cause is not None and cause.startswith("drift:") for cause in causes)


def test_spoilt_rows_explain_what_they_move(shop):
    """What is unusual about mail addresses is gone without the rows that the failed expectation names."""
    spoilt = "CASE WHEN order_id % 50 = 7 THEN repeat('nobody', 40) ELSE email END AS email"

    assert ("approved", ["publish_as_is", "quarantine_rows"], (), {"expectation:email_match_regex"}) == night(
        shop, SPOILT, f"SELECT * REPLACE ({spoilt}) FROM ({rows_of(SPOILT)})"
    )
