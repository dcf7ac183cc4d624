"""The review page as an ASGI application: where people see what waits for them, and decide."""

from collections.abc import Callable
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from orders_monitor.core.errors import OrdersMonitorError
from orders_monitor.page.answer import decide
from orders_monitor.page.case import case_page
from orders_monitor.page.guard import Guard
from orders_monitor.page.inbox import inbox_page
from orders_monitor.page.narrowing import narrow
from orders_monitor.page.room import Room
from orders_monitor.page.show import Pages
from orders_monitor.page.who import remember

SENTENCES = {404: "There is no such page.", 405: "This address is not used like that."}
CASE = "/cases/{table}/{partition}"
Endpoint = Callable[[Request, Room, Pages], Response]


def review_app(room: Room) -> ASGIApp:
    """The page over these tables and stores. Every answer goes through the guard."""
    settings = room.settings
    pages = Pages(now=room.now, environment=settings.environment, ui_url=settings.ui_url)

    def route(path: str, endpoint: Endpoint, method: str) -> Route:
        def answer(request: Request) -> Response:
            request.scope["place"] = path
            return endpoint(request, room, pages)

        return Route(path, answer, methods=[method])

    app = Starlette(
        routes=[
            route("/", inbox_page, "GET"),
            route(CASE, case_page, "GET"),
            route(f"{CASE}/decision", decide, "POST"),
            route(f"{CASE}/plan", narrow, "POST"),
            route("/somebody-else", _forget, "POST"),
            route("/style.css", _style, "GET"),
        ],
        exception_handlers={
            HTTPException: partial(_lost, pages),
            OrdersMonitorError: partial(_broken, pages),
        },
    )
    return Guard(app, review_url=settings.review_url, refuse=pages.message)


def _style(_: Request, __: Room, pages: Pages) -> Response:
    return Response(pages.style(), media_type="text/css")


def _forget(_: Request, room: Room, __: Pages) -> Response:
    """Somebody else sits down: the typed name is forgotten."""
    response = RedirectResponse("/", status_code=303)
    remember(response, room, "")
    return response


def _lost(pages: Pages, _: Request, error: Exception) -> Response:
    """An address that is none of ours, or a method that it does not have."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    response = pages.message(status, SENTENCES.get(status, "This cannot be answered."))
    response.headers.update(getattr(error, "headers", None) or {})
    return response


def _broken(pages: Pages, _: Request, error: Exception) -> Response:
    """What is our fault, or a store's that cannot be reached, in its one sentence. What was recorded stays."""
    return pages.message(503, f"{error}.", title="The page cannot answer now")
