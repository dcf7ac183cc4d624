"""TableMonitor: what a YAML may say about one monitored table. A second table is a second folder, and no Python."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import dagster as dg
import yaml
from dagster._utils.schedules import is_valid_cron_schedule  # what a schedule itself asks; not exported
from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, ValidationError
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, ErrorDetails

from orders_monitor.adapters.calendars import closed_days
from orders_monitor.adapters.lake import RESERVED
from orders_monitor.core.column_type import is_publishable
from orders_monitor.core.errors import DeclarationInvalid
from orders_monitor.core.table import MonitoredTable
from orders_monitor.pipeline.monitor import build_table_monitor

ATTRIBUTES = "attributes"


class Attributes(BaseModel):
    """The YAML's attributes, unread: `MonitoredTable` reads them, so that a mistake is one sentence, not a page."""

    model_config = ConfigDict(extra="allow")

    @classmethod
    def __get_pydantic_json_schema__(cls, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Editors and `dg` are shown the schema of what is really read."""
        return handler(MonitoredTable.__pydantic_core_schema__)


class TableMonitor(dg.Component):
    """The assets, checks, sensors, schedule and jobs of one monitored table.

    Raises DeclarationInvalid with file, line and field when the YAML says something that cannot be.
    """

    def __init__(self, table: MonitoredTable) -> None:
        self.table = table

    @classmethod
    def get_model_cls(cls) -> type[BaseModel]:
        """What Dagster hands to `load`."""
        return Attributes

    @classmethod
    def load(cls, attributes: BaseModel | None, context: dg.ComponentLoadContext) -> Self:
        """The component of the declaration that `context` names."""
        body: Any = context.resolution_context.resolve_value({} if attributes is None else attributes.model_dump())
        return cls(read_table(body, path=_yaml_of(context.path)))

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:  # noqa: ARG002  # Dagster's signature
        """Everything that Dagster needs to run this table."""
        return build_table_monitor(self.table)


def read_table(body: dict[str, Any], *, path: Path) -> MonitoredTable:
    """The declared table. Raises DeclarationInvalid naming file, line and field of the first mistake."""
    _require_said_once(path)
    try:
        table = MonitoredTable.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = [part for part in first["loc"] if part != "[key]"]
        keys = [part for part in place if isinstance(part, int) or not _is_a_union_tag(part, body, place)]
        raise _mistake(path, keys, _why(first)) from None
    if table.name in RESERVED:
        raise _mistake(path, ["name"], f"{table.name!r} is a folder that the lake keeps for every table")
    for position, column in enumerate(table.contract.columns):
        if not is_publishable(column.type):
            keys = ["contract", "columns", position, "type"]
            raise _mistake(path, keys, f"{column.type!r} is not a type that a published table has")
    try:
        closed_days(table.calendar, table.partitions.start, table.partitions.start)
    except ValueError as error:
        raise _mistake(path, ["calendar"], str(error)) from None
    if not is_valid_cron_schedule(table.cron):
        raise _mistake(path, ["cron"], f"{table.cron!r} is not a cron schedule of five fields")
    return table


def read_declaration(path: Path) -> MonitoredTable:
    """The table that a `defs.yaml` declares, read without Dagster. Raises DeclarationInvalid."""
    body = _read(path)
    attributes = body.get(ATTRIBUTES) if isinstance(body, dict) else None
    if not isinstance(attributes, dict):
        raise _mistake(path, [], "a mapping is needed here")
    return read_table(attributes, path=path)


class _Loader(yaml.SafeLoader):
    """YAML without its own idea of a date: 2026-02-30 is a text that the field refuses, with its line."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - so is the base class's
        first: [(tag, regexp) for tag, regexp in known if tag != "tag:yaml.org,2002:timestamp"]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _read(path: Path) -> object:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    except FileNotFoundError:
        raise DeclarationInvalid(path=_shown(path), field="file", why="there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DeclarationInvalid(path=_shown(path), field="file", why="it cannot be read as UTF-8 text") from error
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        line = None if mark is None else mark.line + 1
        why = f"it is not YAML: {problem or 'it has characters that YAML does not know'}"
        raise DeclarationInvalid(path=_shown(path), line=line, field="file", why=why) from error
    except (ValueError, RecursionError) as error:
        why = "it has a number of too many digits, or is nested too deep"
        raise DeclarationInvalid(path=_shown(path), field="file", why=why) from error


def _require_said_once(path: Path) -> None:
    """YAML takes the last of two equal keys: the expectations said first would be lost, and nobody told."""
    try:
        nodes = [yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)]
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError):
        return  # whoever reads the file says what is wrong with it
    seen: set[int] = set()
    while nodes:
        node = nodes.pop()
        if id(node) in seen:  # an alias: the same node again, or one inside of itself
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            _require_different(path, [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)])
            nodes += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            nodes += node.value


def _require_different(path: Path, keys: Sequence[yaml.ScalarNode]) -> None:
    names = [key.value for key in keys]
    for position, key in enumerate(keys):
        if key.value in names[:position]:
            line = key.start_mark.line + 1
            raise DeclarationInvalid(path=_shown(path), line=line, field=key.value, why="this is said twice")


def _mistake(path: Path, keys: Sequence[str | int], why: str) -> DeclarationInvalid:
    return DeclarationInvalid(
        path=_shown(path),
        line=_line_of(path, [ATTRIBUTES, *keys]),
        field=".".join(str(key) for key in keys) or ATTRIBUTES,
        why=why,
    )


def _why(error: ErrorDetails) -> str:
    """The mistake in words for someone who edits YAML and has never heard of pydantic."""
    about = error.get("ctx", {})
    match error["type"]:
        case "missing":
            return "this field is needed"
        case "extra_forbidden":
            return "there is no such field"
        case "string_pattern_mismatch":
            return f"{error['input']!r} does not match {about['pattern']}"
        case "union_tag_invalid":
            return f"kind {about['tag']!r} is none of {about['expected_tags']}"
        case "union_tag_not_found":
            return "it needs a kind"
        case _:
            return error["msg"].removeprefix("Value error, ").rstrip(".")


def _yaml_of(path: Path) -> Path:
    return path if path.suffix in {".yaml", ".yml"} else path / "defs.yaml"


def _shown(path: Path) -> str:
    """The file relative to the working folder: a message names no more of the machine than it needs."""
    resolved = path.resolve()
    return str(resolved.relative_to(Path.cwd())) if resolved.is_relative_to(Path.cwd()) else resolved.name


def _is_a_union_tag(part: str, body: object, location: Sequence[str | int]) -> bool:
    """Pydantic puts the tag of a union into the location; the YAML has no such key."""
    node = body
    for step in location:
        if step == part:
            return not (isinstance(node, dict) and part in node) and _is_tag_of(node, part)
        node = node.get(step, node) if isinstance(node, dict) else _item(node, step)
    return False


def _is_tag_of(node: object, part: str) -> bool:
    return isinstance(node, dict) and node.get("kind") == part


def _item(node: object, step: str | int) -> object:
    return node[step] if isinstance(node, list) and isinstance(step, int) and step < len(node) else node


def _line_of(path: Path, keys: Sequence[str | int]) -> int | None:
    """The line (from 1) of the deepest of these keys that the file has; None where the file cannot be read."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    line = None
    for key in keys:
        found = _child(node, key)
        if found is None:
            break
        line, node = found
    return line


def _child(node: Any, key: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == str(key):
                return name.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key].start_mark.line + 1, node.value[key]
    return None
