"""Every day of a real shop through the real command: what the gate says of data that nobody here made.

The data is UCI's Online Retail (CC BY 4.0), a day a partition, and is not shipped: `make real DATA=folder` says where
`orders_2010_2011.parquet` is, with a column `partition_date` for the day whose file a row came in.
"""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import psycopg2
import pytest
import yaml

from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.core.landing import Landing
from orders_monitor.core.plan import Action
from orders_monitor.core.quality import Quality
from orders_monitor.core.review import Case, gate

pytestmark = pytest.mark.real

DECLARATION = Path(__file__).with_name("online_retail.yaml")
FILE = "orders_2010_2011.parquet"
TABLE = "online_retail"
COMMAND = Path(sys.executable).with_name("orders-monitor")
TRADING_DAYS, DAYS, ROWS = 305, 374, 541_909
NEEDS_A_PERSON = ("awaiting", "stale", "held", "failed")
DATABASE = {
    "kind": "database",
    "url_env": "ONLINE_RETAIL_URL",
    "relation": "order_lines",
    "partition_column": "file_day",
}
CREATE = """
    CREATE TABLE order_lines (
        invoice_no text, stock_code text, description text, quantity bigint, invoiced_at timestamp,
        unit_price double precision, customer_id bigint, country text, file_day text)
"""


@dataclass(frozen=True)
class Year:
    """All partitions after one run of the command."""

    cases: Mapping[str, Case]
    landings: Mapping[str, Landing]
    signals: Counter[str]

    @property
    def trading(self) -> set[str]:
        return {day for day, landing in self.landings.items() if landing.rows > 0}

    def statuses(self, days) -> Counter[str]:
        return Counter(gate(self.cases[day]).status for day in days)

    def actions(self) -> dict[str, tuple[Action, ...]]:
        return {day: () if case.plan is None else case.plan.actions for day, case in self.cases.items()}


@pytest.fixture(scope="module")
def data() -> Path:
    folder = os.environ.get("DATA")
    if not folder:
        pytest.skip("the real data is not shipped: make real DATA=folder")
    file = Path(folder).resolve() / FILE
    if not file.is_file():
        pytest.skip(f"there is no {FILE} in {folder}")
    return file


@pytest.fixture(scope="module")
def from_files(data, tmp_path_factory) -> Year:
    """The year from one Parquet file."""
    home = tmp_path_factory.mktemp("files")
    declaration = home / "declared.yaml"
    declaration.write_text(DECLARATION.read_text().replace("{data}", str(data.parent)))
    return run_all(declaration, home)


def run_all(declaration, home, **environ) -> Year:
    """`orders-monitor run --all` in a home of its own, and what the journal then knows."""
    arguments = [COMMAND, "--declaration", declaration, "run", "--all"]
    environment = {**os.environ, "ORDERS_MONITOR_HOME": str(home), **environ}
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, "" if done.returncode == 0 else done.stderr[-2000:])
    journal = Journal.open(f"sqlite:///{home / 'journal.db'}")
    try:
        cases = {case.partition: case for case in journal.cases(TABLE, environment="dev")}
        landings = {day: Landing.model_validate(journal.latest(TABLE, day, "landed").body) for day in cases}
        qualities = [Quality.model_validate(journal.latest(TABLE, day, "quality").body) for day in cases]
    finally:
        journal.close()
    signals = Counter(s.id for q in qualities if q.rows for s in q.signals if s.severity != "info")
    return Year(cases=cases, landings=landings, signals=signals)


def load(data, url) -> None:
    """The same rows into PostgreSQL, in their order."""
    with duckdb.connect() as source, psycopg2.connect(url) as target, target.cursor() as cursor:
        cursor.execute(CREATE)
        for day in source.execute(
            "SELECT DISTINCT partition_date FROM read_parquet(?) ORDER BY 1", [str(data)]
        ).fetchall():
            rows = source.execute(
                "SELECT * FROM read_parquet(?) WHERE partition_date = ?", [str(data), *day]
            ).fetchall()
            values = ",".join(cursor.mogrify("(%s,%s,%s,%s,%s,%s,%s,%s,%s)", row).decode() for row in rows)
            cursor.execute("INSERT INTO order_lines VALUES " + values)
        cursor.execute("CREATE INDEX ON order_lines (file_day)")


def test_every_day_of_a_real_year_is_published_or_put_before_a_person(from_files, capsys):
    """No run breaks, every row is accounted for, no day is lost, and few trading days need a person."""
    trading = from_files.trading
    closed = set(from_files.cases) - trading
    people = sum(from_files.statuses(trading)[status] for status in NEEDS_A_PERSON)
    told = {"trading days": from_files.statuses(trading), "closed": from_files.statuses(closed)}
    with capsys.disabled():
        sys.stdout.write(f"\n{told | {'signals on trading days': from_files.signals}}\n")
    candidates = [case.candidate for day, case in from_files.cases.items() if case.candidate is not None]

    assert (TRADING_DAYS, DAYS) == (len(trading), len(from_files.cases))
    assert {"held": DAYS - TRADING_DAYS} == from_files.statuses(closed)
    assert set(from_files.statuses(trading)) <= {"published", "awaiting", "held"}
    assert sum(landing.rows for landing in from_files.landings.values()) == ROWS
    assert all(c.landed_rows == c.rows + c.quarantined_rows + c.duplicate_rows for c in candidates)
    assert people <= 0.06 * TRADING_DAYS


def test_a_database_gives_the_verdicts_of_the_files(from_files, data, postgres_url, tmp_path):
    """The same rows from PostgreSQL land, are judged and are planned for as from Parquet, day by day."""
    load(data, postgres_url)
    body = yaml.safe_load(DECLARATION.read_text())
    body["attributes"]["source"] = DATABASE
    declaration = tmp_path / "declared.yaml"
    declaration.write_text(yaml.safe_dump(body))
    from_database = run_all(declaration, tmp_path, ONLINE_RETAIL_URL=postgres_url)

    assert from_files.signals == from_database.signals
    assert from_files.statuses(from_files.cases) == from_database.statuses(from_database.cases)
    assert without_words(from_files.actions()) == without_words(from_database.actions())


def without_words(actions) -> dict[str, list[dict[str, object]]]:
    """The actions without the sentence of a hold, which names the source."""
    return {day: [action.model_dump(exclude={"why"}) for action in planned] for day, planned in actions.items()}
