"""One release of the agent: which model, which prompts, which tools, and how far it may go. Reviewed like code."""

import re

from pydantic import Field, field_validator, model_validator

from orders_monitor.core.budget import Cap
from orders_monitor.core.price import Price
from orders_monitor.core.value import Value, digest_of

NAME = r"^[a-z][a-z0-9_]*$"
SEMVER = r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$"
_MODEL = re.compile(r"claude-[a-z]+-(?P<major>\d{1,2})(-(?P<minor>\d{1,2}))?(-(?P<date>\d{8}))?")
_DATELESS_SINCE = (4, 6)


class Prompt(Value):
    """One prompt file: its name, the version in its front matter, and its text."""

    name: str = Field(pattern=NAME)
    version: str = Field(pattern=SEMVER)
    text: str = Field(min_length=1)


class ToolLimit(Value):
    """A tool that this release may use, and how often in one run."""

    name: str = Field(pattern=NAME)
    calls_max: int = Field(ge=1)


class SqlLimits(Value):
    """How far one query of the agent may go; what is above is cut or refused, and the answer says so."""

    rows_max: int = Field(default=50, ge=1, le=1_000)
    columns_max: int = Field(default=20, ge=1, le=100)
    bytes_max: int = Field(default=6_000, ge=500, le=100_000)
    timeout_s: int = Field(default=5, ge=1, le=60)
    memory_mb: int = Field(default=256, ge=16, le=4_096)


class Guardrails(Value):
    """How far one run may go.

    `output_tokens_max` is asked of the model in one reply (above 20,000 the SDK demands streaming); with less than
    `output_tokens_min` left to buy the model is not called, because thinking alone would use it up.
    `finalisation_tokens`, prompt and output together, are held from the first paid step on for one last word; 0 holds
    nothing. `repeats_max` times the same question is answered, then the conversation ends; `empty_answers_max` and
    `refusals_max` are streaks. `request_bytes_max` is the size of a whole request, `result_share_max` the share of it
    that one tool's answer may be. Text is shown of `text_columns` only; of every other column it is masked.
    """

    steps_max: int = Field(ge=1, le=50)
    calls_max: int = Field(ge=1, le=200)
    calls_per_turn_max: int = Field(default=8, ge=1, le=50)
    repeats_max: int = Field(default=2, ge=1, le=10)
    empty_answers_max: int = Field(default=3, ge=1, le=50)
    refusals_max: int = Field(default=3, ge=1, le=50)
    request_bytes_max: int = Field(default=100_000, ge=10_000, le=1_000_000)
    result_share_max: float = Field(default=0.5, gt=0, le=1)
    output_tokens_max: int = Field(ge=256, le=20_000)
    output_tokens_min: int = Field(ge=1)
    finalisation_tokens: int = Field(default=0, ge=0, le=1_000_000)
    tool_output_bytes_max: int = Field(ge=1_000, le=100_000)
    reply_timeout_s: int = Field(default=120, ge=1, le=600)
    sql: SqlLimits = SqlLimits()
    text_columns: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _bounds_agree(self) -> "Guardrails":
        if self.output_tokens_min > self.output_tokens_max:
            raise ValueError("output_tokens_min is above output_tokens_max")
        if 0 < self.finalisation_tokens <= self.output_tokens_min:
            raise ValueError("finalisation_tokens hold no prompt beside output_tokens_min")
        if len(set(self.text_columns)) != len(self.text_columns):
            raise ValueError("a text column is named twice")
        return self


class RunBudget(Value):
    """What one run of this release may spend at most; a table's own budget may be smaller, and then counts."""

    run_tokens: int = Field(ge=0)
    run_micro_usd: int = Field(ge=0)

    @property
    def cap(self) -> Cap:
        """The same as the cap of a run."""
        return Cap(tokens=self.run_tokens, micro_usd=self.run_micro_usd)


class Release(Value):
    """One release. `price` is the market's, not ours: of it only the version of the book is part of the digest.

    `author` is who made it, by the name in the reviewers file: where two people are needed, they are none of them.
    """

    agent: str = Field(pattern=NAME)
    version: str = Field(pattern=SEMVER)
    model: str
    price_book: str = Field(pattern=SEMVER)
    budget: RunBudget
    guardrails: Guardrails
    tools: tuple[ToolLimit, ...] = Field(min_length=1)
    prompts: tuple[Prompt, ...] = Field(min_length=1)
    price: Price
    author: str = Field(default="", exclude_if=lambda author: not author)

    @field_validator("model")
    @classmethod
    def _is_pinned(cls, model: str) -> str:
        require_pinned(model)
        return model

    @model_validator(mode="after")
    def _parts_agree(self) -> "Release":
        for what, names in (("tool", [t.name for t in self.tools]), ("prompt", [p.name for p in self.prompts])):
            if len(set(names)) != len(names):
                raise ValueError(f"a {what} is named twice")
        if self.price.model != self.model:
            raise ValueError(f"the price is of {self.price.model}, the model is {self.model}")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 over everything that shapes the conversation."""
        return digest_of(self.model_dump(mode="json", exclude={"price"}))

    @property
    def label(self) -> str:
        """How the release is written down: agent, version and the beginning of its digest."""
        return f"{self.agent}@{self.version}+{self.digest[:12]}"

    def prompt(self, name: str) -> Prompt | None:
        """The prompt of that name, or None."""
        return next((prompt for prompt in self.prompts if prompt.name == name), None)

    def tool(self, name: str) -> ToolLimit | None:
        """The limit of that tool, or None where the release does not have it."""
        return next((tool for tool in self.tools if tool.name == name), None)


def require_pinned(model: str) -> None:
    """Raise ValueError unless the id names one snapshot of a model for ever.

    Since 4.6 an id without a date is a snapshot; before, it is an alias that moves, and only the dated id is one.
    """
    found = _MODEL.fullmatch(model)
    if found is None:
        raise ValueError(f"{model!r} does not name one snapshot of a model")
    version = (int(found["major"]), int(found["minor"] or 0))
    if version < _DATELESS_SINCE and found["date"] is None:
        raise ValueError(f"{model!r} is an alias that moves: write its id with the date (-YYYYMMDD)")
