"""What the quality stage shows: signals, what they rest on, the days before, and the rows to look at first."""

from collections.abc import Sequence

import dagster as dg

from orders_monitor.core.anomaly.metrics import readings
from orders_monitor.core.measures import Day, Flagged
from orders_monitor.core.quality import Quality
from orders_monitor.pipeline import metadata, tables
from orders_monitor.pipeline.history_chart import Line, lines
from orders_monitor.pipeline.metadata import Metadata
from orders_monitor.pipeline.sentences import plain

CHART_DAYS, CHART_METRICS, FLAGGED_SHOWN = 28, 6, 20


def of_quality(quality: Quality, *, history: Sequence[Day] = (), flagged: Flagged | None = None) -> Metadata:
    """quality: signals, schema changes, expectation outcomes, baselines, charts, and rows to look at first.

    `history` are the published days before, for the charts. Rows that were flagged in other bytes are left out.
    """
    mine = flagged if flagged is not None and flagged.landed_digest == quality.landed_digest else None
    failed = [o for o in quality.outcomes if not o.passed]
    said = [f"- **{plain(s.id)}** ({s.severity}): {plain(s.sentence)}" for s in quality.signals] or [
        "- nothing to explain"
    ]
    version = quality.calibration
    return {
        metadata.CALIBRATION: dg.MetadataValue.text(
            "none: declared tolerances" if version is None else f"version {version}"
        ),
        metadata.FLAGGED_ROWS: dg.MetadataValue.int(0 if mine is None else len(mine.rows)),
        metadata.SIGNALS: dg.MetadataValue.int(sum(s.severity != "info" for s in quality.signals)),
        metadata.EXPECTATIONS_FAILED: dg.MetadataValue.int(len(failed)),
        metadata.CHANGES: metadata.change_table(quality.changes),
        metadata.EXPECTATIONS: metadata.outcome_table(quality.outcomes),
        metadata.BASELINES: tables.records(
            [
                {
                    "metric": b.metric,
                    "observed": f"{b.observed:,.4g}",
                    "expected": "cold start" if b.expected is None else f"{b.expected:,.4g}",
                    "range": "" if b.low is None or b.high is None else f"{b.low:,.4g} to {b.high:,.4g}",
                    "days": b.days,
                }
                for b in quality.baselines
            ]
        ),
        metadata.REPORT: dg.MetadataValue.md(
            "\n".join(
                [
                    *("## Signals", *said),
                    *(_of_flagged(mine) if mine is not None and mine.rows else ()),
                    *(
                        "",
                        "## Metrics against history",
                        "",
                        metadata.chart(quality),
                        "",
                        _history_chart(quality, history),
                    ),
                ]
            )
        ),
    }


def _history_chart(quality: Quality, history: Sequence[Day]) -> str:
    """The last days of the row count, and of what is unusual where it can be told without a rule."""
    unusual = [anomaly.metric for anomaly in quality.anomalies]
    drawn = []
    before = [readings(day) for day in history[-CHART_DAYS:]]
    for metric in dict.fromkeys(["rows", *unusual]):
        baseline = quality.baseline(metric)
        values = [found[metric].value if metric in found else None for found in before]
        if baseline is not None and any(value is not None for value in values):
            drawn.append(Line(metric, values, baseline.observed, baseline.low, baseline.high))
    return lines(f"the last {len(before)} days", drawn[:CHART_METRICS])


def _of_flagged(flagged: Flagged) -> list[str]:
    """The rows to look at first: their numbers and why, never their values."""
    first = [
        f"| {row.row:,} | {row.score:.1f} | {plain(', '.join(reason.rule for reason in row.reasons[:3]))} |"
        for row in flagged.rows[:FLAGGED_SHOWN]
    ]
    headline = f"## {len(flagged.rows):,} rows to look at, of {flagged.of:,}"
    return ["", headline, "", "| row of the file | evidence | breaks |", "|--:|--:|---|", *first]
