"""The reviewers file: YAML that is reviewed like code, read strictly, and written by `orders-monitor reviewer add`."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import yaml

from orders_monitor.adapters.strict_yaml import read_text, read_yaml
from orders_monitor.core.errors import ReleaseInvalid, SigningRefused
from orders_monitor.core.people import Reviewer, Reviewers

SIZE_MAX = 1_000_000
_NEW = "# Who may decide, and whose signature is whose. Every change is reviewed like code.\nreviewers: []\n"


def load_reviewers(path: Path) -> Reviewers:
    """The reviewers of a file; nobody where there is none. Raises ReleaseInvalid, naming file, line and field."""
    return _read(_text_of(path), path) if path.exists() else Reviewers()


def add_reviewer(path: Path, reviewer: Reviewer) -> str:
    """The file's text with one reviewer more, its comments as they were. Raises SigningRefused, ReleaseInvalid."""
    text = _text_of(path) if path.exists() else _NEW
    known = _read(text, path)
    if known.find(reviewer.name) is not None:
        raise SigningRefused(why=f"{reviewer.name} is in {path.name} already; for another key, take the old line out")
    wanted = {"page_key": known.page_key, "reviewers": (*known.reviewers, reviewer)}
    return _checked(_with_reviewer(text, path, _line_of(reviewer)), path, wanted, by_hand=f"- {_line_of(reviewer)}")


def add_page_key(path: Path, key: str) -> str:
    """The file's text with the review page's public key. Raises SigningRefused, ReleaseInvalid."""
    text = _text_of(path) if path.exists() else _NEW
    known = _read(text, path)
    if known.page_key:
        raise SigningRefused(why=f"{path.name} has a page key already; for another one, take that line out")
    line = f"page_key: {json.dumps(key)}"
    kept = "".join(
        part for part in text.splitlines(keepends=True) if part.strip() not in ('page_key: ""', "page_key: ''")
    )
    wanted = {"page_key": key, "reviewers": known.reviewers}
    return _checked(f"{_ended(kept)}{line}\n", path, wanted, by_hand=line)


def write_reviewers(path: Path, text: str) -> None:
    """Put the text in the file's place, all at once. Raises SigningRefused."""
    target = path.resolve()
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        if target.exists():
            beside.chmod(target.stat().st_mode & 0o777)
        beside.replace(target)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise SigningRefused(why=f"{path} cannot be written: {error.strerror}") from None


def _text_of(path: Path) -> str:
    try:
        size = path.stat().st_size
    except OSError:
        size = 0  # reading it says what is wrong
    if size > SIZE_MAX:
        raise ReleaseInvalid(path=str(path), why=f"it has {size:,} bytes, {SIZE_MAX:,} are read")
    return read_text(path)


def _read(text: str, path: Path) -> Reviewers:
    return read_yaml(text, path).checked(Reviewers)


def _line_of(reviewer: Reviewer) -> str:
    """A flow mapping: one line a person. JSON texts are YAML's, and no name or key begins or ends one early."""
    fields = reviewer.model_dump(mode="json")
    return "{" + ", ".join(f"{field}: {json.dumps(value)}" for field, value in fields.items()) + "}"


def _with_reviewer(text: str, path: Path, line: str) -> str:
    """The line after the last reviewer's, or in the place of the empty list, or at the end."""
    node = _reviewers_node(text, path)
    lines = text.splitlines(keepends=True)
    if node is None:
        return f"{_ended(text)}reviewers:\n  - {line}\n"
    if not node.value:
        start, end = node.start_mark.index, node.end_mark.index
        return f"{text[:start].rstrip(' ')}\n  - {line}{text[end:]}"
    if node.flow_style:
        end = _end_of(node.value[-1]).index
        return f"{text[:end]},\n  {line}{text[end:]}"
    after = _end_of(node.value[-1]).line + 1
    before = "".join(lines[:after])
    return f"{_ended(before)}{' ' * node.start_mark.column}- {line}\n{''.join(lines[after:])}"


def _reviewers_node(text: str, path: Path) -> yaml.SequenceNode | None:
    for key, value in read_yaml(text, path).node.value:
        if key.value == "reviewers" and isinstance(value, yaml.SequenceNode):
            return value
    return None


def _end_of(node: yaml.Node) -> yaml.Mark:
    """Where the last word of a node ends: a block's own end is after the comments that follow it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end_of(last[1] if isinstance(last, tuple) else last)
    return node.end_mark


def _ended(text: str) -> str:
    return text if not text or text.endswith("\n") else f"{text}\n"


def _checked(text: str, path: Path, wanted: Mapping[str, object], *, by_hand: str) -> str:
    """The text, where it says what is wanted and nothing else."""
    try:
        found: Reviewers | None = _read(text, path)
    except ReleaseInvalid:
        found = None
    if found != Reviewers.model_validate(wanted):
        raise SigningRefused(why=f"{path.name} is written in a way that is not added to; add by hand: {by_hand}")
    return text
