"""The guard at the door: who is let in to the page at all, and what every answer says to the browser.

Against other sites: the Host must be ours (a name that was rebound to this machine is not), and what changes
something must come from a page of ours, by Sec-Fetch-Site and Origin, beside the token in its form. Against what a row
may contain: a content security policy under which no script runs and nothing is fetched from anywhere else.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orders_monitor.page.form import BYTES_MAX, FORM_TYPE, FormRefused, read_form

LOG = logging.getLogger(__name__)
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
# `same-origin` tells other sites nothing, like `no-referrer`; but under that one a browser sends `Origin: null` with
# our own forms, and the origin could not be compared.
SAID = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
LOOKS = ("GET", "HEAD")
BODY_S_MAX = 10
HERE = ("127.0.0.1", "localhost", "::1")
Refuse = Callable[[int, str], Response]


class Guard:
    """An ASGI application around the page's: it reads and limits bodies, refuses, adds headers and logs.

    `review_url` is where the page is reached, `refuse` makes the page of a refusal. A form that was let in is in the
    scope as `form`. The log has method, place, status and time: of an address only what we know ourselves.
    """

    def __init__(self, app: ASGIApp, *, review_url: str, refuse: Refuse) -> None:
        self._app, self._refuse = app, refuse
        self._ours = urlsplit(review_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message).update(SAID)
            await send(message)

        try:
            refusal = self._refusal(scope) or await self._take_form(scope, receive)
            await (refusal or self._app)(scope, receive, answer)
        finally:
            place = scope.get("place", "elsewhere")
            LOG.info("%s %s %s %.0f ms", scope["method"], place, status, (time.perf_counter() - began) * 1_000)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if not self._is_our_host(headers.getlist("host")):
            return self._refuse(421, "This page does not answer to that host name.")
        if scope["method"] not in LOOKS and not self._is_from_our_page(headers):
            return self._refuse(403, "This form was sent from another site. Nothing was recorded.")
        return None

    def _is_our_host(self, hosts: list[str]) -> bool:
        try:
            names = [urlsplit(f"//{host}").hostname for host in hosts]
        except ValueError:
            return False
        return len(names) == 1 and names[0] in (*HERE, self._ours.hostname)

    def _is_from_our_page(self, headers: Headers) -> bool:
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site not in (None, "same-origin"):
            return False
        if origin is None:
            return True
        try:
            place = urlsplit(origin).netloc
        except ValueError:
            return False
        return bool(place) and place in (headers["host"], self._ours.netloc)

    async def _take_form(self, scope: Scope, receive: Receive) -> Response | None:
        """Read the form of a request that has one. Returns the refusal of one that is too long, too slow or none."""
        if scope["method"] != "POST":
            return None
        headers = Headers(scope=scope)
        if headers.get("content-type", "").partition(";")[0].strip().lower() != FORM_TYPE:
            return self._refuse(415, "Only the forms of this page are read.")
        try:
            body = await asyncio.wait_for(_body(receive), timeout=BODY_S_MAX)
            scope["form"] = read_form(body)
        except TimeoutError:
            return self._refuse(408, "The form did not arrive in time. Nothing was recorded.")
        except TooLong:
            return self._refuse(413, f"A form has at most {BYTES_MAX // 1024} KB. Nothing was recorded.")
        except FormRefused as refused:
            return self._refuse(400, f"Nothing was recorded: {refused}.")
        return None


class TooLong(ValueError):
    """More bytes than any form of ours has."""


async def _body(receive: Receive) -> bytes:
    """The whole body, as long as it is short enough. Raises TooLong, FormRefused."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise FormRefused("the form broke off")
        body += message.get("body", b"")
        more = bool(message.get("more_body"))
        if len(body) > BYTES_MAX:
            raise TooLong
    return body
