"""A signal tried again: what was found at first beside what the same bytes say now, and the numbers in it."""

from collections.abc import Sequence

from orders_monitor.core import meaning
from orders_monitor.core.claims import Differs, Holds, Tried, Unknown
from orders_monitor.core.drift import Change
from orders_monitor.core.expectation import Expectation, Outcome
from orders_monitor.core.profile import Profile
from orders_monitor.core.prose import Number, flattened, texts_in
from orders_monitor.core.quality import CLOSED, OPENED, Anomaly, Quality, anomaly_id, drift_id, expectation_id
from orders_monitor.core.value import Value

Found = Change | Outcome | Anomaly


def again(
    evidence: str, found: Quality, now: Quality, *, profile: Profile, expectations: Sequence[Expectation]
) -> Tried:
    """Whether a signal of `found` is there `now` and the same; `profile` is of the bytes now.

    Samples of an expectation are not compared: which few of the unexpected rows are told is nobody's promise.
    """
    if found.signal(evidence) is None:
        return Unknown()
    if evidence == "landing":
        same = found.problem == now.problem and now.rows == 0
        return Holds(numbers=(Number(name="rows", value=now.rows),)) if same else Differs(why="something landed")
    if evidence in (CLOSED, OPENED):
        same = found.signal(evidence) == now.signal(evidence)
        return Holds(numbers=(Number(name="rows", value=now.rows),)) if same else Differs(why="other rows landed")
    was, new = _found(evidence, found), _found(evidence, now)
    if was is None or new is None:
        return Differs(why="asked again, it is not found any more")
    if was != new:
        return Differs(why=f"asked again, it says {_said(new)[:200]!r}")
    return Holds(
        numbers=_numbers(new, now, profile=profile, expectations=expectations),
        texts=_texts(new, expectations=expectations),
    )


def _found(evidence: str, quality: Quality) -> Found | None:
    """What a signal stands for, without its sample."""
    changes = {drift_id(change): change for change in quality.changes}
    outcomes = {expectation_id(o.check_name): o.model_copy(update={"sample": ()}) for o in quality.outcomes}
    anomalies = {anomaly_id(anomaly.metric): anomaly for anomaly in quality.anomalies}
    everything: dict[str, Found] = {**changes, **outcomes, **anomalies}
    return everything.get(evidence)


def _said(found: Found) -> str:
    return found.sentence if isinstance(found, Anomaly | Outcome) else meaning.sentence(found)


def _numbers(
    found: Found, now: Quality, *, profile: Profile, expectations: Sequence[Expectation]
) -> tuple[Number, ...]:
    numbers: dict[str, int | float | None] = {"rows": now.rows}
    match found:
        case Outcome():
            numbers |= {"rows": found.rows, "unexpected": found.unexpected}
            numbers |= {"share": found.unexpected / found.rows if found.rows else None}
            declared = next((e for e in expectations if e.check_name == found.check_name), None)
            numbers |= _of(declared.kwargs if declared else {}) | _in_words(found.observed)
        case Anomaly():
            numbers |= {n: _whole(found, getattr(found, n)) for n in ("observed", "expected", "low", "high", "days")}
            if found.metric == "rows" and found.expected:
                numbers |= {"difference": abs(found.observed / found.expected - 1)}
            if found.metric == "duplicate_rows":
                numbers |= {"duplicate_rows": profile.duplicate_rows}
            column = profile.column(found.metric.removeprefix("null_share:"))
            numbers |= {"nulls": column.nulls if column else None}
        case _:
            numbers |= _of(found.model_dump(mode="json"))
            numbers |= {"columns": len(found.columns)} if found.kind == "reordered" else {}
    return tuple(Number(name=name, value=value) for name, value in numbers.items() if value is not None)


def _whole(anomaly: Anomaly, value: float) -> int | float:
    """Rows are counted, shares are not: 1 row is no 100 %."""
    return int(value) if anomaly.metric == "rows" and float(value).is_integer() else value


def _of(body: dict[str, object]) -> dict[str, int | float | None]:
    return {number.name: number.value for number in flattened(body)}


def _in_words(observed: str) -> dict[str, int | float | None]:
    """The measure that Great Expectations gave, such as `mean 93.5`; what is more than a measure is left out."""
    last = observed.rpartition(" ")[2].replace(",", "")
    return {number.name: number.value for number in flattened({"observed": last})}


def _texts(found: Found, *, expectations: Sequence[Expectation]) -> tuple[str, ...]:
    """Names in it that may hold digits: columns, types, metrics, checks, and the declared words of an expectation."""
    body = found.model_dump(mode="json", exclude={"sentence", "observed", "sample"})
    declared: Value | None = None
    if isinstance(found, Outcome):
        declared = next((e for e in expectations if e.check_name == found.check_name), None)
    return tuple(texts_in(body if declared is None else [body, declared.model_dump(mode="json")["kwargs"]]))
