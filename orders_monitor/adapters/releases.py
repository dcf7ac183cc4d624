"""Reads the agent's releases from `prompts/` and prices from the price book. YAML is spoken here only."""

import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orders_monitor.adapters.strict_yaml import Document, read_text, read_yaml
from orders_monitor.core.errors import ReleaseInvalid
from orders_monitor.core.people import Name
from orders_monitor.core.price import LongPrompt, Price, Rates
from orders_monitor.core.release import NAME, SEMVER, Guardrails, Prompt, Release, RunBudget, ToolLimit, require_pinned

PRICE_BOOK = Path(__file__).with_name("price_book.yaml")
_FENCE = "---\n"


class _Limits(BaseModel):
    model_config = ConfigDict(extra="forbid")
    calls_max: int


class _ReleaseFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    agent: str
    version: str = Field(pattern=SEMVER)
    model: str
    prompts: dict[str, str] = Field(min_length=1)
    price_book: str
    budget: RunBudget
    tools: dict[str, _Limits] = Field(min_length=1)
    guardrails: Guardrails
    author: Name | None = None


class _FrontMatter(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(pattern=NAME)
    version: str = Field(pattern=SEMVER)


class _PriceEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    source: str
    checked_on: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    rates: Rates
    long_prompt: LongPrompt | None = None


class _PriceBook(BaseModel):
    model_config = ConfigDict(extra="forbid")
    version: str = Field(pattern=SEMVER)
    models: dict[str, _PriceEntry]


def load_release(prompts_root: Path, agent: str, *, book: Path = PRICE_BOOK) -> Release:
    """The release of that agent: its folder's `release.yaml`, the prompt files it names, its model's price.

    Raises ReleaseInvalid with the file, the line where there is one, and one sentence.
    """
    folder = prompts_root / agent
    if not folder.is_dir():
        raise ReleaseInvalid(path=str(folder), why="there is no such folder; it holds the agent's release.yaml")
    path = folder / "release.yaml"
    document = read_yaml(read_text(path), path)
    declared = document.checked(_ReleaseFile)
    if declared.agent != agent:
        raise document.mistake(["agent"], f"it is {declared.agent!r}, the folder is called {agent!r}")
    try:
        require_pinned(declared.model)
    except ValueError as error:
        raise document.mistake(["model"], str(error)) from error
    prices = _price_book(book)
    if declared.price_book != prices.version:
        raise document.mistake(["price_book"], f"it is {declared.price_book!r}, the book is {prices.version}")
    prompts = tuple(_prompt(document, name, version) for name, version in declared.prompts.items())
    try:
        return Release(
            agent=agent,
            version=declared.version,
            model=declared.model,
            price_book=declared.price_book,
            budget=declared.budget,
            guardrails=declared.guardrails,
            tools=tuple(ToolLimit(name=name, calls_max=t.calls_max) for name, t in declared.tools.items()),
            prompts=prompts,
            price=_price(prices, declared.model, book),
            author=declared.author or "",
        )
    except ValidationError as invalid:
        first = invalid.errors(include_input=False, include_url=False)[0]
        raise document.mistake(first["loc"], first["msg"].removeprefix("Value error, ")) from invalid


def load_price(model: str, book: Path = PRICE_BOOK) -> Price:
    """What that model costs. Raises ReleaseInvalid for a model that is not in the book: unpriced is not free."""
    return _price(_price_book(book), model, book)


def load_prices(book: Path = PRICE_BOOK) -> tuple[Price, ...]:
    """Every price in the book. Raises ReleaseInvalid."""
    prices = _price_book(book)
    return tuple(_price(prices, model, book) for model in prices.models)


def _price_book(path: Path) -> _PriceBook:
    document = read_yaml(read_text(path), path)
    book = document.checked(_PriceBook)
    for model in book.models:
        try:
            require_pinned(model)
        except ValueError as error:
            raise document.mistake(["models", model], str(error)) from error
    return book


def _price(book: _PriceBook, model: str, path: Path) -> Price:
    if model not in book.models:
        raise ReleaseInvalid(path=str(path), why=f"there is no price of {model!r}, and an unpriced model is not called")
    return Price(model=model, **dict(book.models[model]))


def _prompt(release: Document, name: str, version: str) -> Prompt:
    if not re.fullmatch(NAME, name):
        raise release.mistake(["prompts"], f"{name[:80]!r} is not the name of a file")
    path = release.path.parent / f"{name}.md"
    text = read_text(path)
    head, fence, body = text.removeprefix(_FENCE).partition("\n" + _FENCE)
    if not text.startswith(_FENCE) or not fence:
        raise ReleaseInvalid(path=str(path), why="it must begin with front matter: name and version between --- lines")
    document = read_yaml(head, path, above=1)
    front = document.checked(_FrontMatter)
    if front.name != name:
        raise document.mistake(["name"], f"it is {front.name!r}, the file is called {name!r}")
    if front.version != version:
        raise document.mistake(["version"], f"it is {front.version}, release.yaml names {version}")
    if not body.strip():
        raise ReleaseInvalid(path=str(path), why="there is no text after its front matter")
    return Prompt(name=name, version=version, text=body.strip())
