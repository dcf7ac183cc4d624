"""The Launchpad's door: the digest is there, the decision is recorded, and the partition's check follows at once."""

import os
import re
from collections.abc import Iterator

import dagster as dg
import pytest
import yaml
from click.testing import CliRunner, Result

from orders_monitor.cli.main import commands
from orders_monitor.pipeline import keys
from orders_monitor.pipeline.execution import definitions_of
from orders_monitor.pipeline.instance import open_instance
from orders_monitor_tests.small_shop import DAY, DAY_BEFORE, Shop, csv_of, failure_of, open_shop, rows_of


def waiting(shop: Shop, day: str = DAY, rows: int = 40) -> str:
    """A partition that waits for a person: its quantity came as text that is a number. Its digest."""
    shop.arrives(day, csv_of([[*row[:2], f"{row[2]}.0", *row[3:]] for row in rows_of(day, rows)]))
    result = shop.night(day)
    assert result.success, failure_of(result)
    gate = shop.gate(day)
    assert gate.status == "awaiting", gate
    return gate.digest or ""


def launchpad(shop: Shop, day: str, **answer: str) -> dg.ExecuteInProcessResult:
    """The review job as somebody fills it in; what is left out is as the Launchpad prefills it."""
    prefilled = prefill(shop, day)
    config = {"ops": {"small_shop_decide": {"config": {**prefilled, **answer}}}}
    return shop.job(keys.review_job(shop.table), day, run_config=config)


def prefill(shop: Shop, day: str) -> dict[str, str]:
    """What the Launchpad fills in when the partition is chosen."""
    job = definitions_of(shop.table).resolve_job_def(keys.review_job(shop.table))
    assert job.partitioned_config is not None
    config = job.partitioned_config.get_run_config_for_partition_key(day)
    return dict(config["ops"]["small_shop_decide"]["config"])


def shown(shop: Shop, day: str = DAY) -> tuple[str, bool]:
    """The colour of `human_review` for a partition in the UI, and whether it is of the newest candidate."""
    key = dg.AssetCheckKey(keys.stage(shop.table, "candidate"), keys.HUMAN_REVIEW)
    (status,) = shop.instance.event_log_storage.get_asset_check_partition_info([key], partition_keys=[day])
    of_the_newest = status.latest_target_materialization_storage_id == status.latest_materialization_storage_id
    return status.latest_execution_status.value, of_the_newest


def test_the_digest_is_filled_in(shop):
    """Choosing a partition fills in the digest that waits there now; decision and reviewer stay to be said."""
    digest = waiting(shop)
    waiting(shop, DAY_BEFORE)

    assert {"digest": digest} == prefill(shop, DAY)
    assert digest != prefill(shop, DAY_BEFORE)["digest"]


def test_where_nothing_waits_the_launchpad_says_so(shop):
    """A partition without a plan has no digest to fill in, and launching all the same is refused."""
    result = launchpad(shop, DAY, decision="approve", reviewer="ada")

    assert {"digest": "nothing waits for this partition"} == prefill(shop, DAY)
    assert not result.success
    assert f"small_shop {DAY}: there is nothing to decide: there is no plan yet" == failure_of(result)


def test_an_approval_is_recorded_and_shown_at_once(shop):
    """The decision has the reviewer, the note and the run that it came from, and the partition's check is green."""
    digest = waiting(shop)
    before = shown(shop)
    result = launchpad(shop, DAY, decision="approve", reviewer="ada", note="looked at it")
    with shop.desk() as desk:
        (decision,) = desk.journal.decisions_after("small_shop", 0)

    assert result.success, failure_of(result)
    assert (digest, "approve", "ada", "looked at it", f"launchpad:{result.run_id}") == (
        decision.digest,
        decision.verdict,
        decision.reviewer,
        decision.note,
        decision.source,
    )
    assert [("FAILED", True), ("SUCCEEDED", True)] == [before, shown(shop)]
    assert shop.publication(DAY).success


@pytest.mark.slow
def test_a_rejection_is_recorded_and_shown_at_once(shop):
    """A rejected partition stays red, with the reason, and is not published."""
    waiting(shop)
    result = launchpad(shop, DAY, decision="reject", reviewer="ada", note="ask upstream")

    assert result.success, failure_of(result)
    assert "rejected by ada: ask upstream" == shop.gate(DAY).sentence
    assert ("FAILED", True) == shown(shop)
    assert not shop.publication(DAY).success


def test_a_stale_digest_is_refused(shop):
    """The partition landed again while somebody read: the decision is refused in one sentence, and nothing recorded."""
    stale = waiting(shop)
    now = waiting(shop, rows=39)
    result = launchpad(shop, DAY, digest=stale, decision="approve", reviewer="ada")

    assert not result.success
    sentence = f"small_shop {DAY}: {stale[:12]} is not what waits; it is {now[:12]} now, look at it again"
    assert sentence == failure_of(result)
    assert "awaiting" == shop.gate(DAY).status


@pytest.mark.slow
def test_the_digest_of_another_partition_is_refused(shop):
    """What waits for one partition approves nothing of another."""
    of_another = waiting(shop, DAY_BEFORE)
    waiting(shop)
    result = launchpad(shop, DAY, digest=of_another, decision="approve", reviewer="ada")

    assert not result.success
    assert ["awaiting", "awaiting"] == [shop.gate(day).status for day in (DAY_BEFORE, DAY)]


@pytest.mark.slow
def test_the_first_decision_stands(shop):
    """A second decision on the same digest is refused, and says who was first."""
    waiting(shop)
    launchpad(shop, DAY, decision="approve", reviewer="ada")
    second = launchpad(shop, DAY, decision="reject", reviewer="bob")

    assert re.fullmatch(
        rf"small_shop {DAY}: ada has approved it already at [-0-9]+ [:0-9]+ UTC \(decision 1\)", failure_of(second)
    )
    assert "approved" == shop.gate(DAY).status


@pytest.mark.slow
def test_executing_all_checks_without_a_partition_is_refused_in_one_sentence(shop):
    """`Execute all` in the UI names no partition: the run says so, and the partitions' checks stay as they were."""
    waiting(shop)
    candidate = keys.stage(shop.table, "candidate")
    definitions = definitions_of(shop.table)
    checks = {key for key in definitions.resolve_asset_graph().asset_check_keys if key.asset_key == candidate}
    job = definitions.resolve_implicit_global_asset_job_def().get_subset(
        asset_selection=set(), asset_check_selection=checks
    )
    result = job.execute_in_process(instance=shop.instance, raise_on_error=False)

    assert not result.success
    assert "small_shop runs one partition a run: choose a partition, and leave the backfill policy unset" == failure_of(
        result
    )
    assert [] == list(result.get_asset_check_evaluations())
    assert ("FAILED", True) == shown(shop)


@pytest.fixture(params=["sqlite", "postgresql"])
def kept(tmp_path, monkeypatch, request) -> Iterator[Shop]:
    """A shop with the instance that commands open, on both databases."""
    for name in [name for name in os.environ if name.startswith(("DAGSTER_HOME", "ORDERS_MONITOR_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ORDERS_MONITOR_HOME", str(tmp_path))
    if request.param == "postgresql":
        monkeypatch.setenv("ORDERS_MONITOR_DATABASE_URL", request.getfixturevalue("postgres_url"))
    with open_instance() as instance:
        yield open_shop(tmp_path, instance)


def command(shop: Shop, *words: str) -> Result:
    """`orders-monitor` with the shop's declaration."""
    attributes = shop.table.model_dump(mode="json", exclude_defaults=True)
    declaration = shop.settings.home / "defs.yaml"
    declaration.write_text(yaml.safe_dump({"type": "orders_monitor.component.TableMonitor", "attributes": attributes}))
    return CliRunner().invoke(commands, ["--declaration", str(declaration), *words])


@pytest.mark.slow
def test_the_command_line_decides_shows_and_publishes(kept):
    """Nightly run, `review approve`, `publish`: the check is green at once, and the rows are the table's."""
    digest = waiting(kept)
    approved = command(kept, "review", "approve", DAY, "--digest", digest[:12], "--reviewer", "ada")
    colour = shown(kept)
    published = command(kept, "publish", DAY)

    said = f"decision 1: approve small_shop {DAY} {digest[:12]}"
    assert (0, said) == (approved.exit_code, approved.stdout.splitlines()[0])
    assert ("SUCCEEDED", True) == colour
    assert (0, f"small_shop {DAY}: published as version 1\n") == (published.exit_code, published.stdout)
    materializations = kept.instance.fetch_materializations(keys.published(kept.table), limit=10).records
    assert [DAY] == [record.partition_key for record in materializations]
