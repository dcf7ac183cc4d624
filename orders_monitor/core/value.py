"""The base of every value: frozen, strict about unknown fields, and with one canonical text and digest.

Values travel as JSON (journal, metadata, digests). Two equal values have equal canonical text on every machine,
so a digest over it names the value's content.
"""

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict

# Made once: `json.dumps` with options makes one for each call.
_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
)


class Value(BaseModel):
    """A frozen value; unknown fields are refused, so that a misspelt one is never silently ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


def canonical_json(body: Any) -> str:
    """The one JSON text of a JSON-able body: sorted keys, no spaces, no NaN."""
    return _ENCODER.encode(body)


def digest_of(body: Any) -> str:
    """SHA-256 of the canonical JSON of a value or JSON-able body, as 64 hexadecimal characters."""
    if isinstance(body, BaseModel):
        body = body.model_dump(mode="json")
    return hashlib.sha256(canonical_json(body).encode()).hexdigest()
