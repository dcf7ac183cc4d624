"""JSON schemas in the strict form that the Messages API takes for answers and tool inputs."""

from collections.abc import Mapping
from typing import Any

# The API refuses these; pydantic checks them again when the answer comes, so nothing is lost.
_NOT_TAKEN = frozenset(
    {"title", "default", "discriminator", "minimum", "maximum", "minLength", "maxLength", "pattern", "minItems"}
)


def strict_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with every property required, nothing else allowed, and only keywords that the API takes."""
    strict: dict[str, Any] = {}
    for keyword, body in schema.items():
        if keyword in _NOT_TAKEN:
            continue
        if keyword in ("properties", "$defs"):
            strict[keyword] = {name: strict_schema(part) for name, part in body.items()}
        elif keyword in ("oneOf", "anyOf"):
            strict["anyOf"] = [strict_schema(part) for part in body]
        elif keyword == "items":
            strict["items"] = strict_schema(body)
        else:
            strict[keyword] = body
    if "const" in strict:
        strict.pop("type", None)
    if strict.get("type") == "object":
        strict.setdefault("properties", {})
        strict |= {"additionalProperties": False, "required": list(strict["properties"])}
    return strict
