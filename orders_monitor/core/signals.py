"""The signals of a landed partition: one for each thing that is not clean, and which are consequences of which.

Some signals are only consequences of another one, and say so in `explained_by`; what repairs the cause explains them:

* an expectation about a promised column that drifted, if it could not be asked or is about the column's values: the
  drift (cents are above a bound in euros; that values are missing is no matter of the unit);
* a failed uniqueness or row count, where whole rows repeat: `anomaly:duplicate_rows`;
* an unusual row count that is ordinary without the repeated rows: `anomaly:duplicate_rows`;
* a control total that differs: the drift of its column, or `anomaly:duplicate_rows` where equal rows count once in it;
* an unusual row count where more or fewer rows landed than the source handed over: `anomaly:control:rows`;
* an unusual null share, where the column's not-null expectation failed too: that expectation, or its own cause;
* an unusual measure of a column's values, where the column drifted: the drift; an unusual share of rows that pass a
  failed expectation, or that is gone without the rows that fail it: that expectation, or its own cause; repeated rows
  by a learned rule, and whatever a calibrated
  detector finds no more where equal rows count once: `anomaly:duplicate_rows`;
* missing values or new ones against the contract, where the expectation that asks for them failed too: that
  expectation, which knows the rows. Where it passed it was declared with a tolerance, and the change is information.

Nothing is believed by that: the expectations are asked again about the exact bytes before anything is published.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from orders_monitor.core import drift, meaning
from orders_monitor.core.anomaly.metrics import column_measured
from orders_monitor.core.contract import Contract
from orders_monitor.core.drift import Change, NullabilityChanged, ValueSetGrown
from orders_monitor.core.expectation import IN_SET, NOT_NULL, Expectation, Outcome
from orders_monitor.core.landing import Landing
from orders_monitor.core.profile import Profile
from orders_monitor.core.quality import (
    CLOSED,
    CONTROL,
    COUNTS_REPETITION,
    DUPLICATES,
    OPENED,
    Anomaly,
    Baseline,
    Quality,
    Signal,
    anomaly_id,
    drift_id,
    expectation_id,
)
from orders_monitor.core.totals import Control

_REPETITIONS = ("broken:row_repeats", "broken:repeats:")

# Changes that take nothing from an expectation: others are to blame for its failure.
_NO_CAUSES = ("added", "reordered", "nullability_changed", "value_set_grown")


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
    controls: Sequence[Control] = (),
    closed: str | None = None,
    calibration: int | None = None,
) -> Quality:
    """All of it in one value, with one signal for each thing that is not clean.

    `calibration` is the version that judged. `closed` says why nothing is expected that day (`Saturday`). Where nothing
    came then, and the source counts nothing, that alone is told: what no rows make fail needs no explaining.
    """
    failed = [outcome for outcome in outcomes if not outcome.passed]
    drifted = _drifted(changes)
    causes = _causes_of_failures(failed, expectations=expectations, drifted=drifted, anomalies=anomalies)
    causes |= _causes_of_controls(anomalies, controls=controls, drifted=drifted)
    causes |= _causes_of_measures(anomalies, failed=failed, causes=causes, drifted=drifted)
    nothing_came = is_empty(landing) and not any(anomaly.metric.startswith(CONTROL) for anomaly in anomalies)
    signals = [
        *_of_landing(landing, closed),
        *(_of_change(change, contract, outcomes, causes) for change in changes),
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
        signals=(_nothing_expected(landing, closed),) if closed and nothing_came else tuple(signals),
        calibration=calibration,
    )


def is_empty(landing: Landing) -> bool:
    """Whether nothing came, and nothing that could not be read."""
    return landing.rows == 0 and not landing.unreadable


def _nothing_expected(landing: Landing, closed: str) -> Signal:
    sentence = f"{landing.partition} is a closed day ({closed}): nothing was expected, and nothing came"
    return Signal(id=CLOSED, kind="landing", severity="info", sentence=sentence)


def _of_landing(landing: Landing, closed: str | None) -> Iterator[Signal]:
    if landing.problem is not None:
        yield Signal(id="landing", kind="landing", severity="gate", sentence=landing.problem)
    if closed is not None and landing.rows > 0:
        sentence = f"{landing.rows:,} rows came on {landing.partition}, a closed day ({closed})"
        yield Signal(id=OPENED, kind="landing", severity="warn", sentence=sentence)


def _of_change(change: Change, contract: Contract, outcomes: Sequence[Outcome], causes: Mapping[str, str]) -> Signal:
    asked = _asked_of(change, outcomes)
    severity: Literal["info", "warn", "gate"] = "gate" if asked is None else asked.severity
    if drift.is_tolerated(change, contract) or (asked is not None and asked.passed):
        severity = "info"
    explained_by = None
    if asked is not None and not asked.passed:
        explained_by = causes.get(asked.check_name, expectation_id(asked.check_name))
    return Signal(
        id=drift_id(change),
        kind="drift",
        severity=severity,
        sentence=meaning.sentence(change),
        explained_by=explained_by,
    )


def _asked_of(change: Change, outcomes: Sequence[Outcome]) -> Outcome | None:
    """The expectation that asks for the rows of a change: missing values, or values that are not allowed."""
    match change:
        case NullabilityChanged(nullable=True):
            type_ = NOT_NULL
        case ValueSetGrown(promised=True):
            type_ = IN_SET
        case _:
            return None
    return next((o for o in outcomes if (o.type, o.column) == (type_, change.column) and o.raised is None), None)


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


def _drifted(changes: Sequence[Change]) -> Mapping[str, str]:
    """The evidence id of the drift of each promised column."""
    # Reversed, so that of two changes of one column the first (the rename) is the cause.
    return {drift.subject(c): drift_id(c) for c in reversed(changes) if c.kind not in _NO_CAUSES}


def _causes_of_controls(
    anomalies: Sequence[Anomaly], *, controls: Sequence[Control], drifted: Mapping[str, str]
) -> dict[str, str]:
    """The cause of each control total that differs only as a consequence, by metric."""
    repeats = any(anomaly.metric == "duplicate_rows" for anomaly in anomalies)
    columns = {f"{CONTROL}{control.name}": control.columns for control in controls}
    causes = {}
    for anomaly in anomalies:
        cause = next((drifted[name] for name in columns.get(anomaly.metric, ()) if name in drifted), None)
        if cause is None and repeats and anomaly.is_repetition:
            cause = DUPLICATES
        if cause is not None:
            causes[anomaly.metric] = cause
    return causes


def _causes_of_measures(
    anomalies: Sequence[Anomaly],
    *,
    failed: Sequence[Outcome],
    causes: Mapping[str, str],
    drifted: Mapping[str, str],
) -> dict[str, str]:
    """The cause of each measure that is unusual only as a consequence, by metric."""
    checks = {o.check_name: causes.get(o.check_name, expectation_id(o.check_name)) for o in failed}
    found = {f"pass_share:{check}": cause for check, cause in checks.items()}
    found |= {a.metric: checks[a.gone_without] for a in anomalies if a.gone_without in checks}
    if any(anomaly.metric == "duplicate_rows" for anomaly in anomalies):
        found |= {
            a.metric: DUPLICATES
            for a in anomalies
            if anomaly_id(a.metric) != DUPLICATES and (a.is_repetition or a.metric.startswith(_REPETITIONS))
        }
    columns = {anomaly.metric: column_measured(anomaly.metric) for anomaly in anomalies}
    return found | {
        metric: drifted[column] for metric, column in columns.items() if column is not None and column in drifted
    }


def _causes_of_failures(
    failed: Sequence[Outcome],
    *,
    expectations: Sequence[Expectation],
    drifted: Mapping[str, str],
    anomalies: Sequence[Anomaly],
) -> dict[str, str]:
    """The cause of each failed check that is only a consequence, by check name."""
    columns = {expectation.check_name: expectation.columns for expectation in expectations}
    repeats = any(anomaly.metric == "duplicate_rows" for anomaly in anomalies)
    causes = {}
    for outcome in failed:
        about = [name for name in columns.get(outcome.check_name, (outcome.column,)) if name is not None]
        counts = outcome.raised is None and outcome.type in COUNTS_REPETITION
        cause = next((drifted[c] for c in about if c in drifted), None) if _is_about_values(outcome) else None
        if counts and repeats:
            cause = DUPLICATES
        if cause is not None:
            causes[outcome.check_name] = cause
    return causes


def _is_about_values(outcome: Outcome) -> bool:
    return outcome.raised is not None or outcome.type not in {NOT_NULL, *COUNTS_REPETITION}


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
        if repeats and (anomaly.is_repetition or anomaly.low <= once <= anomaly.high):
            return DUPLICATES
        counted = any(other.metric == f"{CONTROL}rows" and not other.is_repetition for other in anomalies)
        return anomaly_id(f"{CONTROL}rows") if counted else causes.get(anomaly.metric)
    if anomaly.metric.startswith(CONTROL):
        return causes.get(anomaly.metric)
    column = anomaly.metric.removeprefix("null_share:")
    if column == anomaly.metric:
        return causes.get(anomaly.metric)
    asked = next((o for o in failed if o.type == NOT_NULL and o.column == column), None)
    if asked is None:
        return causes.get(anomaly.metric)
    return causes.get(asked.check_name, expectation_id(asked.check_name))
