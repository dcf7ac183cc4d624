"""Publishing is one Delta commit: once, of exactly that file, whoever tries at the same time and however often."""

import json
import multiprocessing
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from orders_monitor.adapters.delta.publisher import DeltaPublisher, Version
from orders_monitor.adapters.delta.schema import schema_of
from orders_monitor.core.column_type import PUBLISHABLE, is_publishable
from orders_monitor.core.contract import Column, Contract
from orders_monitor.core.errors import PublicationRefused, StoreUnavailable
from orders_monitor.core.review import Publication

CONTRACT = Contract(
    columns=(
        Column(name="order_id", type="BIGINT", nullable=False),
        Column(name='"; drop table x --', type="VARCHAR"),
        Column(name="amount", type="DECIMAL(12,2)", unit="EUR"),
        Column(name="created_at", type="TIMESTAMP"),
    ),
    key=("order_id",),
)
MONDAY, TUESDAY = "2024-03-04", "2024-03-05"


def candidate(root, partition=MONDAY, *, rows=3, name="aaaa", number=1, digest="d1", table="orders_daily"):
    """A candidate file at its place, and the claim on publishing it."""
    path = f"{table}/partition_date={partition}/{name}.parquet"
    file = Path(root) / path
    file.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute(
            'COPY (SELECT i::BIGINT AS order_id, \'x\' AS """; drop table x --", 1.25::DECIMAL(12,2) AS amount, '
            f"TIMESTAMP '2024-03-04 12:00:00' AS created_at FROM range({rows}) t(i)) TO '{file}' (FORMAT parquet)"
        )
    return Publication(
        table=table,
        partition=partition,
        number=number,
        digest=digest,
        decision_id=7,
        path=path,
        rows=rows,
        size_bytes=file.stat().st_size,
        plan_digest="p1",
        run_id="r1",
    )


def read(publisher, table="orders_daily"):
    """What DuckDB reads of the current version: rows and sum a day."""
    with duckdb.connect() as connection:
        return connection.execute(
            "SELECT partition_date, count(*), sum(amount) FROM read_parquet(?, hive_partitioning = true) "
            "GROUP BY 1 ORDER BY 1",
            [list(publisher.files(table))],
        ).fetchall()


def read_as_delta(root, table="orders_daily"):
    """What a Delta reader reads of the current version: rows and sum a day."""
    from deltalake import DeltaTable, QueryBuilder  # noqa: PLC0415 - the slow import is this test's own

    rows = (
        QueryBuilder()
        .register("t", DeltaTable(str(Path(root) / table)))
        .execute("SELECT partition_date, count(*) AS n, sum(amount) AS total FROM t GROUP BY 1 ORDER BY 1")
        .read_all()
    )
    columns = [rows.column(name).combine_chunks() for name in ("partition_date", "n", "total")]
    return [tuple(column[at].as_py() for column in columns) for at in range(rows.num_rows)]


def test_duckdb_and_delta_read_what_was_published(tmp_path):
    """Two days published are two days read, with the same rows and sums by both readers."""
    publisher = DeltaPublisher(tmp_path)

    assert 1 == publisher.commit(candidate(tmp_path, MONDAY), CONTRACT, metadata={})
    assert 2 == publisher.commit(candidate(tmp_path, TUESDAY, rows=5), CONTRACT, metadata={})

    expected = [(date(2024, 3, 4), 3, Decimal("3.75")), (date(2024, 3, 5), 5, Decimal("6.25"))]
    assert expected == read(publisher)
    assert expected == read_as_delta(tmp_path)


def test_a_partition_is_replaced_and_only_that_one(tmp_path):
    """The second publication of a day takes the first one's place; the other day stays."""
    publisher = DeltaPublisher(tmp_path)
    publisher.commit(candidate(tmp_path, MONDAY), CONTRACT, metadata={})
    publisher.commit(candidate(tmp_path, TUESDAY, rows=5), CONTRACT, metadata={})

    publisher.commit(candidate(tmp_path, MONDAY, rows=9, name="bbbb", number=2, digest="d2"), CONTRACT, metadata={})

    assert [(date(2024, 3, 4), 9, Decimal("11.25")), (date(2024, 3, 5), 5, Decimal("6.25"))] == read(publisher)
    assert [
        f"{tmp_path}/orders_daily/partition_date={MONDAY}/bbbb.parquet",
        f"{tmp_path}/orders_daily/partition_date={TUESDAY}/aaaa.parquet",
    ] == list(publisher.files("orders_daily"))
    # Nothing is deleted: older versions can be read, and published again.
    assert (tmp_path / f"orders_daily/partition_date={MONDAY}/aaaa.parquet").exists()


def test_older_bytes_can_be_published_again(tmp_path):
    """Going back is one more publication, of the file that is still there."""
    publisher = DeltaPublisher(tmp_path)
    first = candidate(tmp_path)
    publisher.commit(first, CONTRACT, metadata={})
    publisher.commit(candidate(tmp_path, rows=9, name="bbbb", number=2, digest="d2"), CONTRACT, metadata={})

    again = first.model_copy(update={"number": 3, "digest": "d3"})

    assert 3 == publisher.commit(again, CONTRACT, metadata={})
    assert [(date(2024, 3, 4), 3, Decimal("3.75"))] == read(publisher) == read_as_delta(tmp_path)


def test_the_same_bytes_under_another_decision_stay_published(tmp_path):
    """A publication of the file that is there already is recorded, and takes nothing away."""
    publisher = DeltaPublisher(tmp_path)
    first = candidate(tmp_path)
    publisher.commit(first, CONTRACT, metadata={})

    assert 2 == publisher.commit(first.model_copy(update={"number": 2, "digest": "d2"}), CONTRACT, metadata={})
    assert [(date(2024, 3, 4), 3, Decimal("3.75"))] == read(publisher) == read_as_delta(tmp_path)


def test_publishing_twice_is_publishing_once(tmp_path):
    """A repeated commit answers the version of the first and writes nothing, also long after it."""
    publisher = DeltaPublisher(tmp_path)
    first = candidate(tmp_path)
    publisher.commit(first, CONTRACT, metadata={})
    publisher.commit(candidate(tmp_path, rows=9, name="bbbb", number=2, digest="d2"), CONTRACT, metadata={})

    assert 1 == publisher.commit(first, CONTRACT, metadata={})
    assert [2, 1, 0] == [version.version for version in publisher.history("orders_daily")]
    assert [(date(2024, 3, 4), 9, Decimal("11.25"))] == read(publisher)


def test_a_crash_between_claim_and_commit_leaves_nothing(tmp_path):
    """Claimed and killed before the commit: the log does not know it, and the next attempt commits it."""
    publication = candidate(tmp_path)

    assert None is DeltaPublisher(tmp_path).committed(publication)
    assert () == DeltaPublisher(tmp_path).files("orders_daily")
    assert 1 == DeltaPublisher(tmp_path).commit(publication, CONTRACT, metadata={})


def test_a_crash_between_commit_and_receipt_is_found(tmp_path):
    """Committed and killed before the receipt: the log has it, and another process finds it without committing."""
    publication = candidate(tmp_path)
    DeltaPublisher(tmp_path).commit(publication, CONTRACT, metadata={})

    assert 1 == DeltaPublisher(tmp_path).committed(publication)
    assert 1 == DeltaPublisher(tmp_path).commit(publication, CONTRACT, metadata={})
    assert [1, 0] == [version.version for version in DeltaPublisher(tmp_path).history("orders_daily")]


def test_a_claim_that_was_overtaken_is_refused(tmp_path):
    """An old claim that never came through does not replace what a later one published."""
    publisher = DeltaPublisher(tmp_path)
    late = candidate(tmp_path)
    publisher.commit(candidate(tmp_path, rows=9, name="bbbb", number=2, digest="d2"), CONTRACT, metadata={})

    assert None is publisher.committed(late)
    with pytest.raises(PublicationRefused, match="publication 2 is in the log already, and this one is number 1"):
        publisher.commit(late, CONTRACT, metadata={})
    assert [(date(2024, 3, 4), 9, Decimal("11.25"))] == read(publisher)


def test_another_decision_cannot_pass_as_the_same_publication(tmp_path):
    """The number alone does not make a publication: one with another digest is not taken for committed."""
    publisher = DeltaPublisher(tmp_path)
    first = candidate(tmp_path)
    publisher.commit(first, CONTRACT, metadata={})

    with pytest.raises(StoreUnavailable, match="publication 1 of 2024-03-04 is in the log with another decision"):
        publisher.commit(first.model_copy(update={"digest": "forged"}), CONTRACT, metadata={})


def test_the_log_says_who_and_why(tmp_path):
    """The commit carries the caller's metadata beside the marks that find it again."""
    publisher = DeltaPublisher(tmp_path)
    publisher.commit(candidate(tmp_path), CONTRACT, metadata={"decision": "7", "run": "r1"})

    newest, created = publisher.history("orders_daily")

    assert (1, "WRITE", "CREATE TABLE") == (newest.version, newest.operation, created.operation)
    assert isinstance(newest, Version)
    assert newest.committed_ms >= created.committed_ms
    wanted = {
        "decision": "7",
        "run": "r1",
        "orders_monitor.publication": "1",
        "orders_monitor.partition": MONDAY,
        "orders_monitor.digest": "d1",
    }
    assert wanted == {key: newest.metadata[key] for key in wanted}


def test_readers_can_count_without_opening_a_file(tmp_path):
    """The log holds the number of rows and the size of the file."""
    publication = candidate(tmp_path, rows=5)
    DeltaPublisher(tmp_path).commit(publication, CONTRACT, metadata={})

    log = (tmp_path / "orders_daily/_delta_log/00000000000000000001.json").read_text().splitlines()
    added = next(entry["add"] for entry in map(json.loads, log) if "add" in entry)
    assert {
        "path": f"partition_date={MONDAY}/aaaa.parquet",
        "size": publication.size_bytes,
        "stats": '{"numRecords": 5}',
        "partitionValues": {"partition_date": MONDAY},
    } == {key: added[key] for key in ("path", "size", "stats", "partitionValues")}


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda file: file.unlink(), "is not there; nothing was published"),
        (lambda file: file.write_bytes(b"PAR1"), "has 4 bytes; nothing was published"),
    ],
)
def test_a_file_that_is_not_what_was_approved_is_not_published(tmp_path, damage, said):
    """Gone or of another size: refused before the log is touched."""
    publisher = DeltaPublisher(tmp_path)
    publication = candidate(tmp_path)
    damage(tmp_path / publication.path)

    with pytest.raises(StoreUnavailable, match=said):
        publisher.commit(publication, CONTRACT, metadata={})
    assert () == publisher.history("orders_daily")


@pytest.mark.parametrize("path", ["landed/orders_daily/x.parquet", "orders_daily/../secret.parquet", "/etc/passwd"])
def test_only_a_file_of_the_table_is_published(tmp_path, path):
    """A claim on a file outside of the table's folder is refused."""
    with pytest.raises(StoreUnavailable, match="is not a file of its folder"):
        DeltaPublisher(tmp_path).commit(candidate(tmp_path).model_copy(update={"path": path}), CONTRACT, metadata={})


@pytest.mark.parametrize("partition", ["yesterday", "20240304", "2024-02-30", "2024-03-04 "])
def test_a_partition_is_a_day(tmp_path, partition):
    """The partition column is a date, so that every reader prunes by it."""
    with pytest.raises(ValueError, match="is not a day"):
        DeltaPublisher(tmp_path).commit(candidate(tmp_path, partition), CONTRACT, metadata={})


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (Column(name="order_id", type="UBIGINT"), "column 'order_id' is a UBIGINT, which a Delta table does not have"),
        (Column(name="tags", type="VARCHAR[]"), r"column 'tags' is a VARCHAR\[\], which a Delta table does not have"),
        (Column(name="Partition_Date", type="DATE"), "a column is called 'partition_date', which names the partition"),
    ],
)
def test_what_delta_cannot_hold_is_a_sentence(tmp_path, column, said):
    """A contract that no Delta table can keep is refused with the column's name, before anything is written."""
    publisher = DeltaPublisher(tmp_path)

    with pytest.raises(StoreUnavailable, match=said):
        publisher.commit(candidate(tmp_path), Contract(columns=(column,)), metadata={})
    assert () == publisher.history("orders_daily")


@pytest.mark.parametrize(
    ("declared", "kept"),
    [
        ("int", "integer"),
        ("INT8", "long"),
        ("STRING", "string"),
        ("VARCHAR(20)", "string"),
        ("NUMERIC(12, 2)", "decimal(12,2)"),
        ("decimal", "decimal(18,3)"),
        ("timestamptz", "timestamp"),
        ("DATETIME", "timestamp_ntz"),
    ],
)
def test_every_spelling_of_a_type_is_the_type(declared, kept):
    """Whatever DuckDB reads as a type is the same Delta type: a spelling is not found out after the approval."""
    fields = schema_of(Contract(columns=(Column(name="order_id", type=declared),))).fields

    assert [("order_id", kept), ("partition_date", "date")] == [(field.name, field.type.type) for field in fields]


@pytest.mark.parametrize("declared", [*sorted(PUBLISHABLE), "DECIMAL(38,38)"])
def test_what_a_declaration_may_say_has_a_delta_type(declared):
    """Every type that a declared contract may have is one of Delta's: none is refused after the approval."""
    assert is_publishable(declared)
    assert 2 == len(schema_of(Contract(columns=(Column(name="order_id", type=declared),))).fields)


def test_a_contract_may_gain_a_column(tmp_path):
    """A new column is in the table from the next publication on; the earlier days have no value in it."""
    from deltalake import DeltaTable  # noqa: PLC0415 - the slow import is this test's own

    publisher = DeltaPublisher(tmp_path)
    publisher.commit(candidate(tmp_path, MONDAY), CONTRACT, metadata={})
    wider = Contract(columns=(*CONTRACT.columns, Column(name="channel", type="VARCHAR")))

    publisher.commit(candidate(tmp_path, TUESDAY), wider, metadata={})

    names = [field.name for field in DeltaTable(str(tmp_path / "orders_daily")).schema().fields]
    assert [column.name for column in wider.columns] + ["partition_date"] == names
    assert [(date(2024, 3, 4), 3, Decimal("3.75")), (date(2024, 3, 5), 3, Decimal("3.75"))] == read_as_delta(tmp_path)


def test_a_contract_may_not_change_a_type_under_its_readers(tmp_path):
    """The published files keep their type, so a contract with another one is refused."""
    publisher = DeltaPublisher(tmp_path)
    publisher.commit(candidate(tmp_path, MONDAY), CONTRACT, metadata={})
    changed = Contract(columns=(Column(name="order_id", type="VARCHAR"), *CONTRACT.columns[1:]))

    with pytest.raises(StoreUnavailable, match="column 'order_id' is PrimitiveType"):
        publisher.commit(candidate(tmp_path, TUESDAY), changed, metadata={})


def test_a_table_that_nobody_published_is_empty(tmp_path):
    """Before the first publication there are no files, no history, and nothing committed."""
    publisher = DeltaPublisher(tmp_path)

    assert ((), (), None) == (
        publisher.files("orders_daily"),
        publisher.history("orders_daily"),
        publisher.committed(candidate(tmp_path)),
    )


def _publish(root, publications, barrier):
    barrier.wait()
    for publication in publications:
        DeltaPublisher(root).commit(publication, CONTRACT, metadata={"run": publication.run_id})


def _in_processes(root, work):
    """Run every list of publications in a process of its own, all starting at the same moment."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(len(work))
    processes = [context.Process(target=_publish, args=(root, publications, barrier)) for publications in work]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    return [process.exitcode for process in processes]


@pytest.mark.slow
def test_processes_publish_different_days_at_once(tmp_path):
    """Three processes, nine days, no table yet: it is created once and every day is published once."""
    days = [[f"2024-03-{3 * process + at + 1:02d}" for at in range(3)] for process in range(3)]
    work = [[candidate(tmp_path, day) for day in mine] for mine in days]

    assert [0, 0, 0] == _in_processes(tmp_path, work)

    publisher = DeltaPublisher(tmp_path)
    assert [date.fromisoformat(day) for mine in days for day in mine] == [row[0] for row in read(publisher)]
    assert list(range(9, -1, -1)) == [version.version for version in publisher.history("orders_daily")]


@pytest.mark.slow
def test_processes_publish_the_same_day_at_once(tmp_path):
    """Three processes with one claim: one commit, and every process is content."""
    publication = candidate(tmp_path)

    assert [0, 0, 0] == _in_processes(tmp_path, [[publication]] * 3)

    assert [1, 0] == [version.version for version in DeltaPublisher(tmp_path).history("orders_daily")]
    assert [(date(2024, 3, 4), 3, Decimal("3.75"))] == read(DeltaPublisher(tmp_path))
