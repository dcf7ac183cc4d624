"""Messages: what a person reads of an incident, from what is known about it. Every text may quote data: it is tamed.

One line stays one line, has an end, turns nothing around, calls nobody and leads nowhere: only `links` lead somewhere.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Literal

from orders_monitor.core.casebook import CaseView, Finding
from orders_monitor.core.command import command
from orders_monitor.core.escalation import Address, Due
from orders_monitor.core.incident import Incident, Trouble
from orders_monitor.core.value import Value, digest_of

MessageKind = Literal["case", "held", "failed", "reminder", "escalation", "settled", "digest"]
SUBJECT_MAX = 150
LINE_MAX = 400
LINES_MAX = 24
SHOWN_MAX = 3
TOGETHER_MAX = 10
# What a chat reads as a call to everybody in the room, with or without its own brackets.
_CALLS = re.compile(r"@(?=(?:channel|here|all|everyone|group)\b)", re.IGNORECASE)
WORDS: dict[str, str] = {"reminder": "still waiting", "escalation": "escalated", "settled": "over"}


class Link(Value):
    """Where to look or decide."""

    label: str
    url: str


class Message(Value):
    """One message to one address. `key` is its name: the same thing is told there once.

    `group` is what it has in common with messages that may be told together with it.
    """

    key: str
    table: str
    incident: str
    kind: MessageKind
    level: int
    address: Address
    group: str
    subject: str
    lines: tuple[str, ...]
    links: tuple[Link, ...] = ()


class Delivery(Value):
    """What is sent at once to one address: one message, or several that belong together. `id` names it to receivers."""

    id: str
    address: Address
    subject: str
    lines: tuple[str, ...]
    links: tuple[Link, ...] = ()


def tamed(text: str, most: int = LINE_MAX) -> str:
    """One line of at most so many characters, in which a chat or a mail program finds nothing to obey."""
    flat = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in " ".join(text.split()))
    flat = flat.replace("://", ":\N{ZERO WIDTH SPACE}//").replace("www.", "www\N{ZERO WIDTH SPACE}.")
    flat = _CALLS.sub("@\N{ZERO WIDTH SPACE}", flat)
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"


def named(names: Sequence[str], *, most: int = SHOWN_MAX) -> str:
    """The first so many names, and how many more there are."""
    told = ", ".join(names[:most])
    return f"{told} and {len(names) - most} more" if len(names) > most else told


def of_case(view: CaseView, incident: Incident, due: Due, *, alive: Sequence[Trouble]) -> Message:
    """A partition that waits or is held: what, evidence, impact, proposal, cost, deadline, and where to decide."""
    lines = [
        ("what", view.verdict),
        ("partitions", named([each.about for each in alive]) if len(alive) > 1 else ""),
        ("evidence", _of_findings([f for f in view.evidence if f.severity != "info"])),
        ("the agent says", _of_findings([f for f in view.claims if not f.id.startswith(("dropped", "doubt"))])),
        ("impact", _impact(view)),
        ("proposal", _of_findings(view.actions)),
        ("if approved", "; ".join(view.effect)),
        ("to undo", view.undo),
        ("decides", "; ".join(view.reasons)),
        ("cost so far", view.cost),
        ("deadline", f"{view.deadline}, then it is rejected" if view.deadline else ""),
        ("asked", " ".join((f"since {alive[0].at if alive else view.asked_at}", _asked(view, due)))),
        *_handling(incident, "review", "show", view.partition),
    ]
    pairs = (
        ("decide", view.links.case),
        ("Launchpad", view.links.launchpad),
        ("plan", view.links.plan),
        ("run", view.links.run),
    )
    links = tuple(Link(label=label, url=url) for label, url in pairs if url)
    return _message(incident, due, subject=f"{view.table} {view.partition}: {view.verdict}", lines=lines, links=links)


def of_failure(
    incident: Incident, due: Due, *, why: str, team: str, alive: Sequence[Trouble], links: Sequence[Link]
) -> Message:
    """Something of ours that is broken: a run that failed, or a zone that is left alone."""
    about = named([each.about for each in alive] or list(incident.members))
    lines = [
        ("what", why),
        ("about", about),
        ("impact", "these partitions are not finished; what readers see is unchanged"),
        (
            "proposal",
            f"repair it, then `{command(incident.trouble.table, 'run', '--partition', 'DAY')}`; seen by {team}",
        ),
        ("since", alive[0].at if alive else incident.last_at),
        *_handling(incident, "breaker", "show"),
    ]
    subject = f"{incident.trouble.table} {about}: broken: {why}"
    return _message(incident, due, subject=subject, lines=lines, links=tuple(links))


def of_settled(incident: Incident, address: Address, *, how: Sequence[str]) -> Message:
    """The end of an incident, for those that were called about it more than once."""
    subject = f"over: {incident.trouble.table} {named(list(incident.members))}"
    return Message(
        key=f"{incident.key}#{incident.rounds}:settled:{digest_of(address)[:8]}",
        table=incident.trouble.table,
        incident=incident.key,
        kind="settled",
        level=0,
        address=address,
        group=incident.trouble.group,
        subject=tamed(subject, SUBJECT_MAX),
        lines=_lines([("", sentence) for sentence in how]),
    )


def digest_key(table: str, day: str, address: Address) -> str:
    """The name of a day's digest to an address."""
    return f"{table}:digest:{day}:{digest_of(address)[:8]}"


def of_digest(
    table: str, day: str, address: Address, *, lines: Sequence[tuple[str, str]], links: Sequence[Link]
) -> Message:
    """The day's rest: what nobody had to be called for."""
    told = dict(lines)
    waits = [f"{label}: {told[label]}" for label in ("waits", "held", "broken") if label in told]
    subject = f"{table}, the day to {day}: {'; '.join((told.get('published', 'nothing published'), *waits))}"
    return Message(
        key=digest_key(table, day, address),
        table=table,
        incident="",
        kind="digest",
        level=0,
        address=address,
        group=f"digest {day}",
        subject=tamed(subject, SUBJECT_MAX),
        lines=_lines(lines),
        links=tuple(links),
    )


def together(messages: Sequence[Message], *, name: str) -> Delivery:
    """Messages to one address, `TOGETHER_MAX` at most, as one: the subject of each, and lines while there is room."""
    first = messages[0]
    if len(messages) == 1:
        return Delivery(id=name, address=first.address, subject=first.subject, lines=first.lines, links=first.links)
    room = max(2, LINES_MAX // len(messages))
    links = tuple(dict.fromkeys(link for each in messages for link in each.links))
    return Delivery(
        id=name,
        address=first.address,
        subject=tamed(f"{len(messages)} messages: {first.subject}", SUBJECT_MAX),
        lines=tuple(line for each in messages for line in (f"— {each.subject}", *each.lines[:room])),
        links=links[:TOGETHER_MAX],
    )


def _message(
    incident: Incident, due: Due, *, subject: str, lines: Iterable[tuple[str, str]], links: tuple[Link, ...]
) -> Message:
    kind: MessageKind = incident.trouble.kind if due.step == "first" else due.step
    word = "" if due.step == "first" else f"{WORDS[due.step]}: "
    return Message(
        key=f"{incident.key}#{incident.rounds}:{due.number}",
        table=incident.trouble.table,
        incident=incident.key,
        kind=kind,
        level=due.number,
        address=due.level.address,
        group=incident.trouble.group,
        subject=tamed(word + subject, SUBJECT_MAX),
        lines=_lines(lines),
        links=links,
    )


def _lines(pairs: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    told = [tamed(f"{label}: {text}" if label else text) for label, text in pairs if text.strip()]
    return tuple(told[:LINES_MAX])


def _handling(incident: Incident, *see: str) -> list[tuple[str, str]]:
    table = incident.trouble.table
    care = command(table, "messages", "ack", incident.key, "--note", "why")
    return [("see", command(table, *see)), ("taken care of", care)]


def _asked(view: CaseView, due: Due) -> str:
    whom = due.level.to or ", ".join((view.team, *view.contacts))
    people = f"; decides: {', '.join(view.assigned)}" if view.assigned else ""
    return f"of {whom}{people}"


def _impact(view: CaseView) -> str:
    """What readers see meanwhile, and what becomes of the rows."""
    rows = view.rows
    if rows is None:
        return "readers do not see this day"
    now = "readers do not see this day" if rows.published_now is None else f"readers see {rows.published_now:,} rows"
    return (
        f"{now}; {rows.landed:,} landed, {rows.to_publish:,} to publish, {rows.set_aside:,} set aside, "
        f"{rows.duplicates:,} duplicates"
    )


def _of_findings(findings: Sequence[Finding]) -> str:
    said = "; ".join(each.sentence for each in findings[:SHOWN_MAX])
    return f"{said} (and {len(findings) - SHOWN_MAX} more)" if len(findings) > SHOWN_MAX else said
