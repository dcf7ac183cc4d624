"""What the UI shows, and under which names. The names are an API: said once here, and listed in the README."""

from collections.abc import Sequence
from pathlib import Path

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (  # the public name is not there yet
    AssetCheckEvaluationTargetMaterializationData as Target,
)

from orders_monitor.core import meaning
from orders_monitor.core.candidate import Candidate
from orders_monitor.core.command import command
from orders_monitor.core.drift import Change
from orders_monitor.core.expectation import Outcome
from orders_monitor.core.landing import Landing
from orders_monitor.core.plan import Plan
from orders_monitor.core.profile import Profile
from orders_monitor.core.quality import Quality, expectation_id
from orders_monitor.core.review import Gate, Publication
from orders_monitor.core.schema import Schema
from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline import charts, links, sentences, tables
from orders_monitor.pipeline.sentences import plain

Metadata = dict[str, dg.MetadataValue]

LANDED_DIGEST = "landed_digest"
PROBLEM = "problem"
FINGERPRINT = "schema_fingerprint"
COLUMNS = "columns"
DUPLICATE_ROWS = "duplicate_rows"
CHANGES = "schema_changes"
EXPECTATIONS = "expectations"
EXPECTATIONS_FAILED = "expectations_failed"
BASELINES = "baselines"
CALIBRATION = "calibration"
FLAGGED_ROWS = "flagged_rows"
SIGNALS = "signals"
REPORT = "report"
ENDING = "ending"
MEANING = "meaning"
MODEL = "model"
RELEASE = "release"
FINDINGS = "findings"
TOOL_CALLS = "tool_calls"
TRACE = "trace"
MODEL_CALLS = "model_calls"
ALERTS = "alerts"
BREAKER = "breaker"
CACHE_SHARE = "cache_share"
BUDGET_TOKENS = "budget_tokens"
RESERVED_TOKENS = "reserved_tokens"
SPENT_TOKENS = "spent_tokens"
REMAINING_TOKENS = "remaining_tokens"
BUDGET_MICRO_USD = "budget_micro_usd"
RESERVED_MICRO_USD = "reserved_micro_usd"
SPENT_MICRO_USD = "spent_micro_usd"
REMAINING_MICRO_USD = "remaining_micro_usd"
PLAN = "plan"
PLAN_DIGEST = "plan_digest"
CHART = "chart"
ORIGIN = "origin"
CANDIDATE_DIGEST = "candidate_digest"
LANDED_ROWS = "landed_rows"
QUARANTINED_ROWS = "quarantined_rows"
OBSERVED = "observed"
UNEXPECTED_ROWS = "unexpected_rows"
DATA_DOCS = "data_docs"
STATUS = "status"
DIGEST = "digest"
REVIEWER = "reviewer"
NOTE = "note"
DECIDE = "decide"
DELTA_VERSION = "delta_version"
DECISION = "decision"

ROW_COUNT = "dagster/row_count"
COLUMN_SCHEMA = "dagster/column_schema"
COLUMN_LINEAGE = "dagster/column_lineage"

REVIEW_TAG = "orders_monitor/review"


def of_landing(landing: Landing, table: MonitoredTable) -> Metadata:
    """landed: how many rows, which bytes, which schema."""
    return {
        ROW_COUNT: dg.MetadataValue.int(landing.rows),
        COLUMN_SCHEMA: dg.TableSchemaMetadataValue(tables.observed_schema(landing.landed_schema)),
        LANDED_DIGEST: dg.MetadataValue.text(landing.digest),
        FINGERPRINT: dg.MetadataValue.text(landing.landed_schema.fingerprint),
        PROBLEM: dg.MetadataValue.text(landing.problem or "none"),
        COLUMN_LINEAGE: tables.lineage(
            {name: (name,) for name in landing.landed_schema.names}, dg.AssetKey([table.name, "source"])
        ),
    }


def of_profile(profile: Profile, *, personal: frozenset[str]) -> Metadata:
    """profile: every column as a table and a picture; `~` is an estimate. Of the `personal` ones no value, no mean."""
    return {
        ROW_COUNT: dg.MetadataValue.int(profile.rows),
        DUPLICATE_ROWS: dg.MetadataValue.int(profile.duplicate_rows),
        COLUMNS: tables.records([tables.profiled(c, shown=c.name not in personal) for c in profile.columns]),
        CHART: dg.MetadataValue.md(
            f"{charts.profile(profile, personal=personal) or 'no column'}\n\n{_counted(profile)}"
        ),
    }


def _counted(profile: Profile) -> str:
    """What of a profile is counted, and what is estimated from how many rows."""
    if profile.sampled_rows is None:
        return f"Counted on all {profile.rows:,} rows."
    repeated = "; repeated rows are estimated" if profile.duplicate_rows_approximate else ""
    return (
        f"Rows, nulls, extremes, means and totals are counted on all {profile.rows:,} rows{repeated}. `~` and the bars "
        f"are estimates, from {profile.sampled_rows:,} rows and from the hashes of every value."
    )


def of_plan(plan: Plan, quality: Quality, dropped: Sequence[str] = (), claims: Sequence[str] = ()) -> Metadata:
    """plan: the actions as Markdown with the rows before, why each, and what is left unexplained."""
    lines = [
        f"# Plan for {plan.table} {plan.partition}",
        "",
        "| action | evidence |",
        "|---|---|",
        *(f"| {plain(sentences.of_action(a))} | {plain(', '.join(a.evidence)) or '-'} |" for a in plan.actions),
        "",
        *_before_and_after(plan, quality),
        "",
        *(f"- left unexplained: `{plain(s)}`" for s in plan.unexplained),
        *(f"- proposed and dropped: {plain(text)}" for text in dropped),
        *(f"- {plain(line)}" for line in claims),
    ]
    return {
        PLAN: dg.MetadataValue.md("\n".join(lines)),
        CHART: dg.MetadataValue.md(chart(quality) or "no history yet"),
        PLAN_DIGEST: dg.MetadataValue.text(plan.digest),
        ORIGIN: dg.MetadataValue.text(plan.origin),
        RELEASE: dg.MetadataValue.text(plan.release),
    }


def chart(quality: Quality) -> str:
    """The metrics that have a history, as a picture; empty at cold start. Apart from the plan, which stays short."""
    judged = [(b.metric, b.observed, b.low, b.high) for b in quality.baselines if b.expected is not None]
    return charts.bars("metrics against history", judged[:24])


def _before_and_after(plan: Plan, quality: Quality) -> list[str]:
    """What a plan does to the rows; the candidate then counts them exactly. Where it holds, nothing is after."""
    failed = [expectation_id(o.check_name) for o in quality.outcomes if not o.passed]
    cited = {evidence for action in plan.actions for evidence in action.evidence}
    settled = sum(quality.cause(signal) in cited or signal in cited for signal in failed)
    unexpected = {expectation_id(o.check_name): o.unexpected for o in quality.outcomes}
    less = ["duplicates" for a in plan.actions if a.kind == "drop_duplicates"]
    for action in plan.actions:
        if action.kind == "quarantine_rows":
            count = max((unexpected.get(evidence, 0) for evidence in action.evidence), default=0)
            less.append(f"{count:,} where {sentences.of_predicate(action.where)}")
    rows = "none: held" if plan.hold else " less ".join([f"{quality.rows:,}", *less])
    return [
        "| | before | after |",
        "|---|---|---|",
        f"| rows | {quality.rows:,} | {plain(rows)} |",
        f"| expectations that fail | {len(failed)} | {len(failed) if plan.hold else len(failed) - settled} |",
        f"| schema changes | {len(quality.changes)} | {len(quality.changes) if plan.hold else 0} |",
    ]


def of_candidate(candidate: Candidate | None, plan: Plan, table: MonitoredTable) -> Metadata:
    """candidate: rows before and after, digests, schema with constraints, lineage. A held plan has no candidate."""
    if candidate is None:
        return {STATUS: dg.MetadataValue.text(f"held: {plan.hold.why if plan.hold else ''}")}
    renamed = {a.to: a.column for a in plan.actions if a.kind == "rename_column"}
    sources = {c.name: (renamed.get(c.name, c.name),) for c in table.contract.columns}
    return {
        ROW_COUNT: dg.MetadataValue.int(candidate.rows),
        LANDED_ROWS: dg.MetadataValue.int(candidate.landed_rows),
        QUARANTINED_ROWS: dg.MetadataValue.int(candidate.quarantined_rows),
        DUPLICATE_ROWS: dg.MetadataValue.int(candidate.duplicate_rows),
        CANDIDATE_DIGEST: dg.MetadataValue.text(candidate.digest),
        PLAN_DIGEST: dg.MetadataValue.text(candidate.plan_digest),
        COLUMN_SCHEMA: dg.TableSchemaMetadataValue(tables.promised_schema(table.contract)),
        COLUMN_LINEAGE: tables.lineage(sources, dg.AssetKey([table.name, "landed"])),
        REPORT: dg.MetadataValue.md(
            "| | rows |\n|---|--:|\n"
            f"| landed | {candidate.landed_rows:,} |\n| quarantined | {candidate.quarantined_rows:,} |\n"
            f"| duplicates dropped | {candidate.duplicate_rows:,} |\n| candidate | {candidate.rows:,} |\n"
        ),
    }


def of_publication(publication: Publication, table: MonitoredTable) -> Metadata:
    """orders_daily: rows, Delta version, and the decision that allowed it."""
    return {
        ROW_COUNT: dg.MetadataValue.int(publication.rows),
        DELTA_VERSION: dg.MetadataValue.text(str(publication.delta_version)),
        DECISION: dg.MetadataValue.text(str(publication.decision_id)),
        DIGEST: dg.MetadataValue.text(publication.digest),
        PLAN_DIGEST: dg.MetadataValue.text(publication.plan_digest),
        COLUMN_SCHEMA: dg.TableSchemaMetadataValue(tables.promised_schema(table.contract)),
        COLUMN_LINEAGE: tables.lineage(
            {c.name: (c.name,) for c in table.contract.columns}, dg.AssetKey([table.name, "candidate"])
        ),
    }


def of_outcome(outcome: Outcome, page: Path | None) -> Metadata:
    """A check of one expectation: how many rows were unexpected, of how many, and the page of all results."""
    return {
        **_of_page(page),
        ROW_COUNT: dg.MetadataValue.int(outcome.rows),
        UNEXPECTED_ROWS: dg.MetadataValue.int(outcome.unexpected),
        OBSERVED: dg.MetadataValue.text(outcome.observed),
    }


def of_quality_gate(outcomes: Sequence[Outcome], failures: Sequence[Outcome], page: Path | None) -> Metadata:
    """quality_gate: every outcome in one table, and the page of all results."""
    return {
        EXPECTATIONS_FAILED: dg.MetadataValue.int(len(failures)),
        EXPECTATIONS: outcome_table(outcomes),
        **_of_page(page),
    }


def _of_page(page: Path | None) -> Metadata:
    return {} if page is None else {DATA_DOCS: dg.MetadataValue.path(page)}


def of_gate(gate: Gate, ui_url: str) -> Metadata:
    """human_review: what is decided on, by whom it was decided, and where to decide."""
    decision = gate.decision
    return {
        STATUS: dg.MetadataValue.text(gate.status),
        DIGEST: dg.MetadataValue.text(gate.digest or "none"),
        REVIEWER: dg.MetadataValue.text("none" if decision is None else decision.reviewer),
        NOTE: dg.MetadataValue.text("" if decision is None else decision.note),
        DECIDE: dg.MetadataValue.url(links.launchpad_url(gate.table, ui_url)),
    }


def of_changes(changes: Sequence[Change], seen: Schema) -> Metadata:
    """The drift sensor's observation: the changes, and the schema that was seen."""
    return {
        CHANGES: change_table(changes),
        FINGERPRINT: dg.MetadataValue.text(seen.fingerprint),
        COLUMN_SCHEMA: dg.TableSchemaMetadataValue(tables.observed_schema(seen)),
    }


def sentence_of_changes(changes: Sequence[Change]) -> str:
    """One line for all changes."""
    return "; ".join(meaning.sentence(c) for c in changes) or "the upstream's schema is the contract's"


def sentence_of(gate: Gate) -> str:
    """The verdict of human_review in one line, with what to do where something is to be done."""
    if gate.waits and gate.digest:
        approve = command(gate.table, "review", "approve", gate.partition, "--digest", gate.digest[:12])
        return f"{gate.sentence}; approve: {approve}"
    return gate.sentence


def target_of(instance: dg.DagsterInstance, asset: dg.AssetKey, partition: str) -> Target | None:
    """The partition's newest materialization: an evaluation that names it is the partition's status, others are not."""
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=asset, asset_partitions=[partition]), limit=1
    ).records
    if not records:
        return None
    newest = records[0]
    return Target(storage_id=newest.storage_id, run_id=newest.event_log_entry.run_id, timestamp=newest.timestamp)


def change_table(changes: Sequence[Change]) -> dg.MetadataValue:
    """Every change as a row."""
    return tables.records(
        [
            {
                "change": c.kind,
                "sentence": meaning.sentence(c),
                "compatibility": meaning.compatibility(c),
                "published table": meaning.effect(c),
            }
            for c in changes
        ]
    )


def outcome_table(outcomes: Sequence[Outcome]) -> dg.MetadataValue:
    """Every outcome as a row."""
    return tables.records(
        [
            {
                "expectation": o.check_name,
                "passed": "yes" if o.passed else "NO",
                "severity": o.severity,
                "unexpected": o.unexpected,
                "rows": o.rows,
                "observed": o.raised or o.observed,
            }
            for o in outcomes
        ]
    )
