"""The quality of a landed partition: drift, expectations and anomalies in one value, and the signals in it.

Some signals are only consequences of another one, and say so in `explained_by`; what repairs the cause explains them:

* an expectation about a promised column that drifted, if it could not be asked or is about the column's values: the
  drift (cents are above a bound in euros; that values are missing is no matter of the unit);
* a failed uniqueness or row count, where whole rows repeat: `anomaly:duplicate_rows`;
* an unusual row count that is ordinary without the repeated rows: `anomaly:duplicate_rows`;
* an unusual null share, where the column's not-null expectation failed too: that expectation, or its own cause.

Nothing is believed by that: the expectations are asked again about the exact bytes before anything is published.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from orders_monitor.core import drift
from orders_monitor.core.contract import Contract
from orders_monitor.core.drift import Change
from orders_monitor.core.expectation import Expectation, Outcome
from orders_monitor.core.landing import Landing
from orders_monitor.core.profile import Profile
from orders_monitor.core.value import Value

DUPLICATES = "anomaly:duplicate_rows"
NOT_NULL = "expect_column_values_to_not_be_null"
COUNTS_REPETITION = frozenset(
    {
        "expect_column_values_to_be_unique",
        "expect_compound_columns_to_be_unique",
        "expect_table_row_count_to_be_between",
        "expect_table_row_count_to_equal",
    }
)


class Anomaly(Value):
    """A metric of the partition that its history does not explain; all values in the metric's unit.

    `metric` is `rows`, `duplicate_rows`, `<measure>:<column>`, `broken:<rule>`, `pass_share:<check>` or another that
    `core.anomaly.metrics` names. `since` is the first partition of a run of like anomalies: a new level is one
    incident and not thirty. None says that this partition is the first, or that nobody looked.
    """

    metric: str
    observed: float
    expected: float
    low: float
    high: float
    days: int
    sentence: str
    since: str | None = None


class Baseline(Value):
    """What the verdict of a metric rests on, also when nothing is wrong. `days` is 0 to days_min - 1 at cold start."""

    metric: str
    observed: float
    expected: float | None
    low: float | None
    high: float | None
    days: int


class Signal(Value):
    """One thing that is not clean. `id` is what a finding or an action cites as evidence.

    `explained_by` is the id of the signal that this one is only a consequence of; that one is nobody's consequence.
    """

    id: str
    kind: Literal["landing", "drift", "expectation", "anomaly"]
    severity: Literal["gate", "warn", "info"]
    sentence: str
    explained_by: str | None = None


class Quality(Value):
    """Everything that code found out about a landed partition. Nothing here is the model's word."""

    landed_digest: str
    problem: str | None
    rows: int
    changes: tuple[Change, ...]
    outcomes: tuple[Outcome, ...]
    baselines: tuple[Baseline, ...]
    anomalies: tuple[Anomaly, ...]
    signals: tuple[Signal, ...]

    @property
    def is_clean(self) -> bool:
        """Nothing that needs explaining. Tolerated changes are recorded as info and do not count."""
        return all(signal.severity == "info" for signal in self.signals)

    def signal(self, evidence_id: str) -> Signal | None:
        """The signal of that evidence id, or None."""
        return next((signal for signal in self.signals if signal.id == evidence_id), None)

    def cause(self, evidence_id: str) -> str:
        """The evidence id that this one is a consequence of, or itself."""
        signal = self.signal(evidence_id)
        return evidence_id if signal is None or signal.explained_by is None else signal.explained_by

    def baseline(self, metric: str) -> Baseline | None:
        """What the verdict of that metric rests on, or None."""
        return next((baseline for baseline in self.baselines if baseline.metric == metric), None)


def drift_id(change: Change) -> str:
    """The evidence id of a change."""
    return f"drift:{change.kind}:{drift.subject(change)}"


def expectation_id(check_name: str) -> str:
    """The evidence id of an expectation that failed."""
    return f"expectation:{check_name}"


def anomaly_id(metric: str) -> str:
    """The evidence id of a metric that is unusual."""
    return f"anomaly:{metric}"


def assemble(
    landing: Landing,
    *,
    contract: Contract,
    expectations: Sequence[Expectation],
    profile: Profile,
    changes: Sequence[Change],
    outcomes: Sequence[Outcome],
    baselines: Sequence[Baseline],
    anomalies: Sequence[Anomaly],
) -> Quality:
    """All of it in one value, with one signal for each thing that is not clean."""
    failed = [outcome for outcome in outcomes if not outcome.passed]
    causes = _causes_of_failures(failed, expectations=expectations, changes=changes, anomalies=anomalies)
    signals = [
        *_of_landing(landing),
        *(_of_change(change, contract) for change in changes),
        *(_of_failure(outcome, causes.get(outcome.check_name)) for outcome in failed),
        *(_of_anomaly(a, _cause_of_anomaly(a, anomalies, profile, failed=failed, causes=causes)) for a in anomalies),
    ]
    return Quality(
        landed_digest=landing.digest,
        problem=landing.problem,
        rows=profile.rows,
        changes=tuple(changes),
        outcomes=tuple(outcomes),
        baselines=tuple(baselines),
        anomalies=tuple(anomalies),
        signals=tuple(signals),
    )


def _of_landing(landing: Landing) -> Iterator[Signal]:
    if landing.problem is not None:
        yield Signal(id="landing", kind="landing", severity="gate", sentence=landing.problem)


def _of_change(change: Change, contract: Contract) -> Signal:
    severity: Literal["info", "gate"] = "info" if change.kind in contract.tolerate else "gate"
    return Signal(id=drift_id(change), kind="drift", severity=severity, sentence=drift.sentence(change))


def _of_failure(outcome: Outcome, explained_by: str | None) -> Signal:
    return Signal(
        id=expectation_id(outcome.check_name),
        kind="expectation",
        severity=outcome.severity,
        sentence=outcome.sentence,
        explained_by=explained_by,
    )


def _of_anomaly(anomaly: Anomaly, explained_by: str | None) -> Signal:
    # A share of missing values is often the day's own; a volume or a repetition is what a reader adds up.
    severity: Literal["warn", "gate"] = "warn" if anomaly.metric.startswith("null_share:") else "gate"
    return Signal(
        id=anomaly_id(anomaly.metric),
        kind="anomaly",
        severity=severity,
        sentence=anomaly.sentence,
        explained_by=explained_by,
    )


def _causes_of_failures(
    failed: Sequence[Outcome],
    *,
    expectations: Sequence[Expectation],
    changes: Sequence[Change],
    anomalies: Sequence[Anomaly],
) -> Mapping[str, str]:
    """The cause of each failed check that is only a consequence, by check name."""
    # Reversed, so that of two changes of one column the first (the rename) is the cause.
    drifted = {drift.subject(c): drift_id(c) for c in reversed(changes) if c.kind not in ("added", "reordered")}
    columns = {expectation.check_name: _columns_of(expectation) for expectation in expectations}
    repeats = any(anomaly.metric == "duplicate_rows" for anomaly in anomalies)
    causes = {}
    for outcome in failed:
        about = columns.get(outcome.check_name, (outcome.column,))
        counts = outcome.raised is None and outcome.type in COUNTS_REPETITION
        cause = next((drifted[c] for c in about if c in drifted), None) if _is_about_values(outcome) else None
        if counts and repeats:
            cause = DUPLICATES
        if cause is not None:
            causes[outcome.check_name] = cause
    return causes


def _is_about_values(outcome: Outcome) -> bool:
    return outcome.raised is not None or outcome.type not in {NOT_NULL, *COUNTS_REPETITION}


def _columns_of(expectation: Expectation) -> tuple[str | None, ...]:
    kwargs = expectation.kwargs
    lists = (kwargs.get("column_list"), kwargs.get("column_set"))
    listed = [name for names in lists if isinstance(names, list | tuple) for name in names]
    return tuple(
        name for name in (kwargs.get("column"), kwargs.get("column_A"), kwargs.get("column_B"), *listed) if name
    )


def _cause_of_anomaly(
    anomaly: Anomaly,
    anomalies: Sequence[Anomaly],
    profile: Profile,
    *,
    failed: Sequence[Outcome],
    causes: Mapping[str, str],
) -> str | None:
    if anomaly.metric == "rows":
        repeats = any(other.metric == "duplicate_rows" for other in anomalies)
        once = profile.rows - profile.duplicate_rows
        return DUPLICATES if repeats and anomaly.low <= once <= anomaly.high else None
    column = anomaly.metric.removeprefix("null_share:")
    if column == anomaly.metric:
        return None
    asked = next((o for o in failed if o.type == NOT_NULL and o.column == column), None)
    return None if asked is None else causes.get(asked.check_name, expectation_id(asked.check_name))
