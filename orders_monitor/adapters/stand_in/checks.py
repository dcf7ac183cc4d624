"""What the Messages API takes, and the sentence with which it refuses the rest: a mistake of ours shows offline."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from orders_monitor.adapters.stand_in.wire import Json, Refused
from orders_monitor.core.value import canonical_json

REQUEST_BYTES_MAX = 32 * 1024 * 1024
OUTPUT_TOKENS_MAX = 128_000
THINKING_TOKENS_MIN = 1_024
BREAKPOINTS_MAX = 4
_COUNTED = frozenset(
    {"model", "messages", "system", "tools", "tool_choice", "output_config", "thinking", "cache_control"}
)
_MESSAGE = _COUNTED | {"max_tokens", "stream", "stop_sequences", "metadata", "service_tier"}
# The API knows them, and here they would mean nothing.
_NOT_HERE = frozenset({"container", "diagnostics", "inference_geo", "speed"})
_BLOCKS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "user": {
        "text": frozenset({"text", "cache_control"}),
        "tool_result": frozenset({"tool_use_id", "content", "is_error", "cache_control"}),
    },
    "assistant": {
        "text": frozenset({"text", "citations", "cache_control"}),
        "tool_use": frozenset({"id", "name", "input", "caller", "cache_control"}),
        "thinking": frozenset({"thinking", "signature"}),
        "redacted_thinking": frozenset({"data"}),
    },
}
_TOOL = frozenset({"name", "description", "input_schema", "strict", "type", "cache_control"})
_CHOICES: Mapping[str, frozenset[str]] = {
    "auto": frozenset({"disable_parallel_tool_use"}),
    "any": frozenset({"disable_parallel_tool_use"}),
    "tool": frozenset({"name", "disable_parallel_tool_use"}),
    "none": frozenset(),
}
_THINKING: Mapping[str, frozenset[str]] = {
    "adaptive": frozenset({"display"}),
    "between_tools": frozenset({"display"}),
    "disabled": frozenset(),
    "enabled": frozenset({"budget_tokens", "display"}),
}
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_SCHEMA_REFUSED = ("minimum", "maximum", "multipleOf", "minLength", "maxLength", "minItems", "maxItems", "oneOf")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_MODEL = re.compile(r"claude-[a-z0-9-]+")


def message_body(content: bytes) -> Json:
    """The body of a `POST /v1/messages`. Raises Refused."""
    body = _object(content, known=_MESSAGE)
    tokens = body.get("max_tokens")
    if type(tokens) is not int or tokens < 1:
        raise _invalid("max_tokens: Input should be a whole number of 1 or more")
    if tokens > OUTPUT_TOKENS_MAX:
        raise _invalid(f"max_tokens: {tokens} > {OUTPUT_TOKENS_MAX}, which is the most that this model gives")
    if type(body.get("stream", False)) is not bool:
        raise _invalid("stream: Input should be a valid boolean")
    if not _texts(body.get("stop_sequences", [])):
        raise _invalid("stop_sequences: each must be a text that is not empty")
    _check_prompt(body)
    _check_thinking(body, tokens_max=tokens)
    return body


def count_body(content: bytes) -> Json:
    """The body of a `POST /v1/messages/count_tokens`. Raises Refused."""
    body = _object(content, known=_COUNTED)
    _check_prompt(body)
    _check_thinking(body, tokens_max=None)
    return body


def _object(content: bytes, *, known: frozenset[str]) -> Json:
    if len(content) > REQUEST_BYTES_MAX:
        raise Refused(413, "Request exceeds the maximum size")
    try:
        body = json.loads(content)
        canonical_json(body).encode()
    except (ValueError, RecursionError) as error:
        raise _invalid("the body is not JSON") from error
    if not isinstance(body, dict):
        raise _invalid("the body is not an object")
    foreign = next((name for name in body if name in _NOT_HERE), None)
    if foreign is not None:
        raise _invalid(f"{foreign}: the stand-in does not do this")
    _check_fields(body, known=known, place="")
    return body


def _check_prompt(body: Json) -> None:
    if not isinstance(body.get("model"), str):
        raise _invalid("model: Field required")
    if _MODEL.fullmatch(body["model"]) is None:
        raise Refused(404, f"model: {body['model'][:80]}")
    _check_system(body.get("system", ""))
    _check_messages(body.get("messages"))
    _check_tools(body.get("tools", []))
    _check_choice(body)
    _check_output(body.get("output_config", {}))
    _check_breakpoints(body)


def _check_system(system: object) -> None:
    if isinstance(system, str):
        return
    if not isinstance(system, list):
        raise _invalid("system: Input should be a text or a list of text blocks")
    for number, block in enumerate(system):
        _check_block(block, known={"text": _BLOCKS["user"]["text"]}, place=f"system.{number}")


def _check_messages(messages: object) -> None:
    if not isinstance(messages, list) or not messages:
        raise _invalid("messages: at least one message is required")
    open_calls: list[str] = []
    for number, message in enumerate(messages):
        place, role = f"messages.{number}", "user" if number % 2 == 0 else "assistant"
        if not isinstance(message, dict) or message.get("role") != role:
            raise _invalid(f"{place}: roles must alternate, beginning with user")
        _check_fields(message, known=frozenset({"role", "content"}), place=f"{place}.")
        blocks = _blocks(message.get("content"), role=role, place=f"{place}.content")
        answered = [block["tool_use_id"] for block in blocks[: len(open_calls)] if block["type"] == "tool_result"]
        if role == "user" and (set(answered) != set(open_calls) or len(_results(blocks)) != len(open_calls)):
            raise _invalid(f"{place}: every `tool_use` must have its `tool_result` in the next message, and first")
        open_calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
        if len(set(open_calls)) != len(open_calls):
            raise _invalid(f"{place}: `tool_use` ids must be unique")
    if len(messages) % 2 == 0:
        raise _invalid("messages: the conversation must end with a user message")


def _blocks(content: object, *, role: str, place: str) -> list[Json]:
    if isinstance(content, str):
        content = [{"type": "text", "text": content}]
    if not isinstance(content, list) or not content:
        raise _invalid(f"{place}: Input should be a text or a list of blocks that is not empty")
    for number, block in enumerate(content):
        _check_block(block, known=_BLOCKS[role], place=f"{place}.{number}")
    return content


def _results(blocks: Sequence[Json]) -> list[Json]:
    return [block for block in blocks if block["type"] == "tool_result"]


def _check_block(block: object, *, known: Mapping[str, frozenset[str]], place: str) -> None:
    if not isinstance(block, dict) or block.get("type") not in known:
        raise _invalid(f"{place}: Input tag should be one of {', '.join(known)}")
    _check_fields(block, known=known[block["type"]] | {"type"}, place=f"{place}.")
    match block["type"]:
        case "text" if not (isinstance(block.get("text"), str) and block["text"].strip()):
            raise _invalid(f"{place}: text content blocks must be non-empty")
        case "tool_use" if not (_is(_ID, block.get("id")) and _is(_NAME, block.get("name"))):
            raise _invalid(f"{place}: id and name should match '^[a-zA-Z0-9_-]+$'")
        case "tool_use" if not isinstance(block.get("input"), dict):
            raise _invalid(f"{place}.input: Input should be an object")
        case "tool_result" if not _is(_ID, block.get("tool_use_id")):
            raise _invalid(f"{place}.tool_use_id: Field required")
        case "tool_result":
            _check_result(block.get("content", ""), place=f"{place}.content")


def _check_result(content: object, *, place: str) -> None:
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise _invalid(f"{place}: Input should be a text or a list of text blocks")
    for number, block in enumerate(content):
        _check_block(block, known={"text": _BLOCKS["user"]["text"]}, place=f"{place}.{number}")


def _check_tools(tools: object) -> None:
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise _invalid("tools: Input should be a list of tools")
    for number, tool in enumerate(tools):
        _check_fields(tool, known=_TOOL, place=f"tools.{number}.")
        if not _is(_NAME, tool.get("name")):
            raise _invalid(f"tools.{number}.name: String should match '^[a-zA-Z0-9_-]{{1,128}}$'")
        schema = tool.get("input_schema")
        if not isinstance(schema, dict) or schema.get("type") != "object":
            raise _invalid(f"tools.{number}.input_schema: Field required, of type object")
        if tool.get("strict"):
            _check_schema(schema, place=f"tools.{number}.input_schema")
    if len({tool["name"] for tool in tools}) != len(tools):
        raise _invalid("tools: Tool names must be unique")


def _check_choice(body: Json) -> None:
    choice = body.get("tool_choice")
    if choice is None:
        return
    if not isinstance(choice, dict) or choice.get("type") not in _CHOICES:
        raise _invalid(f"tool_choice: Input tag should be one of {', '.join(_CHOICES)}")
    _check_fields(choice, known=_CHOICES[choice["type"]] | {"type"}, place="tool_choice.")
    names = [tool["name"] for tool in body.get("tools", [])]
    if not names:
        raise _invalid("tool_choice: may only be specified while providing tools")
    if choice["type"] in ("any", "tool"):  # some models refuse it, the stand-in always: nothing here forces a call
        raise _invalid("tool_choice: this model cannot be forced to call a tool")


def _check_output(config: object) -> None:
    if not isinstance(config, dict):
        raise _invalid("output_config: Input should be an object")
    _check_fields(config, known=frozenset({"effort", "format"}), place="output_config.")
    if config.get("effort") not in (None, *_EFFORTS):
        raise _invalid(f"output_config.effort: Input should be one of {', '.join(_EFFORTS)}")
    form = config.get("format")
    if form is None:
        return
    place = "output_config.format"
    if not isinstance(form, dict) or form.get("type") != "json_schema" or not isinstance(form.get("schema"), dict):
        raise _invalid(f"{place}: Input should be of type json_schema, with a schema")
    _check_fields(form, known=frozenset({"type", "schema"}), place=f"{place}.")
    _check_schema(form["schema"], place=f"{place}.schema")


def _check_schema(schema: Mapping[str, Any], *, place: str) -> None:
    """Strict schemas: nothing that a grammar cannot hold a model to."""
    for keyword, part in schema.items():
        if keyword in _SCHEMA_REFUSED:
            raise _invalid(f"{place}: property '{keyword}' is not supported")
        if keyword in ("properties", "$defs") and isinstance(part, dict):
            for name, each in part.items():
                _check_schema(each, place=f"{place}.{name}")
        elif keyword == "anyOf" and isinstance(part, list):
            for each in part:
                _check_schema(each, place=place)
        elif keyword == "items" and isinstance(part, dict):
            _check_schema(part, place=place)
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        raise _invalid(f"{place}: For 'object' type, 'additionalProperties' must be explicitly set to false")


def _check_thinking(body: Json, *, tokens_max: int | None) -> None:
    thinking = body.get("thinking")
    if thinking is None:
        return
    if not isinstance(thinking, dict) or thinking.get("type") not in _THINKING:
        raise _invalid(f"thinking: Input tag should be one of {', '.join(_THINKING)}")
    _check_fields(thinking, known=_THINKING[thinking["type"]] | {"type"}, place="thinking.")
    if thinking["type"] != "enabled":
        return
    budget = thinking.get("budget_tokens")
    if type(budget) is not int or budget < THINKING_TOKENS_MIN:
        raise _invalid(f"thinking.budget_tokens: Input should be {THINKING_TOKENS_MIN} or more")
    if tokens_max is not None and budget >= tokens_max:
        raise _invalid("max_tokens: must be greater than thinking.budget_tokens")


def _check_breakpoints(body: Json) -> None:
    marks = breakpoints(body)
    if len(marks) > BREAKPOINTS_MAX:
        raise _invalid(f"A maximum of {BREAKPOINTS_MAX} blocks with cache_control may be provided. Found {len(marks)}.")
    for mark in marks:
        if not isinstance(mark, dict) or mark.get("type") != "ephemeral" or mark.get("ttl", "5m") not in ("5m", "1h"):
            raise _invalid("cache_control: Input should be of type ephemeral, with a ttl of 5m or 1h")
        _check_fields(mark, known=frozenset({"type", "ttl"}), place="cache_control.")


def breakpoints(body: Json) -> list[Any]:
    """Every `cache_control` of a request, in the order of the prompt."""
    system = body.get("system")
    contents = [message["content"] for message in body["messages"]]
    marked: list[Json] = [*body.get("tools", []), *(system if isinstance(system, list) else [])]
    marked += [block for content in contents if isinstance(content, list) for block in content]
    return [each["cache_control"] for each in (*marked, body) if each.get("cache_control") is not None]


def _check_fields(body: Mapping[str, Any], *, known: frozenset[str], place: str) -> None:
    unknown = next((name for name in body if name not in known), None)
    if unknown is not None:
        raise _invalid(f"{place}{unknown[:80]}: Extra inputs are not permitted")


def _texts(given: object) -> bool:
    return isinstance(given, list) and all(isinstance(each, str) and each for each in given)


def _is(pattern: re.Pattern[str], given: object) -> bool:
    return isinstance(given, str) and pattern.fullmatch(given) is not None


def _invalid(message: str) -> Refused:
    return Refused(400, message)
