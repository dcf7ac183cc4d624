"""What is missing from a record, and who misses it: a property of one flipped byte, and runs cut off at their end."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orders_monitor.adapters.journal.chain import Break
from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.adapters.journal.store import open_store
from orders_monitor.core.errors import StoreUnavailable
from orders_monitor.core.plan import Hold
from orders_monitor.core.record import Asked

TABLE, DAY = "orders_daily", "2026-03-01"
COPIED = "table_name, partition_key, run_id, 3, kind, body, body_digest, prev_hash"
Sql = Callable[..., list[Any]]


@pytest.fixture
def sql(tmp_path) -> Iterator[Sql]:
    """Another way into the same database, for what the journal offers no way to do."""
    store = open_store(f"sqlite:///{tmp_path}/journal.db")

    def run(*statements: str) -> list[Any]:
        with store.writing() as connection:
            results = [connection.execute(sa.text(statement)) for statement in statements]
            return [tuple(row) for row in results[-1]] if results[-1].returns_rows else []

    yield run
    store.close()


@pytest.fixture
def journal(tmp_path) -> Iterator[Journal]:
    """Two runs of three events each, one after the other."""
    opened = Journal.open(f"sqlite:///{tmp_path}/journal.db")
    for run_id in ("run-1", "run-2"):
        facts = [("note", Hold(why=f"{run_id} found {number}: é€")) for number in range(3)]
        opened.record_all(table=TABLE, partition=DAY, run_id=run_id, bodies=facts)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "tampering",
    [
        # Taken out, and the gap closed.
        ("DELETE FROM events WHERE run_id = 'run-1' AND seq = 2", "UPDATE events SET seq = 2 WHERE id = 3"),
        # Two that changed places.
        (
            "UPDATE events SET seq = -seq WHERE run_id = 'run-1'",
            "UPDATE events SET seq = CASE seq WHEN -2 THEN 3 WHEN -3 THEN 2 ELSE 1 END WHERE run_id = 'run-1'",
        ),
        # One put in between, a copy that is whole in itself.
        (
            "UPDATE events SET seq = seq + 1 WHERE id = 3",
            f"INSERT INTO events SELECT 99, {COPIED}, hash, recorded_at FROM events WHERE id = 2",
            "UPDATE events SET seq = 2 WHERE id = 2",
        ),
    ],
)
def test_an_order_that_was_changed_is_found(journal, sql, tampering):
    """Events that were moved, taken out or put in are found in their run, and no other run is blamed."""
    sql(*tampering)

    (broken,) = journal.verify_all()

    assert "run-1" == broken.run_id
    assert broken.seq in (2, 3)
    assert broken == journal.verify("run-1")
    assert journal.verify("run-2") is None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_flipped_byte_anywhere_is_found(journal, sql, data):
    """Whatever byte of whatever column of an event is changed: run and number of that very event are named."""
    columns = ("table_name", "partition_key", "kind", "body", "body_digest", "prev_hash", "hash", "recorded_at")
    column = data.draw(st.sampled_from(columns))
    number = data.draw(st.integers(1, 6))
    ((text, seq, run_id),) = sql(f"SELECT {column}, seq, run_id FROM events WHERE id = {number}")
    place = data.draw(st.integers(0, max(0, len(text) - 1)))
    other = data.draw(st.characters(exclude_characters=text[place : place + 1] + "'\0:", exclude_categories=["Cs"]))
    changed = text[:place] + other + text[place + 1 :]

    sql(f"UPDATE events SET {column} = '{changed}' WHERE id = {number}".replace(":", "\\:"))
    broken = journal.verify(run_id)
    sql(f"UPDATE events SET {column} = '{text}' WHERE id = {number}".replace(":", "\\:"))

    assert (run_id, seq) == (broken.run_id, broken.seq)
    assert () == journal.verify_all()


@pytest.mark.parametrize(
    "damage",
    [
        # One bit of the file: the text is UTF-8 no more.
        "UPDATE events SET {column} = CAST(x'ff' || substr({column}, 2) AS TEXT) WHERE id = 5",
        # What SQLite lets anybody put into a column of texts.
        "UPDATE events SET {column} = CAST({column} AS BLOB) WHERE id = 5",
    ],
)
@pytest.mark.parametrize(
    "column", ["table_name", "partition_key", "kind", "body", "body_digest", "prev_hash", "hash", "recorded_at"]
)
def test_a_damaged_file_is_found_where_it_is(journal, sql, column, damage):
    """Bytes that are no text are a break of their event like any other, and no obstacle to naming it."""
    sql(damage.format(column=column))

    assert [("run-2", 2)] == [(broken.run_id, broken.seq) for broken in journal.verify_all()]
    assert 2 == journal.verify("run-2").seq
    assert journal.verify("run-1") is None


def test_a_damaged_record_is_not_quoted_by_who_cannot_read_it(journal, sql):
    """Whoever reads the run is told where to look; the driver's own error has the record's text in it."""
    sql("UPDATE events SET body = CAST(x'ff' || substr(body, 2) AS TEXT) WHERE id = 5")

    with pytest.raises(StoreUnavailable) as damaged:
        journal.events_of_run("run-2")

    assert damaged.value.__cause__ is None
    assert "a text in it is damaged; `orders-monitor trace verify --all` names the record" == damaged.value.why


def test_an_event_that_was_moved_in_time_is_found(journal, sql):
    """What is newest is told by ids: an event cannot be made older than the one before it."""
    sql("UPDATE events SET id = 99 WHERE id = 5", "UPDATE events SET id = 5 WHERE id = 6")
    sql("UPDATE events SET id = 6 WHERE id = 99")

    assert [("run-2", 3)] == [(broken.run_id, broken.seq) for broken in journal.verify_all()]


def test_what_was_cut_off_the_end_is_missed_by_the_next_run(journal, sql):
    """A run that was begun later remembers where the one before it ended, down to a run that is gone as a whole."""
    sql("DELETE FROM events WHERE run_id = 'run-1' AND seq = 3")
    cut = journal.verify("run-1")
    sql("DELETE FROM events WHERE run_id = 'run-1'")

    assert Break(run_id="run-1", seq=3, why="the event is gone when run run-2 was begun after it") == cut
    assert ("run-1",) == tuple(broken.run_id for broken in journal.verify_all())
    assert (("run-2",), ("run-2",), ()) == (journal.runs(), journal.runs("run-"), journal.runs("run_"))


def test_the_ledger_misses_the_steps_that_it_has_paid(journal, sql):
    """A conversation that was cut off is behind its ledger by more than the one step that a killed run may lose."""
    asked = [("agent_asked", Asked(step=step, digest="d", request_bytes=1)) for step in (1, 2, 3)]
    journal.record_all(table=TABLE, partition=DAY, run_id="run-3", bodies=asked)
    for step in (1, 2, 3):
        sql(
            "INSERT INTO ledger (entry, run_id, step, attempt, table_name, partition_key, team, agent, model, release,"
            f" tokens, micro_usd, recorded_at) VALUES ('reserve', 'run-3', {step}, 1, 't', 'p', 'team', 'agent', 'm',"
            " 'r', 1, 1, '2026-03-02')"
        )

    sql("DELETE FROM events WHERE run_id = 'run-3' AND seq = 3")
    killed = journal.verify("run-3")
    sql("DELETE FROM events WHERE run_id = 'run-3' AND seq = 2")

    cut = journal.verify("run-3")
    sql("UPDATE events SET body = '{' WHERE run_id = 'run-3'")

    why = "the ledger has paid for step 3, and the record ends at step 1"
    assert (None, Break(run_id="run-3", seq=2, why=why)) == (killed, cut)
    assert ("run-3", 1) == (journal.verify("run-3").run_id, journal.verify_all()[-1].seq)


def test_a_receipt_misses_the_record_of_its_publication(journal, sql):
    """A partition that was published has a record of what readers saw: gone from the newest run, it is missed."""
    journal.record(table=TABLE, partition=DAY, run_id="publish-1", kind="published_profile", body=Hold(why="rows"))
    sql(
        "INSERT INTO publications (table_name, partition_key, number, digest, decision_id, path, rows, size_bytes,"
        f" plan_digest, run_id, recorded_at) VALUES ('{TABLE}', '{DAY}', 1, 'd', 1, 'p', 1, 1, 'd', 'publish-1', '')",
        "INSERT INTO publication_outcomes (table_name, partition_key, number, outcome, delta_version, recorded_at)"
        f" VALUES ('{TABLE}', '{DAY}', 1, 'receipt', 0, '')",
    )
    whole = journal.verify_all()

    sql("DELETE FROM events WHERE run_id = 'publish-1'")

    why = f"{TABLE} {DAY} has 1 receipts, and not as many records of what was published"
    assert ((), (Break(run_id="publish-1", seq=1, why=why),)) == (whole, journal.verify_all())


def test_a_journal_of_before_is_whole(journal, sql):
    """Runs that were recorded before chains were linked begin with nothing, and are whole."""
    (first, *_) = journal.events_of_run("run-1")
    ((previous,),) = sql("SELECT prev_hash FROM events WHERE id = 1")

    assert ("", 1, None) == (previous, first.seq, journal.verify("run-1"))
    assert journal.verify("never ran") is None


def test_an_error_of_the_database_does_not_say_what_was_being_recorded(journal, sql):
    """Errors are shown in logs and in the UI: the values of their statement are not in them."""
    sql("DROP TABLE events")

    with pytest.raises(sa.exc.OperationalError) as missing:
        journal.latest(TABLE, "a partition", "a kind")

    assert "a partition" not in str(missing.value)
