"""What the quality stage shows: signals, what they rest on, the days before, and the rows to look at first."""

from collections.abc import Sequence

import dagster as dg

from orders_monitor.core.anomaly.vector import past_values
from orders_monitor.core.measures import Day, Flagged
from orders_monitor.core.quality import Quality
from orders_monitor.pipeline import metadata, tables
from orders_monitor.pipeline.history_chart import Line, lines
from orders_monitor.pipeline.metadata import Metadata
from orders_monitor.pipeline.sentences import plain

CHART_DAYS, CHART_METRICS, FLAGGED_SHOWN, BASELINES_SHOWN = 28, 6, 20, 24


def of_quality(
    quality: Quality, *, history: Sequence[Day] = (), flagged: Flagged | None = None, outdated: str | None = None
) -> Metadata:
    """quality: signals, schema changes, expectation outcomes, baselines, charts, and rows to look at first.

    `history` are the published days before, for the charts. Rows that were flagged in other bytes are left out.
    `outdated` says why the table should be calibrated again.
    """
    mine = flagged if flagged is not None and flagged.landed_digest == quality.landed_digest else None
    failed = [o for o in quality.outcomes if not o.passed]
    said = [f"- **{plain(s.id)}** ({s.severity}): {plain(s.sentence)}" for s in quality.signals] or [
        "- nothing to explain"
    ]
    return {
        metadata.CALIBRATION: dg.MetadataValue.text(_calibration(quality.calibration, outdated)),
        metadata.FLAGGED_ROWS: dg.MetadataValue.int(0 if mine is None else len(mine.rows)),
        metadata.SIGNALS: dg.MetadataValue.int(sum(s.severity != "info" for s in quality.signals)),
        metadata.EXPECTATIONS_FAILED: dg.MetadataValue.int(len(failed)),
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
        metadata.CHANGES: metadata.change_table(quality.changes),
        metadata.EXPECTATIONS: metadata.outcome_table(quality.outcomes),
        metadata.BASELINES: _baseline_table(quality),
    }


def _baseline_table(quality: Quality) -> dg.MetadataValue:
    """What is unusual first, then the first of the others: a calibrated table has hundreds of metrics."""
    unusual = {anomaly.metric for anomaly in quality.anomalies}
    ranked = sorted(quality.baselines, key=lambda baseline: baseline.metric not in unusual)
    rows: list[dict[str, str | int]] = [
        {
            "metric": b.metric,
            "observed": f"{b.observed:,.4g}",
            "expected": "cold start" if b.expected is None else f"{b.expected:,.4g}",
            "range": "" if b.low is None or b.high is None else f"{b.low:,.4g} to {b.high:,.4g}",
            "days": b.days,
        }
        for b in ranked[:BASELINES_SHOWN]
    ]
    more = len(ranked) - BASELINES_SHOWN
    if more > 0:
        rows.append({"metric": f"and {more:,} ordinary ones", "observed": "", "expected": "", "range": "", "days": ""})
    return tables.records(rows)


def _calibration(version: int | None, outdated: str | None) -> str:
    if version is None:
        return "none: declared tolerances"
    return f"version {version}" + (f"; {outdated}: calibrate again" if outdated else "")


def _history_chart(quality: Quality, history: Sequence[Day]) -> str:
    """The last days of the row count, and of what is unusual."""
    rows = quality.baseline("rows")
    judged = {} if rows is None else {"rows": (rows.observed, rows.low, rows.high)}
    judged |= {each.metric: (each.observed, each.low, each.high) for each in quality.anomalies}
    known = past_values(history, {metric.removeprefix("slow:") for metric in judged})
    days = [day.partition for day in history[-CHART_DAYS:]]
    drawn = []
    for metric, (observed, low, high) in judged.items():
        values = dict(known[metric.removeprefix("slow:")])
        before = [values.get(day) for day in days]
        if any(value is not None for value in before):
            drawn.append(Line(metric, before, observed, low, high))
    return lines(f"the last {len(days)} days", drawn[:CHART_METRICS])


def _of_flagged(flagged: Flagged) -> list[str]:
    """The rows to look at first: their numbers and why, never their values."""
    first = [
        f"| {row.row:,} | {row.score:.1f} | {plain(', '.join(reason.rule for reason in row.reasons[:3]))} |"
        for row in flagged.rows[:FLAGGED_SHOWN]
    ]
    headline = f"## {len(flagged.rows):,} rows to look at, of {flagged.of:,}"
    return ["", headline, "", "| row of the file | evidence | breaks |", "|--:|--:|---|", *first]
