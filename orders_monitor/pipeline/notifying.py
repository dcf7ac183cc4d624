"""notifying: what people are to be told. Incidents are noted and their messages kept, in one transaction."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import dagster as dg

from orders_monitor.core import escalation, messages
from orders_monitor.core.errors import ReviewRefused
from orders_monitor.core.escalation import Due
from orders_monitor.core.incident import Incident, Note, Trouble, fold, follow
from orders_monitor.core.messages import Message
from orders_monitor.core.times import ms, parsed
from orders_monitor.pipeline import casebook
from orders_monitor.pipeline.digest import digest
from orders_monitor.pipeline.digest import next_at as next_digest_at
from orders_monitor.pipeline.resources import Desk
from orders_monitor.pipeline.troubles import Found, troubles

# So long a message waits for others of the same cause: the same outage of several tables is one message.
TOGETHER_WITHIN = timedelta(seconds=30)
TRIES_MAX = 3


def tell(desk: Desk, instance: dg.DagsterInstance, *, now: datetime, wait: timedelta = TOGETHER_WITHIN) -> datetime:
    """Note what became of the table's incidents, and keep what people are to be told; when next anything is due.

    Asked again it keeps nothing twice. Raises StoreUnavailable; then nothing was noted.
    """
    for _ in range(TRIES_MAX):
        incidents, seen = desk.outbox.incidents(desk.table.name)
        found = troubles(desk, instance, now=now)
        known = [each.trouble for each in found]
        notes = follow(incidents, known, now=now)
        after = fold(notes, incidents)
        due = [*_ladders(desk, after, found, now=now), *_settlements(desk, after, notes)]
        due += digest(desk, now=now, incidents=after, troubles=known)
        if _put(desk, notes=notes, due=due, seen=seen, now=now, wait=wait):
            return _next_at(desk, after, known, now=now)
    return now  # somebody else is noting at this moment: look again at the next tick


def _put(
    desk: Desk,
    *,
    notes: Sequence[Note],
    due: Sequence[Message],
    seen: int,
    now: datetime,
    wait: timedelta,
) -> bool:
    if not notes and not due:
        return True
    at, due_at = ms(now), ms(now + wait)
    return desk.outbox.put(desk.table.name, notes=notes, messages=due, seen=seen, now_ms=at, due_ms=due_at)


def _ladders(desk: Desk, incidents: Sequence[Incident], found: Sequence[Found], *, now: datetime) -> list[Message]:
    made: list[Message] = []
    for incident in incidents:
        if incident.settled or incident.acknowledged:
            continue
        alive = incident.living([each.trouble for each in found])
        told = desk.outbox.told(incident.key, incident.rounds)
        due = _due(desk, incident, alive, now=now, told=told)
        made += [_message(desk, incident, each, found, alive) for each in due]
    return made


def _due(
    desk: Desk, incident: Incident, alive: Sequence[Trouble], *, now: datetime, told: frozenset[int]
) -> tuple[Due, ...]:
    return escalation.due(
        desk.table.owners.escalation,
        asked=parsed(incident.asked_at),
        deadline=_deadline(alive),
        now=now,
        told=told,
        modes=_modes(alive),
        again=incident.rounds > 1,
    )


def _message(desk: Desk, incident: Incident, due: Due, found: Sequence[Found], alive: Sequence[Trouble]) -> Message:
    if not incident.trouble.is_ours:
        first = alive[0].about if alive else incident.members[0]
        return messages.of_case(casebook.view(desk, first), incident, due, alive=alive)
    mine = [each for each in found if each.trouble in alive]
    return messages.of_failure(
        incident,
        due,
        why=mine[0].why if mine else "",
        team=desk.table.owners.team,
        alive=alive,
        links=[link for each in mine for link in each.links][: messages.SHOWN_MAX],
    )


def _settlements(desk: Desk, incidents: Sequence[Incident], notes: Sequence[Note]) -> list[Message]:
    """The end is told to those that were reminded or called to help; the others decided it, or read the digest."""
    over = {note.incident for note in notes if note.kind == "settled"}
    made = []
    for incident in incidents:
        told = desk.outbox.told(incident.key, incident.rounds) if incident.key in over else frozenset()
        levels = [level for number, level in enumerate(desk.table.owners.escalation) if number in told]
        if any(not level.is_first for level in levels):
            whom = dict.fromkeys(level.address for level in levels)
            made += [messages.of_settled(incident, address, how=_how(desk, incident)) for address in whom]
    return made


def _how(desk: Desk, incident: Incident) -> list[str]:
    if incident.trouble.is_ours:
        return ["it works again"]
    return [f"{member}: {desk.gate(member).sentence}" for member in incident.members]


def _next_at(desk: Desk, incidents: Sequence[Incident], known: Sequence[Trouble], *, now: datetime) -> datetime:
    """When next something is due though nothing happens."""
    times = [next_digest_at(desk.table, now)]
    for incident in incidents:
        if incident.settled or incident.acknowledged:
            continue
        alive = incident.living(known)
        asked, deadline = parsed(incident.asked_at), _deadline(alive)
        rungs = desk.table.owners.escalation
        coming = escalation.next_at(rungs, asked=asked, deadline=deadline, now=now, modes=_modes(alive))
        times += [] if coming is None else [coming[0]]
    return min(times)


def _deadline(alive: Sequence[Trouble]) -> datetime | None:
    return min((parsed(each.deadline) for each in alive if each.deadline), default=None)


def _modes(alive: Sequence[Trouble]) -> frozenset[str]:
    return frozenset(mode for each in alive for mode in each.modes)


def acknowledge(desk: Desk, name: str, *, who: str, note: str, now: datetime) -> Incident:
    """Somebody takes care of an incident: its ladder stops. `name` is its key, the beginning of it, or a partition.

    Raises ReviewRefused where no open incident, or more than one, goes by that name.
    """
    outbox = desk.outbox
    incidents, seen = outbox.incidents(desk.table.name)
    known = [each for each in incidents if not each.settled]
    found = [each for each in known if each.key.startswith(name) or name in each.members]
    if len(found) != 1:
        there = ", ".join(each.key for each in (found or known)) or "none"
        why = f"{'no' if not found else 'more than one'} open incident goes by that name; there are: {there}"
        raise ReviewRefused(table=desk.table.name, partition=name, why=why)
    at = now.isoformat(timespec="seconds")
    taken = Note(incident=found[0].key, kind="acknowledged", at=at, who=who, note=note)
    if not outbox.put(desk.table.name, notes=[taken], messages=[], seen=seen, now_ms=ms(now), due_ms=ms(now)):
        why = "something was noted about it in this moment; try again"
        raise ReviewRefused(table=desk.table.name, partition=name, why=why)
    return found[0]
