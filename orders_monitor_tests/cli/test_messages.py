"""`orders-monitor messages`: what is to be told is listed, delivered and taken care of from a terminal."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from click.testing import CliRunner

from orders_monitor.cli.main import commands
from orders_monitor.core.escalation import Address
from orders_monitor.core.incident import Note, Trouble
from orders_monitor.core.messages import Message
from orders_monitor.core.times import ms
from orders_monitor.pipeline.resources import open_desk
from orders_monitor_tests.small_shop import declared

DAY, KEY = "2026-03-04", "small_shop:2026-03-04:0f0f0f0f"
NOW = datetime.now(UTC) - timedelta(hours=1)


@pytest.fixture
def types(tmp_path, monkeypatch):
    """A terminal on a home of its own, where an incident is open and its message waits."""
    monkeypatch.setenv("ORDERS_MONITOR_HOME", str(tmp_path / "home"))
    for variable in ("ORDERS_MONITOR_DATABASE_URL", "ORDERS_MONITOR_WEBHOOK_URL"):
        monkeypatch.delenv(variable, raising=False)
    table = declared(tmp_path)
    path = tmp_path / "shop.yaml"
    path.write_text(yaml.safe_dump({"attributes": table.model_dump(mode="json")}))
    at = NOW.isoformat(timespec="seconds")
    trouble = Trouble(table="small_shop", kind="held", about=DAY, causes=("drift",), at=at)
    told = Message(
        key=f"{KEY}#1:0",
        table="small_shop",
        incident=KEY,
        kind="held",
        level=0,
        address=Address(channel="webhook", to="#shop"),
        group="g",
        subject="small_shop: held\x1b[2J",
        lines=("what: rows are missing",),
    )
    with open_desk(table, run_id="test") as desk:
        note = Note(incident=KEY, kind="opened", at=at, trouble=trouble)
        outbox = desk.outbox
        assert outbox.put("small_shop", notes=[note], messages=[told], seen=0, now_ms=ms(NOW), due_ms=ms(NOW))
    return lambda *words: CliRunner().invoke(commands, ["--declaration", str(path), "messages", *words])


def test_list_shows_incidents_and_what_is_not_delivered(types):
    """Each open incident is a line with its name, and each message that waits is one."""
    assert [
        f"{KEY}  open  since {NOW.isoformat(timespec='seconds')}  {DAY}",
        "waiting  webhook #shop  small_shop: held\N{REPLACEMENT CHARACTER}[2J",
    ] == types("list").stdout.splitlines()


def test_list_as_json_is_one_document(types):
    """The JSON names incidents and messages with all that is known of them."""
    shown = json.loads(types("list", "--json").stdout)

    assert [
        {
            "incident": KEY,
            "kind": "held",
            "members": [DAY],
            "causes": ["drift"],
            "since": NOW.isoformat(timespec="seconds"),
            "acknowledged": None,
            "over": False,
        }
    ] == shown["incidents"]
    assert [("waiting", 0, None, ["what: rows are missing"])] == [
        (each["state"], each["attempts"], each["why"], each["lines"]) for each in shown["messages"]
    ]


def test_ack_is_a_persons_word(types):
    """Whoever takes care is named in the list; a name that is no incident's is refused, and so is nobody."""
    taken, unknown, nobody, nothing = (
        types("ack", KEY[:20], "--who", "ada", "--note", "asked the shop"),
        types("ack", "2026-01-01", "--who", "ada", "--note", "why"),
        types("ack", KEY, "--who", " ", "--note", "why"),
        types("ack", "", "--who", "ada", "--note", "why"),
    )

    assert (0, f"{KEY}: taken care of by ada; a decision is still asked for\n") == (taken.exit_code, taken.stdout)
    assert (3, f"refused: small_shop 2026-01-01: no open incident goes by that name; there are: {KEY}\n") == (
        unknown.exit_code,
        unknown.stderr,
    )
    assert (2, 2) == (nobody.exit_code, nothing.exit_code)
    assert "taken care of by ada" in types("list").stdout


def test_drain_delivers_or_says_why_not(types):
    """What cannot be delivered is one sentence and exit 1, and stays; the incident that is no more is over."""
    drained = types("drain")
    shown = types("list").stdout.splitlines()

    assert (1, "0 delivered\n") == (drained.exit_code, drained.stdout)
    assert "1 not delivered: webhook: ORDERS_MONITOR_WEBHOOK_URL is not set\n" == drained.stderr
    assert 1 == len(shown)
    assert shown[0].startswith("undelivered  webhook #shop  small_shop: held")
    assert shown[0].endswith(": webhook: ORDERS_MONITOR_WEBHOOK_URL is not set")


def test_nobody_to_tell(types, monkeypatch):
    """With all delivered and nothing open there is nothing to list; the whole story is there all the same."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ORDERS_MONITOR_ENVIRONMENT", "staging")
        assert "nobody is to be told anything\n" == types("list").stdout
        assert {"sent": 0, "failed": []} == json.loads(types("drain", "--json").stdout)
    assert 2 == len(types("list", "--all").stdout.splitlines())
