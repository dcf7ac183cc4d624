"""A restore is a commit of the file of then, through the same gate; nothing else gives an earlier version back."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from deltalake import DeltaTable

from orders_monitor.adapters.journal.journal import Journal
from orders_monitor.core.errors import PublicationRefused, RestoreRefused, ReviewRefused
from orders_monitor.pipeline.candidate import make
from orders_monitor.pipeline.deciding import record_decision
from orders_monitor.pipeline.past import of_partition
from orders_monitor.pipeline.publish import publish
from orders_monitor.pipeline.quality import published_history
from orders_monitor.pipeline.replay import replay
from orders_monitor.pipeline.restoring import ThereAlready
from orders_monitor.pipeline.verifying import Verifier
from orders_monitor_tests.attacks.stages import decided, night, published
from orders_monitor_tests.restorable import ADA, GRACE, asked, generation, published_twice, restored
from orders_monitor_tests.small_shop import DAY, DAY_BEFORE, Shop, csv_of, open_shop, rows_of

TWO = {"restore_version": "two_humans"}


class _Dying(Journal):
    """A journal whose process dies before it records a receipt."""

    def receipt(self, *_, **__):
        raise KeyboardInterrupt


def table_of(shop: Shop) -> DeltaTable:
    return DeltaTable(str(shop.settings.lake_root / shop.table.name))


def rows_seen(shop: Shop) -> int:
    """What an analyst counts with DuckDB on the table's files."""
    with duckdb.connect() as connection:
        files = table_of(shop).file_uris()
        return connection.execute("SELECT count(*) FROM read_parquet($files)", {"files": files}).fetchone()[0]


def with_two_people(shop: Shop) -> Shop:
    """The same shop, where a restore needs two."""
    table = shop.table.model_copy(update={"policy": shop.table.policy.model_copy(update={"routes": TWO})})
    return Shop(table=table, upstream=shop.upstream, instance=shop.instance, settings=shop.settings)


def test_a_restore_gives_readers_the_very_file_of_then(twice):
    """The older file is the partition's only one again: a new version, a new publication, the same path and bytes."""
    shop, first, second = twice
    third = restored(shop, first.delta_version)
    current = {Path(uri).name for uri in table_of(shop).file_uris()}
    before = DeltaTable(str(shop.settings.lake_root / shop.table.name), version=second.delta_version)

    assert (3, first.path, 40, second.delta_version + 1) == (third.number, third.path, third.rows, third.delta_version)
    assert {Path(first.path).name} == current
    assert {Path(second.path).name} == {Path(uri).name for uri in before.file_uris()}
    assert (40, "published") == (rows_seen(shop), shop.gate(DAY).status)


@pytest.mark.slow
def test_delta_s_own_readings_of_the_log_agree_after_a_restore(twice):
    """A path that left and came again is current once, also read from a checkpoint, and VACUUM takes nothing."""
    shop, first, _ = twice
    restored(shop, first.delta_version)
    table = table_of(shop)
    table.create_checkpoint()
    added = table_of(shop).get_add_actions(flatten=True)

    assert [40] == added["num_records"].to_pylist()
    assert [] == table.vacuum(dry_run=True)
    assert 40 == rows_seen(shop)


@pytest.mark.slow
def test_a_version_of_between_is_the_partition_as_it_was_then(shop):
    """A version in which another partition changed names what readers of it saw of this one."""
    first = generation(shop, 40)
    between = generation(shop, 30, DAY_BEFORE).delta_version
    generation(shop, 42)

    assert first.delta_version < between
    assert first.path == restored(shop, between).path


def test_restoring_what_readers_see_is_nothing(twice):
    """The current version, and an older one of the same bytes, are there already: nothing is recorded."""
    shop, first, second = twice
    there = asked(shop, second.delta_version)
    third = restored(shop, first.delta_version)

    assert ThereAlready(second) == there
    assert ThereAlready(third) == asked(shop, first.delta_version)
    assert "published" == shop.gate(DAY).status


@pytest.mark.parametrize(("version", "why"), [(0, "takes no partition away"), (99, "the newest is 2")])
def test_a_version_without_the_partition_is_refused(twice, version, why):
    """Before its first publication, and after the last version of the table, there is nothing to give back."""
    shop, _, _ = twice
    with pytest.raises(RestoreRefused, match=why):
        asked(shop, version)
    assert "published" == shop.gate(DAY).status


def test_what_was_never_published_is_not_restored(shop):
    """A partition without a publication is refused in a sentence."""
    with pytest.raises(RestoreRefused, match="nothing of it is published"):
        asked(shop, 1)


@pytest.mark.slow
@pytest.mark.parametrize(("spoil", "why"), [("gone", "is gone"), ("changed", "was changed since")])
def test_a_file_that_is_not_what_it_was_is_not_restored(twice, spoil, why):
    """Neither a file that was removed nor one that somebody changed is proposed."""
    shop, first, _ = twice
    file = shop.settings.lake_root / first.path
    file.chmod(0o644)
    file.unlink() if spoil == "gone" else file.write_bytes(file.read_bytes()[:-1] + b"!")
    with pytest.raises(RestoreRefused, match=why):
        asked(shop, first.delta_version)
    assert "published" == shop.gate(DAY).status


@pytest.mark.slow
def test_what_is_declared_today_judges_the_bytes_of_then(twice):
    """An expectation that was declared since refuses the older bytes before anything is recorded."""
    shop, first, _ = twice
    strict = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 41}}
    table = shop.table.model_validate(
        {**shop.table.model_dump(), "expectations": [*shop.table.model_dump()["expectations"], strict]}
    )
    stricter = Shop(table=table, upstream=shop.upstream, instance=shop.instance, settings=shop.settings)
    with pytest.raises(RestoreRefused, match="does not meet what is declared today"):
        asked(stricter, first.delta_version)


def test_a_restore_is_not_published_without_a_decision(twice):
    """What is proposed waits like any plan: readers keep what they see."""
    shop, first, _ = twice
    asked(shop, first.delta_version)
    with pytest.raises(PublicationRefused, match="waits for a decision"):
        published(shop, DAY)
    assert 42 == rows_seen(shop)


@pytest.mark.slow
def test_two_people_are_needed_where_the_policy_says_so(twice):
    """One approval waits for another; the second person may type the same restore, and it is the same digest."""
    shop, first, _ = twice
    careful = with_two_people(shop)
    one = asked(careful, first.delta_version, ADA)
    with careful.desk() as desk:
        record_decision(desk, DAY, digest=one.digest, verdict="approve", by=ADA)
    waits = careful.gate(DAY)
    with careful.desk() as desk, pytest.raises(ReviewRefused, match="another person is needed"):
        record_decision(desk, DAY, digest=one.digest, verdict="approve", by=ADA)
    two = asked(careful, first.delta_version, GRACE)
    with careful.desk() as desk:
        record_decision(desk, DAY, digest=two.digest, verdict="approve", by=GRACE)
        third = publish(desk, DAY)

    assert ("awaiting", one.digest, None) == (waits.status, two.digest, two.replaced)
    assert first.path == third.path


@pytest.mark.slow
def test_a_night_after_a_restore_waits_for_a_person(twice):
    """Running the partition again does not take the restore back: other bytes than what readers see are asked about."""
    shop, first, second = twice
    restored(shop, first.delta_version)
    again = night(shop, DAY)

    assert "awaiting" == again.status
    assert 40 == rows_seen(shop)
    decided(shop, DAY)
    assert second.path == published(shop, DAY).path


@pytest.mark.slow
def test_a_night_with_the_restored_rows_is_published_already(twice):
    """A source that was put right by then lands the restored bytes: its night asks nobody."""
    shop, first, _ = twice
    third = restored(shop, first.delta_version)
    shop.arrives(DAY, csv_of(rows_of(DAY, 40)))

    assert "awaiting" == night(shop, DAY).status  # another plan on the same bytes is another digest
    decided(shop, DAY)
    assert (first.path, third.delta_version + 1) == (published(shop, DAY).path, third.delta_version + 1)


@pytest.mark.slow
def test_later_partitions_learn_from_what_was_restored(shop):
    """The history is the restored bytes', as published and as landed."""
    generation(shop, 40, DAY_BEFORE)
    first = generation(shop, 40, DAY_BEFORE)
    generation(shop, 43, DAY_BEFORE)
    restored(shop, first.delta_version, day=DAY_BEFORE)
    with shop.desk() as desk:
        seen = [published_history(desk, DAY, as_landed=as_landed) for as_landed in (False, True)]

    assert [[(DAY_BEFORE, 40)], [(DAY_BEFORE, 40)]] == [[(day, profile.rows) for day, profile in each] for each in seen]


@pytest.mark.slow
def test_an_open_claim_is_looked_up_before_anything_is_proposed(shop):
    """A publication that was written without a receipt is what readers see: to give that back is nothing."""
    generation(shop, 40)
    shop.arrives(DAY, csv_of(rows_of(DAY, 42)))
    night(shop, DAY)
    decided(shop, DAY)
    with pytest.raises(KeyboardInterrupt):
        _killed_before_its_receipt(shop)
    with shop.desk() as desk:
        open_claims = [p for p in desk.case(DAY).publications if p.delta_version is None]
    there = asked(shop, 2)

    assert [2] == [p.number for p in open_claims]
    assert isinstance(there, ThereAlready)
    assert (2, 2) == (there.now.number, there.now.delta_version)


def _killed_before_its_receipt(shop: Shop) -> None:
    with shop.desk() as desk:
        desk.journal.__class__ = _Dying
        publish(desk, DAY)


@pytest.mark.slow
def test_a_claim_that_was_never_written_is_given_up_for_the_restore(twice):
    """A restore that is approved takes the place of a publication whose attempt died before its commit."""
    shop, first, _ = twice
    shop.arrives(DAY, csv_of(rows_of(DAY, 44)))
    night(shop, DAY)
    decided(shop, DAY)
    with shop.desk() as desk:
        desk.journal.claim(table=shop.table.name, partition=DAY, environment="dev", run_id="died")
    third = restored(shop, first.delta_version)
    with shop.desk() as desk:
        voided = [p.number for p in desk.case(DAY).publications if p.voided]

    assert ([3], 4, first.path) == (voided, third.number, third.path)


@pytest.mark.slow
def test_a_restore_is_the_same_on_postgresql(tmp_path, monkeypatch, postgres_url):
    """Proposed, decided, published, told and verified with the journal in PostgreSQL."""
    monkeypatch.setenv("ORDERS_MONITOR_HOME", str(tmp_path))
    monkeypatch.setenv("ORDERS_MONITOR_DATABASE_URL", postgres_url)
    with dg.DagsterInstance.ephemeral() as instance:
        shop = open_shop(tmp_path, instance)
        first, _ = published_twice(shop)
        third = restored(shop, first.delta_version)
        with shop.desk() as desk:
            told = of_partition(desk, DAY)
            found = Verifier(desk, now=datetime.now(UTC)).verified()

    assert (first.path, third) == (third.path, told.readers_see)
    assert ["landed", "planned", "asked", "approved", "published"] * 3 == [moment.what for moment in told.moments]
    assert ((), ()) == (found.differences, found.notes)


@pytest.mark.slow
def test_a_restored_candidate_is_not_made_anew(twice):
    """Materializing the candidate of a restore gives the recorded one: no other bytes come to be decided on."""
    shop, first, _ = twice
    proposed = asked(shop, first.delta_version)
    with shop.desk() as desk:
        case = desk.case(DAY)
        made = make(desk, DAY, case.plan)

    assert (first.path, proposed.digest) == (made.path, shop.gate(DAY).digest)


def test_a_restore_has_no_conversation_to_replay(twice):
    """Its plan is a person's: replaying it is refused in a sentence."""
    shop, first, _ = twice
    asked(shop, first.delta_version)
    with shop.desk() as desk:
        run_id = desk.planned_by(DAY)
        with pytest.raises(ReviewRefused, match="ada asked for this plan"):
            replay(desk, run_id)
