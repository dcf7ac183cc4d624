"""One small table and its partitions as code would find them: the cases that the agent's tests share."""

from functools import cache
from pathlib import Path

from orders_monitor.adapters.releases import load_release
from orders_monitor.agent.briefing import Briefing, MetricHistory
from orders_monitor.core.contract import Column, Contract
from orders_monitor.core.drift import Change
from orders_monitor.core.expectation import Expectation, Outcome
from orders_monitor.core.landing import Landing
from orders_monitor.core.profile import ColumnProfile, Profile
from orders_monitor.core.quality import Anomaly, Baseline
from orders_monitor.core.release import Release
from orders_monitor.core.signals import assemble

PROMPTS = Path(__file__).parents[1] / "prompts"
CONTRACT = Contract(
    columns=(
        Column(name="order_id", type="BIGINT", nullable=False),
        Column(name="email", type="VARCHAR", personal=True),
        Column(name="status", type="VARCHAR", allowed=("paid", "shipped")),
        Column(name="amount", type="DECIMAL(12,2)", unit="EUR"),
    ),
    key=("order_id",),
)
EXPECTATIONS = (
    Expectation(type="expect_column_values_to_be_unique", kwargs={"column": "order_id"}),
    Expectation(type="expect_column_values_to_match_regex", kwargs={"column": "email", "regex": "@"}),
    Expectation(
        type="expect_column_values_to_be_in_set", kwargs={"column": "status", "value_set": ["paid", "shipped"]}
    ),
    Expectation(type="expect_column_values_to_be_between", kwargs={"column": "amount", "min_value": 0}),
    Expectation(type="expect_column_values_to_not_be_null", kwargs={"column": "amount"}),
    Expectation(type="expect_column_mean_to_be_between", kwargs={"column": "amount", "max_value": 90}, severity="warn"),
)
CHECKS = {expectation.check_name: expectation for expectation in EXPECTATIONS}


@cache
def release() -> Release:
    """The release in this repository."""
    return load_release(PROMPTS, "orders_daily")


def failed(  # the parameters of a failure, each with its everyday value
    check_name: str, unexpected: int = 0, *, rows: int = 100, sample: tuple[str, ...] = (), raised: str | None = None
) -> Outcome:
    """A failed outcome of one of the declared expectations."""
    declared = CHECKS[check_name]
    return Outcome(
        check_name=check_name,
        type=declared.type,
        column=declared.column,
        severity=declared.severity,
        passed=False,
        observed="as observed",
        rows=rows,
        unexpected=unexpected,
        sample=sample,
        raised=raised,
    )


def anomaly(metric: str, observed: float, *, low: float, high: float) -> Anomaly:
    """A metric outside its usual range."""
    expected = (low + high) / 2
    return Anomaly(
        metric=metric,
        observed=observed,
        expected=expected,
        low=low,
        high=high,
        days=28,
        sentence=f"{metric} is unusual",
    )


def briefing(
    *,
    changes: tuple[Change, ...] = (),
    outcomes: tuple[Outcome, ...] = (),
    anomalies: tuple[Anomaly, ...] = (),
    rows: int = 100,
    duplicate_rows: int = 0,
    problem: str | None = None,
    columns: tuple[ColumnProfile, ...] = (),
) -> Briefing:
    """A case as the quality stage puts it together from these finds."""
    profile = Profile(rows=rows, duplicate_rows=duplicate_rows, columns=columns)
    landing = Landing(
        table="orders_daily",
        partition="2026-11-19",
        path="landed.parquet",
        digest="d" * 64,
        rows=rows,
        landed_schema=CONTRACT.promised_schema,
        problem=problem,
    )
    quality = assemble(
        landing,
        contract=CONTRACT,
        expectations=EXPECTATIONS,
        profile=profile,
        changes=changes,
        outcomes=outcomes,
        baselines=[
            Baseline(metric=a.metric, observed=a.observed, expected=a.expected, low=a.low, high=a.high, days=a.days)
            for a in anomalies
        ],
        anomalies=anomalies,
    )
    return Briefing(
        table="orders_daily",
        partition="2026-11-19",
        contract=CONTRACT,
        quality=quality,
        profile=profile,
        expectations=EXPECTATIONS,
        history=(MetricHistory(metric="rows", points=(("2026-11-17", 98.0), ("2026-11-18", 101.0))),),
    )
