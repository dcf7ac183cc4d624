"""Forms: what a browser sent, read within limits, and the token that shows that it was sent from a page of ours."""

import hmac
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import parse_qsl

from orders_monitor.core.value import canonical_json

BYTES_MAX = 128 * 1024
FIELDS_MAX = 64
FORM_TYPE = "application/x-www-form-urlencoded"


class FormRefused(ValueError):
    """What was sent is no form of ours; nothing of it is quoted."""


def read_form(body: bytes) -> Mapping[str, str]:
    """The fields of a form, each given once. Line ends are plain newlines. Raises FormRefused."""
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS_MAX, encoding="utf-8", errors="strict"
        )
    except ValueError:
        raise FormRefused("the form cannot be read") from None
    fields = {name: value.replace("\r\n", "\n").replace("\r", "\n") for name, value in pairs}
    if len(fields) != len(pairs):
        raise FormRefused("the form says one thing twice")
    return fields


def token_of(secret: bytes, *bound: str) -> str:
    """A token that only who knows the secret can make, and only for these texts: a name, a case, what was shown."""
    return hmac.new(secret, canonical_json(list(bound)).encode(), sha256).hexdigest()


def is_token(token: str, expected: str) -> bool:
    """Whether a form's token is the expected one, compared in constant time."""
    return hmac.compare_digest(token.encode(), expected.encode())
