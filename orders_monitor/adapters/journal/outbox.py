"""The outbox: what people are to be told, kept until it is told. Rows are only added; a message's state is their fold.

An incident's note and the messages that follow from it are one transaction. A message is claimed for a while, sent,
and its outcome recorded. Whoever dies in between has told nobody that it was sent: when the claim is over it is sent
again under the same id, by which a receiver knows it. So each message arrives at least once, and exactly once while
nobody dies between sending and recording.
"""

import json
from collections.abc import Collection, Sequence
from typing import Any, Literal

import sqlalchemy as sa

from orders_monitor.adapters.journal import tables
from orders_monitor.adapters.journal.store import Store
from orders_monitor.core.escalation import Address, Channel
from orders_monitor.core.incident import Incident, Note, fold
from orders_monitor.core.messages import TOGETHER_MAX, Delivery, Link, Message, together
from orders_monitor.core.value import Value, canonical_json, digest_of

LEASE_MS = 120_000
BACKOFF_MS = 30_000
BACKOFF_MAX_MS = 3_600_000
GIVEN_UP_AFTER_MS = 7 * 86_400_000
_LOCK = "outbox"
_notes, _outbox, _outcomes = tables.incident_notes, tables.outbox, tables.outbox_outcomes

Outcome = Literal["claimed", "sent", "failed", "unclear", "given_up", "again"]
State = Literal["waiting", "sending", "sent", "undelivered", "given_up"]


class Sent(Value):
    """A message with how far it is. `attempts` are its claims; it was put here `at_ms`, its newest row is `last_ms`."""

    id: int
    message: Message
    state: State
    attempts: int
    at_ms: int
    due_ms: int
    last_ms: int
    is_due: bool
    why: str = ""


class _Row(Value):
    """A message in the outbox, folded with its outcomes."""

    id: int
    message: Message
    at_ms: int
    due_ms: int
    outcome: Outcome | None = None
    delivery: str = ""
    attempts: int = 0
    tries: int = 0
    last_ms: int = 0
    until_ms: int = 0
    why: str = ""

    def is_due(self, now_ms: int) -> bool:
        """Whether it may be claimed now."""
        return self.outcome not in ("sent", "given_up") and max(self.due_ms, self.until_ms) <= now_ms

    @property
    def sticks(self) -> str:
        """The delivery that it may have been sent in already, and must be sent in again; empty for none."""
        return self.delivery if self.outcome in ("claimed", "unclear") else ""


class Outbox:
    """The messages of one environment. Each method is one transaction and raises StoreUnavailable."""

    def __init__(self, store: Store, *, environment: str) -> None:
        self._store, self._environment = store, environment

    def incidents(self, table: str) -> tuple[tuple[Incident, ...], int]:
        """Every incident of a table, and the number of the last note: `put` wants it back."""
        with self._store.reading() as connection:
            return self._incidents(connection, table)

    def put(
        self, table: str, *, notes: Sequence[Note], messages: Sequence[Message], seen: int, now_ms: int, due_ms: int
    ) -> bool:
        """Note what became of a table's incidents and keep the messages about it, all or nothing.

        False where somebody has noted something since `seen`: then nothing is recorded, and the caller looks again.
        A message whose key is here already is not kept twice.
        """
        with self._store.writing(_LOCK) as connection:
            if connection.scalar(self._notes_of(table, sa.func.coalesce(sa.func.max(_notes.c.id), 0))) != seen:
                return False
            if notes:
                connection.execute(_notes.insert(), [self._note_row(table, note, now_ms) for note in notes])
            known = self._known(connection, [message.key for message in messages])
            new = [m for m in {m.key: m for m in messages}.values() if m.key not in known]
            if new:
                connection.execute(_outbox.insert(), [self._message_row(m, now_ms, due_ms) for m in new])
            return True

    def told(self, incident: str, round_: int) -> frozenset[int]:
        """The numbers of the rungs of the ladder that were put here in that round of an incident."""
        about = f"{incident}#{round_}:"
        query = sa.select(_outbox.c.level).where(*self._here(), _outbox.c.incident == incident)
        query = query.where(_outbox.c.message_key.startswith(about, autoescape=True), _outbox.c.kind != "settled")
        with self._store.reading() as connection:
            return frozenset(connection.scalars(query))

    def has(self, keys: Collection[str]) -> frozenset[str]:
        """Those of the keys whose message is here."""
        with self._store.reading() as connection:
            return frozenset(self._known(connection, keys))

    def claim(self, *, holder: str, now_ms: int, without: Collection[Channel] = ()) -> Delivery | None:
        """The next delivery, for this holder alone while its lease lasts; None where nothing is due.

        What is due for one address and belongs together is one delivery. What may have been sent is sent again just
        as it was, or its receiver could not know it again.
        """
        with self._store.writing(_LOCK) as connection:
            rows = [row for row in self._open(connection) if row.is_due(now_ms)]
            rows = [row for row in rows if row.message.address.channel not in without]
            if not rows:
                return None
            first = rows[0]
            chosen = [row for row in rows if _belongs(row) == _belongs(first)][:TOGETHER_MAX]
            name = first.sticks or digest_of([row.message.key for row in chosen])[:32]
            self._add(connection, chosen, "claimed", name, now_ms, until_ms=now_ms + LEASE_MS, holder=holder)
            return together([row.message for row in chosen], name=name)

    def sent(self, delivery: Delivery, *, holder: str, now_ms: int) -> None:
        """It arrived."""
        with self._store.writing(_LOCK) as connection:
            rows = [row for row in self._open(connection) if row.delivery == delivery.id]
            self._add(connection, rows, "sent", delivery.id, now_ms, holder=holder)

    def failed(self, delivery: Delivery, *, holder: str, now_ms: int, why: str, unclear: bool = False) -> bool:
        """It did not arrive, or nobody knows: it is tried again later, each time after twice the wait, for a week.

        True where it was given up now. A claim that somebody else has taken over is theirs to end.
        """
        with self._store.writing(_LOCK) as connection:
            rows = [row for row in self._open(connection) if row.delivery == delivery.id and row.outcome == "claimed"]
            over = [row for row in rows if now_ms - row.at_ms >= GIVEN_UP_AFTER_MS and row.tries > 1]
            rest = [row for row in rows if row not in over]
            self._add(connection, over, "given_up", delivery.id, now_ms, holder=holder, why=why)
            wait = min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** min(20, max((r.tries for r in rest), default=1) - 1))
            outcome: Outcome = "unclear" if unclear else "failed"
            self._add(connection, rest, outcome, delivery.id, now_ms, until_ms=now_ms + wait, holder=holder, why=why)
            return bool(over)

    def try_again(self, *, who: str, now_ms: int) -> int:
        """Let everything that is undelivered or was given up be tried at once; how many messages that are."""
        with self._store.writing(_LOCK) as connection:
            rows = [r for r in self._open(connection) if r.outcome in ("failed", "unclear", "given_up")]
            for row in rows:
                # What may have arrived keeps the delivery that it may have arrived in.
                outcome: Outcome = "unclear" if row.outcome == "unclear" else "again"
                self._add(connection, [row], outcome, row.delivery, now_ms, holder=who, why=row.why)
            return len(rows)

    def messages(self, *, table: str | None = None, now_ms: int, every: bool = True) -> tuple[Sent, ...]:
        """The messages with how far they are, the oldest first; not `every`: those that are not sent."""
        with self._store.reading() as connection:
            rows = self._folded(connection, table=table) if every else self._open(connection, table=table)
        return tuple(_sent(row, now_ms) for row in rows)

    def _incidents(self, connection: sa.Connection, table: str) -> tuple[tuple[Incident, ...], int]:
        rows = connection.execute(self._notes_of(table, _notes.c.id, _notes.c.body).order_by(_notes.c.id)).all()
        return fold(Note.model_validate(json.loads(row.body)) for row in rows), rows[-1].id if rows else 0

    def _notes_of(self, table: str, *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
        return sa.select(*columns).where(_notes.c.environment == self._environment, _notes.c.table_name == table)

    def _known(self, connection: sa.Connection, keys: Collection[str]) -> set[str]:
        query = sa.select(_outbox.c.message_key).where(*self._here(), _outbox.c.message_key.in_(list(keys)))
        return set(connection.scalars(query))

    def _here(self) -> tuple[sa.ColumnElement[bool], ...]:
        return (_outbox.c.environment == self._environment,)

    def _open(self, connection: sa.Connection, *, table: str | None = None) -> list[_Row]:
        over = sa.select(_outcomes.c.id).where(_outcomes.c.message_id == _outbox.c.id, _outcomes.c.outcome == "sent")
        return self._folded(connection, ~sa.exists(over), table=table)

    def _folded(
        self, connection: sa.Connection, *where: sa.ColumnElement[bool], table: str | None = None
    ) -> list[_Row]:
        about = () if table is None else (_outbox.c.table_name == table,)
        wanted = (*self._here(), *about, *where)
        rows = {row.id: _row(row) for row in connection.execute(_outbox.select().where(*wanted).order_by(_outbox.c.id))}
        # Not by a list of ids: SQLite takes 32,766 values in a statement.
        ended = _outcomes.select().where(_outcomes.c.message_id.in_(sa.select(_outbox.c.id).where(*wanted)))
        for outcome in connection.execute(ended.order_by(_outcomes.c.id)) if rows else ():
            rows[outcome.message_id] = _after(rows[outcome.message_id], outcome)
        return list(rows.values())

    def _note_row(self, table: str, note: Note, now_ms: int) -> dict[str, Any]:
        body = canonical_json(note.model_dump(mode="json"))
        return {
            "environment": self._environment,
            "table_name": table,
            "incident": note.incident,
            "kind": note.kind,
            "body": body,
            "at_ms": now_ms,
        }

    def _message_row(self, message: Message, now_ms: int, due_ms: int) -> dict[str, Any]:
        return {
            "environment": self._environment,
            "message_key": message.key,
            "table_name": message.table,
            "incident": message.incident,
            "kind": message.kind,
            "level": message.level,
            "body": canonical_json(message.model_dump(mode="json")),
            "at_ms": now_ms,
            "due_ms": due_ms,
        }

    def _add(
        self,
        connection: sa.Connection,
        rows: Sequence[_Row],
        outcome: Outcome,
        delivery: str,
        now_ms: int,
        *,
        holder: str,
        until_ms: int = 0,
        why: str = "",
    ) -> None:
        shared = {"delivery": delivery, "outcome": outcome, "holder": holder, "why": why[:1_000]}
        times = {"at_ms": now_ms, "until_ms": until_ms}
        if rows:
            connection.execute(_outcomes.insert(), [{"message_id": row.id, **shared, **times} for row in rows])


def _belongs(row: _Row) -> tuple[Any, ...]:
    return (row.sticks,) if row.sticks else ("", row.message.address, row.message.group)


def _row(row: Any) -> _Row:
    body = json.loads(row.body)
    message = Message(
        **{**body, "address": Address(**body["address"]), "links": tuple(Link(**link) for link in body["links"])}
    )
    return _Row(id=row.id, message=message, at_ms=row.at_ms, due_ms=row.due_ms)


def _after(row: _Row, outcome: Any) -> _Row:
    claimed = outcome.outcome == "claimed"
    tries = 0 if outcome.outcome == "again" else row.tries + claimed
    return row.model_copy(
        update={
            "outcome": outcome.outcome,
            "delivery": outcome.delivery,
            "attempts": row.attempts + claimed,
            "tries": tries,
            "last_ms": outcome.at_ms,
            "until_ms": outcome.until_ms,
            "why": outcome.why or ("" if outcome.outcome == "sent" else row.why),
        }
    )


def _sent(row: _Row, now_ms: int) -> Sent:
    states: dict[Outcome | None, State] = {
        None: "waiting",
        "again": "undelivered",
        "claimed": "sending" if row.until_ms > now_ms else "undelivered",
        "sent": "sent",
        "failed": "undelivered",
        "unclear": "undelivered",
        "given_up": "given_up",
    }
    return Sent(
        id=row.id,
        message=row.message,
        state=states[row.outcome],
        attempts=row.attempts,
        at_ms=row.at_ms,
        due_ms=row.due_ms,
        last_ms=row.last_ms,
        is_due=row.is_due(now_ms),
        why=row.why or ("its sender died before it said how it went" if row.outcome == "claimed" else ""),
    )
