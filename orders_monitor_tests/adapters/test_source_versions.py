"""A source's version of a partition: another one once the partition is changed, and read from no row."""

import os
import sqlite3

import pytest

from orders_monitor.adapters.sources.database import Database
from orders_monitor.adapters.sources.files import Files
from orders_monitor.adapters.sources.simulator import Simulator
from orders_monitor.core.errors import SourceUnavailable
from orders_monitor.core.source import DatabaseSource, FilesSource, SimulatorSource

DAY, DAY_BEFORE = "2026-03-04", "2026-03-03"


def written(path, text, at_s=1_000):
    path.write_text(text)
    os.utime(path, (at_s, at_s))


def test_a_file_s_version_is_its_size_and_time(tmp_path):
    """The same file has one version; another size, another time and another control file are each another one."""
    files = Files(
        FilesSource(kind="files", path="{partition}.csv", format="csv", totals="{partition}.json"), root=tmp_path
    )
    absent = files.version(DAY)
    written(tmp_path / f"{DAY}.csv", "id\n1\n")
    seen = [files.version(DAY), files.version(DAY)]
    written(tmp_path / f"{DAY}.csv", "id\n2\n", at_s=2_000)
    seen.append(files.version(DAY))
    written(tmp_path / f"{DAY}.csv", "id\n2\n3\n", at_s=2_000)
    seen.append(files.version(DAY))
    written(tmp_path / f"{DAY}.json", '{"rows": 2}')
    seen.append(files.version(DAY))

    assert absent is None
    assert (4, True) == (len(set(seen)), seen[0] == seen[1])


def test_one_file_of_every_partition_has_no_version_of_one(tmp_path):
    """What changed in such a file is not in its metadata: no partition of it is late."""
    written(tmp_path / "all.csv", "day,id\n2026-03-04,1\n")
    source = FilesSource(kind="files", path="all.csv", format="csv", partition_column="day")

    assert None is Files(source, root=tmp_path).version(DAY)


@pytest.fixture
def orders(tmp_path):
    """A database with two days, and the function that changes it."""
    file = tmp_path / "shop.db"

    def run(sql: str) -> None:
        with sqlite3.connect(file) as connection:
            connection.execute(sql)

    run("CREATE TABLE orders (id INTEGER, day DATE, changed TIMESTAMP)")
    run(f"INSERT INTO orders VALUES (1, '{DAY}', '2026-03-04 10:00:00'), (2, '{DAY_BEFORE}', '2026-03-03 10:00:00')")
    declared = DatabaseSource(
        kind="database", url_env="SHOP", relation="orders", partition_column="day", changed_column="changed"
    )
    return declared, f"sqlite:///{file}", run


@pytest.mark.parametrize(
    "change",
    [
        f"INSERT INTO orders VALUES (3, '{DAY}', '2026-03-04 09:00:00')",
        f"UPDATE orders SET changed = '2026-03-06 10:00:00' WHERE day = '{DAY}'",
        f"DELETE FROM orders WHERE day = '{DAY}'",
    ],
)
def test_a_row_that_comes_changes_or_goes_is_another_version(orders, change):
    """By the newest change and the count of rows of the day; the other day's version stays."""
    declared, url, run = orders
    database = Database(declared, url=url)
    before = [database.version(DAY), database.version(DAY_BEFORE)]
    run(change)

    assert database.version(DAY) != before[0]
    assert database.version(DAY_BEFORE) == before[1]


def test_a_database_without_the_declaration_has_no_versions(orders):
    """Without `changed_column` nothing is asked, and a column that is not there is named."""
    declared, url, _ = orders
    silent = declared.model_copy(update={"changed_column": None})
    wrong = declared.model_copy(update={"changed_column": "touched"})

    assert None is Database(silent, url=url).version(DAY)
    with pytest.raises(SourceUnavailable, match="it has no column 'touched' to see changes by"):
        Database(wrong, url=url).version(DAY)


def test_no_day_of_the_simulator_is_late():
    """The same seed and day are the same bytes for ever."""
    simulator = Simulator(SimulatorSource(kind="simulator"))

    assert simulator.version(DAY) == simulator.version(DAY)
