"""The webhook: one POST of JSON as Slack's incoming webhooks take it (and Mattermost's, and Discord's under /slack).

Its URL is a secret: it is in no message, no error and no log. Texts are escaped as Slack asks for (`&`, `<`, `>`), so
that nothing in them becomes a link, a mention or a call to a channel; `verbatim` keeps Slack from finding more.
https://docs.slack.dev/messaging/formatting-message-text
"""

import json
import re
import ssl
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import SplitResult, urlsplit

from orders_monitor.adapters.notify.deadline import within
from orders_monitor.core.errors import NotDelivered
from orders_monitor.core.messages import Delivery

WAIT_S = 5.0
WHOLE_S = 15.0
ANSWER_MAX = 2_048
HEADER_MAX, SECTION_MAX, TEXT_MAX, SECTIONS_MAX = 150, 3_000, 3_500, 40
ACCEPTED, REDIRECTED, REFUSED = 200, 300, 400


class Webhook:
    """One webhook. Raises NotDelivered where its URL cannot be used."""

    def __init__(
        self, url: str, *, context: ssl.SSLContext | None = None, wait_s: float = WAIT_S, whole_s: float = WHOLE_S
    ) -> None:
        self._place = _split(url)
        self._context, self._wait_s, self._whole_s = context, wait_s, whole_s

    def __repr__(self) -> str:
        return "Webhook(***)"

    def __call__(self, delivery: Delivery) -> None:
        """Tell it. Raises NotDelivered, `unclear` where the request may have been read and no answer came."""
        body = json.dumps(payload_of(delivery), ensure_ascii=True).encode()
        connection = self._connection()
        try:
            with within(self._whole_s, lambda: connection.sock):
                self._connect(connection)
                self._post(connection, body, delivery.id)
        finally:
            connection.close()

    def _connection(self) -> HTTPConnection:
        host, port = str(self._place.hostname), self._place.port
        if self._place.scheme == "https":
            context = self._context or ssl.create_default_context()
            return HTTPSConnection(host, port, timeout=self._wait_s, context=context)
        return HTTPConnection(host, port, timeout=self._wait_s)

    def _connect(self, connection: HTTPConnection) -> None:
        try:
            connection.connect()
        except ssl.SSLCertVerificationError:
            raise _failed("its certificate is not trusted") from None
        except (OSError, UnicodeError) as error:
            raise _failed(f"it cannot be reached ({type(error).__name__})") from None

    def _post(self, connection: HTTPConnection, body: bytes, name: str) -> None:
        path = (self._place.path or "/") + (f"?{self._place.query}" if self._place.query else "")
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "orders-monitor",
            "Idempotency-Key": name,
            "Connection": "close",
        }
        try:
            connection.request("POST", path, body=body, headers=headers)
            with connection.getresponse() as answer:
                status, said = answer.status, answer.read(ANSWER_MAX)
        except (OSError, HTTPException) as error:
            # Not chained: it may quote the address.
            raise _failed(f"no answer came ({type(error).__name__})", unclear=True) from None
        if ACCEPTED <= status < REDIRECTED:
            return
        if REDIRECTED <= status < REFUSED:
            raise _failed(f"it answers with a redirect ({status}), and a redirect is not followed")
        raise _failed(f"it answers {status}{_word(said)}")


def payload_of(delivery: Delivery) -> dict[str, object]:
    """The JSON of a delivery. Its last block is the id, the same whenever it is sent again."""
    links = "   ".join(f"<{escaped(link.url)}|{escaped(link.label)}>" for link in delivery.links)
    sections = list(_sections([*_addressed(delivery), *delivery.lines]))[:SECTIONS_MAX]
    blocks: list[dict[str, object]] = [
        {"type": "header", "text": {"type": "plain_text", "text": delivery.subject[:HEADER_MAX] or "-", "emoji": False}}
    ]
    blocks += [
        {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}
        for text in (*sections, *([links] if links else []))
    ]
    blocks.append({"type": "context", "elements": [{"type": "plain_text", "text": delivery.id, "emoji": False}]})
    text = escaped("\n".join((delivery.subject, *delivery.lines)))
    return {"text": _cut(text, TEXT_MAX), "blocks": blocks, "link_names": False, "parse": "none"}


def escaped(text: str) -> str:
    """Text in which Slack finds no control sequence."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _addressed(delivery: Delivery) -> list[str]:
    return [f"for: {delivery.address.to}"] if delivery.address.to else []


def _sections(lines: list[str]) -> Iterator[str]:
    """The lines in as few texts as the limit of one allows."""
    section = ""
    for line in map(escaped, lines):
        whole = _cut(line, SECTION_MAX)
        if section and len(section) + 1 + len(whole) > SECTION_MAX:
            yield section
            section = whole
        else:
            section = f"{section}\n{whole}" if section else whole
    if section:
        yield section


def _cut(text: str, most: int) -> str:
    """At most so many characters, and no half of an escaped one at the end."""
    return text if len(text) <= most else re.sub(r"&[a-z]*$", "", text[: most - 1]) + "…"


def _split(url: str) -> SplitResult:
    try:
        place = urlsplit(url)
        usable = place.scheme in ("http", "https") and bool(place.hostname) and place.port != 0
    except ValueError:
        usable = False
    if not usable or not all("!" <= character <= "~" for character in url) or place.username is not None:
        why = "its URL must be one of http or https, without a user name or a space"
        raise NotDelivered(channel="webhook", why=why, alone=True)
    return place


def _word(said: bytes) -> str:
    """Slack's own word for what is wrong; anything else that a server says may quote the URL, and is not shown."""
    found = re.fullmatch(rb"[a-z_]{1,40}", said.strip())
    return f" ({found[0].decode()})" if found else ""


def _failed(why: str, *, unclear: bool = False) -> NotDelivered:
    return NotDelivered(channel="webhook", why=why, unclear=unclear)
