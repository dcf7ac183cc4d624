import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders_monitor.agent import tools
from orders_monitor.agent.model import ToolCall
from orders_monitor.core.drift import ColumnAdded, ColumnRenamed
from orders_monitor.core.errors import ToolRefused
from orders_monitor.core.profile import ColumnProfile
from orders_monitor_tests.cases import anomaly, briefing, failed, release

CANARY = "ada.lovelace@example.org"


def ask(case, name, **arguments):
    """A tool's answer, read as JSON."""
    return json.loads(tools.run(ToolCall("1", name, arguments), briefing=case, release=release()))


def column(name, **values):
    """A profile of one landed text column."""
    return ColumnProfile(name=name, type="VARCHAR", nulls=2, distinct=3, **values)


def test_signals_come_with_the_serious_ones_first():
    """Each signal has the id to cite, how serious it is and one sentence."""
    case = briefing(
        changes=(ColumnAdded(column="gift", type="BOOLEAN"),), anomalies=(anomaly("rows", 20, low=90, high=110),)
    )

    expected = {
        "rows": 100,
        "landing_problem": None,
        "signals": [
            {
                "id": "anomaly:rows",
                "kind": "anomaly",
                "severity": "gate",
                "sentence": "rows is unusual",
                "explained_by": None,
            },
            {
                "id": "drift:added:gift",
                "kind": "drift",
                "severity": "info",
                "sentence": "column 'gift' (BOOLEAN) came and is not in the contract",
                "explained_by": None,
            },
        ],
        "left_out": 0,
        "cut": [],
        "evidence": "signals:4774418bf105",
    }
    assert expected == ask(case, "signals")


def test_a_change_comes_with_its_evidence_and_the_contracts_type():
    """What the model needs to propose a rename or a cast is in one answer."""
    case = briefing(changes=(ColumnRenamed(column="amount", now="total", score=0.97),))

    expected = {
        "contract_columns": 4,
        "changes": [
            {
                "evidence": "drift:renamed:amount",
                "change": {"kind": "renamed", "column": "amount", "now": "total", "score": 0.97},
                "contract_type": "DECIMAL(12,2)",
                "contract_unit": "EUR",
                "tolerated": False,
            }
        ],
        "left_out": 0,
        "cut": [],
        "evidence": "contract_diff:c44f311a8bdc",
    }
    assert expected == ask(case, "contract_diff")


def test_a_failed_expectation_names_its_rows_where_a_predicate_can():
    """The predicate is code's own, derived from the declaration; an expectation about a mean has none."""
    case = briefing(outcomes=(failed("status_be_in_set", 3, sample=("lost",)), failed("amount_mean_to_be_between")))

    answer = ask(case, "expectation_outcomes", failed_only=True)

    expected = {
        "evidence": "expectation:status_be_in_set",
        "type": "expect_column_values_to_be_in_set",
        "column": "status",
        "severity": "gate",
        "passed": False,
        "rows": 100,
        "unexpected": 3,
        "observed": "as observed",
        "sample": ["lost"],
        "could_not_be_asked": None,
        "predicate": {"kind": "not_in", "column": "status", "values": ["paid", "shipped"]},
    }
    assert expected == answer["outcomes"][0]
    assert answer["outcomes"][1]["predicate"] is None


def test_a_metric_comes_with_its_range_and_its_past():
    """The usual range, then earlier partitions, latest first."""
    answer = ask(briefing(anomalies=(anomaly("rows", 20, low=90, high=110),)), "metric_history", metric="rows")

    expected = [{"partition": "2026-11-18", "value": 101.0}, {"partition": "2026-11-17", "value": 98.0}]
    assert expected == answer["points"]
    assert (90, 110) == (answer["baseline"]["low"], answer["baseline"]["high"])


def test_no_value_of_a_personal_column_leaves_by_any_tool():
    """Nothing that a row of a personal column holds leaves, nor of a stranger, which may be it under another name."""
    leaky = failed("email_match_regex", 2, sample=(CANARY,)).model_copy(update={"observed": CANARY})
    raised = leaky.model_copy(update={"raised": f"cannot read {CANARY}"})
    columns = tuple(column(name, top=((CANARY, 3),), minimum=CANARY, maximum=CANARY) for name in ("email", "e_mail"))

    for outcome in (leaky, raised, leaky.model_copy(update={"passed": True})):
        case = briefing(outcomes=(outcome,), columns=columns)
        answers = [
            ask(case, "signals"),
            ask(case, "contract_diff"),
            ask(case, "expectation_outcomes", failed_only=False),
            ask(case, "profile", columns=[]),
        ]

        assert CANARY not in json.dumps(answers)
        assert "2" in json.dumps(answers)  # the numbers do leave


def test_values_of_a_promised_column_are_shown_cut_to_a_cell():
    """Where values may be shown they are short: 64 characters of a cell, 200 of a sentence."""
    case = briefing(
        outcomes=(failed("status_be_in_set", 1, sample=("x" * 5_000,)),),
        columns=(column("status", top=(("y" * 99, 1),)),),
    )

    assert "x" * 63 + "…" == ask(case, "expectation_outcomes", failed_only=True)["outcomes"][0]["sample"][0]
    assert [["y" * 63 + "…", 1]] == ask(case, "profile", columns=["status"])["columns"][0]["top"]
    assert 200 >= len(ask(case, "signals")["signals"][0]["sentence"])


@pytest.mark.parametrize(
    ("name", "arguments", "why"),
    [
        ("publish", {}, "there is no such tool"),
        ("profile", {}, "columns: Field required"),
        ("profile", {"columns": ["nobody"]}, "there is no landed column 'nobody'"),
        ("profile", {"columns": [], "sql": "select 1"}, "sql: Extra inputs are not permitted"),
        ("metric_history", {"metric": "x" * 500}, "there is no metric"),
        ("signals", {"x": 1}, "x: Extra inputs are not permitted"),
    ],
)
def test_what_a_tool_does_not_take_is_refused(name, arguments, why):
    """A refusal is one short sentence."""
    with pytest.raises(ToolRefused) as refused:
        ask(briefing(), name, **arguments)

    assert why in refused.value.why
    assert 250 > len(refused.value.why)


def test_a_tool_that_exists_and_is_not_in_the_release_is_refused():
    """The release says what may be used, not the code."""
    narrow = release().model_copy(update={"tools": release().tools[:1]})

    with pytest.raises(ToolRefused, match="there is no such tool"):
        tools.run(ToolCall("1", "profile", {"columns": []}), briefing=briefing(), release=narrow)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(names=st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300), max_size=300))
def test_no_answer_is_longer_than_the_release_allows_and_what_was_cut_is_said(names):
    """However many columns and whatever they are called: the bytes keep to the cap, and nothing vanishes in silence."""
    case = briefing(columns=tuple(column(name) for name in names))

    text = tools.run(ToolCall("1", "profile", {"columns": []}), briefing=case, release=release())

    answer = json.loads(text)
    assert len(names) == len(answer["columns"]) + answer["left_out"]
    assert len(text.encode()) <= release().guardrails.tool_output_bytes_max
