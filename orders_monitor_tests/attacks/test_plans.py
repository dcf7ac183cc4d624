"""Plans that cite what is true for what does not follow: policy approves none of them."""

from dataclasses import replace

import pytest

from orders_monitor.core.investigation import Investigation, Spend
from orders_monitor.core.plan import DropDuplicates, PublishAsIs
from orders_monitor.core.quality import Quality
from orders_monitor.core.review import Gate
from orders_monitor.pipeline.candidate import make
from orders_monitor.pipeline.landed import land
from orders_monitor.pipeline.plan import draw_up
from orders_monitor.pipeline.profile import scan
from orders_monitor.pipeline.quality import judge
from orders_monitor.pipeline.review import outcomes_now
from orders_monitor_tests.small_shop import DAY, Shop, csv_of, rows_of


def proposed(shop: Shop, *actions) -> Gate:
    """What the gate says of an agent that answered with these actions and claims nothing."""
    with shop.desk() as desk:
        for stage in (land, scan, judge):
            stage(desk, DAY)
        found = Investigation(
            landed_digest=desk.read(DAY, "quality", Quality).landed_digest,
            ending="answered",
            why="it answered",
            release="1",
            model="m",
            proposed=actions,
            spend=Spend(budget_tokens=1, budget_micro_usd=1),
        )
        desk.record(DAY, "investigation", found)
        plan, _ = draw_up(desk, DAY)
        make(desk, DAY, plan)
        outcomes_now(desk, DAY, ask_again=True)
        return desk.gate(DAY)


@pytest.mark.slow
def test_one_duplicate_does_not_excuse_the_other_repetitions_of_a_key(shop):
    """Dropping the duplicate leaves keys of which two rows say different things: a warning, and a person's."""
    unique = {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "order_id"}, "severity": "warn"}
    table = type(shop.table).model_validate(shop.table.model_dump() | {"expectations": [unique]})
    rows = rows_of(DAY)
    twice, otherwise = rows[0], [[*row[:4], "999.00", row[5]] for row in rows[1:10]]
    drop = DropDuplicates(evidence=("anomaly:duplicate_rows", "expectation:order_id_be_unique"))

    shop.arrives(DAY, csv_of([*rows, twice, *otherwise]))

    assert "awaiting" == proposed(replace(shop, table=table), PublishAsIs(), drop).status
