from functools import cache

import pytest

from orders_monitor.adapters.stand_in.transport import StandIn
from orders_monitor.core.claims import cited_by, judge
from orders_monitor.core.drift import (
    ColumnAdded,
    ColumnRemoved,
    ColumnRenamed,
    ColumnsReordered,
    TypeChanged,
    TypeNarrowed,
    TypeWidened,
    UnitChanged,
)
from orders_monitor.core.evidence import accept
from orders_monitor.core.plan import (
    AcceptChange,
    CastColumn,
    DropDuplicates,
    Hold,
    PublishAsIs,
    QuarantineRows,
    RenameColumn,
    ScaleColumn,
)
from orders_monitor.core.predicate import IsNull, NotIn, NotMatching
from orders_monitor.core.retrial import again
from orders_monitor_tests.asked import asked
from orders_monitor_tests.cases import anomaly, briefing, failed

GATE_AMOUNT = "expectation:amount_be_between"
CASES = {
    "a renamed column also fails the expectations of its old name": (
        briefing(
            changes=(ColumnRenamed(column="amount", now="total", score=0.97),),
            outcomes=(failed("amount_be_between", raised="no column amount"),),
        ),
        (
            RenameColumn(
                column="total",
                to="amount",
                evidence=("drift:renamed:amount", GATE_AMOUNT),
            ),
            PublishAsIs(),
        ),
    ),
    "another type is cast to the contract's": (
        briefing(
            changes=(TypeChanged(column="amount", was="DECIMAL(12,2)", now="VARCHAR"),),
            outcomes=(failed("amount_be_between", 3),),
        ),
        (
            CastColumn(column="amount", type="DECIMAL(12,2)", evidence=("drift:type_changed:amount", GATE_AMOUNT)),
            PublishAsIs(),
        ),
    ),
    "a narrower type is cast": (
        briefing(changes=(TypeNarrowed(column="order_id", was="BIGINT", now="INTEGER"),)),
        (CastColumn(column="order_id", type="BIGINT", evidence=("drift:narrowed:order_id",)), PublishAsIs()),
    ),
    "a wider type is cast": (
        briefing(changes=(TypeWidened(column="order_id", was="BIGINT", now="HUGEINT"),)),
        (CastColumn(column="order_id", type="BIGINT", evidence=("drift:widened:order_id",)), PublishAsIs()),
    ),
    "a column that did not come holds": (
        briefing(
            changes=(ColumnRemoved(column="status"),), outcomes=(failed("status_be_in_set", raised="no column status"),)
        ),
        (
            Hold(
                why="the promised column `status` did not come",
                evidence=("drift:removed:status", "expectation:status_be_in_set"),
            ),
        ),
    ),
    "a new column is accepted": (
        briefing(changes=(ColumnAdded(column="gift", type="BOOLEAN"),)),
        (AcceptChange(column="gift", evidence=("drift:added:gift",)), PublishAsIs()),
    ),
    "another order needs nothing": (briefing(changes=(ColumnsReordered(columns=("a", "b")),)), (PublishAsIs(),)),
    "amounts in cents are divided": (
        briefing(
            changes=(UnitChanged(column="amount", factor=100, observed_ratio=99.7),),
            outcomes=(failed("amount_mean_to_be_between"),),
        ),
        (
            ScaleColumn(
                column="amount",
                divide_by=100,
                evidence=("drift:unit_changed:amount", "expectation:amount_mean_to_be_between"),
            ),
            PublishAsIs(),
        ),
    ),
    "a batch that came twice explains volume and uniqueness": (
        briefing(
            rows=150,
            duplicate_rows=50,
            outcomes=(failed("order_id_be_unique", 100, rows=150),),
            anomalies=(anomaly("rows", 150, low=90, high=110), anomaly("duplicate_rows", 50, low=0, high=1)),
        ),
        (
            DropDuplicates(
                evidence=("anomaly:duplicate_rows", "expectation:order_id_be_unique", "anomaly:rows"),
            ),
            PublishAsIs(),
        ),
    ),
    "duplicates that do not explain the volume leave it unexplained": (
        briefing(
            rows=500,
            duplicate_rows=50,
            anomalies=(anomaly("rows", 500, low=90, high=110), anomaly("duplicate_rows", 50, low=0, high=1)),
        ),
        (DropDuplicates(evidence=("anomaly:duplicate_rows",)), PublishAsIs(evidence=("anomaly:rows",))),
    ),
    "one key with two contents holds": (
        briefing(outcomes=(failed("order_id_be_unique", 4),)),
        (
            Hold(
                why="expectation:order_id_be_unique failed and its rows cannot be set aside",
                evidence=("expectation:order_id_be_unique",),
            ),
        ),
    ),
    "missing hours are for a person": (
        briefing(rows=60, anomalies=(anomaly("rows", 60, low=90, high=110),)),
        (PublishAsIs(evidence=("anomaly:rows",)),),
    ),
    "a burst of nulls in a column without a promise is for a person": (
        briefing(anomalies=(anomaly("null_share:email", 0.4, low=0, high=0.1),)),
        (PublishAsIs(evidence=("anomaly:null_share:email",)),),
    ),
    "few nulls where none may be are set aside": (
        briefing(
            outcomes=(failed("amount_not_be_null", 5),),
            anomalies=(anomaly("null_share:amount", 0.05, low=0, high=0.01),),
        ),
        (
            QuarantineRows(
                where=IsNull(column="amount"),
                evidence=("expectation:amount_not_be_null", "anomaly:null_share:amount"),
            ),
            PublishAsIs(),
        ),
    ),
    "many nulls where none may be hold": (
        briefing(
            outcomes=(failed("amount_not_be_null", 6),),
            anomalies=(anomaly("null_share:amount", 0.06, low=0, high=0.01),),
        ),
        (
            Hold(
                why="expectation:amount_not_be_null failed and its rows cannot be set aside",
                evidence=("expectation:amount_not_be_null", "anomaly:null_share:amount"),
            ),
        ),
    ),
    "a new status is set aside": (
        briefing(outcomes=(failed("status_be_in_set", 2, sample=("lost",)),)),
        (
            QuarantineRows(
                where=NotIn(column="status", values=("paid", "shipped")), evidence=("expectation:status_be_in_set",)
            ),
            PublishAsIs(),
        ),
    ),
    "bad e-mails are set aside": (
        briefing(outcomes=(failed("email_match_regex", 1),)),
        (
            QuarantineRows(where=NotMatching(column="email", regex="@"), evidence=("expectation:email_match_regex",)),
            PublishAsIs(),
        ),
    ),
    "two kinds of bad rows that are too many together hold": (
        briefing(outcomes=(failed("email_match_regex", 3), failed("status_be_in_set", 3))),
        (
            Hold(
                why="rows that break expectations are together 6.0% of the partition",
                evidence=("expectation:email_match_regex", "expectation:status_be_in_set"),
            ),
        ),
    ),
    "a warning about a mean is for a person": (
        briefing(outcomes=(failed("amount_mean_to_be_between"),)),
        (PublishAsIs(evidence=("expectation:amount_mean_to_be_between",)),),
    ),
    "an empty partition holds": (
        briefing(rows=0, anomalies=(anomaly("rows", 0, low=90, high=110),)),
        (Hold(why="the partition landed without a row", evidence=("anomaly:rows",)),),
    ),
    "a landing problem holds": (
        briefing(rows=0, problem="the file is not Parquet"),
        (Hold(why="the source had nothing that could be read as this partition", evidence=("landing",)),),
    ),
    "a column named like an attack is data": (
        briefing(changes=(ColumnAdded(column='"; drop table x --', type="VARCHAR"),)),
        (AcceptChange(column='"; drop table x --', evidence=('drift:added:"; drop table x --',)), PublishAsIs()),
    ),
    "more changes than can be read hold": (
        briefing(changes=tuple(ColumnRemoved(column=f"column_{n}") for n in range(300))),
        None,
    ),
}


@cache
def found(name):
    """The case, and its investigation by the real SDK on the stand-in."""
    case, _ = CASES[name]
    return case, asked(case, StandIn()).investigation


@pytest.mark.parametrize("name", CASES)
def test_the_stand_in_finds_the_cause_and_cites_its_evidence(name):
    """From the tools' answers alone: the repair of the cause, the symptoms cited with it, the rest for a person."""
    _, expected = CASES[name]
    _, investigation = found(name)

    assert ("answered", "stand-in") == (investigation.ending, investigation.model)
    if expected is None:
        assert ["hold"] == [action.kind for action in investigation.proposed]
    else:
        assert expected == investigation.proposed


@pytest.mark.parametrize("name", CASES)
def test_everything_that_is_not_clean_is_cited_by_a_finding(name):
    """No signal is passed over in silence, and none is made up."""
    _, expected = CASES[name]
    case, investigation = found(name)
    cited = {evidence for finding in investigation.findings for evidence in finding.evidence}

    known = {signal.id for signal in case.quality.signals}
    assert cited <= known
    if expected is not None:
        assert {s.id for s in case.quality.signals if s.severity != "info"} <= cited


@pytest.mark.parametrize("name", CASES)
def test_every_claim_of_it_holds(name):
    """Numbers are left to code and names stand in quotes: no claim is dropped, nothing is doubted."""
    case, investigation = found(name)
    tried = {
        evidence: again(evidence, case.quality, case.quality, profile=case.profile, expectations=case.expectations)
        for evidence in cited_by(investigation)
    }
    columns = [column.name for column in case.contract.columns]

    claims, proposed = judge(investigation, tried, columns=columns, partition=case.partition)

    assert ((), (), len(investigation.findings)) == (claims.doubts, claims.dropped, len(claims.kept))
    assert [action.kind for action in investigation.proposed] == [action.kind for action in proposed]


@pytest.mark.parametrize("name", CASES)
def test_code_accepts_everything_that_the_stand_in_proposes(name):
    """Its evidence holds, and what it leaves unexplained is exactly what code finds unexplained."""
    case, investigation = found(name)
    proposed = investigation.proposed

    accepted = accept(proposed, case.quality, case.contract, case.expectations)

    left = proposed[-1].evidence if isinstance(proposed[-1], PublishAsIs) else ()
    assert ((), left) == (accepted.dropped, accepted.unexplained)


def test_the_same_case_gets_the_same_investigation():
    """Nothing but the conversation goes into an answer."""
    case, first = found("a batch that came twice explains volume and uniqueness")

    assert first == asked(case, StandIn()).investigation
