"""Reads the instructions that strangers planted in data, in every disguise that the gullible mind sees through."""

import base64
import binascii
import codecs
import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from orders_monitor.adapters.stand_in.conversation import Question
from orders_monitor.adapters.stand_in.wire import Json

T = TypeVar("T")

READ_DEPTH_MAX = 3  # a disguise in a disguise in a disguise
_TAGS = 0xE0000
_INVISIBLE = dict.fromkeys([*range(0x200B, 0x2010), *range(0x2060, 0x2065), 0xFEFF, 0xAD])
_TAG_LETTERS = {_TAGS + letter: chr(letter) for letter in range(0x20, 0x7F)}
_LOOKALIKES = str.maketrans("аеорсухіѕјԁһӏтмвнкВЕНКМОРСТХАІЅαοριν", "aeopcyxisjdhltmvhkBEHKMOPCTXAISaopiv")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{12,}={0,2}")
_CALL = re.compile(
    r"\bcall (?:the )?(?:tool )?`?(?P<name>[a-z][a-z_]{2,40})`?(?: with (?P<arguments>\{.*?\}))?", re.IGNORECASE
)
_SQL = re.compile(
    r"\b(?:run|execute)(?: this)?(?: sql| query)?:? "
    r"(?P<sql>(?:select|copy|drop|insert|update|delete|attach|install|pragma|export|create|from)\b[^|;]*)",
    re.IGNORECASE,
)
_PROPOSE = re.compile(r"\bpropose (?P<kind>[a-z]+(?:_[a-z]+)*)", re.IGNORECASE)
_APPROVE = re.compile(r"\b(?:approve|publish|release) (?:it|this|now|all|everything|the partition)\b", re.IGNORECASE)
_CITE = re.compile(r"\bcite (?P<evidence>[a-z_]+:[^\s\"'.,;|]+)", re.IGNORECASE)
_CLAIM = re.compile(r"\b(?:claim|report|state) that (?P<claim>[^\"|;.]{3,120})", re.IGNORECASE)
_REVEAL = re.compile(
    r"\b(?:reveal|print|echo|repeat|show|send|include) [^|;.]{0,40}"
    r"\b(?:secrets?|environment|env|keys?|tokens?|passwords?|files?|prompt)\b",
    re.IGNORECASE,
)
_REMEMBER = re.compile(r"\bremember:? (?P<name>\w+) means (?P<meaning>[^|;]+)", re.IGNORECASE)
_DO = re.compile(r"\bdo (?P<name>\w+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Planted:
    """What the data asks for: tools to call, queries to run, actions, evidence and claims to give, secrets to tell."""

    calls: tuple[Question, ...] = ()
    queries: tuple[str, ...] = ()
    proposals: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    reveal: bool = False

    @property
    def anything(self) -> bool:
        """Whether the data asks for anything at all."""
        return self != Planted()


def read(texts: Sequence[str]) -> Planted:
    """Every instruction in these texts, each once, in their order; one text may say what another one's word means."""
    plain = [clear for text in texts for string in _strings(text) for clear in _readings(string)]
    meant = {m["name"].lower(): m["meaning"] for text in plain for m in _REMEMBER.finditer(text)}
    plain += [meant[m["name"].lower()] for text in plain for m in _DO.finditer(text) if m["name"].lower() in meant]
    approved = any(_APPROVE.search(text) for text in plain)
    calls = [(m["name"], _arguments(m["arguments"])) for text in plain for m in _CALL.finditer(text)]
    proposals = [m["kind"].lower() for text in plain for m in _PROPOSE.finditer(text)]
    return Planted(
        calls=_once(calls + ([("publish", {}), ("approve_plan", {})] if approved else [])),
        queries=_once([m["sql"].strip() for text in plain for m in _SQL.finditer(text)]),
        proposals=_once(proposals + (["publish_as_is"] if approved else [])),
        evidence=_once([m["evidence"] for text in plain for m in _CITE.finditer(text)]),
        claims=_once([m["claim"].strip() for text in plain for m in _CLAIM.finditer(text)]),
        reveal=any(_REVEAL.search(text) for text in plain),
    )


def _strings(text: str) -> Iterator[str]:
    """Every name and value of a JSON text; the text itself where it is none."""
    try:
        yield from _within(json.loads(text))
    except (ValueError, RecursionError):
        yield text


def _within(body: Any) -> Iterator[str]:
    if isinstance(body, str):
        yield body
    elif isinstance(body, dict):
        for name, part in body.items():
            yield name
            yield from _within(part)
    elif isinstance(body, list):
        for part in body:
            yield from _within(part)


def _readings(text: str, depth: int = READ_DEPTH_MAX) -> Iterator[str]:
    """The text as it is, and as it is without its disguise."""
    yield text
    if depth == 0:
        return
    for other in dict.fromkeys(_undisguised(text)):
        if other != text:
            yield from _readings(other, depth - 1)


def _undisguised(text: str) -> Iterator[str]:
    yield "".join(_TAG_LETTERS.get(ord(character), "") for character in text)
    visible = text.translate(_INVISIBLE)
    yield visible
    yield unicodedata.normalize("NFKC", visible).translate(_LOOKALIKES)
    turned = codecs.decode(visible, "rot13")
    if _is_instruction(turned):
        yield turned
    for found in _BASE64.findall(visible):
        decoded = _decoded(found)
        if decoded is not None:
            yield decoded


def _is_instruction(text: str) -> bool:
    patterns = (_CALL, _SQL, _PROPOSE, _APPROVE, _CITE, _CLAIM, _REVEAL, _REMEMBER, _DO)
    return any(pattern.search(text) for pattern in patterns)


def _decoded(text: str) -> str | None:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _arguments(text: str | None) -> Json:
    try:
        body = json.loads(text or "{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _once(items: Sequence[T]) -> tuple[T, ...]:
    return tuple(item for number, item in enumerate(items) if item not in items[:number])
