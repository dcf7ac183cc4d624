"""YAML that a person reviews: each key once, no aliases, no dates of its own, and every mistake with its line."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from orders_monitor.core.errors import ReleaseInvalid

M = TypeVar("M", bound=BaseModel)
Place = Sequence[str | int]
# YAML also takes 0777, 0x1F and 1:30:00 for numbers, and none of them for what it looks like.
_NUMBER = re.compile(r"-?(0|[1-9]\d*(_\d+)*)", re.ASCII)


class _Loader(yaml.SafeLoader):
    """A date is the text that somebody wrote: 2026-02-30 would otherwise be an error of Python's."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - so is the base class's
        first: [(tag, regexp) for tag, regexp in known if tag != "tag:yaml.org,2002:timestamp"]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML text of a file, read but not checked. `above` counts the file's lines before it."""

    path: Path
    node: yaml.MappingNode
    body: str
    above: int

    def checked(self, model: type[M]) -> M:
        """The document as a value: nothing unknown, nothing converted. Raises ReleaseInvalid."""
        try:
            return model.model_validate_json(self.body, strict=True)
        except ValidationError as invalid:
            error = invalid.errors(include_input=False, include_url=False)[0]
            raise self.mistake(error["loc"], _why(error["type"], error["msg"])) from invalid

    def mistake(self, place: Place, why: str) -> ReleaseInvalid:
        """The error that names the file, the line and the field."""
        field = ".".join(str(part) for part in place if part != "[key]")
        line = _line_of(self.node, place) + self.above
        return ReleaseInvalid(path=f"{self.path}:{line}", why=f"{field}: {why}" if field else why)


def read_text(path: Path) -> str:
    """The file's text. Raises ReleaseInvalid."""
    try:
        return path.read_text(encoding="utf-8").replace("\r\n", "\n")
    except FileNotFoundError as error:
        raise ReleaseInvalid(path=str(path), why="there is no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ReleaseInvalid(path=str(path), why="it cannot be read as UTF-8 text") from error


def read_yaml(text: str, path: Path, *, above: int = 0) -> Document:
    """The one mapping that the text is. Raises ReleaseInvalid."""
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if not isinstance(node, yaml.MappingNode):
                raise ReleaseInvalid(path=str(path), why="it must hold names with values")
            _require_plain(node, path, above=above)
            body = json.dumps(loader.construct_document(node), allow_nan=False)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = "" if mark is None else f" at line {mark.line + 1 + above}"
        raise ReleaseInvalid(path=str(path), why=f"it is not YAML{line}") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise ReleaseInvalid(path=str(path), why="it holds a value that no field has, or is nested too deep") from error
    return Document(path=path, node=node, body=body, above=above)


def _require_plain(root: yaml.Node, path: Path, *, above: int) -> None:
    """YAML takes the last of two equal keys and tells nobody; an alias can hold itself; `<<` says a key elsewhere."""
    seen: set[int] = set()
    nodes = [root]
    while nodes:
        node = nodes.pop()
        place = f"{path}:{node.start_mark.line + 1 + above}"
        if id(node) in seen:
            raise ReleaseInvalid(path=place, why="an alias is not read here: write the value again")
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            names = [key.value for key, _ in node.value]
            if any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):
                raise ReleaseInvalid(path=place, why="<< is not read here: write the fields out")
            twice = next((name for position, name in enumerate(names) if name in names[:position]), None)
            if twice is not None:
                raise ReleaseInvalid(path=place, why=f"{str(twice)[:80]}: this is said twice")
            nodes += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            nodes += node.value
        elif node.tag == "tag:yaml.org,2002:int" and not _NUMBER.fullmatch(node.value):
            raise ReleaseInvalid(path=place, why=f"{node.value[:80]}: write the number with decimal digits")


def _line_of(root: yaml.Node, place: Place) -> int:
    """The line (from 1) of the deepest part of the place that is there."""
    node, line = root, root.start_mark.line + 1
    for part in place:
        found: Any = None
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            found = (node.value[part], node.value[part])
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line


def _why(kind: str, message: str) -> str:
    """The mistake in words for someone who edits YAML."""
    if kind == "missing":
        return "this field is needed"
    if kind == "extra_forbidden":
        return "there is no such field"
    return message.removeprefix("Value error, ")
