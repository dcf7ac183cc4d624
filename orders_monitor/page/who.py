"""Who is looking: whom the authenticating proxy names, or in the development environment a typed name."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import Response

from orders_monitor.core.errors import SigningRefused
from orders_monitor.page.room import Room
from orders_monitor.pipeline.deciding import Identity
from orders_monitor.pipeline.signing_in import proxied, unproved

COOKIE = "orders_monitor_reviewer"
SOURCE = "page"
NAME_CHARACTERS_MAX = 100
YEAR_S = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody in front of the page.

    `identity` is None while nobody can decide: `may_type` says that a typed name would be enough, `why_not` why
    there is nothing that would.
    """

    identity: Identity | None = None
    may_type: bool = False
    why_not: str = ""

    @property
    def name(self) -> str:
        """The name; empty while it is not known."""
        return "" if self.identity is None else self.identity.name


def visitor_of(request: Request, room: Room) -> Visitor:
    """Who this request comes from."""
    if room.settings.proxy_header is not None:
        return _vouched(request.headers.getlist(room.settings.proxy_header), room)
    if room.settings.environment == "dev":
        return _typed(unquote(request.cookies.get(COOKIE, "")), room)
    why = (
        f"In {room.settings.environment} this page only shows: no authenticating proxy says who you are "
        "(ORDERS_MONITOR_PROXY_HEADER names its header). Decide on the command line."
    )
    return Visitor(why_not=why)


def typed_into(form: Mapping[str, str], room: Room) -> Visitor:
    """Whom a form names that was shown to nobody in particular."""
    return _typed(form.get("name", ""), room)


def remember(response: Response, room: Room, name: str) -> None:
    """Keep a typed name in a cookie that no other site's page makes the browser send; an empty one is forgotten."""
    response.set_cookie(
        COOKIE,
        quote(name),
        max_age=YEAR_S if name else 0,
        path="/",
        httponly=True,
        samesite="strict",
        secure=room.settings.review_url.startswith("https:"),
    )


def _vouched(names: list[str], room: Room) -> Visitor:
    """Whom the proxy names. A header that is there twice was not written by the proxy alone."""
    if len(names) != 1 or not names[0].strip():
        return Visitor(why_not="This page only shows: the proxy does not say who you are.")
    try:
        return Visitor(identity=proxied(room.settings, names[0].strip()))
    except SigningRefused as refused:
        return Visitor(why_not=f"This page only shows: {refused}.")


def _typed(text: str, room: Room) -> Visitor:
    name = " ".join(text.split())
    if not name or len(name) > NAME_CHARACTERS_MAX or not name.isprintable():
        return Visitor(may_type=True)
    return Visitor(identity=unproved(room.settings, name, source=SOURCE), may_type=True)
