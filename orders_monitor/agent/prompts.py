"""What we say to the model: the release's prompt files, the case's name, and the form of the answer."""

from dataclasses import replace
from functools import cache
from typing import Any

from pydantic import ValidationError

from orders_monitor.agent import tools
from orders_monitor.agent.briefing import Briefing
from orders_monitor.agent.model import Message, Request, ToolResult, ToolResults
from orders_monitor.agent.schema import strict_schema
from orders_monitor.core.errors import ReleaseInvalid
from orders_monitor.core.investigation import Finding
from orders_monitor.core.plan import Action
from orders_monitor.core.release import Release
from orders_monitor.core.value import Value, canonical_json

# Errors whose place or message quotes what was wrong.
_QUOTING = {"extra_forbidden": "something that nobody asked for", "union_tag_invalid": "there is no such kind"}
NEEDED = ("system", "task", "last_word")
NO_ROOM = canonical_json({"refused": "the budget is used up: no room for this answer"})


class Answer(Value):
    """The form of the model's last word: claims and proposed actions, each citing evidence ids."""

    findings: tuple[Finding, ...]
    proposed: tuple[Action, ...]

    @property
    def cited(self) -> frozenset[str]:
        """Every evidence id in it."""
        return frozenset(name for part in (*self.findings, *self.proposed) for name in part.evidence)


@cache
def answer_schema() -> dict[str, Any]:
    """The JSON schema of the answer."""
    return strict_schema(Answer.model_json_schema())


def require_usable(release: Release) -> None:
    """Raise ReleaseInvalid if the release names a tool that nobody wrote, or lacks a prompt that the loop speaks."""
    for limit in release.tools:
        if limit.name not in tools.TOOLS:
            why = f"{limit.name!r} is not a tool; there are {', '.join(tools.TOOLS)}"
            raise ReleaseInvalid(path=f"{release.agent}: tools", why=why)
    for name in NEEDED:
        if release.prompt(name) is None:
            raise ReleaseInvalid(path=f"{release.agent}: prompts", why=f"there is no prompt {name!r}")


def system_text(release: Release) -> str:
    """The system prompt. Raises ReleaseInvalid."""
    return _text(release, "system")


def task_text(briefing: Briefing, release: Release) -> str:
    """The first message: the task and the case's name. Nothing that the data could have written."""
    case = {"table": briefing.table, "partition": briefing.partition}
    return f"{_text(release, 'task')}\n\n{canonical_json(case)}"


def last_word_text(release: Release) -> str:
    """What is said when no tool may be called any more. Raises ReleaseInvalid."""
    return _text(release, "last_word")


def request(messages: tuple[Message, ...], *, release: Release) -> Request:
    """The next request of a conversation."""
    return Request(
        system=system_text(release),
        messages=messages,
        tools=tools.specs(release),
        answer_schema=answer_schema(),
        output_tokens_max=release.guardrails.output_tokens_max,
    )


def without_last_answers(request: Request) -> Request | None:
    """The same request, each of the last answers left out with a word on why; None where nothing else was answered."""
    *earlier, last = request.messages
    if not isinstance(last, ToolResults) or not any(isinstance(message, ToolResults) for message in earlier):
        return None
    left_out = tuple(ToolResult(result.call_id, NO_ROOM, refused=True) for result in last.results)
    return replace(request, messages=(*earlier, ToolResults(left_out)))


def read_answer(text: str) -> Answer | str:
    """The answer, or one sentence on why the text is none."""
    try:
        return Answer.model_validate_json(text)
    except ValidationError as invalid:
        error = invalid.errors(include_input=False, include_url=False)[0]
        place, said = error["loc"], error["msg"]
        if error["type"] in _QUOTING:  # this sentence is ours: no word of the model's is in it
            place, said = (place[:-1] if error["type"] == "extra_forbidden" else place), _QUOTING[error["type"]]
        where = ".".join(str(part) for part in place) or "the text"
        return f"the answer is not in the asked form: {where[:80]}: {said[:120]}"


def _text(release: Release, name: str) -> str:
    prompt = release.prompt(name)
    if prompt is None:
        raise ReleaseInvalid(path=f"{release.agent}: prompts", why=f"there is no prompt {name!r}")
    return prompt.text
