"""Reads the agent's releases from `prompts/` and prices from the price book. YAML is spoken here only."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orders_monitor.core.errors import ReleaseInvalid
from orders_monitor.core.price import LongPrompt, Price, Rates
from orders_monitor.core.release import Guardrails, Prompt, Release, RunBudget, ToolLimit, require_pinned

PRICE_BOOK = Path(__file__).with_name("price_book.yaml")
_FENCE = "---\n"
M = TypeVar("M", bound=BaseModel)


class _Limits(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    calls_max: int


class _ReleaseFile(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    agent: str
    version: str
    model: str
    prompts: dict[str, str] = Field(min_length=1)
    price_book: str
    budget: RunBudget
    tools: dict[str, _Limits] = Field(min_length=1)
    guardrails: Guardrails


class _FrontMatter(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    name: str
    version: str


class _PriceEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    source: str
    checked_on: str
    rates: Rates
    long_prompt: LongPrompt | None = None


def load_release(prompts_root: Path, agent: str) -> Release:
    """The release of that agent: its folder's `release.yaml`, the prompt files it names, its model's price.

    Raises ReleaseInvalid with the file and one sentence.
    """
    folder = prompts_root / agent
    if not folder.is_dir():
        raise ReleaseInvalid(path=str(folder), why="there is no such folder; it holds the agent's release.yaml")
    path = folder / "release.yaml"
    declared = _checked(_ReleaseFile, _yaml(_read(path), path), path)
    if declared.agent != agent:
        raise ReleaseInvalid(path=str(path), why=f"agent is {declared.agent!r}, the folder is called {agent!r}")
    try:
        require_pinned(declared.model)
    except ValueError as error:
        raise ReleaseInvalid(path=str(path), why=f"model: {error}") from error
    body = {
        "agent": agent,
        "version": declared.version,
        "model": declared.model,
        "price_book": declared.price_book,
        "budget": declared.budget,
        "guardrails": declared.guardrails,
        "tools": tuple(ToolLimit(name=name, calls_max=t.calls_max) for name, t in declared.tools.items()),
        "prompts": tuple(_prompt(folder, name, version) for name, version in declared.prompts.items()),
        "price": load_price(declared.model),
    }
    return _checked(Release, body, path)


def load_price(model: str, book: Path = PRICE_BOOK) -> Price:
    """What that model costs. Raises ReleaseInvalid for a model that is not in the book: unpriced is not free."""
    entries = _yaml(_read(book), book)
    if model not in entries:
        raise ReleaseInvalid(path=str(book), why=f"there is no price of {model!r}, and an unpriced model is not called")
    entry = _checked(_PriceEntry, entries[model], book)
    return Price(model=model, **dict(entry))


def _prompt(folder: Path, name: str, version: str) -> Prompt:
    path = folder / f"{name}.md"
    if path.parent != folder:
        raise ReleaseInvalid(path=str(folder / "release.yaml"), why=f"prompts: {name!r} is not the name of a file")
    text = _read(path)
    head, fence, body = text.removeprefix(_FENCE).partition("\n" + _FENCE)
    if not text.startswith(_FENCE) or not fence:
        raise ReleaseInvalid(path=str(path), why="it must begin with front matter: name and version between --- lines")
    front = _checked(_FrontMatter, _yaml(head, path), path)
    if front.name != name:
        raise ReleaseInvalid(path=str(path), why=f"its front matter calls it {front.name!r}")
    if front.version != version:
        raise ReleaseInvalid(path=str(path), why=f"it is version {front.version}, release.yaml names {version}")
    return _checked(Prompt, {"name": name, "version": version, "text": body.strip()}, path)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").replace("\r\n", "\n")
    except FileNotFoundError as error:
        raise ReleaseInvalid(path=str(path), why="there is no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ReleaseInvalid(path=str(path), why="it cannot be read as UTF-8 text") from error


def _yaml(text: str, path: Path) -> Mapping[str, Any]:
    try:
        body = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f" at line {mark.line + 1}"
        raise ReleaseInvalid(path=str(path), why=f"it is not YAML{line}") from error
    if not isinstance(body, dict):
        raise ReleaseInvalid(path=str(path), why="it must hold names with values")
    return body


def _checked(model: type[M], body: Mapping[str, Any], path: Path) -> M:
    try:
        return model.model_validate(body)
    except ValidationError as invalid:
        error = invalid.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in error["loc"])
        why = error["msg"].removeprefix("Value error, ")
        raise ReleaseInvalid(path=str(path), why=f"{place}: {why}" if place else why) from invalid
