"""`orders-monitor budget` and `cost`: the caps and what is left, what is not settled, and what it cost."""

import json
from contextlib import closing
from datetime import UTC, datetime

import pytest
import yaml
from click.testing import CliRunner

from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.adapters.journal.store import open_store
from orders_monitor.cli.main import commands
from orders_monitor.core.budget import HOLD, Amount
from orders_monitor_tests.money import caps, exactly, purchase
from orders_monitor_tests.small_shop import declared


@pytest.fixture
def url(tmp_path):
    """A journal in which one attempt is settled, one is not, and something is held back."""
    (tmp_path / "home").mkdir()
    url = f"sqlite:///{tmp_path}/home/journal.db"
    with closing(Journal.open(url)) as journal:
        fit, limits = exactly(Amount(tokens=1_000, micro_usd=5_234)), caps(10**6, 10**9)
        for step in (1, 2, HOLD):
            journal.reserve(purchase(step, table="small_shop", team="shop"), limits=limits, fit=fit)
        journal.settle(run_id="run", step=1, attempt=1, tokens=400, micro_usd=1_000_001)
    return url


@pytest.fixture
def types(tmp_path, monkeypatch, url):
    """A terminal on that journal."""
    monkeypatch.setenv("ORDERS_MONITOR_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ORDERS_MONITOR_DATABASE_URL", raising=False)
    table = declared(tmp_path)
    table = table.model_copy(update={"owners": table.owners.model_copy(update={"team": "shop"})})
    path = tmp_path / "shop.yaml"
    path.write_text(yaml.safe_dump({"attributes": table.model_dump(mode="json")}))
    return lambda *words: CliRunner().invoke(commands, ["--declaration", str(path), *words])


def test_show_says_of_every_scope_what_is_left(types):
    """Cap, spent, reserved and remaining in both currencies, of the table's current day and month and of a run."""
    today, rows = f"{datetime.now(UTC):%Y-%m-%d}", json.loads(types("budget", "show", "--run", "run", "--json").stdout)

    spent = {"spent_tokens": 400, "spent_micro_usd": 1_000_001, "calls": 2, "agrees": True}
    held = {"reserved_tokens": 2_000, "reserved_micro_usd": 2 * 5_234}
    assert {
        "scope": "pipeline_day",
        "name": "small_shop",
        "period": today,
        "cap_tokens": 1_200_000,
        "cap_micro_usd": 5_000_000,
        **spent,
        **held,
        "remaining_tokens": 1_197_600,
        "remaining_micro_usd": 5_000_000 - 1_000_001 - 2 * 5_234,
    } == rows[2]
    assert ["team_month", "agent_month", "pipeline_day", "run"] == [row["scope"] for row in rows]
    shown = types("budget", "show").stdout
    assert "  spent                 400 tokens           $1.000001\n" in shown
    assert "each run: 0 calls" in shown


def test_show_is_broken_where_a_total_is_not_the_fold(types, url):
    """A total that somebody changed is found, named, and exits 1."""
    with closing(open_store(url)) as store, store.writing() as connection:
        connection.exec_driver_sql("UPDATE budget_totals SET spent_tokens = 0 WHERE kind = 'team_month'")

    result = types("budget", "show")

    month = f"{datetime.now(UTC):%Y-%m}"
    assert (1, f"the running total is not what the entries add up to: team shop in {month}\n") == (
        result.exit_code,
        result.stderr,
    )


def test_reconcile_lists_and_settles_one_at_a_time(types):
    """What is not settled is listed with its worst cost; each way of settling needs its own words and a note."""
    rows = json.loads(types("budget", "reconcile", "--json").stdout)

    assert [(2, True, 1_000, 5_234), (HOLD, False, 1_000, 5_234)] == [
        (row["step"], row["was_sent"], row["worst_tokens"], row["worst_micro_usd"]) for row in rows
    ]
    settle = ("budget", "reconcile", "--settle", "run", "2", "1")
    assert 2 == types(*settle, "--note", "invoice").exit_code
    assert 2 == types(*settle, "--tokens", "1", "--micro-usd", "1", "--never-sent", "run", "0", "1").exit_code
    assert 2 == types(*settle[:3], "run", str(10**20), "1", "--tokens", "1", "--micro-usd", "1").exit_code
    assert 2 == types("budget", "reconcile", "--overbilled").exit_code
    assert 3 == types(*settle, "--tokens", "1", "--micro-usd", "1").exit_code
    assert 3 == types(*settle, "--tokens", "1001", "--micro-usd", "1", "--note", "invoice").exit_code
    assert "0 reservations settled\n" == types("budget", "reconcile", "--spent-in-full", "--note", "old").stdout
    settled = types(*settle, "--tokens", "200", "--micro-usd", "10", "--note", "invoice")
    assert (0, "run run step 2 attempt 1: settled at 200 tokens and $0.000010;") == (
        settled.exit_code,
        settled.stdout.split(" 1,000")[0],
    )
    assert "if its run still waits for the answer" in settled.stderr
    assert 0 == types("budget", "reconcile", "--never-sent", "run", "0", "1", "--note", "dead").exit_code
    assert "everything is settled\n" == types("budget", "reconcile").stdout


def test_what_is_old_is_settled_at_its_worst_and_a_hold_at_nothing(types, url):
    """In bulk an attempt was spent in full; what was only held back was never sent."""
    with closing(open_store(url)) as store, store.writing() as connection:
        connection.exec_driver_sql("UPDATE ledger SET recorded_at = '2026-01-01T00:00:00.000+00:00'")

    done = types("budget", "reconcile", "--spent-in-full", "--note", "no invoice came", "--who", "ada")

    assert (0, "2 reservations settled") == (done.exit_code, done.stdout.splitlines()[-1])
    with closing(Journal.open(url)) as journal:
        assert (1_400, 0) == (journal.spend("run").spent_tokens, journal.spend("run").reserved_tokens)


def test_costs_are_rows_of_the_key_and_a_total(types):
    """Each row names its key, its calls and both currencies; the table ends in the sum."""
    (row,) = json.loads(types("cost", "report", "--by", "team", "--json").stdout)

    held = {"reserved_tokens": 2_000, "reserved_micro_usd": 2 * 5_234}
    assert {"key": "shop", "team": "shop", "calls": 2, "tokens": 400, "micro_usd": 1_000_001, **held} == row
    assert ["total", "2", "400", "$1.000001", "$0.010468"] == (
        types("cost", "report", "--by", "release").stdout.splitlines()[-1].split()
    )
    assert "[]\n" == types("cost", "report", "--by", "model", "--until", "2020-01-01", "--json").stdout
    assert 2 == types("cost", "report", "--by", "colour").exit_code
    assert 2 == types("cost", "report", "--by", "team", "--since", "2026-02-01", "--until", "2026-01-31").exit_code
