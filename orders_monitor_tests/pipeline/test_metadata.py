"""The metadata: names that are an API, texts that are data and never Markdown, and nothing drawn empty."""

import re

import pytest

from orders_monitor.core.contract import Contract
from orders_monitor.core.plan import Hold, Plan
from orders_monitor.core.profile import ColumnProfile, Profile
from orders_monitor.core.review import Gate
from orders_monitor.pipeline import links, metadata, sentences, tables
from orders_monitor_tests.small_shop import DAY, declared

DIGEST = "3f2a9c01d4e7" + "0" * 52
HOSTILE = "a | b\n\n# now <img src=x> [click](http://evil) www.evil.example `code` **bold** !\\"


def constants() -> dict[str, str]:
    """The names of the metadata keys as they are declared."""
    return {name: value for name, value in vars(metadata).items() if name.isupper() and isinstance(value, str)}


def test_no_two_keys_are_called_the_same():
    """Each metadata key is declared once, in words that a query can be written with."""
    names = list(constants().values())

    assert sorted(set(names)) == sorted(names)
    assert [] == [name for name in names if not re.fullmatch(r"(?:(?:dagster|orders_monitor)/)?[a-z_]+", name)]


def test_text_from_data_is_one_line_without_markdown():
    """A value that came from data or model can start no table, link, image, heading or tag."""
    flat = sentences.plain(HOSTILE)

    assert "\n" not in flat
    assert [] == re.findall(r"(?<!\\)[|<>\[\]`*!]", flat.replace("\\\\", ""))
    assert [] == re.findall(r"https?://|www\.", flat)


def test_a_held_plan_is_a_status_and_nothing_else(tmp_path):
    """A held plan's candidate has no rows and no digest to show, only why."""
    plan = Plan(
        table="small_shop",
        partition=DAY,
        landed_digest=DIGEST,
        origin="code",
        release="orders_daily 1",
        actions=(Hold(why="the upstream sent nothing", evidence=("landing",)),),
    )

    shown = metadata.of_candidate(None, plan, declared(tmp_path))

    assert {"status": "held: the upstream sent nothing"} == {key: value.value for key, value in shown.items()}


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (
            "awaiting",
            f"waits; approve: orders-monitor --table small_shop review approve {DAY} --digest {DIGEST[:12]}",
        ),
        ("stale", f"waits; approve: orders-monitor --table small_shop review approve {DAY} --digest {DIGEST[:12]}"),
        ("approved", "waits"),
        ("held", "waits"),
    ],
)
def test_what_waits_says_what_to_type(status, said):
    """The check of what waits ends with the command that decides; no other status offers one."""
    gate = Gate(table="small_shop", partition=DAY, status=status, digest=DIGEST, sentence="waits")

    assert said == metadata.sentence_of(gate)


def test_a_table_of_nothing_is_drawn():
    """Dagster draws nothing for an empty table: one row says that there is nothing."""
    assert [{"": "nothing"}] == [record.data for record in tables.records([]).records]
    assert [{"column": "a", "nulls": 3}] == [r.data for r in tables.records([{"column": "a", "nulls": 3}]).records]


def test_the_contract_is_shown_with_its_constraints():
    """The column schema carries type, description, nullability, uniqueness, allowed values, unit and privacy."""
    contract = Contract.model_validate(
        {
            "key": ["order_id"],
            "columns": [
                {"name": "order_id", "type": "BIGINT", "nullable": False, "description": "The order."},
                {"name": "amount", "type": "DOUBLE", "unit": "EUR"},
                {"name": "status", "type": "VARCHAR", "allowed": ["paid", "open"]},
                {"name": "email", "type": "VARCHAR", "personal": True},
            ],
        }
    )
    shown = tables.promised_schema(contract)

    assert [
        ("order_id", "BIGINT", "The order.", False, True, [], {}),
        ("amount", "DOUBLE", None, True, False, ["EUR"], {}),
        ("status", "VARCHAR", None, True, False, ["one of paid, open"], {}),
        ("email", "VARCHAR", None, True, False, [], {"personal": "yes"}),
    ] == [
        (c.name, c.type, c.description, c.constraints.nullable, c.constraints.unique, list(c.constraints.other), c.tags)
        for c in shown.columns
    ]
    assert ["unique: order_id"] == list(shown.constraints.other)


def test_links_lead_to_the_pages_of_the_ui():
    """The links are the addresses of Dagster's own pages: a partition of an asset, and the Launchpad of a job."""
    assert "http://ui/assets/small_shop/candidate?view=partitions&partition=2026-03-04" == (
        links.partition_url("small_shop", "candidate", DAY, "http://ui")
    )
    assert "http://ui/locations/orders_monitor/jobs/small_shop_review/playground" == (
        links.launchpad_url("small_shop", "http://ui")
    )


def test_of_a_personal_column_nothing_of_its_values_is_shown():
    """Name, type, nulls and how many values: no extreme, no median, no mean, no deviation."""
    phone = ColumnProfile(
        name="phone", type="BIGINT", nulls=1, distinct=3, minimum="1", maximum="9", mean=4.9, deviation=2.0,
        quantiles=(1.0, 2.0, 4.9, 7.0, 9.0), approximate=("distinct", "quantiles"),
    )  # fmt: skip  # one fact a pair
    hidden = {"column": "phone", "type": "BIGINT", "nulls": 1, "distinct": "~3"}
    blank = dict.fromkeys(("minimum", "median", "mean", "deviation", "maximum"), "")

    assert hidden | blank == tables.profiled(phone, shown=False)
    assert hidden | {
        "minimum": "1", "median": "~4.9", "mean": "4.9", "deviation": "2", "maximum": "9",
    } == tables.profiled(phone, shown=True)  # fmt: skip  # one fact a pair


def test_a_profile_says_what_is_counted_and_what_is_estimated():
    """Under the picture stands how many rows the estimates are from."""
    small = Profile(rows=5, duplicate_rows=0, columns=())
    large = Profile(rows=5_000_000, duplicate_rows=9, columns=(), sampled_rows=60_000, duplicate_rows_approximate=True)
    said = [str(metadata.of_profile(found, personal=frozenset())["chart"].value) for found in (small, large)]

    assert said[0].endswith("Counted on all 5 rows.")
    assert "all 5,000,000 rows; repeated rows are estimated." in said[1]
    assert "from 60,000 rows" in said[1]
