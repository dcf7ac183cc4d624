"""delivering: what people are to be told goes out by its channels; what could not is known, and tried again."""

import os
import socket
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from orders_monitor.adapters.journal.outbox import Sent
from orders_monitor.adapters.notify.log import log
from orders_monitor.core.breaker import Open, Zone
from orders_monitor.core.command import command
from orders_monitor.core.errors import BreakerOpen, NotDelivered
from orders_monitor.core.escalation import Channel
from orders_monitor.core.messages import Delivery
from orders_monitor.core.times import ms
from orders_monitor.pipeline import breaker as breakers
from orders_monitor.pipeline.resources import Desk
from orders_monitor.settings import Settings

Clock = Callable[[], datetime]
Send = Callable[[Delivery], None]
DELIVERIES_MAX = 50
DRAIN_MAX = timedelta(seconds=40)
# So long after a message was due somebody should have tried it.
NOBODY_TRIED_AFTER = timedelta(minutes=10)
ZONE_OF: Mapping[Channel, Zone] = {"webhook": "notify_webhook", "email": "notify_email"}


@dataclass(frozen=True, slots=True)
class Drained:
    """What one drain came to: how many deliveries arrived, and why others did not."""

    sent: int
    failed: tuple[str, ...]


NOTHING = Drained(sent=0, failed=())


def drain(desk: Desk, *, now: Clock, send: Mapping[Channel, Send] | None = None) -> Drained:
    """Deliver what is due. A channel that fails is left alone for the rest of it, and by its breaker for longer."""
    outbox, holder = desk.outbox, f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
    started, sent, failed = now(), 0, list[str]()
    send = senders(desk.settings) if send is None else send
    states = breakers.states(desk, clock=lambda: ms(now()))
    away = {channel for channel, zone in ZONE_OF.items() if isinstance(states[zone], Open)}
    while sent + len(failed) < DELIVERIES_MAX and now() - started < DRAIN_MAX:
        delivery = outbox.claim(holder=holder, now_ms=ms(now()), without=away)
        if delivery is None:
            break
        error = _delivered(desk, delivery, send, now=now)
        if error is None:
            outbox.sent(delivery, holder=holder, now_ms=ms(now()))
            sent += 1
            continue
        why = str(error)
        outbox.failed(delivery, holder=holder, now_ms=ms(now()), why=why, unclear=error.unclear)
        failed.append(why)
        if not error.alone:
            away.add(delivery.address.channel)
    return Drained(sent=sent, failed=tuple(failed))


def _delivered(desk: Desk, delivery: Delivery, send: Mapping[Channel, Send], *, now: Clock) -> NotDelivered | None:
    """Send it, through the channel's breaker: what went wrong, or None."""
    channel = delivery.address.channel
    zone = ZONE_OF.get(channel)
    try:
        passage = None if zone is None else breakers.enter(desk, zone, clock=lambda: ms(now()))
    except BreakerOpen as error:
        return NotDelivered(channel=channel, why=str(error))
    try:
        send[channel](delivery)
    except NotDelivered as error:
        if passage is not None:
            passage.learnt_nothing() if error.alone else passage.failed(str(error))
        return error
    if passage is not None:
        passage.succeeded()
    return None


def senders(settings: Settings) -> Mapping[Channel, Send]:
    """How each channel is reached, as the settings say. The libraries of one are loaded when it is used."""

    def webhook(told: Delivery) -> None:
        from orders_monitor.adapters.notify.webhook import Webhook  # noqa: PLC0415 - TLS is loaded when it is needed

        name = told.address.url_env
        url = settings.source_urls.get(name) if name else settings.webhook_url
        if not url:
            why = f"{name or 'ORDERS_MONITOR_WEBHOOK_URL'} is not set"
            raise NotDelivered(channel="webhook", why=why, alone=True)
        Webhook(url)(told)

    def email(told: Delivery) -> None:
        from orders_monitor.adapters.notify.mail import Mail  # noqa: PLC0415 - TLS is loaded when it is needed

        if not settings.smtp_url:
            raise NotDelivered(channel="email", why="ORDERS_MONITOR_SMTP_URL is not set", alone=True)
        Mail(settings.smtp_url, sender=settings.mail_from)(told)

    return {"log": log, "webhook": webhook, "email": email}


def undelivered(sent: Sequence[Sent], table: str, *, now: datetime) -> tuple[Sent, ...]:
    """Those of a table's messages that were tried in vain, or that nobody has tried long after they were due."""
    late = ms(now - NOBODY_TRIED_AFTER)
    mine = (each for each in sent if each.message.table == table)
    stuck = ("undelivered", "given_up")
    return tuple(each for each in mine if each.state in stuck or (each.state == "waiting" and each.due_ms < late))


def why_late(sent: Sent) -> str:
    """Why it has not arrived."""
    drained = command(sent.message.table, "messages", "drain")
    given_up = f"given up, `{drained}` tries it again: " if sent.state == "given_up" else ""
    return given_up + (sent.why or f"no daemon delivers: start one, or type `{drained}`")
