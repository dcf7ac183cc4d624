"""What a reply says that it used. Nothing of it is believed before it is looked at: the SDK passes on whatever came."""

import json
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from orders_monitor.core.price import Usage

# No reply bills more: a model's context and the longest reply together are less. What says so all the same would empty
# the month's budget of a whole team with one lie, so it is no count.
TOKENS_MAX = 2_000_000
DEPTH_MAX = 100
_WRITES = ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")


def reply_of(content: bytes) -> dict[str, Any] | None:
    """The reply as a JSON object, or None where it is none."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) and not _is_deep(body) else None


def usage_of(body: object) -> Usage | None:
    """The usage as whole numbers that can be, or None: text, a fraction, a negative number or true is no count."""
    if not isinstance(body, dict):
        return None
    split = body.get("cache_creation")
    if not isinstance(split, dict):  # a write of unknown kind is priced as the dearer one
        split = {"ephemeral_1h_input_tokens": body.get("cache_creation_input_tokens")}
    try:
        usage = Usage.model_validate(
            {
                "input_tokens": body.get("input_tokens"),
                "output_tokens": body.get("output_tokens"),
                "cache_read_tokens": _or_zero(body.get("cache_read_input_tokens")),
                "cache_write_5m_tokens": _or_zero(split.get("ephemeral_5m_input_tokens")),
                "cache_write_1h_tokens": _or_zero(split.get("ephemeral_1h_input_tokens")),
            },
            strict=True,
        )
    except ValidationError:
        return None
    if any(count for kind, count in split.items() if kind not in _WRITES):  # of a price that nobody knows
        return None
    written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens
    possible = usage.tokens <= TOKENS_MAX
    return usage if possible and written == _or_zero(body.get("cache_creation_input_tokens")) else None


def _is_deep(body: object) -> bool:
    """Whether it is nested deeper than any reply is: whoever walks it afterwards would run out of stack."""
    level = [body]
    for _ in range(DEPTH_MAX):
        level = [part for each in level for part in _parts(each)]
        if not level:
            return False
    return True


def _parts(body: object) -> Iterable[object]:
    if isinstance(body, dict):
        return body.values()
    return body if isinstance(body, list) else ()


def _or_zero(count: object) -> object:
    return 0 if count is None else count
