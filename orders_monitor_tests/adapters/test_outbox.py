"""The outbox: each message arrives, once while nobody dies, and never silently not; against a model and real deaths."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.adapters.journal.outbox import BACKOFF_MS, GIVEN_UP_AFTER_MS, LEASE_MS
from orders_monitor.core.escalation import Address
from orders_monitor.core.incident import Note, Trouble
from orders_monitor.core.messages import Message

ROOT = Path(__file__).resolve().parents[2]
OWNER, LEAD = Address(channel="webhook", to="#orders"), Address(channel="email", to="lead@example.com")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def url(request, tmp_path):
    """A journal on each database."""
    return request.getfixturevalue("postgres_url") if request.param == "postgres" else f"sqlite:///{tmp_path}/j.db"


@pytest.fixture
def outbox(url):
    """The outbox of an environment in a fresh journal."""
    journal = Journal.open(url)
    yield journal.outbox("test")
    journal.close()


def message(number: int, *, to: Address = OWNER, group: str = "") -> Message:
    return Message(
        key=f"m{number}",
        table="orders",
        incident=f"orders:2026-03-{number:02d}:00000000",
        kind="case",
        level=0,
        address=to,
        group=group or f"g{number}",
        subject=f"subject {number}",
        lines=(f"line {number}",),
    )


def put(outbox, *messages: Message, now_ms: int = 0, due_ms: int = 0, seen: int = 0) -> bool:
    return outbox.put("orders", notes=[], messages=messages, seen=seen, now_ms=now_ms, due_ms=due_ms)


def claimed(outbox, now_ms: int = 0, holder: str = "one", **more) -> list[str] | None:
    """The subjects that a drain would send now."""
    delivery = outbox.claim(holder=holder, now_ms=now_ms, **more)
    return None if delivery is None else [delivery.subject, delivery.id]


def test_a_message_is_kept_once_and_sent_once(outbox):
    """A key is kept once; what is claimed is nobody else's, and what was sent is over."""
    assert (True, True) == (put(outbox, message(1)), put(outbox, message(1), message(1)))
    delivery = outbox.claim(holder="one", now_ms=0)
    assert outbox.claim(holder="two", now_ms=1) is None
    outbox.sent(delivery, holder="one", now_ms=1)
    assert outbox.claim(holder="two", now_ms=10**12) is None
    assert [("sent", 1)] == [(each.state, each.attempts) for each in outbox.messages(now_ms=2)]


def test_notes_and_messages_are_one_transaction(outbox):
    """Who looked before somebody else noted something keeps nothing, and looks again."""
    trouble = Trouble(table="orders", kind="case", about="2026-03-04", at="2026-03-05T02:00:00+00:00")
    note = Note(incident="orders:2026-03-04:x", kind="opened", at=trouble.at, trouble=trouble)
    _, seen = outbox.incidents("orders")
    first = outbox.put("orders", notes=[note], messages=[message(1)], seen=seen, now_ms=0, due_ms=0)
    late = outbox.put("orders", notes=[note], messages=[message(2)], seen=seen, now_ms=0, due_ms=0)

    assert (True, False) == (first, late)
    assert ["m1"] == [each.message.key for each in outbox.messages(now_ms=0)]
    assert [1] == [each.rounds for each in outbox.incidents("orders")[0]]
    assert frozenset({"m1"}) == outbox.has(["m1", "m2"])


def test_what_belongs_together_is_one_delivery(outbox):
    """Messages of one cause to one address that are due at once are sent as one; another address is another."""
    put(outbox, *(message(n, group="outage") for n in (1, 2, 3)), message(4, to=LEAD, group="outage"), due_ms=30)

    assert claimed(outbox, 29) is None
    first, other = outbox.claim(holder="one", now_ms=30), outbox.claim(holder="one", now_ms=30)
    assert ("3 messages: subject 1", "subject 4") == (first.subject, other.subject)
    assert ("— subject 1", "line 1", "— subject 2", "line 2", "— subject 3", "line 3") == first.lines


def test_one_delivery_has_ten_messages_at_most(outbox):
    """Of an outage of twelve tables each is told by name: ten together, and then the other two."""
    put(outbox, *(message(n, group="outage") for n in range(12)))

    assert ["10 messages: subject 0", "2 messages: subject 10"] == [claimed(outbox)[0] for _ in range(2)]


def test_who_dies_before_the_record_is_followed_with_the_same_delivery(outbox):
    """What may have been sent is sent again under its id and as it was, though more has come of the same group."""
    put(outbox, message(1, group="g"), message(2, group="g"))
    lost = claimed(outbox)
    put(outbox, message(3, group="g"))
    other = claimed(outbox, 1)
    again = claimed(outbox, LEASE_MS, holder="two")

    assert ("2 messages: subject 1", "subject 3") == (lost[0], other[0])
    assert lost == again
    assert ["sending", "sending", "undelivered"] == [m.state for m in outbox.messages(now_ms=LEASE_MS + 1)]


def test_a_failure_waits_longer_each_time_and_may_be_told_with_others(outbox):
    """The wait doubles up to an hour; what is known not to have arrived goes with what has come since."""
    put(outbox, message(1, group="g"))
    now, waits = 0, []
    for _ in range(9):
        delivery = outbox.claim(holder="one", now_ms=now)
        assert not outbox.failed(delivery, holder="one", now_ms=now, why="503")
        wait = next(ms for ms in range(0, 10**8, BACKOFF_MS) if any(m.is_due for m in outbox.messages(now_ms=now + ms)))
        waits.append(wait // BACKOFF_MS)
        now += wait
    assert [1, 2, 4, 8, 16, 32, 64, 120, 120] == waits
    put(outbox, message(2, group="g"))
    assert "2 messages: subject 1" == outbox.claim(holder="one", now_ms=now).subject


def test_after_a_week_it_is_given_up_and_says_so(outbox):
    """A message that fails for a week is given up, is still there as such, and a person's word tries it again."""
    put(outbox, message(1))
    outbox.failed(outbox.claim(holder="one", now_ms=0), holder="one", now_ms=0, why="503")
    late = GIVEN_UP_AFTER_MS
    assert outbox.failed(outbox.claim(holder="one", now_ms=late), holder="one", now_ms=late, why="503")
    assert [("given_up", "503", 2)] == [(m.state, m.why, m.attempts) for m in outbox.messages(now_ms=late, every=False)]
    assert outbox.claim(holder="one", now_ms=10 * late) is None
    assert 1 == outbox.try_again(who="ada", now_ms=late)
    assert "subject 1" == outbox.claim(holder="one", now_ms=late).subject


def test_a_channel_that_is_away_holds_no_other_up(outbox):
    """Without the webhook, what is for e-mail is delivered all the same."""
    put(outbox, message(1), message(2, to=LEAD))

    assert "subject 2" == outbox.claim(holder="one", now_ms=0, without={"webhook"}).subject
    assert outbox.claim(holder="one", now_ms=0, without={"webhook"}) is None


def test_environments_know_nothing_of_each_other(outbox, url):
    """What is kept in one environment is not there in another, though they share a journal."""
    put(outbox, message(1))
    journal = Journal.open(url)
    other = journal.outbox("prod")
    seen = other.messages(now_ms=0), other.claim(holder="one", now_ms=0), other.has(["m1"])
    journal.close()

    assert ((), None, frozenset()) == seen


DRAIN = """
import os, sys
from orders_monitor.adapters.journal.journal import Journal
url, out, dies = sys.argv[1:]
outbox = Journal.open(url).outbox("test")
while (delivery := outbox.claim(holder=str(os.getpid()), now_ms=int(os.environ.get("NOW_MS", "0")))) is not None:
    with open(out, "a") as received:
        received.write(delivery.id + " " + delivery.subject + chr(10))
    if dies == "yes":
        os.kill(os.getpid(), 9)
    outbox.sent(delivery, holder=str(os.getpid()), now_ms=0)
"""


def drainer(url: str, out: Path, *, dies: bool = False, now_ms: int = 0) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", DRAIN, url, str(out), "yes" if dies else "no"]
    return subprocess.Popen(command, cwd=ROOT, env={"PYTHONPATH": str(ROOT), "NOW_MS": str(now_ms)})


@pytest.mark.slow
def test_four_processes_deliver_each_message_once(url, outbox, tmp_path):
    """Forty messages and four drains at once: each arrives exactly once, none is left."""
    put(outbox, *(message(n) for n in range(40)))
    drains = [drainer(url, tmp_path / "received") for _ in range(4)]
    assert [0, 0, 0, 0] == [drain.wait() for drain in drains]

    received = [line.split(" ", 1)[1] for line in (tmp_path / "received").read_text().splitlines()]
    assert sorted(f"subject {n}" for n in range(40)) == sorted(received)
    assert () == outbox.messages(now_ms=0, every=False)


@pytest.mark.slow
def test_killed_between_sending_and_recording(url, outbox, tmp_path):
    """A drain killed there has delivered without saying so: after its lease the message arrives again, the same id."""
    put(outbox, message(1), message(2))
    assert -9 == drainer(url, tmp_path / "received", dies=True).wait()
    assert 0 == drainer(url, tmp_path / "received").wait()
    first = (tmp_path / "received").read_text().splitlines()
    assert 0 == drainer(url, tmp_path / "received", now_ms=LEASE_MS).wait()
    lines = (tmp_path / "received").read_text().splitlines()

    assert ["subject 1", "subject 2"] == [line.split(" ", 1)[1] for line in first]
    assert [*first, first[0]] == lines
    assert () == outbox.messages(now_ms=0, every=False)


class Outboxes(RuleBasedStateMachine):
    """Two drains, a channel that fails when told, deaths at any step, a clock: against sets of keys."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.journal = Journal.open(f"sqlite:///{self.folder.name}/journal.db", durability="normal")
        self.outbox = self.journal.outbox("test")
        self.now, self.count = 0, 0
        self.kept: dict[str, str] = {}
        self.inside: dict[str, tuple[object, int]] = {}
        self.arrived: dict[str, list[str]] = {}
        self.died: set[str] = set()

    @rule(group=st.sampled_from(["a", "b"]), to=st.sampled_from([OWNER, LEAD]), wait=st.sampled_from([0, 30_000]))
    def somebody_is_to_be_told(self, group, to, wait):
        self.count += 1
        new = message(self.count, to=to, group=group)
        assert put(self.outbox, new, now_ms=self.now, due_ms=self.now + wait)
        self.kept[new.subject] = new.key

    @rule(ms=st.sampled_from([1_000, 30_000, 60_000, LEASE_MS, 3_600_000]))
    def time_passes(self, ms):
        self.now += ms
        # Whose lease is over while it sends is as good as dead: another may send the same.
        for holder, (_, until) in list(self.inside.items()):
            if until <= self.now:
                self.dies(holder)

    @rule(holder=st.sampled_from(["one", "two"]))
    def claims(self, holder):
        if holder in self.inside:
            return
        delivery = self.outbox.claim(holder=holder, now_ms=self.now)
        if delivery is not None:
            others = [subject for other, _ in self.inside.values() for subject in subjects(other)]
            assert not set(subjects(delivery)) & set(others)
            self.inside[holder] = delivery, self.now + LEASE_MS

    @rule(holder=st.sampled_from(["one", "two"]), how=st.sampled_from(["sent", "sent", "failed", "unclear", "dies"]))
    def ends(self, holder, how):
        if holder not in self.inside:
            return
        if how == "dies":
            self.dies(holder)
            return
        delivery, _ = self.inside.pop(holder)
        if how != "failed":
            self.arrives(delivery)
        if how == "sent":
            self.outbox.sent(delivery, holder=holder, now_ms=self.now)
            return
        self.outbox.failed(delivery, holder=holder, now_ms=self.now, why="503", unclear=how == "unclear")
        if how == "unclear":
            self.died |= set(subjects(delivery))

    def dies(self, holder):
        delivery, _ = self.inside.pop(holder)
        self.arrives(delivery)
        self.died |= set(subjects(delivery))

    def arrives(self, delivery):
        for subject in subjects(delivery):
            self.arrived.setdefault(subject, []).append(delivery.id)

    @invariant()
    def nothing_is_lost_and_nothing_is_doubled(self):
        """Twice only what somebody died over, and then under one id; sent only what arrived; the rest is still here."""
        for subject, ids in self.arrived.items():
            assert 1 == len(set(ids)), (subject, ids)
            assert 1 == len(ids) or subject in self.died, (subject, ids)
        states = {each.message.subject: each.state for each in self.outbox.messages(now_ms=self.now)}
        assert self.kept.keys() == states.keys()
        assert {subject for subject, state in states.items() if state == "sent"} <= self.arrived.keys()

    def teardown(self):
        """Once the channel is up and nobody dies, everything arrives."""
        with self.folder:
            self.everything_arrives()

    def everything_arrives(self):
        self.inside.clear()
        for _ in range(200):
            self.now += 3_600_000
            while (delivery := self.outbox.claim(holder="last", now_ms=self.now)) is not None:
                self.arrives(delivery)
                self.outbox.sent(delivery, holder="last", now_ms=self.now)
            if not self.outbox.messages(now_ms=self.now, every=False):
                break
        given_up = {m.message.subject for m in self.outbox.messages(now_ms=self.now) if m.state == "given_up"}
        assert self.kept.keys() == self.arrived.keys() | given_up
        self.journal.close()


def subjects(delivery) -> list[str]:
    """The messages that are in a delivery."""
    several = [line.removeprefix("— ") for line in delivery.lines if line.startswith("— ")]
    return several or [delivery.subject]


TestOutbox = Outboxes.TestCase
TestOutbox.settings = settings(max_examples=8, stateful_step_count=20)


@pytest.mark.slow
class TestOutboxLonger(Outboxes.TestCase):
    """The same, in more and longer stories."""

    settings = settings(max_examples=50, stateful_step_count=50)
