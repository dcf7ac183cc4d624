"""How this agent and this system fail: what it looks like, what it costs, what to do, whose it is, and what sees it.

The first five are the agent's own ways, each with a detector of the same name that ends the conversation. The other six
come with running any agent for a long time; each names what in this system covers it. `MEANINGS` says of every ending
of an investigation what it means for the person who finds it in the morning.
"""

from collections.abc import Mapping
from typing import Literal

from orders_monitor.core.value import Value

Owner = Literal["table owner", "agent owner", "platform"]


class Cover(Value):
    """A part of this system by its name: an asset check, a module, or a command of `orders-monitor`."""

    kind: Literal["check", "module", "command"]
    name: str


class FailureMode(Value):
    """One way to fail. It has a detector, or is covered by parts of the system, and never neither."""

    name: str
    title: str
    signature: str
    early_signal: str
    impact: str
    recovery: str
    owner: Owner
    detector: str | None = None
    covered_by: tuple[Cover, ...] = ()


class Meaning(Value):
    """What an ending says, and what the person does who finds it."""

    what: str
    to_do: str


def _check(name: str) -> Cover:
    return Cover(kind="check", name=name)


def _module(name: str) -> Cover:
    return Cover(kind="module", name=f"orders_monitor.{name}")


def _command(name: str) -> Cover:
    return Cover(kind="command", name=name)


AGENTIC = (
    FailureMode(
        name="error_propagation",
        title="Error propagation",
        signature="questions refused turn after turn and gone on from, or an answer that cites what was never answered",
        early_signal="a first turn all of whose calls were refused",
        impact="a plausible plan on a flawed foundation: corrupted downstream data, if anybody believed it",
        recovery="nothing of the answer is used; a person decides the case from the code-only plan and the trace",
        owner="agent owner",
        detector="error_propagation",
    ),
    FailureMode(
        name="retrieval_thrash",
        title="Retrieval thrash",
        signature="the same question in other words, other questions with the same answer, or empty answers in a row",
        early_signal="an answer that goes to the model with the note that it was asked before or says nothing new",
        impact="tokens and minutes without a step forward: a late partition and an empty budget",
        recovery="the conversation ended within its step budget; a person decides the case",
        owner="agent owner",
        detector="retrieval_thrash",
    ),
    FailureMode(
        name="tool_storm",
        title="Tool storm",
        signature="far more tool calls than a diagnosis needs: in a turn, in the run, or of one tool",
        early_signal="a batch of calls refused at a tool's ceiling",
        impact="rate limits and load on shared stores, and with them failures of whoever else needs those",
        recovery="none of the calls past the ceiling ran; a person decides the case",
        owner="agent owner",
        detector="tool_storm",
    ),
    FailureMode(
        name="context_bloat",
        title="Context bloat",
        signature="requests that grow past their size, double step by step, or step into a dearer price",
        early_signal="a request above a quarter of its size in the first steps",
        impact="answers get worse without saying so, and every step costs more than the one before",
        recovery="the request was not sent; a person decides, and the tools' output caps in the release are lowered",
        owner="agent owner",
        detector="context_bloat",
    ),
    FailureMode(
        name="guardrail_bypass",
        title="Guardrail bypass",
        signature="a call of a tool that the release does not have, or a query that reaches out of its room",
        early_signal="there is none: the first attempt is the alert",
        impact="an unreviewed change of production, if anything here could be talked into one",
        recovery="nothing ran; read the trace for who wrote the words that it obeyed, and treat that source as hostile",
        owner="platform",
        detector="guardrail_bypass",
    ),
)
OPERATIONAL = (
    FailureMode(
        name="silent_failure",
        title="Silent failure",
        signature="the data drifts, every step succeeds, and what comes out is plausible and wrong",
        early_signal="an anomaly or a change of schema of severity info",
        impact="readers decide on wrong numbers, and nobody is told",
        recovery="the partition waits or is held; the owner of the source repairs it, and the night is run again",
        owner="table owner",
        covered_by=(
            _check("schema_drift"),
            _check("quality_gate"),
            _module("core.drift"),
            _module("core.anomaly"),
            _module("core.claims"),
        ),
    ),
    FailureMode(
        name="integration_break",
        title="Integration break",
        signature="the source, the model or the agent's configuration changes its version under whoever relies on it",
        early_signal="an unpromised column, a release without a version, a model id that moves",
        impact="calls fail at run time, or mean something else than they did",
        recovery="go back to the last release, or change contract or pin in a reviewed commit with a new version",
        owner="platform",
        covered_by=(
            _check("schema_drift"),
            _module("core.contract"),
            _module("core.release"),
            _module("adapters.releases"),
            _module("adapters.delta.schema"),
        ),
    ),
    FailureMode(
        name="overload",
        title="Overload",
        signature="more questions than the model's budget takes, or more cases than people can read",
        early_signal="cases that wait longer than a day, and budgets that end before the month does",
        impact="queues and bills run over, and tired people approve what they did not read",
        recovery="equal questions are asked once; raise a budget or tighten the declaration in a reviewed commit",
        owner="platform",
        covered_by=(
            _check("budget"),
            _module("core.policy"),
            _module("core.budget"),
            _module("agent.once"),
            _command("budget show"),
            _command("review list"),
            _command("status"),
        ),
    ),
    FailureMode(
        name="feedback_collapse",
        title="Feedback-loop collapse",
        signature="quality, cost or the agent's hit rate falls a little every week, under every fixed threshold",
        early_signal="a metric that leaves its own usual range, a cost that rises from release to release",
        impact="nobody acts until it fails all at once",
        recovery="compare by release and go back to the one before the trend; adjust the expectations it slipped under",
        owner="agent owner",
        covered_by=(
            _check("budget"),
            _module("core.anomaly"),
            _module("pipeline.charts"),
            _command("cost report"),
            _command("trace show"),
        ),
    ),
    FailureMode(
        name="organizational_coupling",
        title="Organizational coupling",
        signature="a case that one team sees, another must decide and a third must repair, with nobody named",
        early_signal="a table without owners, a case that is passed on",
        impact="waiting, manual interventions, and decisions that nobody can be asked about later",
        recovery="the declaration names owners and team; who decides a case is on record, with the digest decided on",
        owner="table owner",
        covered_by=(
            _check("human_review"),
            _module("core.table"),
            _module("core.review"),
            _command("review show"),
            _command("review approve"),
        ),
    ),
    FailureMode(
        name="cascading_failure",
        title="Cascading failures",
        signature="one thing that fails makes the next one fail: a model, a source or a store, then every table",
        early_signal="retries, and a second failure in one zone within minutes",
        impact="an outage of everything, caused by one part",
        recovery="the zone is left alone until a probe succeeds; other tables and zones go on; then run the night",
        owner="platform",
        covered_by=(
            _module("core.breaker"),
            _module("pipeline.breaker"),
            _module("core.publication"),
            _command("breaker show"),
        ),
    ),
)
FAILURE_MODES: Mapping[str, FailureMode] = {mode.name: mode for mode in (*AGENTIC, *OPERATIONAL)}

_BY_CODE = "the code-only plan waits for a person"
_OTHER_ENDINGS: Mapping[str, Meaning] = {
    "not_called": Meaning(
        what="the partition was clean, or certain to be held, so no token was needed", to_do="nothing"
    ),
    "answered": Meaning(
        what="the agent answered; code accepts what its evidence supports", to_do="review the plan where it waits"
    ),
    "finalised": Meaning(
        what="budget or steps ran out, and what was held back bought a last word",
        to_do="read the plan as unfinished; raise the run's budget or steps if such nights repeat",
    ),
    "budget_exhausted": Meaning(
        what=f"no further request fits into what is left of a budget; {_BY_CODE}",
        to_do="decide the case; `budget show` says which scope is used up, and a reviewed commit raises it",
    ),
    "steps_exhausted": Meaning(
        what=f"no answer within the steps of the release; {_BY_CODE}",
        to_do="decide the case, and read in the trace what the agent kept asking",
    ),
    "truncated": Meaning(
        what=f"the model's turn was cut off and nothing of it was used; {_BY_CODE}",
        to_do="decide the case; raise output_tokens_max in the release if such nights repeat",
    ),
    "refused": Meaning(
        what=f"the model refused to answer; {_BY_CODE}",
        to_do="decide the case, and look in the trace for the data that it took offence at",
    ),
    "malformed": Meaning(
        what=f"the model's last turn was no answer in the asked form; {_BY_CODE}",
        to_do="decide the case; report it to the agent's owner if it repeats",
    ),
    "unavailable": Meaning(
        what=f"the model could not be asked, or what it said could not be used; {_BY_CODE}",
        to_do="decide the case; run `budget reconcile` for attempts whose outcome is not known",
    ),
    "breaker_open": Meaning(
        what=f"the model failed too often just before and is left alone for now; {_BY_CODE}",
        to_do="decide the case, or run the partition again once `breaker show` says closed",
    ),
    "impostor": Meaning(
        what=f"something else than the pinned model answered; {_BY_CODE}",
        to_do="decide the case, and ask who runs the gateway before the model is asked again",
    ),
    "overbilled": Meaning(
        what=f"a reply billed more than was possible; {_BY_CODE}",
        to_do="decide the case, and take the attempt in the trace to the provider's bill",
    ),
    "broken": Meaning(
        what="an error of ours ended the conversation, and the run is red",
        to_do="repair what the run's error names, and run the partition again",
    ),
}
MEANINGS: Mapping[str, Meaning] = {
    **_OTHER_ENDINGS,
    **{mode.name: Meaning(what=f"{mode.signature}; {_BY_CODE}", to_do=mode.recovery) for mode in AGENTIC},
}
