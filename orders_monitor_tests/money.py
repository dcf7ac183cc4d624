"""Purchases and caps that the tests of the budget share."""

from orders_monitor.core.budget import Cap, Limits, Purchase

DAY = "2026-11-20"


def purchase(  # the parts that a test varies
    step: int = 1, *, attempt: int = 1, run_id: str = "run", table: str = "orders_daily", team: str = "orders"
) -> Purchase:
    """An attempt of a run on a partition of orders_daily."""
    return Purchase(
        run_id=run_id,
        step=step,
        attempt=attempt,
        table=table,
        partition="2026-11-19",
        team=team,
        agent="orders_daily",
        model="stand-in",
        release="orders_daily@1.0.0",
    )


def caps(tokens: int, micro_usd: int, **others: Cap) -> Limits:
    """The same cap on every scope, unless one is given its own."""
    cap = Cap(tokens=tokens, micro_usd=micro_usd)
    every = {"run": cap, "pipeline_day": cap, "agent_month": cap, "team_month": cap}
    return Limits(**{**every, **others})
