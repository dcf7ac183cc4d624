"""The stages of one night, called one after another at a desk."""

from orders_monitor.core.plan import Plan
from orders_monitor.core.review import Decision, Gate, Publication, Verdict
from orders_monitor.pipeline.candidate import make
from orders_monitor.pipeline.deciding import Identity, record_decision
from orders_monitor.pipeline.investigation import explain
from orders_monitor.pipeline.landed import land
from orders_monitor.pipeline.plan import draw_up
from orders_monitor.pipeline.profile import scan
from orders_monitor.pipeline.publish import publish
from orders_monitor.pipeline.quality import judge
from orders_monitor.pipeline.resources import open_desk
from orders_monitor.pipeline.review import outcomes_now
from orders_monitor_tests.small_shop import Shop

_RUNS = iter(range(1_000_000))


def night(shop: Shop, day: str) -> Gate:
    """Everything up to the candidate and its checks, as a run of its own. What the gate says then."""
    with open_desk(shop.table, run_id=f"night-{next(_RUNS)}", settings=shop.settings) as desk:
        land(desk, day)
        scan(desk, day)
        judge(desk, day)
        explain(desk, day, retry=0)
        draw_up(desk, day)
        plan = desk.read(day, "plan", Plan)
        if plan.hold is None:
            make(desk, day, plan)
        outcomes_now(desk, day, ask_again=True)
        return desk.gate(day)


def published(shop: Shop, day: str) -> Publication:
    """The publication, straight at its door: no check of Dagster's stands before it."""
    with shop.desk() as desk:
        return publish(desk, day)


def decided(shop: Shop, day: str, verdict: Verdict = "approve", reviewer: str = "ada") -> Decision:
    """A person's decision on what waits now."""
    with shop.desk() as desk:
        digest = desk.gate(day).digest or ""
        return record_decision(
            desk, day, digest=digest, verdict=verdict, by=Identity(reviewer, source="test"), note="looked"
        )
