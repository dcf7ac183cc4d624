"""review: the checks on the candidate, and the two doors by which a decision comes in (policy and Launchpad).

The checks show; they never allow. What allows is the gate, asked by the publication itself.
"""

from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import dagster as dg
from pydantic import Field

from orders_monitor.core.candidate import Candidate, Validation
from orders_monitor.core.expectation import Outcome
from orders_monitor.core.plan import Plan
from orders_monitor.core.quality import Quality
from orders_monitor.core.review import Gate
from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline import keys, metadata
from orders_monitor.pipeline.deciding import put_to_decision, record_decision
from orders_monitor.pipeline.quality import ask, page_of
from orders_monitor.pipeline.resources import Desk, Stores, open_desk, said_plainly
from orders_monitor.pipeline.signing_in import signed_already

AMBER = dg.AssetCheckSeverity.WARN
CheckContext = dg.AssetCheckExecutionContext


def candidate_checks(table: MonitoredTable) -> dg.AssetChecksDefinition:
    """One check per expectation (they show), `quality_gate` and `human_review` (they block) on `<table>/candidate`."""
    candidate, partitions = keys.stage(table, "candidate"), keys.partitions_of(table)
    with keys.known_to_be_a_preview():
        shown = [
            dg.AssetCheckSpec(e.check_name, asset=candidate, partitions_def=partitions, description=e.type)
            for e in table.asked
        ]
        blocking = [
            dg.AssetCheckSpec(name, asset=candidate, partitions_def=partitions, blocking=True, description=description)
            for name, description in (
                (keys.QUALITY_GATE, "Every expectation of severity `gate` holds on the exact bytes to be published."),
                (
                    keys.HUMAN_REVIEW,
                    "What the gate says of this plan and these bytes. It shows; publication asks again.",
                ),
            )
        ]

    @dg.multi_asset_check(name=f"{table.name}__checks", specs=[*shown, *blocking], can_subset=True)
    def checks(context: CheckContext, stores: Stores) -> Iterator[dg.AssetCheckResult]:
        partition = context.partition_key if context.has_partition_key else ""
        with stores.at(context, table) as desk:
            outcomes = outcomes_now(desk, partition, ask_again=_wants_expectations(context))
            gate, page = desk.gate(partition), _page(desk, partition)
        context.instance.add_run_tags(context.run.run_id, {metadata.REVIEW_TAG: gate.status})
        severity = dg.AssetCheckSeverity.ERROR if _publishes(context, table) else dg.AssetCheckSeverity.WARN
        selected = {key.name for key in context.selected_asset_check_keys}
        results = [*(_of_outcome(o, gate, page) for o in outcomes), _of_quality(gate, outcomes, severity, page)]
        for result in (*results, _of_gate(gate, severity, desk.settings.ui_url)):
            if result.check_name in selected:
                yield result

    return checks


def outcomes_now(desk: Desk, partition: str, *, ask_again: bool) -> tuple[Outcome, ...]:
    """The outcomes to show. Asking the expectations about the candidate is recorded, and then policy may answer.

    Bytes that were asked about before are not asked about again unless `ask_again` (the declaration may be newer).
    A held partition has no candidate: its outcomes are those of the landed bytes, and there is nothing to decide.
    """
    plan = desk.read(partition, "plan", Plan)
    if plan.hold:
        return desk.read(partition, "quality", Quality).outcomes
    candidate = desk.read(partition, "candidate", Candidate)
    known = desk.find(partition, "validation", Validation)
    if known is not None and known.candidate_digest == candidate.digest and not ask_again:
        return known.outcomes
    outcomes = ask(desk, partition, path=candidate.path, digest=candidate.digest)
    desk.record(partition, "validation", Validation(candidate_digest=candidate.digest, outcomes=outcomes))
    put_to_decision(desk, partition, plan=plan, candidate=candidate, outcomes=outcomes)
    return outcomes


def _page(desk: Desk, partition: str) -> Path | None:
    """Where the outcomes of now can be read in full."""
    plan = desk.read(partition, "plan", Plan)
    digest = plan.landed_digest if plan.hold else desk.read(partition, "candidate", Candidate).digest
    return page_of(desk, partition, digest=digest)


class Answer(Enum):
    """What a person may answer."""

    approve = "approve"
    reject = "reject"


class DecisionConfig(dg.Config):
    """What a reviewer fills in in the Launchpad; the digest is there already once a partition is chosen."""

    digest: str = Field(description="The digest of the plan and bytes that you looked at; prefilled for the partition.")
    decision: Answer
    reviewer: str = Field(description="Your name.")
    note: str = Field(default="", description="Why; kept with the decision.")
    signature: str = Field(
        default="", description="What `orders-monitor review sign` prints for this decision; only `dev` needs none."
    )


def review_job(table: MonitoredTable) -> dg.JobDefinition:
    """The partitioned Launchpad job that records a person's decision and shows it on the candidate's check."""

    def prefill(partition: str) -> dict[str, object]:
        with open_desk(table, run_id="launchpad") as desk:
            digest = desk.gate(partition).digest
        return {"ops": {op_name: {"config": {"digest": digest or "nothing waits for this partition"}}}}

    op_name = f"{table.name}_decide"

    @dg.op(name=op_name)
    def decide_op(context: dg.OpExecutionContext, config: DecisionConfig) -> None:
        with said_plainly(), open_desk(table, run_id=context.run_id) as desk:
            record_decision(
                desk,
                context.partition_key,
                digest=config.digest,
                verdict=config.decision.value,
                by=signed_already(
                    desk.settings, config.reviewer, config.signature, source=f"launchpad:{context.run_id}"
                ),
                note=config.note,
            )
            gate, ui_url = desk.gate(context.partition_key), desk.settings.ui_url
        shown = evaluation_of(gate, table, context.instance, ui_url)
        context.log_event(shown)  # type: ignore[arg-type]  # Dagster takes it; its annotation forgets it

    @dg.job(
        name=keys.review_job(table),
        description="Approve or reject what waits: choose the partition, read the plan, fill in the decision.",
        config=dg.PartitionedConfig(partitions_def=keys.partitions_of(table), run_config_for_partition_key_fn=prefill),
    )
    def job() -> None:
        decide_op()

    return job


def evaluation_of(
    gate: Gate, table: MonitoredTable, instance: dg.DagsterInstance, ui_url: str
) -> dg.AssetCheckEvaluation:
    """The gate's answer as an evaluation of `human_review`, for decisions that come from outside a checking run."""
    result = _of_gate(gate, dg.AssetCheckSeverity.WARN, ui_url)
    candidate = keys.stage(table, "candidate")
    return dg.AssetCheckEvaluation(
        asset_key=candidate,
        check_name=keys.HUMAN_REVIEW,
        partition=gate.partition,
        passed=bool(result.passed),
        blocking=True,
        severity=result.severity,
        description=result.description,
        metadata=result.metadata,
        target_materialization_data=metadata.target_of(instance, candidate, gate.partition),
    )


def _wants_expectations(context: CheckContext) -> bool:
    names = {key.name for key in context.selected_asset_check_keys}
    return bool(names - {keys.QUALITY_GATE, keys.HUMAN_REVIEW})


def _publishes(context: CheckContext, table: MonitoredTable) -> bool:
    """Whether the publication is in this run: only then does a closed gate have something to block."""
    if keys.published(table) not in context.job_def.asset_layer.executable_asset_keys:
        return False
    steps = context.run.step_keys_to_execute
    return steps is None or table.name in steps


def _shown_as(passed: bool, severity: dg.AssetCheckSeverity) -> dg.AssetCheckSeverity:
    """The UI paints a check's whole history in the severity of its newest result, also where that one passed."""
    return AMBER if passed else severity


def _of_outcome(outcome: Outcome, gate: Gate, page: Path | None) -> dg.AssetCheckResult:
    held = " (landed bytes; the plan holds them)" if gate.status == "held" else ""
    passed = outcome.passed or gate.status == "closed"
    return dg.AssetCheckResult(
        check_name=outcome.check_name,
        passed=passed,
        severity=_shown_as(passed, dg.AssetCheckSeverity.ERROR if outcome.severity == "gate" else AMBER),
        description=gate.sentence if gate.status == "closed" else outcome.sentence + held,
        metadata=metadata.of_outcome(outcome, page),
    )


def _of_quality(
    gate: Gate, outcomes: tuple[Outcome, ...], severity: dg.AssetCheckSeverity, page: Path | None
) -> dg.AssetCheckResult:
    failures = [o for o in outcomes if o.severity == "gate" and not o.passed]
    passed = gate.status not in ("no_plan", "held", "unvalidated", "failed")
    sentence = f"{len(outcomes)} expectations asked about the exact bytes; those that gate hold"
    if gate.status == "closed":
        sentence = gate.sentence
    return dg.AssetCheckResult(
        check_name=keys.QUALITY_GATE,
        passed=passed,
        severity=_shown_as(passed, severity),
        description=sentence if passed else gate.sentence,
        metadata=metadata.of_quality_gate(outcomes, failures, page),
    )


def _of_gate(gate: Gate, severity: dg.AssetCheckSeverity, ui_url: str) -> dg.AssetCheckResult:
    passed = gate.status in ("approved", "published", "closed")
    return dg.AssetCheckResult(
        check_name=keys.HUMAN_REVIEW,
        passed=passed,
        severity=_shown_as(passed, dg.AssetCheckSeverity.ERROR if gate.status == "rejected" else severity),
        description=metadata.sentence_of(gate),
        metadata=metadata.of_gate(gate, ui_url),
    )
