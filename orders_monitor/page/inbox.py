"""The inbox: what waits for a person, over all declared tables; what is held or failed beneath it."""

from starlette.requests import Request
from starlette.responses import Response

from orders_monitor.core.casebook import CaseSummary
from orders_monitor.core.review import WAITS
from orders_monitor.page.room import Room
from orders_monitor.page.show import Pages
from orders_monitor.page.who import visitor_of
from orders_monitor.pipeline import casebook


def inbox_page(request: Request, room: Room, pages: Pages) -> Response:
    """All cases that need a person, in the order in which they should be opened."""
    request.scope["place"] = "/"
    found: list[CaseSummary] = []
    for table in room.tables.values():
        with room.desk(table) as desk:
            found += casebook.inbox(desk)
    waiting = sorted((case for case in found if case.status in WAITS), key=_urgency)
    stuck = sorted((case for case in found if case.status not in WAITS), key=lambda case: case.partition, reverse=True)
    visitor = visitor_of(request, room)
    return pages.page("inbox", waiting=waiting, stuck=stuck, visitor=visitor, tables=list(room.tables.values()))


def _urgency(case: CaseSummary) -> tuple[str, str]:
    """What ends first comes first; what has no end comes after, oldest first."""
    return case.deadline or "~", case.asked_at or case.partition
