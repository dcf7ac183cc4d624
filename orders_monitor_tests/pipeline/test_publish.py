"""The door from both sides: what was decided is published once; nothing else is, whatever Dagster is asked to run."""

import dagster as dg
import pytest

from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.core.errors import PublicationRefused, ReviewRefused
from orders_monitor.core.publication import Step
from orders_monitor.core.review import Verdict
from orders_monitor.pipeline import keys, metadata
from orders_monitor.pipeline.deciding import Identity, record_decision
from orders_monitor.pipeline.execution import definitions_of
from orders_monitor.pipeline.publish import publish
from orders_monitor_tests.small_shop import (
    DAY,
    DAY_BEFORE,
    Shop,
    checks_of,
    csv_of,
    failure_of,
    materialized,
    published_days,
    rows_of,
)


def published_day_before(shop: Shop) -> None:
    """The day before is what readers have already."""
    shop.arrives(DAY_BEFORE, csv_of(rows_of(DAY_BEFORE)))
    shop.night(DAY_BEFORE)
    shop.publication(DAY_BEFORE)


def waiting(shop: Shop, day: str = DAY) -> str:
    """A partition that waits for a person: its status column came under another name. Returns its digest."""
    shop.arrives(day, csv_of(rows_of(day), "order_id,order_status,quantity,email,amount,created_at"))
    result = shop.night(day)
    assert result.success, failure_of(result)
    gate = shop.gate(day)
    assert gate.status == "awaiting", gate
    return gate.digest or ""


def decide(shop: Shop, verdict: Verdict, digest: str, day: str = DAY) -> None:
    with shop.desk() as desk:
        record_decision(desk, day, digest=digest, verdict=verdict, by=Identity("ada", source="test"), note="looked")


def versions(shop: Shop) -> dict[str, int | None]:
    with shop.desk() as desk:
        return published_days(desk, [DAY_BEFORE, DAY])


def test_a_quiet_partition_is_approved_by_policy_and_published(shop):
    """A partition in which everything is clean needs nobody, and its checks are all green."""
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    night = shop.night(DAY)
    publication = shop.publication(DAY)

    assert {True} == {passed for passed, _ in checks_of(night).values()}
    assert ["small_shop"] == materialized(publication)
    assert ("published", "policy") == (shop.gate(DAY).status, shop.gate(DAY).decision.reviewer)


def test_approved_publishes(shop):
    """A person's approval of the digest opens the door for exactly that partition."""
    decide(shop, "approve", waiting(shop))

    assert ["small_shop"] == materialized(shop.publication(DAY))
    assert "published" == shop.gate(DAY).status


class Meanwhile(Journal):
    """A journal in whose claim somebody is faster: the approval comes between what was asked and the claim."""

    def claim(self, **whose: str) -> Step:
        """Approved a moment before."""
        who = {"verdict": "approve", "reviewer": "ada", "note": "", "source": "test"}
        place = {name: whose[name] for name in ("table", "partition", "environment")}
        self.decide(**place, digest=self.case(**place).digest or "", **who)
        return super().claim(**whose)


def test_an_approval_that_comes_while_publishing_is_asked_about_first(shop):
    """What is approved between asking the policy of today and claiming is not published by the policy of before."""
    waiting(shop)
    with shop.desk() as desk:
        desk.journal.__class__ = Meanwhile
        with pytest.raises(PublicationRefused, match="approved in this moment"):
            publish(desk, DAY)
        desk.journal.__class__ = Journal
        assert ("approved", None) == (desk.gate(DAY).status, desk.case(DAY).published)
        assert publish(desk, DAY).delta_version is not None


def test_waiting_is_amber_and_the_run_is_green(shop):
    """A partition that waits ends its nightly run as a success, with the review shown as a warning."""
    waiting(shop)
    night = shop.night(DAY)

    assert night.success
    assert (False, "WARN") == checks_of(night)[keys.HUMAN_REVIEW]
    assert (True, "WARN") == checks_of(night)[keys.QUALITY_GATE]
    tags = shop.instance.get_run_by_id(night.run_id).tags
    assert "awaiting" == tags[metadata.REVIEW_TAG]


def test_selecting_only_the_table_is_refused(shop):
    """Materializing `small_shop` alone, so that no check runs, is refused by the asset itself."""
    waiting(shop)
    table = dg.AssetSelection.assets(keys.published(shop.table)).without_checks()
    result = shop.selected(DAY, table)

    assert ([], False) == (materialized(result), result.success)
    assert failure_of(result).startswith(f"small_shop {DAY}: not published: waits for a decision on ")


def test_the_publish_job_without_a_decision_is_blocked(shop):
    """The publish job stops at its blocking check, as an error, before the asset is asked."""
    waiting(shop)
    result = shop.publication(DAY)

    assert ([], False) == (materialized(result), result.success)
    assert (False, "ERROR") == checks_of(result)[keys.HUMAN_REVIEW]


@pytest.mark.slow
def test_a_run_over_everything_publishes_nothing_undecided(shop):
    """A run that selects every asset, as a backfill over everything does, stops before the table."""
    waiting(shop)
    result = shop.selected(DAY, dg.AssetSelection.groups("small_shop"))

    assert "small_shop" not in materialized(result)
    assert not result.success


@pytest.mark.slow
def test_re_executing_the_step_is_refused(shop):
    """Re-execution of the one step, for which Dagster skips the check, is refused by the asset itself."""
    waiting(shop)
    refused = shop.publication(DAY)
    again = shop.job(keys.publish_job(shop.table), DAY, op_selection=["small_shop"])

    assert [False, False] == [refused.success, again.success]
    assert [] == materialized(again)


def test_rejected_does_not_publish(shop):
    """A rejection closes the door, and its check is an error even in the nightly run."""
    decide(shop, "reject", waiting(shop))
    result, night = shop.publication(DAY), shop.night(DAY)

    assert ([], "rejected") == (materialized(result), shop.gate(DAY).status)
    assert (False, "ERROR") == checks_of(night)[keys.HUMAN_REVIEW]


def test_a_stale_approval_does_not_publish(shop):
    """The partition landed again with other rows: the approval was for other bytes."""
    decide(shop, "approve", waiting(shop))
    shop.arrives(DAY, csv_of(rows_of(DAY, 39), "order_id,order_status,quantity,email,amount,created_at"))
    shop.night(DAY)
    result = shop.publication(DAY)

    assert ([], "stale") == (materialized(result), shop.gate(DAY).status)


@pytest.mark.slow
def test_an_identical_plan_keeps_its_approval(shop):
    """A night that runs again on the same bytes asks nobody again: the digest is the same."""
    decide(shop, "approve", waiting(shop))
    shop.night(DAY)

    assert "approved" == shop.gate(DAY).status


@pytest.mark.slow
def test_a_digest_of_another_partition_is_refused(shop):
    """The digest of one partition decides nothing on another."""
    published_day_before(shop)
    digest = waiting(shop)
    with pytest.raises(ReviewRefused):
        decide(shop, "approve", digest, DAY_BEFORE)

    assert {DAY_BEFORE: 0, DAY: None} == {d: v and 0 for d, v in versions(shop).items()}


@pytest.mark.slow
def test_a_second_decision_is_told_of_the_first(shop):
    """The first decision on a digest stands; a later one is told who decided."""
    digest = waiting(shop)
    decide(shop, "approve", digest)
    with pytest.raises(ReviewRefused, match="ada"):
        decide(shop, "reject", digest)

    assert "approved" == shop.gate(DAY).status


@pytest.mark.slow
def test_publishing_twice_is_publishing_once(shop):
    """A second publication of the same decision changes nothing and is no error."""
    decide(shop, "approve", waiting(shop))
    shop.publication(DAY)
    once = versions(shop)
    again = shop.publication(DAY)

    assert again.success
    assert once == versions(shop)


@pytest.mark.slow
def test_late_data_needs_a_person(shop):
    """A published partition that lands again with other rows would be overwritten: that is a person's to decide."""
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    shop.night(DAY)
    shop.publication(DAY)
    before = versions(shop)
    shop.arrives(DAY, csv_of(rows_of(DAY, 44)))
    shop.night(DAY)
    result = shop.publication(DAY)

    assert ([], "awaiting") == (materialized(result), shop.gate(DAY).status)
    assert before == versions(shop)


def test_a_changed_candidate_file_is_not_published(shop):
    """The file is read once more at the door: bytes that are not the decided ones stay out."""
    decide(shop, "approve", waiting(shop))
    with shop.desk() as desk:
        path = desk.lake.path(desk.case(DAY).candidate.path)
    path.chmod(0o644)
    body = bytearray(path.read_bytes())
    body[100] ^= 1
    path.write_bytes(bytes(body))
    result = shop.publication(DAY)

    assert [] == materialized(result)
    assert "not the one that was decided on" in failure_of(result)


def test_a_run_of_several_partitions_is_refused(shop):
    """A ranged run would mix partitions in one result: it is refused with a sentence that says what to do."""
    job_name = keys.nightly_job(shop.table)
    tags = {"dagster/asset_partition_range_start": DAY_BEFORE, "dagster/asset_partition_range_end": DAY}
    job = definitions_of(shop.table).resolve_job_def(job_name)
    result = job.execute_in_process(instance=shop.instance, tags=tags, raise_on_error=False)

    assert ([], False) == (materialized(result), result.success)
    assert failure_of(result).startswith("small_shop runs one partition a run")
