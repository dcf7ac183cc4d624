"""People are told: real nights of a small shop, real servers, and a clock that goes when it is told to."""

import logging
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from orders_monitor.core.errors import ReviewRefused
from orders_monitor.core.table import MonitoredTable
from orders_monitor.core.times import ms
from orders_monitor.pipeline import breaker, delivering, notifying
from orders_monitor.pipeline.deciding import Identity, record_decision
from orders_monitor.pipeline.execution import definitions_of
from orders_monitor.pipeline.messages import MessagesCursor, messages_check, messages_sensor
from orders_monitor.pipeline.troubles import cause_of
from orders_monitor.settings import Settings
from orders_monitor_tests.receivers import smtp, webhook
from orders_monitor_tests.small_shop import DAY, DAY_BEFORE, Shop, csv_of, declared, open_shop, rows_of

RENAMED = "order_id,order_status,quantity,email,amount,created_at"
H = timedelta(hours=1)
LADDER = [
    {"channel": "webhook", "to": "#shop"},
    {"channel": "webhook", "to": "#shop", "after_h": 24},
    {"channel": "email", "to": "lead@example.com", "after_h": 72, "before_deadline_h": 48},
]


class Clock:
    """A clock that goes when it is told to; it begins now, for decisions are asked for by the journal's own."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC) + timedelta(minutes=1)

    def __call__(self) -> datetime:
        return self.at

    def goes(self, hours: float) -> None:
        self.at += hours * H


class People:
    """The shop's people: their ladder, their channels, and what they were told in their order."""

    def __init__(self, shop: Shop, **settings) -> None:
        self.shop, self.clock = shop, Clock()
        self.settings: Settings = replace(shop.settings, **settings)

    def declare(self, **owners) -> "People":
        table = declared(self.shop.upstream, owners={"team": "shop", "escalation": LADDER, "digest_h": 0, **owners})
        self.shop = replace(self.shop, table=table)
        return self

    def tick(self, hours: float = 0) -> delivering.Drained:
        """Time passes; then what a tick of the sensor does, at once."""
        self.clock.goes(hours)
        with replace_desk(self.shop, self.settings) as desk:
            notifying.tell(desk, self.shop.instance, now=self.clock(), wait=timedelta(0))
            return delivering.drain(desk, now=self.clock)

    def states(self) -> list[tuple[str, str]]:
        """Kind and state of every message but the digests, in order."""
        with replace_desk(self.shop, self.settings) as desk:
            kept = desk.outbox.messages(now_ms=ms(self.clock()))
        return [(each.message.kind, each.state) for each in kept if each.message.kind != "digest"]


def replace_desk(shop: Shop, settings: Settings):
    return replace(shop, settings=settings).desk()


@pytest.fixture
def hook():
    with webhook() as server:
        yield server


@pytest.fixture(scope="module")
def waiting(tmp_path_factory) -> Path:
    """A home in which a partition waits for a person, made once for all tests here."""
    home = tmp_path_factory.mktemp("waiting")
    with pytest.MonkeyPatch.context() as environment, dg.DagsterInstance.ephemeral() as instance:
        environment.setenv("ORDERS_MONITOR_HOME", str(home))
        environment.delenv("ORDERS_MONITOR_DATABASE_URL", raising=False)
        shop = open_shop(home, instance)
        shop.arrives(DAY, csv_of(rows_of(DAY), RENAMED))
        assert shop.night(DAY).success
    return home


@pytest.fixture
def people(waiting, shop, hook, tmp_path) -> People:
    """A shop where a partition waits, whose people have a webhook."""
    shutil.copytree(waiting, tmp_path, dirs_exist_ok=True)
    return People(shop, webhook_url=hook.url).declare()


def subjects(hook) -> list[str]:
    """What the webhook was told, digests left out."""
    told = [posted["blocks"][0]["text"]["text"] for posted in hook.posted]
    return [subject for subject in told if ", the day to " not in subject]


def decide(people: People, verdict="approve") -> None:
    with people.shop.desk() as desk:
        digest = desk.gate(DAY).digest
        record_decision(desk, DAY, digest=digest, verdict=verdict, by=Identity("ada", source="cli"), note="known")


def test_a_partition_that_waits_is_one_message_and_a_ladder(people, hook):
    """Owner at once, reminded after a day, the lead by mail after three; nobody twice; the end is told to both."""
    with smtp() as post:
        people.settings = replace(people.settings, smtp_url=f"smtp://127.0.0.1:{post.port}", mail_from="om@example.com")
        for hours in (0, 0, 1, 22, 1, 0, 47, 1, 0, 5):
            people.tick(hours)
        decide(people, "reject")
        people.tick(1)
        people.tick(1)

    waits = f"small_shop {DAY}: "
    (first, reminder, over), (called, ended) = subjects(hook), [mail["Subject"] for mail in post.mails]
    assert first.startswith(waits)
    assert reminder.startswith(f"still waiting: {waits}")
    assert called.startswith(f"escalated: {waits}")
    assert (f"over: small_shop {DAY}",) * 2 == (over, ended)
    assert [(kind, "sent") for kind in ("case", "reminder", "escalation", "settled", "settled")] == people.states()
    assert f"{DAY}: rejected by ada: known" in post.mails[1].get_content()


def test_what_was_decided_in_time_is_one_message(people, hook):
    """An incident that its owner settles before anybody was reminded is one message and no more."""
    people.tick()
    decide(people)
    for _ in range(9):
        people.tick(12)

    assert 1 == len(subjects(hook))


@pytest.mark.slow
def test_the_same_change_on_more_nights_calls_nobody_again(people, hook):
    """A second night with the same change joins the incident; a third one with another is a message of its own."""
    people.tick()
    people.shop.arrives("2026-03-05", csv_of(rows_of("2026-03-05"), RENAMED))
    people.shop.arrives("2026-03-06", csv_of(rows_of("2026-03-06"), RENAMED.replace("amount", "total")))
    people.shop.night("2026-03-05")
    people.tick(1)
    assert 1 == len(subjects(hook))
    people.shop.night("2026-03-06")
    people.tick(1)
    assert [DAY, "2026-03-06"] == [subject.split()[1].strip(":") for subject in subjects(hook)]
    with people.shop.desk() as desk:
        incidents, _ = desk.outbox.incidents("small_shop")
    assert [(DAY, "2026-03-05"), ("2026-03-06",)] == [each.members for each in incidents]


def test_who_takes_care_stops_the_ladder(people, hook):
    """Acknowledged by its key, a beginning of it or a partition, an incident reminds nobody; no other name does it."""
    people.tick()
    with people.shop.desk() as desk:
        with pytest.raises(ReviewRefused, match="no open incident goes by that name"):
            notifying.acknowledge(desk, "2026-01-01", who="ada", note="looking", now=people.clock())
        taken = notifying.acknowledge(desk, DAY, who="ada", note="looking", now=people.clock())
    for _ in range(6):
        people.tick(24)

    assert taken.key.startswith(f"small_shop:{DAY}:")
    assert [("case", "sent")] == people.states()


def test_a_channel_that_is_down_for_a_day_drains_once(people, hook):
    """A day of ticks against a dead webhook: few tries; then what has come of it arrives together, and once."""
    hook.answer = "503 Down"
    failed = {why for _ in range(25) for why in people.tick(1).failed}
    states = people.states()
    hook.answer = "200 OK"
    for _ in range(6):
        people.tick(1)
    ids = list(hook.ids)
    people.tick(1)

    assert {"webhook: it answers 503 (ok)"} == {why for why in failed if "breaker" not in why}
    assert [("case", "undelivered"), ("reminder", "undelivered")] == states
    assert 48 > len(hook.asked) - len(ids)
    assert {"sent"} == {state for _, state in people.states()}
    assert ids == hook.ids
    assert len(set(ids)) == len(ids)
    assert [f"2 messages: small_shop {DAY}"] == [subject.partition(": column")[0] for subject in subjects(hook)]


@pytest.mark.slow
def test_a_dead_webhook_keeps_no_mail_back(people, hook):
    """Each channel has a breaker of its own: the lead's mail arrives while the webhook is left alone."""
    hook.answer = "503 Down"
    with smtp() as post:
        people.settings = replace(people.settings, smtp_url=f"smtp://127.0.0.1:{post.port}", mail_from="om@example.com")
        for _ in range(4):
            people.tick(0.03)
        with people.shop.desk() as desk:
            state = breaker.states(desk, clock=lambda: ms(people.clock()))
        people.tick(80)

    assert ["escalated"] == [mail["Subject"].partition(":")[0] for mail in post.mails]
    assert "closed" == state["notify_email"].kind
    assert not subjects(hook)


def test_the_check_says_what_is_undelivered(people, hook, caplog):
    """The check passes while all is told, and fails amber with what, since when and why; no secret is anywhere."""
    hook.answer = "404 Not Found"
    hook.body = b"no_service"
    with caplog.at_level(logging.DEBUG):
        people.tick()
    result = checked(people)
    hook.answer = "200 OK"
    people.tick(1)
    mended = checked(people)

    assert (False, "WARN") == (result.passed, result.severity.value)
    assert (result.description or "").endswith(": webhook: it answers 404 (no_service)")
    row = result.metadata["undelivered"].records[0].data
    assert ("webhook", "#shop", 1) == (row["channel"], row["for"], row["attempts"])
    assert (True, "nothing is undelivered") == (mended.passed, mended.description)
    assert "a-secret" not in caplog.text + str(result.metadata) + str(result.description)


def checked(people: People) -> dg.AssetCheckResult:
    """The check, executed by hand."""
    result = messages_check(people.shop.table, now=people.clock)()
    assert isinstance(result, dg.AssetCheckResult)
    return result


def test_a_setting_that_is_missing_is_said(people):
    """A channel that nobody has set up fails with the name of the variable, and blames no channel."""
    people.settings = replace(people.settings, webhook_url=None)

    assert ("webhook: ORDERS_MONITOR_WEBHOOK_URL is not set",) == people.tick().failed
    with people.shop.desk() as desk:
        assert "closed" == breaker.states(desk)["notify_webhook"].kind


@pytest.mark.slow
def test_a_run_that_failed_is_told_until_one_succeeds(shop, hook, tmp_path, monkeypatch):
    """Two partitions that fail for one reason are one message with its sentence; their success is the end of it."""
    people = People(shop, webhook_url=hook.url).declare()
    for day in (DAY_BEFORE, DAY):
        shop.arrives(day, csv_of(rows_of(day), RENAMED))
    with monkeypatch.context() as broken:
        broken.setenv("ORDERS_MONITOR_PROMPTS", str(tmp_path / "nothing"))
        assert [False, False] == [people.shop.night(day).success for day in (DAY_BEFORE, DAY)]
    people.tick()
    told = list(hook.posted)
    assert [True, True] == [people.shop.night(day).success for day in (DAY_BEFORE, DAY)]
    people.tick(1)
    with people.shop.desk() as desk:
        incidents, _ = desk.outbox.incidents("small_shop")

    assert 1 == len(told)
    assert told[0]["text"].startswith(f"small_shop {DAY_BEFORE}, {DAY}: broken: {tmp_path}/nothing")
    assert "|run&gt;" not in str(told)
    assert [("failed", True), ("case", False)] == [(each.trouble.kind, each.settled) for each in incidents]


def test_an_outage_and_the_breaker_that_it_opened_are_one():
    """What failed, and what only met the breaker that it opened, have one cause; days, ids and numbers are no cause."""
    why = "source shop: 2026-03-04.csv cannot be read after 3 tries"
    met = f"the breaker of orders's source is open ({why}); the next probe is allowed at 2026-03-05 02:00:00+00:00"

    assert cause_of(why, "orders") == cause_of(met, "orders")
    assert cause_of(why, "orders") == cause_of(why.replace("2026-03-04", "2026-03-05").replace("3 t", "9 t"), "orders")
    assert cause_of(why, "orders") != cause_of("journal: disk full", "orders")


@pytest.mark.slow
def test_harmless_days_page_nobody_and_are_in_the_digest(shop, hook):
    """A day with a nullable column more is published, calls nobody, and is told of in the next day's digest."""
    people = People(shop, webhook_url=hook.url).declare()
    people.clock.at = datetime.now(UTC)
    wide = [[*row, "x"] for row in rows_of(DAY)]
    shop.arrives(DAY, csv_of(wide, "order_id,status,quantity,email,amount,created_at,colour"))
    assert people.shop.night(DAY).success
    assert people.shop.publication(DAY).success
    people.tick()
    assert [] == hook.posted
    for _ in range(5):
        people.tick(24)

    told = [posted["text"] for posted in hook.posted]
    assert 1 == len(told)
    assert "1 published, 1 by the policy and 0 by people" in told[0]
    assert "changes that harm nothing: " in told[0]
    assert "colour" in told[0]
    assert "allowance left: " in told[0]


class Daemon:
    """Dagster's daemon for the sensor: it ticks and remembers the cursor."""

    def __init__(self, people: People) -> None:
        self.people, self.cursor = people, ""

    def tick(self, hours: float = 0) -> dg.SensorResult:
        self.people.clock.goes(hours)
        table: MonitoredTable = self.people.shop.table
        context = dg.build_sensor_context(
            instance=self.people.shop.instance, cursor=self.cursor or None, definitions=definitions_of(table)
        )
        result = messages_sensor(table, now=self.people.clock)(context)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor or ""
        return result


def test_the_sensor_tells_and_reports_its_check_when_the_answer_changes(people, hook, monkeypatch):
    """It keeps the message, delivers it at the next tick, and reports its check once while the answer is the same."""
    monkeypatch.setenv("ORDERS_MONITOR_WEBHOOK_URL", hook.url)
    daemon = Daemon(people)
    hook.answer = "503 Down"
    results = [daemon.tick(0.01) for _ in range(4)]
    hook.answer = "200 OK"
    results += [daemon.tick(2), daemon.tick(0.01)]

    assert [[True], [False], [], [], [True], []] == [
        [evaluation.passed for evaluation in result.asset_events] for result in results
    ]
    assert 1 == len(subjects(hook))


def test_a_quiet_tick_looks_at_nothing(people, hook, monkeypatch):
    """While nothing is recorded or due the cursor stays; a new record is looked at; a cursor reset harms nothing."""
    monkeypatch.setenv("ORDERS_MONITOR_WEBHOOK_URL", hook.url)
    daemon = Daemon(people)
    daemon.tick()
    daemon.tick(0.01)
    daemon.tick(0.01)
    quiet = daemon.cursor
    daemon.tick(0.01)
    assert quiet == daemon.cursor
    daemon.cursor = ""
    daemon.tick(0.01)
    assert 1 == len(subjects(hook))
    decide(people)
    daemon.tick(0.01)
    assert MessagesCursor.model_validate_json(quiet).newest < MessagesCursor.model_validate_json(daemon.cursor).newest
