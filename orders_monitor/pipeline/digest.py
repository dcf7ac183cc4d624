"""digest: one message a day about what nobody had to be called for, and what still waits."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from orders_monitor.adapters.journal.daily import Day
from orders_monitor.core.escalation import Address
from orders_monitor.core.incident import Incident, Trouble
from orders_monitor.core.messages import Link, Message, digest_key, named, of_digest
from orders_monitor.core.quality import Quality
from orders_monitor.core.table import MonitoredTable
from orders_monitor.core.times import parsed, recorded
from orders_monitor.pipeline import links, sentences
from orders_monitor.pipeline.resources import Desk

SHOWN_MAX = 5


def due_at(table: MonitoredTable, now: datetime) -> datetime:
    """The newest moment, not after now, at which a digest was due: an hour of the table's own days."""
    zone = ZoneInfo(table.partitions.timezone)
    today = now.astimezone(zone).date()
    at = datetime.combine(today, time(table.owners.digest_h), zone)
    if at > now:
        at = datetime.combine(today - timedelta(days=1), time(table.owners.digest_h), zone)
    return at.astimezone(UTC)


def next_at(table: MonitoredTable, now: datetime) -> datetime:
    """When the next digest is due."""
    zone = ZoneInfo(table.partitions.timezone)
    day = due_at(table, now).astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(day, time(table.owners.digest_h), zone).astimezone(UTC)


def addresses(table: MonitoredTable) -> tuple[Address, ...]:
    """Who hears of every incident at once reads the digest too."""
    first = (level.address for level in table.owners.escalation if level.is_first and not level.when)
    return tuple(dict.fromkeys(first))


def digest(
    desk: Desk, *, now: datetime, incidents: Sequence[Incident], troubles: Sequence[Trouble]
) -> tuple[Message, ...]:
    """The digest that is due and not kept yet, one for each address; nothing where nothing happened."""
    until = due_at(desk.table, now)
    whom = addresses(desk.table)
    day = until.astimezone(ZoneInfo(desk.table.partitions.timezone)).date().isoformat()
    keys = [digest_key(desk.table.name, day, address) for address in whom]
    if desk.outbox.has(keys).issuperset(keys):
        return ()
    lines = _lines(desk, until=until, incidents=incidents, troubles=troubles)
    if not lines:
        return ()
    where = [Link(label="partitions", url=links.partition_url(desk.table.name, "plan", "", desk.settings.ui_url))]
    return tuple(of_digest(desk.table.name, day, address, lines=lines, links=where) for address in whom)


def _lines(
    desk: Desk, *, until: datetime, incidents: Sequence[Incident], troubles: Sequence[Trouble]
) -> list[tuple[str, str]]:
    since = until - timedelta(days=1)
    here = desk.settings.environment
    done = desk.journal.day(desk.table.name, environment=here, since=recorded(since), until=recorded(until))
    ended = [each for each in incidents if each.settled and since <= parsed(each.last_at) < until]
    before = [each for each in troubles if parsed(each.at) < until]
    waiting, held, broken = (_about(before, kind) for kind in ("case", "held", "failed"))
    if not any((done.published, done.rejected, ended, waiting, held, broken)):
        return []
    told = [
        ("published", _published(done)),
        ("settled by the policy", named(done.by_policy)),
        ("changes that harm nothing", "; ".join(_harmless(desk, done.published))),
        ("rejected", ", ".join(f"{partition} by {who}" for partition, who in done.rejected[:SHOWN_MAX])),
        ("waits", named(waiting)),
        ("held", named(held)),
        ("broken", named(broken)),
        ("over", named([each.key for each in ended])),
        ("agent", _spent(desk, since)),
        ("allowance left", _allowance(desk)),
    ]
    return [(label, text) for label, text in told if text]


def _about(troubles: Sequence[Trouble], kind: str) -> list[str]:
    return sorted(each.about for each in troubles if each.kind == kind)


def _published(day: Day) -> str:
    people = len(day.published) - len(day.by_policy)
    if not day.published:
        return ""
    return f"{len(day.published)} published, {len(day.by_policy)} by the policy and {people} by people"


def _harmless(desk: Desk, partitions: Iterable[str]) -> list[str]:
    """Changes of the schema that are recorded and call nobody, each with how many partitions have it."""
    counted: Counter[str] = Counter()
    for partition in partitions:
        quality = desk.find(partition, "quality", Quality)
        signals = quality.signals if quality else ()
        counted.update({s.sentence for s in signals if s.kind == "drift" and s.severity == "info"})
    return [f"{sentence} ({count} partitions)" for sentence, count in counted.most_common(SHOWN_MAX)]


def _spent(desk: Desk, since: datetime) -> str:
    """Of a whole UTC day, as the ledger counts: the one in which the digest's day began."""
    day = since.date().isoformat()
    costs = desk.journal.costs("pipeline", since=day, until=day)
    mine = next((cost for cost in costs if cost.key == desk.table.name), None)
    return "" if mine is None else f"{sentences.of_amount(mine.tokens, mine.micro_usd)} on {day} (UTC)"


def _allowance(desk: Desk) -> str:
    allowance, used = desk.table.policy.allowance, desk.journal.used(desk.table.owners.team)
    return (
        f"{max(0, allowance.week_fixes - used.week_fixes):,} fixes this week, "
        f"{max(0, allowance.month_fixes - used.month_fixes):,} fixes and "
        f"{max(0, allowance.month_rows - used.month_rows):,} rows this month"
    )
