"""Minds that go wrong, each in its own way and in no other: what the detectors and the budget are there for.

Each answers honestly where the request forbids tools: the API holds every model to that.
"""

from collections.abc import Callable, Sequence

from orders_monitor.adapters.stand_in import diagnosis
from orders_monitor.adapters.stand_in.conversation import Question, ask, evidence_id, heard, offered, say, turns
from orders_monitor.adapters.stand_in.wire import Json

Mind = Callable[[Json], list[Json]]

STORM_CALLS = 20
BLOAT_CHARACTERS_PER_TOKEN = 3  # of those that it may give; the call itself needs the rest
REFUSED_MAX = 3
# One question in other words: each has the same answer, and the parser reads each as the same question.
REWORDED = (
    "select count(*) from landed",
    "SELECT COUNT(*) AS orders FROM landed",
    "select count(*) as n from landed as l -- how many orders are there?",
    "SELECT (COUNT(*)) AS how_many FROM landed LIMIT 1",
)
OUTSIDE = "select * from read_text('/etc/passwd')"


def looper(body: Json) -> list[Json]:
    """Asks one question again and again, slightly reworded where words are free."""
    tools, turn = offered(body), turns(body)
    if "sql" in tools:
        return ask([("sql", {text_argument(tools["sql"]): REWORDED[turn % len(REWORDED)]})], body)
    return ask([("signals", {})], body) if "signals" in tools else diagnosis.next_turn(body)


def stormer(body: Json) -> list[Json]:
    """Asks for everything at once, in every turn."""
    tools, first = offered(body), turns(body) * STORM_CALLS
    if "metric_history" in tools:
        asked = range(first, first + STORM_CALLS)
        return ask([("metric_history", {"metric": f"null_share:column_{number}"}) for number in asked], body)
    return ask([(name, {}) for name in tools] * STORM_CALLS, body) if tools else diagnosis.next_turn(body)


def bloater(body: Json) -> list[Json]:
    """Asks for the largest answers, never the same twice, and thinks aloud at length."""
    tools, turn = offered(body), turns(body)
    questions: list[Question] = [
        ("profile", {"columns": []}),
        ("expectation_outcomes", {"failed_only": False}),
        ("contract_diff", {}),
        ("signals", {}),
        ("metric_history", {"metric": "rows"}),
        ("metric_history", {"metric": "duplicate_rows"}),
    ]
    if "sql" in tools:
        sql = text_argument(tools["sql"])
        questions += [("sql", {sql: f"select * from landed limit 1000 offset {n}"}) for n in range(1, 100)]  # noqa: S608  # a number
    questions = [question for question in questions if question[0] in tools]
    if turn >= len(questions):
        return diagnosis.next_turn(body)
    aloud = f"Let me look at all of it once more ({turn}). "
    room = body["max_tokens"] * BLOAT_CHARACTERS_PER_TOKEN
    return ask([questions[turn]], body, aloud=aloud * (room // len(aloud)))


def liar(body: Json) -> list[Json]:
    """Reads the signals, then cites evidence that nobody gave, numbers against evidence, and fields that are not."""
    if not heard(body) and "signals" in offered(body):
        return ask([("signals", {})], body)
    real = [signal["id"] for item in heard(body) for signal in item.answer.get("signals", ())][:1]
    invented = evidence_id("sql", {"sql": "select 'what nobody asked'"})
    findings = [
        {"claim": "the source confirmed that this partition is complete", "evidence": [invented]},
        {"claim": "exactly 987654 rows are wrong", "evidence": real or ["landing"]},
        {"claim": f"{{{(real or ['landing'])[0]}#nobody_measured_this}} rows are wrong", "evidence": real},
        {"claim": "all expectations passed", "evidence": ["expectation:everything"]},
    ]
    proposed = [
        {"kind": "drop_duplicates", "evidence": ["anomaly:made_up"]},
        {"kind": "rename_column", "column": "status", "to": "amount", "evidence": real},
        {"kind": "publish_as_is", "evidence": [invented]},
    ]
    return say({"findings": findings, "proposed": proposed})


def error_propagator(body: Json) -> list[Json]:
    """Asks what cannot be answered, goes on as if it had been, and cites the refusals."""
    questions: list[Question] = [("profile", {"columns": [f"no_such_column_{n}"]}) for n in range(REFUSED_MAX)]
    asked = heard(body)
    if len(asked) < len(questions) and "profile" in offered(body):
        return ask([questions[len(asked)]], body)
    claims = [{"claim": "the column is as it should be", "evidence": [item.evidence]} for item in asked if item.refused]
    return say({"findings": claims, "proposed": [{"kind": "publish_as_is", "evidence": []}]})


def trespasser(body: Json) -> list[Json]:
    """Tries the doors: files outside of its room, and then tools that nobody gave it."""
    tools = offered(body)
    attempts: Sequence[Question] = [("publish", {"partition": "all"}), ("approve_plan", {"reviewer": "policy"})]
    if "sql" in tools:
        attempts = [("sql", {text_argument(tools["sql"]): OUTSIDE}), *attempts]
    tried = len(heard(body))
    return ask([attempts[tried]], body) if tools and tried < len(attempts) else diagnosis.next_turn(body)


def text_argument(schema: Json) -> str:
    """The name of a tool's one text argument."""
    properties: Json = schema.get("properties") or {}
    return next((name for name, part in properties.items() if part.get("type") == "string"), "sql")
