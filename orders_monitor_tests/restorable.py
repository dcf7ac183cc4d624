"""A day of the small shop published twice, with other rows each time: something to go back to, and from."""

from orders_monitor.core.review import Publication
from orders_monitor.pipeline.deciding import Identity, record_decision
from orders_monitor.pipeline.publish import publish
from orders_monitor.pipeline.restoring import Proposed, ThereAlready, propose
from orders_monitor_tests.attacks.stages import decided, night, published
from orders_monitor_tests.small_shop import DAY, Shop, csv_of, rows_of

ADA, GRACE = Identity("ada", source="test"), Identity("grace", source="test")


def published_twice(shop: Shop, day: str = DAY) -> tuple[Publication, Publication]:
    """The day's first 40 rows, and the 42 that replaced them with a person's approval."""
    return generation(shop, 40, day), generation(shop, 42, day)


def generation(shop: Shop, count: int, day: str = DAY) -> Publication:
    """The day with so many rows, landed and published; approved by a person where the policy leaves it to one."""
    shop.arrives(day, csv_of(rows_of(day, count)))
    if night(shop, day).status == "awaiting":
        decided(shop, day)
    return published(shop, day)


def asked(shop: Shop, version: int, by: Identity = ADA, day: str = DAY) -> Proposed | ThereAlready:
    """A restore put to decision."""
    with shop.desk() as desk:
        return propose(desk, day, version=version, by=by)


def restored(shop: Shop, version: int, by: Identity = ADA, day: str = DAY) -> Publication:
    """A restore put to decision, approved by who asks, and published."""
    proposed = asked(shop, version, by, day)
    assert isinstance(proposed, Proposed)
    with shop.desk() as desk:
        record_decision(desk, day, digest=proposed.digest, verdict="approve", by=by, note="it was right")
        return publish(desk, day)
