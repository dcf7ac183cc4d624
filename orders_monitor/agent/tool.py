"""What every tool is made of: what it is told, what it may look at, and how its answer is cut to size."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

from orders_monitor.agent.briefing import Briefing
from orders_monitor.agent.workbench import CELL_CHARACTERS_MAX, Workbench
from orders_monitor.core.column_type import is_plain
from orders_monitor.core.release import Guardrails
from orders_monitor.core.value import Value, canonical_json

TEXT_CHARACTERS_MAX = 200
NOT_SHOWN = "not shown"


class Nothing(Value):
    """No argument."""


class ColumnsAsked(Value):
    """Which columns."""

    columns: tuple[str, ...] = Field(description="names as landed; an empty list means all columns")


@dataclass(frozen=True, slots=True)
class Case:
    """All that a tool may look at."""

    briefing: Briefing
    guardrails: Guardrails
    workbench: Workbench | None

    def may_show(self, column: str | None) -> bool:
        """Whether values of the column may leave: of a column of text the release must name it."""
        if column is None:
            return True
        if not self.briefing.may_show_values_of(column):
            return False
        found = self.briefing.profile.column(column) or self.briefing.contract.column(column)
        has_text = found is None or not is_plain(found.type)
        return not has_text or self.briefing.may_show_text_of(column, self.guardrails.text_columns)


@dataclass(frozen=True, slots=True)
class Answer:
    """A tool's answer before it is cut to size: `items` under `key`, the ones that matter most first.

    `cut` says in words what was left out before.
    """

    key: str
    items: Sequence[Any]
    head: Mapping[str, Any]
    cut: Sequence[str] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool: what the model is told of it, what it takes, and the answer it gives. `answer` raises ToolRefused."""

    description: str
    arguments: type[Value]
    answer: Callable[[Case, Any], Answer]


def fitted(answer: Answer, *, evidence: str, bytes_max: int) -> str:
    """As many items as fit, the first ones first, and how many were left out. Never more than `bytes_max`."""
    body = {**answer.head, "evidence": evidence, "cut": list(answer.cut), answer.key: [], "left_out": len(answer.items)}
    room = bytes_max - size(body)
    largest_last = [] if room >= 0 else sorted(answer.head, key=lambda name: -size(answer.head[name]))[::-1]
    while room < 0 and largest_last:
        name = largest_last.pop()
        body = {key: part for key, part in body.items() if key != name} | {"cut": [*body["cut"], f"no room for {name}"]}
        room = bytes_max - size(body)
    kept: list[Any] = []
    for item in answer.items:
        needed = size(item) + 1
        if needed <= room:  # one item of a monstrous name does not hide those after it
            room -= needed
            kept.append(item)
    return canonical_json({**body, answer.key: kept, "left_out": len(answer.items) - len(kept)})


def size(body: Any) -> int:
    """The bytes of a JSON-able body."""
    return len(canonical_json(body).encode())


def text(sentence: str) -> str:
    """A sentence cut to what one may be."""
    return _cut(sentence, TEXT_CHARACTERS_MAX)


def cell(value: str) -> str:
    """A name or a value cut to what one may be."""
    return _cut(value, CELL_CHARACTERS_MAX)


def _cut(said: str, characters_max: int) -> str:
    said = said.encode(errors="replace").decode()  # half of a surrogate pair is no text, and no JSON either
    return said if len(said) <= characters_max else said[: characters_max - 1] + "…"
