"""case words: what a case says in sentences: what is wrong, what approving does, how it is undone, what has changed."""

from collections.abc import Iterator, Sequence

from orders_monitor.adapters.journal.events import Event
from orders_monitor.core.command import command
from orders_monitor.core.cost import Cost
from orders_monitor.core.feedback import DECIDED, Decided
from orders_monitor.core.plan import AcceptChange, Plan
from orders_monitor.core.quality import Quality
from orders_monitor.core.review import Case, Decision, Gate
from orders_monitor.pipeline import sentences


def verdict_of(answer: Gate, plan: Plan, quality: Quality | None) -> str:
    """One line: what is wrong, what is to be done about it, and what it waits for."""
    if plan.restore is not None:
        return f"{plan.author} asks to {sentences.of_action(plan.restore)}; {answer.sentence}"
    causes = [s for s in (quality.signals if quality else ()) if s.severity != "info" and s.explained_by is None]
    wrong = causes[0].sentence if causes else "nothing is wrong with what landed"
    more = f" (and {len(causes) - 1} more)" if len(causes) > 1 else ""
    if plan.hold is not None and plan.hold.why == wrong:
        return f"{answer.sentence}{more}"
    done = "" if plan.hold else f"; to do: {', '.join(sentences.of_action(action) for action in plan.actions)}"
    by = f"; {plan.author} changed the plan" if plan.author else ""
    return f"{wrong}{more}{done}{by}; {answer.sentence}"


def effect_of(case: Case, answer: Gate, *, newest_version: int | None) -> tuple[str, ...]:
    """What approving does, one thing a sentence; of what cannot be approved, what can be done instead."""
    if answer.status == "published":
        return ("nothing: these very bytes are published",)
    if case.candidate is None or case.digest is None or not answer.is_pending:
        return (_instead(case, answer),)
    return tuple(_effect(case, newest_version))


def undo_of(case: Case, answer: Gate) -> str:
    """How an approval is taken back once it is published; empty where nothing is approved."""
    if not answer.is_pending and answer.status != "published":
        return ""
    written = case.written[:-1] if answer.status == "published" else case.written
    if not written:
        return (
            "nothing of it was published before, so there is no version to give back: repair the source and run the "
            f"partition again (`{command(case.table, 'run', '--partition', case.partition, '--again')}`), "
            "which overwrites it and asks a person"
        )
    version = written[-1].delta_version
    restore = command(case.table, "restore", case.partition, "--to", str(version))
    return f"`{restore}` gives version {version} back, asked through this gate"


def changed_since(case: Case, decision: Decision | None, chain: Sequence[Event]) -> tuple[str, ...]:
    """What of a case is another than what a stale decision was on; `chain` are the events of its decisions."""
    if decision is None or case.plan is None or case.candidate is None:
        return ()
    bodies = (Decided.model_validate(event.body) for event in chain if event.kind == DECIDED)
    then = next((body for body in bodies if body.decision.id == decision.id), None)
    return tuple(_changed(case.plan, case.candidate.digest, decision, None if then is None else then.plan))


def cost_of(cost: Cost | None) -> str:
    """What the agent spent on a case so far."""
    if cost is None or not (cost.tokens or cost.reserved_tokens):
        return "nothing: the agent was not asked"
    held = f" and {sentences.of_amount(cost.reserved_tokens, cost.reserved_micro_usd)} held"
    return sentences.of_amount(cost.tokens, cost.micro_usd) + (held if cost.reserved_tokens else "")


def _effect(case: Case, newest: int | None) -> Iterator[str]:
    candidate, plan, now = case.candidate, case.plan, case.published
    if candidate is None or plan is None:
        return
    version = "the first version" if newest is None else f"version {newest + 1} (the next one now)"
    yield f"commits {candidate.rows:,} rows of {case.partition} to {case.table} as {version}"
    if now is None:
        yield f"readers see no row of {case.partition} now"
    else:
        yield f"replaces version {now.delta_version}, of which readers see {now.rows:,} rows now"
    if plan.restore is not None:
        yield f"readers get the very file of version {plan.restore.version} again"
    if candidate.quarantined_rows:
        yield f"keeps {candidate.quarantined_rows:,} rows out of the table, in the quarantine beside it"
    if candidate.duplicate_rows:
        yield f"drops {candidate.duplicate_rows:,} rows that repeat another one in every column"
    for action in plan.actions:
        if isinstance(action, AcceptChange):
            yield f"does not publish the new column {action.column}"
    if case.asked_for.needed > 1:
        yield f"needs {case.asked_for.needed} people: one approval alone publishes nothing"


def _instead(case: Case, answer: Gate) -> str:
    again = command(case.table, "run", "--partition", case.partition, "--again")
    return f"nothing can be approved ({answer.sentence}): once the source or the declaration is mended, `{again}`"


def _changed(plan: Plan, candidate_digest: str, decision: Decision, then: Plan | None) -> Iterator[str]:
    if then is not None:
        before = [sentences.of_action(action) for action in then.actions]
        now = [sentences.of_action(action) for action in plan.actions]
        yield from (f"came: {deed}" for deed in now if deed not in before)
        yield from (f"went: {deed}" for deed in before if deed not in now)
        if then.landed_digest != plan.landed_digest:
            yield "the partition landed again with other bytes"
        if then.unexplained != plan.unexplained:
            yield f"unexplained was {_named(then.unexplained)}, and is {_named(plan.unexplained)}"
        if (then.origin, then.author) != (plan.origin, plan.author):
            yield f"the plan was {_whose(then)}, and is {_whose(plan)}"
    elif decision.plan_digest != plan.digest:
        yield f"the plan was {decision.plan_digest[:12] or 'another'}, and is {plan.digest[:12]}"
    if decision.candidate_digest != candidate_digest:
        yield f"the bytes to publish were {decision.candidate_digest[:12] or 'others'}, and are {candidate_digest[:12]}"
    if decision.release != plan.release:
        yield f"the release was {decision.release or 'another'}, and is {plan.release}"


def _named(signals: Sequence[str]) -> str:
    return ", ".join(signals) or "nothing"


def _whose(plan: Plan) -> str:
    return {
        "clean": "made without the agent",
        "agent": "the agent's",
        "doubted": "the agent's, in doubt",
        "code": "code's alone",
        "reviewer": f"{plan.author}'s",
    }[plan.origin]
