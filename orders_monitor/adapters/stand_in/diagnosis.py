"""The stand-in's mind: what to ask next, and what the tools' answers mean. It knows the conversation, nothing else.

Causes come before symptoms: a renamed column also fails the expectations of its old name, rows that came twice also
raise the volume; `explained_by` says which is which. What no cause explains is put before a person, never repaired.
Numbers are left to code: a claim names the evidence and its field, and names from data stand in quotes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from orders_monitor.adapters.stand_in.conversation import Heard, Question, ask, heard, offered, say
from orders_monitor.adapters.stand_in.wire import Json

QUARANTINE_SHARE_MAX = 0.05
METRICS_ASKED_MAX = 4
_DUPLICATES = "anomaly:duplicate_rows"
_CONTROLS = "anomaly:control:"
_FIRST_QUESTIONS: tuple[Question, ...] = (
    ("signals", {}),
    ("contract_diff", {}),
    ("expectation_outcomes", {"failed_only": True}),
)


@dataclass(slots=True)
class _Case:
    """What was read, and what was made of it so far."""

    signals: dict[str, Json]
    changes: Sequence[Json]
    outcomes: Sequence[Json]
    rows: int | None
    duplicate_rows: int
    baselines: Mapping[str, Json]
    actions: list[Json] = field(default_factory=list)
    findings: list[Json] = field(default_factory=list)
    holds: list[tuple[str, list[str]]] = field(default_factory=list)
    explained: set[str] = field(default_factory=set)

    def with_consequences(self, evidence: str) -> list[str]:
        """The cause and every signal that is only its consequence."""
        return [evidence, *(i for i, signal in self.signals.items() if signal["explained_by"] == evidence)]

    def known(self, ids: Sequence[str]) -> list[str]:
        """Those of the ids that are signals of this partition, once each."""
        return [evidence for evidence in dict.fromkeys(ids) if evidence in self.signals]

    def repair(self, claim: str, action: Json, evidence: Sequence[str]) -> None:
        """Propose an action for a cause."""
        cited = self.known(evidence)
        self.actions.append({**action, "evidence": cited})
        self._claim(claim, cited)

    def hold(self, why: str, evidence: Sequence[str]) -> None:
        """Propose to publish nothing."""
        cited = self.known(evidence)
        self.holds.append((why, cited))
        self._claim(why, cited)

    def put_before_a_person(self, claim: str, evidence: str) -> None:
        """Say that something is unusual and not why; it stays unexplained."""
        self._claim(claim, [evidence])

    def _claim(self, claim: str, cited: list[str]) -> None:
        self.findings.append({"claim": claim, "evidence": cited})
        self.explained.update(cited)


def next_turn(body: Json) -> list[Json]:
    """The content blocks of the model's next turn: tool calls while something is to be asked, then the answer."""
    known = heard(body)
    asked = [(item.name, item.arguments) for item in known]
    questions = [q for q in _questions(known) if q[0] in offered(body) and q not in asked]
    return ask(questions, body) if questions else say(_answer(_case(known)))


def _questions(known: Sequence[Heard]) -> list[Question]:
    """First the overview; then the numbers behind anomalies, and the profile where rows may have come twice."""
    if not known:
        return list(_FIRST_QUESTIONS)
    case = _case(known)
    unusual = {i.removeprefix("anomaly:"): s for i, s in case.signals.items() if s["kind"] == "anomaly"}
    metrics = [metric for metric, signal in unusual.items() if signal["explained_by"] is None]
    questions: list[Question] = [("metric_history", {"metric": m}) for m in metrics[:METRICS_ASKED_MAX]]
    if "duplicate_rows" in unusual or any("unique" in o["type"] for o in case.outcomes):
        questions.append(("profile", {"columns": []}))
    return questions


def _case(known: Sequence[Heard]) -> _Case:
    answers: dict[str, list[Json]] = {}
    for item in (item for item in known if item.answer):
        answers.setdefault(item.name, []).append(item.answer)
    signals = answers.get("signals", [{}])[0]
    profile = answers.get("profile", [{}])[0]
    case = _Case(
        signals={s["id"]: s for s in signals.get("signals", ())},
        changes=answers.get("contract_diff", [{}])[0].get("changes", ()),
        outcomes=[o for o in answers.get("expectation_outcomes", [{}])[0].get("outcomes", ()) if not o["passed"]],
        rows=signals.get("rows"),
        duplicate_rows=profile.get("duplicate_rows", 0),
        baselines={f"anomaly:{a['metric']}": a["baseline"] for a in answers.get("metric_history", ()) if a["baseline"]},
    )
    unread = sum(a.get("left_out", 0) for name, _ in _FIRST_QUESTIONS for a in answers.get(name, ()))
    if unread:
        case.hold("there are more signals, changes or outcomes than could be read", list(case.signals))
    return case


def _answer(case: _Case) -> Json:
    if case.rows is None:  # the last word came before the first answer: nothing is known, and nothing is said
        return {"findings": [], "proposed": []}
    _landing(case)
    for change in case.changes:
        _change(case, change)
    _duplicates(case)
    _control_totals(case)
    _broken_expectations(case)
    _unexplained(case)
    if case.holds:
        why = "; ".join(dict.fromkeys(why for why, _ in case.holds))
        evidence = case.known([i for _, cited in case.holds for i in cited])
        proposed = [{"kind": "hold", "why": why, "evidence": evidence}]
    else:
        open_ids = [i for i in case.signals if i in case.explained and not _is_cited(case, i)]
        proposed = [*case.actions, {"kind": "publish_as_is", "evidence": open_ids}]
    return {"findings": case.findings, "proposed": proposed}


def _is_cited(case: _Case, evidence: str) -> bool:
    return any(evidence in action["evidence"] for action in case.actions)


def _landing(case: _Case) -> None:
    landing = [i for i, signal in case.signals.items() if signal["kind"] == "landing"]
    if landing:
        case.hold("the source had nothing that could be read as this partition", landing)
    elif case.rows == 0:
        case.hold("the partition landed without a row", list(case.signals))


def _change(case: _Case, item: Json) -> None:
    """What repairs a change. New values and missing ones are their expectation's; other formats are a person's."""
    change, column = item["change"], item["change"].get("column")
    evidence = case.with_consequences(item["evidence"])
    match change["kind"]:
        case "renamed":
            action = {"kind": "rename_column", "column": change["now"], "to": column}
            case.repair(f"`{column}` came under the name `{change['now']}`", action, evidence)
        case "type_changed" | "narrowed" | "widened":
            action = {"kind": "cast_column", "column": column, "type": item["contract_type"]}
            case.repair(f"`{column}` came as `{change['now']}` instead of `{item['contract_type']}`", action, evidence)
        case "unit_changed" if change["factor"] and not change["smaller"]:
            action = {"kind": "scale_column", "column": column, "divide_by": change["factor"]}
            case.repair(f"`{column}` is {_number(item['evidence'], 'factor')} times what it was", action, evidence)
        case "added":
            action = {"kind": "accept_change", "column": column}
            case.repair(f"the source has a new column `{column}`", action, evidence)
        case "removed":
            case.hold(f"the promised column `{column}` did not come", evidence)


def _duplicates(case: _Case) -> None:
    """Rows that came twice; a key that failed to be unique although no row did is not that."""
    if case.duplicate_rows == 0:
        return
    unique = [o["evidence"] for o in case.outcomes if o["type"].endswith("_unique")]
    evidence = case.known([*case.with_consequences(_DUPLICATES), *unique])
    if evidence:
        how_many = f"{_number(_DUPLICATES, 'observed')} " if _DUPLICATES in evidence else ""
        case.repair(f"{how_many}rows came twice, equal in every column", {"kind": "drop_duplicates"}, evidence)


def _control_totals(case: _Case) -> None:
    """What was lost or added on the way comes right when the partition is landed again, and by no repair."""
    differing = [i for i in case.signals if i.startswith(_CONTROLS) and i not in case.explained]
    if differing:
        evidence = [i for cause in differing for i in case.with_consequences(cause)]
        case.hold("the source handed over something else than what landed: land the partition again", evidence)


def _broken_expectations(case: _Case) -> None:
    failed = [o for o in case.outcomes if o["evidence"] in case.signals and o["evidence"] not in case.explained]
    nameable = [o for o in failed if o["predicate"] is not None and o["could_not_be_asked"] is None and o["rows"]]
    share = sum(o["unexpected"] / o["rows"] for o in nameable)
    few = [o for o in nameable if o["unexpected"] / o["rows"] <= QUARANTINE_SHARE_MAX]
    if few and share > QUARANTINE_SHARE_MAX and len(few) == len(nameable):
        why = f"rows that break expectations are together {share:.1%} of the partition"
        case.hold(why, [o["evidence"] for o in few])
        return
    for outcome in few:
        cited = outcome["evidence"]
        case.repair(
            f"{_number(cited, 'unexpected')} of {_number(cited, 'rows')} rows break {cited}",
            {"kind": "quarantine_rows", "where": outcome["predicate"]},
            case.with_consequences(cited),
        )
    for outcome in (o for o in failed if o not in few and o["severity"] == "gate"):  # a warning goes to a person
        case.hold(
            f"{outcome['evidence']} failed and its rows cannot be set aside",
            case.with_consequences(outcome["evidence"]),
        )


def _unexplained(case: _Case) -> None:
    for evidence, signal in case.signals.items():
        if signal["severity"] != "info" and evidence not in case.explained:
            seen, low, high = (_number(evidence, name) for name in ("observed", "low", "high"))
            how = f" ({seen}, usually {low} to {high})" if evidence in case.baselines else ""
            case.put_before_a_person(f"nothing explains {evidence}{how}: a person must judge", evidence)


def _number(evidence: str, name: str) -> str:
    """A number as a claim writes it: code fills it in from the evidence."""
    return f"{{{evidence}#{name}}}"
