import json

import httpx2
import pytest

from orders_monitor.adapters.claude import open_model
from orders_monitor.adapters.stand_in import StandIn
from orders_monitor.agent.loop import investigate
from orders_monitor.core.budget import RunScope
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
from orders_monitor.core.table import Budget
from orders_monitor_tests.cases import anomaly, briefing, failed, release
from orders_monitor_tests.fakes import ListRecorder, MemoryLedger

HEADERS = {"authorization": "Bearer offline", "anthropic-version": "2026-10-21"}
HELLO = {"model": "claude-sonnet-5-5", "max_tokens": 1_000, "messages": [{"role": "user", "content": "hello"}]}
CALL = {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "signals", "input": {}}]}
RESULT = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "b", "content": "{}"}]}

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
                why="the promised column status did not come",
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


def asked(case):
    """An investigation by the real SDK on the stand-in, as the pipeline would make it."""
    model = open_model(
        release(),
        api_key="offline",
        transport=StandIn(),
        ledger=MemoryLedger(),
        run=RunScope(run_id="run", table="orders_daily", partition="2026-11-19", team="orders"),
        limits=Budget(),
        recorded_as="stand-in",
    )
    return investigate(case, model=model, release=release(), workbench=None, recorder=ListRecorder())


@pytest.mark.parametrize("name", CASES)
def test_the_stand_in_finds_the_cause_and_cites_its_evidence(name):
    """From the tools' answers alone: the repair of the cause, the symptoms cited with it, the rest for a person."""
    case, expected = CASES[name]

    investigation = asked(case)

    assert ("answered", "stand-in") == (investigation.ending, investigation.model)
    if expected is None:
        assert ["hold"] == [action.kind for action in investigation.proposed]
    else:
        assert expected == investigation.proposed


@pytest.mark.parametrize("name", CASES)
def test_everything_that_is_not_clean_is_cited_by_a_finding(name):
    """No signal is passed over in silence, and none is made up."""
    case, expected = CASES[name]
    cited = {evidence for finding in asked(case).findings for evidence in finding.evidence}

    known = {signal.id for signal in case.quality.signals}
    assert cited <= known
    if expected is not None:
        assert {s.id for s in case.quality.signals if s.severity != "info"} <= cited


@pytest.mark.parametrize("name", CASES)
def test_code_accepts_everything_that_the_stand_in_proposes(name):
    """Its evidence holds, and what it leaves unexplained is exactly what code finds unexplained."""
    case, _ = CASES[name]
    proposed = asked(case).proposed

    accepted = accept(proposed, case.quality, case.contract, case.expectations)

    left = proposed[-1].evidence if isinstance(proposed[-1], PublishAsIs) else ()
    assert ((), left) == (accepted.dropped, accepted.unexplained)


def test_the_same_case_gets_the_same_investigation():
    """Nothing but the conversation goes into an answer."""
    case, _ = CASES["a batch that came twice explains volume and uniqueness"]

    assert asked(case) == asked(case)


@pytest.mark.parametrize(
    ("status", "says", "request_"),
    [
        (404, "nothing at this path", httpx2.Request("GET", "http://x/v1/messages", headers=HEADERS)),
        (404, "nothing at this path", httpx2.Request("POST", "http://x/v1/complete", headers=HEADERS)),
        (401, "a key is needed", httpx2.Request("POST", "http://x/v1/messages", json=HELLO)),
        (
            400,
            "anthropic-version",
            httpx2.Request("POST", "http://x/v1/messages", json=HELLO, headers={"x-api-key": "k"}),
        ),
        (400, "not JSON", httpx2.Request("POST", "http://x/v1/messages", content=b"{", headers=HEADERS)),
        (400, "not an object", httpx2.Request("POST", "http://x/v1/messages", json=[], headers=HEADERS)),
    ],
)
def test_a_request_that_is_none_gets_the_apis_error(status, says, request_):
    """Path, key, version header and body are asked for as the API asks for them."""
    response = StandIn().handle_request(request_)

    assert status == response.status_code
    assert says in response.json()["error"]["message"]


@pytest.mark.parametrize(
    ("update", "says"),
    [
        ({"model": None}, "model: Field required"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"temperature": 0.5}, "temperature: Extra inputs are not permitted"),
        ({"messages": []}, "at least one message"),
        ({"messages": [{"role": "assistant", "content": "hi"}]}, "roles must alternate"),
        (
            {"messages": [HELLO["messages"][0], CALL, {"role": "user", "content": "go on"}]},
            "must have its `tool_result`",
        ),
        ({"messages": [HELLO["messages"][0], CALL, RESULT]}, "must have its `tool_result`"),
        ({"tools": [{"name": "a"}, {"name": "a"}]}, "Tool names must be unique"),
    ],
)
def test_a_malformed_conversation_gets_the_apis_error(update, says):
    """What the API would refuse is refused, so that a mistake of ours shows offline."""
    request = httpx2.Request("POST", "http://x/v1/messages", json=HELLO | update, headers=HEADERS)

    response = StandIn().handle_request(request)

    assert (400, "invalid_request_error") == (response.status_code, response.json()["error"]["type"])
    assert says in response.json()["error"]["message"]


def test_a_turn_that_is_longer_than_allowed_is_cut_off():
    """`max_tokens` is kept to: the text ends there, tool calls are gone, the stop reason says so."""
    mind = StandIn(mind=lambda _: [{"type": "text", "text": "x" * 500}, CALL["content"][0]])
    request = httpx2.Request("POST", "http://x/v1/messages", json=HELLO | {"max_tokens": 10}, headers=HEADERS)

    reply = json.loads(mind.handle_request(request).read())

    expected = ("max_tokens", [{"type": "text", "text": "x" * 40}], 10)
    assert expected == (reply["stop_reason"], reply["content"], reply["usage"]["output_tokens"])
