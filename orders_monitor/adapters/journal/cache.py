"""The shelf of `agent.once` in the journal: bodies by their address, and the leases of who is finding out.

The one part of the journal whose rows go again: a cache that is lost costs money and nothing else. Its size is bounded:
every row knows how many bytes were kept before it, and what is further back than BYTES_MAX is forgotten.
"""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from orders_monitor.adapters.journal.direct import Direct
from orders_monitor.adapters.journal.store import Store, open_store
from orders_monitor.agent.once import Held, Kept

BYTES_MAX = 200_000_000
AGE_MS_MAX = 30 * 24 * 3_600_000
_LOG = logging.getLogger(__name__)
_LOOK = """
    SELECT c.body, c.digest, l.until_ms FROM (SELECT :address AS address) AS a
    LEFT JOIN cache AS c ON c.address = a.address LEFT JOIN cache_leases AS l ON l.address = a.address"""
_KEEP = """
    INSERT INTO cache (address, body, digest, kept_ms, size_bytes, before_bytes)
    SELECT :address, :body, :digest, :now_ms, :size,
        COALESCE((SELECT before_bytes + size_bytes FROM cache ORDER BY id DESC LIMIT 1), 0)
    WHERE NOT EXISTS (SELECT 1 FROM cache WHERE address = :address)"""
_TOO_OLD = "DELETE FROM cache WHERE kept_ms < :oldest_ms"
_TOO_MUCH = """
    DELETE FROM cache WHERE before_bytes <
    (SELECT before_bytes + size_bytes FROM cache ORDER BY id DESC LIMIT 1) - :bytes_max"""


def store_of_shelf(store: Store) -> Store:
    """The same database. A SQLite file's own connections wait for no disk: what a power cut takes is asked again."""
    if store.engine.dialect.name != "sqlite":
        return store
    return open_store(store.engine.url.render_as_string(hide_password=False), durability="normal")


class CacheShelf:
    """The journal's cache. Threads may share one. Each method is one transaction and raises StoreUnavailable."""

    def __init__(self, store: Store, *, bytes_max: int = BYTES_MAX, age_ms_max: int = AGE_MS_MAX) -> None:
        self._store, self._bytes_max, self._age_ms_max = store, bytes_max, age_ms_max

    @contextmanager
    def _writing(self, *locks: str) -> Iterator[Direct]:
        with self._store.direct(*locks) as transaction:
            if self._store.engine.dialect.name == "postgresql":
                transaction.run("SET LOCAL synchronous_commit = off", {})
            yield transaction

    def look(self, address: str, *, now_ms: int) -> Kept | Held | None:
        """What is there now; a body that is not what was kept is not there."""
        with self._store.reading() as connection:
            row = connection.execute(sa.text(_LOOK), {"address": address}).one()
        return _found(address, row.body, row.digest, row.until_ms, now_ms=now_ms)

    def take(self, address: str, *, holder: str, now_ms: int, until_ms: int) -> Kept | Held | None:
        """The same, and where nothing is there the lease is the holder's."""
        with self._writing(f"cache {address}") as transaction:
            ((body, digest, held_ms),) = transaction.run(_LOOK, {"address": address})
            found = _found(address, body, digest, held_ms, now_ms=now_ms)
            if found is None:
                _lease(transaction, address, holder=holder, until_ms=until_ms)
            return found

    def keep(self, address: str, body: str, *, holder: str, now_ms: int) -> None:
        """Keep the body, end the lease, and forget what is too old or too much."""
        row = {
            "address": address,
            "body": body,
            "digest": _digest(address, body),
            "size": len(body.encode()),
            "now_ms": now_ms,
        }
        # One keeps at a time: the bytes before a row are those before the row before it, and that one's own.
        with self._writing("cache", f"cache {address}") as transaction:
            transaction.run(_KEEP, row)
            _end(transaction, address, holder=holder)
            transaction.run("DELETE FROM cache_leases WHERE until_ms < :now_ms", {"now_ms": now_ms})
            transaction.run(_TOO_OLD, {"oldest_ms": now_ms - self._age_ms_max})
            transaction.run(_TOO_MUCH, {"bytes_max": self._bytes_max})

    def give_up(self, address: str, *, holder: str) -> None:
        """End the lease."""
        with self._writing(f"cache {address}") as transaction:
            _end(transaction, address, holder=holder)

    def size(self) -> tuple[int, int]:
        """How many bodies are kept, and their bytes."""
        with self._store.reading() as connection:
            row = connection.execute(sa.text("SELECT COUNT(*), COALESCE(SUM(size_bytes), 0) FROM cache")).one()
        return int(row[0]), int(row[1])


def _found(
    address: str, body: str | None, digest: str | None, until_ms: int | None, *, now_ms: int
) -> Kept | Held | None:
    if body is not None and digest == _digest(address, body):
        return Kept(body)
    if body is not None:
        _LOG.warning("what the cache keeps under %s is not what was kept; it is asked again", address[:12])
    return Held(until_ms) if until_ms is not None and until_ms > now_ms else None


def _lease(transaction: Direct, address: str, *, holder: str, until_ms: int) -> None:
    """What is there is no longer of use: a body that was changed, a lease that ended."""
    transaction.run("DELETE FROM cache WHERE address = :address", {"address": address})
    transaction.run("DELETE FROM cache_leases WHERE address = :address", {"address": address})
    transaction.run(
        "INSERT INTO cache_leases (address, holder, until_ms) VALUES (:address, :holder, :until_ms)",
        {"address": address, "holder": holder, "until_ms": until_ms},
    )


def _end(transaction: Direct, address: str, *, holder: str) -> None:
    mine = {"address": address, "holder": holder}
    transaction.run("DELETE FROM cache_leases WHERE address = :address AND holder = :holder", mine)


def _digest(address: str, body: str) -> str:
    """Over the address too: a body under another one's address is not what was kept."""
    return hashlib.sha256(f"{address}\n{body}".encode()).hexdigest()
