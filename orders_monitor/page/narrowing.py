"""A person narrows a plan: another one is recorded, with bytes and a digest of its own, to be decided on after that."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from orders_monitor.core.editing import Change
from orders_monitor.core.errors import DecidedAlready, ReviewRefused, SigningRefused
from orders_monitor.page.answer import refused_page, remembered, sender_by_form, too_late
from orders_monitor.page.case import Told, Visit, shown, visit_of
from orders_monitor.page.lines import change_of
from orders_monitor.page.room import Room
from orders_monitor.page.show import Pages
from orders_monitor.pipeline.deciding import Identity
from orders_monitor.pipeline.editing import edit


def narrow(request: Request, room: Room, pages: Pages) -> Response:
    """Record another plan instead of the one that the page showed; it is decided on the page that follows."""
    visit = visit_of(request, room, pages)
    if isinstance(visit, Response):
        return visit
    sender = sender_by_form(visit)
    if isinstance(sender, Response):
        return sender
    try:
        change = change_of(visit.form)
    except ValueError as error:
        return shown(visit, Told("wrong", f"Nothing was changed: {error}.", form=visit.form), 422)
    try:
        return _recorded(visit, sender, change)
    except DecidedAlready as first:
        return too_late(visit, first, "change")
    except (ReviewRefused, SigningRefused) as refused:
        return refused_page(visit, refused)


def _recorded(visit: Visit, by: Identity, change: Change) -> Response:
    form = visit.form
    with visit.room.desk(visit.table) as desk:
        edit(desk, visit.partition, digest=form["digest"], change=change, by=by, note=form["why"].strip())
    return remembered(visit, by, RedirectResponse(f"{visit.path}?changed=1", status_code=303))
