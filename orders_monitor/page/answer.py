"""A pressed button: the decision is recorded by the one way in, or the person is told exactly why it was not."""

from typing import get_args

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from orders_monitor.core.errors import DecidedAlready, ReviewRefused, SigningRefused
from orders_monitor.core.review import EXPIRY, Verdict
from orders_monitor.page.case import Told, Visit, shown, visit_of
from orders_monitor.page.form import is_token
from orders_monitor.page.room import Room
from orders_monitor.page.seen import changes, read_seen
from orders_monitor.page.show import Pages
from orders_monitor.page.who import remember, typed_into
from orders_monitor.pipeline import casebook
from orders_monitor.pipeline.deciding import Identity, record_decision

VERDICTS: dict[str, Verdict] = {verdict: verdict for verdict in get_args(Verdict)}
YOURS: dict[Verdict, str] = {"approve": "approval", "reject": "rejection"}


def decide(request: Request, room: Room, pages: Pages) -> Response:
    """Record an approval or a rejection of the digest that the page showed."""
    visit = visit_of(request, room, pages)
    if isinstance(visit, Response):
        return visit
    sender = sender_by_form(visit)
    if isinstance(sender, Response):
        return sender
    verdict, note = VERDICTS.get(visit.form.get("verdict", "")), visit.form.get("note", "").strip()
    if verdict is None:
        return pages.message(400, "Nothing was recorded: a decision approves or rejects.", back=visit.path)
    if verdict == "reject" and not note:
        return shown(visit, Told("wrong", "Nothing was recorded: to reject, say why.", form=visit.form), 422)
    try:
        return _recorded(visit, sender, verdict, note)
    except DecidedAlready as first:
        return too_late(visit, first, YOURS[verdict])
    except (ReviewRefused, SigningRefused) as refused:
        return refused_page(visit, refused)


def sender_by_form(visit: Visit) -> Identity | Response:
    """Who sent this form, where this page showed it to them for this case; else the page that says what is wrong.

    A form that was shown while no name was known carries the name that was typed into it, also where another tab has
    made one known since.
    """
    form, looking = visit.form, visit.visitor
    digest, seen, token = (form.get(name, "") for name in ("digest", "seen", "token"))
    typed = looking.may_type and is_token(token, visit.token("", digest=digest, seen=seen))
    if not digest or not (typed or is_token(token, visit.token(looking.name, digest=digest, seen=seen))):
        why = "Nothing was recorded: this form was not shown to you by this page since it was started. Look again."
        return visit.pages.message(403, why, back=visit.path)
    sender = typed_into(form, visit.room) if typed else looking
    if sender.identity is None:
        told = Told("wrong", looking.why_not or "Nothing was recorded: say who you are.", form=form)
        return shown(visit, told, 403 if looking.why_not else 422)
    return sender.identity


def refused_page(visit: Visit, refused: ReviewRefused | SigningRefused) -> Response:
    """Not recorded: the case is another than the one that was shown, or this person may not."""
    form = visit.form
    with visit.room.desk(visit.table) as desk:
        stale = desk.case(visit.partition).digest != form["digest"]
        view = casebook.view(desk, visit.partition)
    if not stale:
        return shown(visit, Told("wrong", f"Nothing was recorded: {refused}.", form=form), 403)
    then = read_seen(form["seen"])
    sentence = "Nothing was recorded: the case changed after you opened it. This is what it is now."
    told = Told("changed", sentence, () if then is None else changes(then, view), form)
    return shown(visit, told, 409)


def _recorded(visit: Visit, by: Identity, verdict: Verdict, note: str) -> Response:
    with visit.room.desk(visit.table) as desk:
        digest = visit.form["digest"]
        made = record_decision(desk, visit.partition, digest=digest, verdict=verdict, by=by, note=note)
        gate = desk.gate(visit.partition)
    # Dagster's UI is told after the answer: a decision is recorded whether or not that works.
    told = BackgroundTask(visit.room.told, visit.table, gate)
    return remembered(visit, by, RedirectResponse(f"{visit.path}?decided={made.id}", status_code=303, background=told))


def remembered(visit: Visit, by: Identity, response: Response) -> Response:
    """The answer to somebody who typed their name: the browser remembers it."""
    if visit.visitor.may_type:
        remember(response, visit.room, by.name)
    return response


def too_late(visit: Visit, first: DecidedAlready, yours: str) -> Response:
    """Somebody was first, or the time was over: who, what and when; `yours` is what was not recorded."""
    return visit.pages.page(
        "decided",
        status=409,
        title="Decided already",
        case=f"{visit.table.name} {visit.partition}",
        back=visit.path,
        expired=first.reviewer == EXPIRY,
        first=first,
        yours=yours,
    )
