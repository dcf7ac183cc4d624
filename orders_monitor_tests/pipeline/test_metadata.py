"""The metadata: names that are an API, texts that are data and never Markdown, and nothing drawn empty."""

import re

import dagster as dg
import pytest

from orders_monitor.core.contract import Contract
from orders_monitor.core.investigation import Finding, Investigation, Spend
from orders_monitor.core.plan import Hold, Plan
from orders_monitor.core.review import Gate
from orders_monitor.pipeline import links, metadata, sentences, tables
from orders_monitor_tests.small_shop import DAY, declared

DIGEST = "3f2a9c01d4e7" + "0" * 52
HOSTILE = "a | b\n\n# now <img src=x> [click](http://evil) www.evil.example `code` **bold** !\\"


def constants() -> dict[str, str]:
    """The names of the metadata keys as they are declared."""
    return {name: value for name, value in vars(metadata).items() if name.isupper() and isinstance(value, str)}


def asked(**changes) -> Investigation:
    """An investigation that spent 400 of 1,000 tokens."""
    values = {
        "landed_digest": DIGEST,
        "ending": "answered",
        "why": "the model answered",
        "release": "orders_daily 1",
        "model": "stand-in",
        "spend": Spend(budget_tokens=1_000, spent_tokens=400, budget_micro_usd=50, spent_micro_usd=7),
        **changes,
    }
    return Investigation(**values)


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


def test_a_hostile_claim_stays_in_its_line():
    """A finding's claim is one list item of the Markdown, whatever the model wrote."""
    shown = metadata.of_investigation(asked(findings=(Finding(claim=HOSTILE, evidence=("landing",)),)))

    assert 1 == len(str(shown[metadata.FINDINGS].value).splitlines())


def test_spend_against_budget_is_in_the_metadata_and_in_the_tags():
    """Budget, reserved, spent and remaining are integers in metadata and the same numbers in the run's tags."""
    shown, tags = metadata.of_investigation(asked()), metadata.run_tags_of(asked())
    keys = (metadata.BUDGET_TOKENS, metadata.RESERVED_TOKENS, metadata.SPENT_TOKENS, metadata.REMAINING_TOKENS)

    assert [1_000, 0, 400, 600] == [shown[key].value for key in keys]
    assert ["1000", "0", "400", "600"] == [tags[f"orders_monitor/{key}"] for key in keys]
    assert ("50", "7") == (tags["orders_monitor/budget_micro_usd"], tags["orders_monitor/spent_micro_usd"])


def test_dagster_takes_every_tag():
    """The tags of a run are ones that Dagster stores and filters by."""
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(dg.job(name="nothing")(lambda: None))
        instance.add_run_tags(run.run_id, metadata.run_tags_of(asked()))
        stored = instance.get_run_by_id(run.run_id).tags

    assert metadata.run_tags_of(asked()).items() <= stored.items()


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
