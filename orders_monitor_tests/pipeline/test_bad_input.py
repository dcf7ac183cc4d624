"""Bad input, end to end: a run is red where we are broken and amber where the data is, and a repair lets it run."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import dagster as dg
import duckdb
import pytest
import yaml

from orders_monitor.pipeline import keys
from orders_monitor.settings import PROJECT_ROOT
from orders_monitor_tests.small_shop import (
    DAY,
    DAY_BEFORE,
    HEADER,
    Shop,
    checks_of,
    csv_of,
    declared,
    failure_of,
    materialized,
    open_shop,
    published_days,
    rows_of,
)

EVERY_STAGE = [f"small_shop/{stage}" for stage in keys.STAGES]
HOSTILE = '"; drop table x --'


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """Opens shops whose declaration differs, over the same stores."""
    monkeypatch.setenv("ORDERS_MONITOR_HOME", str(tmp_path))
    monkeypatch.delenv("ORDERS_MONITOR_DATABASE_URL", raising=False)
    with dg.DagsterInstance.ephemeral() as instance:
        yield lambda **changes: open_shop(tmp_path, instance, **changes)


def quietly_published(shop: Shop, day: str = DAY) -> bool:
    """The partition runs to its end: every stage, every check green, published by policy."""
    night, publication = shop.night(day), shop.publication(day)
    assert night.success, failure_of(night)
    assert EVERY_STAGE == materialized(night)
    assert {True} == {passed for passed, _ in checks_of(night).values()}
    return publication.success and shop.gate(day).status == "published"


def red(shop: Shop, *, stages: list[str]) -> str:
    """The sentence of a run that failed because we are broken; `stages` it had finished, and nothing is published."""
    night = shop.night(DAY)
    assert (False, stages) == (night.success, materialized(night))
    return failure_of(night)


def amber(shop: Shop) -> str:
    """What is said of a partition that bad data holds: the run succeeds, both doors are shut, nothing is published."""
    night = shop.night(DAY)
    assert night.success, failure_of(night)
    assert EVERY_STAGE == materialized(night)
    shut = {name: checks_of(night)[name] for name in (keys.QUALITY_GATE, keys.HUMAN_REVIEW)}
    assert dict.fromkeys((keys.QUALITY_GATE, keys.HUMAN_REVIEW), (False, "WARN")) == shut
    assert not shop.publication(DAY).success
    with shop.desk() as desk:
        assert {DAY: None} == published_days(desk, [DAY])
    gate = shop.gate(DAY)
    assert gate.status == "held"
    return gate.sentence


# Amber: the data is broken. The same partition lands again when it is repaired.


@pytest.mark.slow
def test_a_file_that_did_not_come_is_held(shop):
    """Nothing landed, and the sentence names the file that was looked for."""
    assert f"held: there is no file '{DAY}.csv'" == amber(shop)

    shop.arrives(DAY, csv_of(rows_of(DAY)))
    assert quietly_published(shop)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty (0 bytes)"),
        pytest.param(b"\x00\x01\x02PNG\xff" * 50, "is not UTF-8 text in line 1", marks=pytest.mark.slow),
        pytest.param(
            b"order_id,status\n1,paid\n2,paid,3,4\n",
            "is not a CSV table whose rows fit its header",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_garbage_is_held(shop, content, said):
    """What cannot be read as a table is no error of ours: held, with the file's name."""
    shop.arrives(DAY, content)
    assert f"held: '{DAY}.csv' {said}" == amber(shop)

    shop.arrives(DAY, csv_of(rows_of(DAY)))
    assert quietly_published(shop)


@pytest.mark.slow
def test_a_torn_parquet_file_is_held(opened, tmp_path):
    """Half a Parquet file is held; the whole one is published."""
    whole = parquet_of(tmp_path)
    shop = opened(source={"kind": "files", "path": f"{tmp_path}/upstream/{{partition}}.parquet"})
    file = shop.upstream / f"{DAY}.parquet"
    file.write_bytes(whole[: len(whole) // 2])
    assert f"held: '{DAY}.parquet' is not a whole Parquet file" == amber(shop)

    file.write_bytes(whole)
    assert quietly_published(shop)


def parquet_of(folder: Path) -> bytes:
    (folder / "orders.csv").write_text(csv_of(rows_of(DAY)))
    duckdb.sql(f"copy (from '{folder}/orders.csv') to '{folder}/orders.parquet' (format parquet)")
    return (folder / "orders.parquet").read_bytes()


@pytest.mark.slow
def test_no_row_is_held(shop):
    """A header and no row is a night of which nobody knows whether it is over."""
    shop.arrives(DAY, HEADER + "\n")
    assert "held: no row landed" == amber(shop)

    shop.arrives(DAY, csv_of(rows_of(DAY)))
    assert quietly_published(shop)


@pytest.mark.slow
def test_bad_data_takes_nothing_from_readers(shop):
    """A published partition that lands again as garbage stays published as it was."""
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    assert quietly_published(shop)
    with shop.desk() as desk:
        before = published_days(desk, [DAY])
    shop.arrives(DAY, b"\xff\xfe")
    night = shop.night(DAY)
    assert (True, "held", False) == (night.success, shop.gate(DAY).status, shop.publication(DAY).success)

    with shop.desk() as desk:
        assert before == published_days(desk, [DAY])


# Strange data that is nobody's mistake.


@pytest.mark.slow
def test_a_hostile_column_name_is_a_name(shop):
    """A name like the end of a statement lands as it is, is not published, and ends no statement."""
    rows = [[*row, "x"] for row in rows_of(DAY)]
    shop.arrives(DAY, csv_of(rows, HEADER + ',"""; drop table x --"'))
    assert quietly_published(shop)

    with shop.desk() as desk:
        case = desk.case(DAY)
        landed = desk.engine.schema(desk.lake.path(case.candidate.path))
    assert HEADER.split(",") == list(landed.names)
    assert [HOSTILE] == [a.column for a in case.plan.actions if a.kind == "accept_change"]


@pytest.mark.slow
def test_three_hundred_columns_are_read(shop):
    """A wide night is a wide night: all of it lands, and readers get what they were promised."""
    more = [f"extra_{n}" for n in range(294)]
    shop.arrives(DAY, csv_of([[*row, *("1" for _ in more)] for row in rows_of(DAY)], ",".join([HEADER, *more])))
    assert quietly_published(shop)

    with shop.desk() as desk:
        case = desk.case(DAY)
    assert more == [a.column for a in case.plan.actions if a.kind == "accept_change"]
    assert (40, 40) == (case.candidate.landed_rows, case.candidate.rows)


# Red: we are broken. Nothing is recorded as the data's fault.


@pytest.mark.slow
def test_an_unknown_folder_is_red(opened):
    """A source path that leads nowhere is our mistake, and the sentence names the path as declared."""
    shop = opened(source={"kind": "files", "path": "no/such/folder/{partition}.csv", "format": "csv"})
    assert "source no/such/folder/{partition}.csv: there is no folder 'no/such/folder'" == red(shop, stages=[])
    assert "no_plan" == shop.gate(DAY).status

    repaired = opened()
    repaired.arrives(DAY, csv_of(rows_of(DAY)))
    assert quietly_published(repaired)


@pytest.mark.slow
def test_a_database_that_refuses_is_red(opened, monkeypatch):
    """The server does not answer: the sentence says so, and not with which password it was asked."""
    monkeypatch.setenv("SHOP_URL", "postgresql://ada:s3cret@127.0.0.1:1/shop?connect_timeout=2")
    source = {"kind": "database", "url_env": "SHOP_URL", "relation": "orders", "partition_column": "created_at"}
    shop = opened(source=source)
    said = red(shop, stages=[])
    assert said.startswith("source orders: the database refused: ")
    assert "s3cret" not in said
    assert "no_plan" == shop.gate(DAY).status


@pytest.mark.slow
def test_a_database_file_that_is_missing_is_red(opened, monkeypatch, tmp_path):
    """A SQLite file that is not there is not made; once it is there, the partition runs to its end."""
    file = tmp_path / "shop.db"
    monkeypatch.setenv("SHOP_URL", f"sqlite:///{file}")
    source = {"kind": "database", "url_env": "SHOP_URL", "relation": "orders", "partition_column": "created_at"}
    shop = opened(source=source)
    said = "source orders: the SQLite file that SHOP_URL names does not exist"
    assert (said, False) == (red(shop, stages=[]), file.exists())

    with sqlite3.connect(file) as connection:
        connection.execute(
            "create table orders (order_id bigint, status text, quantity bigint, email text, amount double, "
            "created_at timestamp)"
        )
        connection.executemany("insert into orders values (?, ?, ?, ?, ?, ?)", rows_of(DAY))
    assert quietly_published(shop)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("expectation", "said"),
    [
        (
            {"type": "expect_column_to_be_nice", "kwargs": {"column": "status"}},
            "status_to_be_nice (expect_column_to_be_nice): expect_column_to_be_nice not found",
        ),
        (
            {"type": "expect_column_values_to_be_unique", "kwargs": {"colum": "order_id"}},
            "be_unique (expect_column_values_to_be_unique): it has no argument 'colum'; it knows column, mostly, row_condition",  # noqa: E501 - as it is said
        ),
    ],
)
def test_an_expectation_that_nobody_knows_is_red(opened, expectation, said):
    """A misspelt expectation would check nothing: the run says so before it judges anything."""
    known = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "order_id"}}
    shop = opened(expectations=[known, expectation])
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    assert f"small_shop: expectations.1: {said}" == red(shop, stages=EVERY_STAGE[:2])
    assert "no_plan" == shop.gate(DAY).status
    assert quietly_published(opened(expectations=[known]))


@pytest.mark.slow
def test_missing_prompts_are_red(opened, tmp_path, monkeypatch):
    """Without the agent's release no night passes, a quiet one neither."""
    monkeypatch.setenv("ORDERS_MONITOR_PROMPTS", str(tmp_path / "prompts"))
    shop = opened()
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    said = f"{tmp_path}/prompts/orders_daily: there is no such folder; it holds the agent's release.yaml"
    assert said == red(shop, stages=EVERY_STAGE[:3])

    monkeypatch.delenv("ORDERS_MONITOR_PROMPTS")
    assert quietly_published(opened())


def test_a_missing_key_is_red(opened, monkeypatch):
    """The release's model without a key passes no night, a quiet one neither: nothing takes its place."""
    monkeypatch.setenv("ORDERS_MONITOR_MODEL", "release")
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    shop = opened()
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    said = "ANTHROPIC_API_KEY: ORDERS_MONITOR_MODEL is release, and that model needs a key"
    assert said == red(shop, stages=EVERY_STAGE[:3])

    monkeypatch.delenv("ORDERS_MONITOR_MODEL")
    assert quietly_published(opened())


@pytest.mark.slow
def test_a_corrupt_journal_is_red(shop, tmp_path):
    """A journal that is no database is never overwritten with a new one."""
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    journal = tmp_path / "journal.db"
    journal.write_bytes(b"this is not a database at all, it is a text" * 100)
    before = journal.read_bytes()
    assert f"journal {journal}: file is not a database" == red(shop, stages=[])
    assert before == journal.read_bytes()

    journal.unlink()
    assert quietly_published(shop)


@pytest.mark.slow
def test_a_journal_that_cannot_be_made_is_red(shop, tmp_path):
    """A folder in the journal's place is an error before anything lands."""
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    journal = tmp_path / "journal.db"
    journal.mkdir()
    assert f"journal {journal}: unable to open database file" == red(shop, stages=[])

    journal.rmdir()
    assert quietly_published(shop)


@pytest.mark.slow
def test_an_earlier_night_is_not_lost(shop, tmp_path):
    """What was published before we broke is published afterwards."""
    shop.arrives(DAY_BEFORE, csv_of(rows_of(DAY_BEFORE)))
    assert quietly_published(shop, DAY_BEFORE)
    with shop.desk() as desk:
        before = published_days(desk, [DAY_BEFORE])
    shop.upstream.rename(tmp_path / "gone")
    red(shop, stages=[])
    with shop.desk() as desk:
        assert before == published_days(desk, [DAY_BEFORE])

    (tmp_path / "gone").rename(shop.upstream)
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    assert quietly_published(shop)


# The command line: one sentence, an exit code, and no more of the machine than what was typed.


def command(folder: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    """`orders-monitor` in that folder: its exit code and what it wrote."""
    done = subprocess.run(
        [Path(sys.executable).with_name("orders-monitor"), *arguments],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "ORDERS_MONITOR_HOME": str(folder / "home"), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    return done.returncode, done.stdout, done.stderr


def written(folder: Path, **changes: object) -> None:
    """The small shop's declaration as a file."""
    attributes = declared(folder / "upstream", **changes).model_dump(mode="json", exclude_unset=True)
    body = {"type": "orders_monitor.component.TableMonitor", "attributes": attributes}
    (folder / "shop.yaml").write_text(yaml.safe_dump(body))


@pytest.mark.slow
def test_the_command_line_tells_a_mistake_in_the_declaration(tmp_path):
    """The sentence is the reader's, with the path that was typed."""
    (tmp_path / "shop.yaml").write_text("attributes:\n  name: Small Shop\n")
    ran = command(tmp_path, "--declaration", "shop.yaml", "run", "--last", "1")

    assert (1, "", "shop.yaml:2: name: 'Small Shop' does not match ^[a-z][a-z0-9_]{0,62}$\n") == ran


@pytest.mark.slow
def test_the_command_line_tells_a_path_that_leads_nowhere(tmp_path):
    """A broken run is the exit code, and its sentence is on standard error."""
    written(tmp_path, source={"kind": "files", "path": "no/such/folder/{partition}.csv", "format": "csv"})
    code, _, error = command(tmp_path, "--declaration", "shop.yaml", "run", "--partition", DAY)

    assert 1 == code
    assert "source no/such/folder/{partition}.csv: there is no folder 'no/such/folder'" in error
    assert ("Traceback" not in error, str(PROJECT_ROOT) not in error) == (True, True), error


@pytest.mark.slow
def test_the_command_line_tells_a_corrupt_journal(tmp_path):
    """The file to look at is named, and no frame of ours."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "journal.db").write_bytes(b"no database" * 500)
    written(tmp_path)
    ran = command(tmp_path, "--declaration", "shop.yaml", "run", "--partition", DAY)

    assert (1, "", f"journal {tmp_path}/home/journal.db: file is not a database\n") == ran


@pytest.mark.slow
def test_the_command_line_holds_bad_data_and_goes_on(tmp_path):
    """Bad data is no failure of the command: the partition is held, and the exit code is zero."""
    (tmp_path / "upstream").mkdir()
    written(tmp_path)
    code, said, error = command(tmp_path, "--declaration", "shop.yaml", "run", "--partition", DAY)

    assert (0, "") == (code, error)
    assert "1 held" in said
