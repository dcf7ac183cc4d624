"""The page of a case: everything that a person needs to decide it, and the forms with which they do."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import get_args

from starlette.requests import Request
from starlette.responses import Response

from orders_monitor.core.casebook import CaseView
from orders_monitor.core.errors import ReviewRefused
from orders_monitor.core.plan import Plan
from orders_monitor.core.review import WAITS, Verdict
from orders_monitor.core.table import MonitoredTable
from orders_monitor.page.chart import chart_of
from orders_monitor.page.form import token_of
from orders_monitor.page.lines import WORDS, rows_of
from orders_monitor.page.room import Room
from orders_monitor.page.seen import Seen
from orders_monitor.page.show import Pages, case_path
from orders_monitor.page.who import Visitor, visitor_of
from orders_monitor.pipeline import casebook

EDITABLE = (*WAITS, "failed")


@dataclass(frozen=True, slots=True)
class Visit:
    """A request about one case that there is."""

    request: Request
    room: Room
    pages: Pages
    table: MonitoredTable
    partition: str

    @property
    def visitor(self) -> Visitor:
        """Who looks."""
        return visitor_of(self.request, self.room)

    @property
    def form(self) -> Mapping[str, str]:
        """What was sent, as the guard read it."""
        form: Mapping[str, str] = self.request.scope["form"]
        return form

    @property
    def path(self) -> str:
        """Where the case is."""
        return case_path(self.table.name, self.partition)

    def token(self, name: str, *, digest: str, seen: str) -> str:
        """What a form must carry: it was shown by this page, to that person, for this case, digest and content."""
        return token_of(self.room.secret, name, self.table.name, self.partition, digest, seen)


@dataclass(frozen=True, slots=True)
class Told:
    """What the page says above the case, of kind `done`, `changed` or `wrong`; and what was sent, to stay filled in."""

    kind: str = ""
    sentence: str = ""
    points: tuple[str, ...] = ()
    form: Mapping[str, str] = field(default_factory=dict)


def visit_of(request: Request, room: Room, pages: Pages) -> Visit | Response:
    """The case of the address, which then may be logged; or the page that says that there is none."""
    partition = str(request.path_params["partition"])
    table = room.find(str(request.path_params["table"]), partition)
    if table is None:
        return pages.message(404, "No declared table has a partition of that name whose day is over.")
    request.scope["place"] = request.scope["path"]
    return Visit(request, room, pages, table, partition)


def case_page(request: Request, room: Room, pages: Pages) -> Response:
    """The case of the address."""
    visit = visit_of(request, room, pages)
    return visit if isinstance(visit, Response) else shown(visit)


def shown(visit: Visit, told: Told | None = None, status: int = 200) -> Response:
    """The case as it is now, with something said above it."""
    try:
        with visit.room.desk(visit.table) as desk:
            view, plan = casebook.view(desk, visit.partition), desk.read(visit.partition, "plan", Plan)
    except ReviewRefused as refused:
        return visit.pages.message(404, f"{refused}.", title="Nothing to see yet")
    seen, told = Seen.of(view).text, told or _after_redirect(visit, view, plan)
    return visit.pages.page(
        "case",
        status=status,
        view=view,
        visitor=visit.visitor,
        told=told,
        open=view.status in WAITS and view.digest is not None,
        narrowed=view.status in EDITABLE and view.digest is not None and plan.restore is None,
        lines=rows_of(plan, told.form),
        words=WORDS,
        columns=[column.name for column in visit.table.contract.columns],
        path=visit.path,
        anchors={found.id: number for number, found in enumerate(view.evidence, start=1)},
        charts=[drawn for drawn in map(chart_of, view.series) if drawn is not None],
        seen=seen,
        token=visit.token(visit.visitor.name, digest=view.digest or "", seen=seen),
        commands=_commands(visit, view),
    )


def _after_redirect(visit: Visit, view: CaseView, plan: Plan) -> Told:
    """What was just recorded, where the address tells of a decision or a plan that this case has."""
    if "changed" in visit.request.query_params and plan.origin == "reviewer":
        then = (
            "It is held: nothing of it is published." if plan.hold else "Nothing is approved yet: look again, decide."
        )
        return Told("done", f"Recorded: this is the plan as {plan.author} changed it.", (then,))
    number = visit.request.query_params.get("decided", "")
    made = next((decision for decision in view.decisions if str(decision.id) == number), None)
    if made is None:
        return Told()
    word = "approved" if made.verdict == "approve" else "rejected"
    follows = {
        "approved": ("It is published within seconds while Dagster's daemon runs.",),
        "awaiting": ("It waits for a second person.",),
        "rejected": ("Nothing is published; readers see what they saw before.",),
    }
    return Told("done", f"Recorded: {made.reviewer} {word} it (decision {made.id}).", follows.get(view.status, ()))


def _commands(visit: Visit, view: CaseView) -> tuple[str, ...]:
    """What to type instead of the buttons."""
    table = ["--table", view.table] if len(visit.room.tables) > 1 else []
    about = [view.partition, "--digest", (view.digest or "")[:12], "--note", "why"]
    return tuple(shlex.join(["orders-monitor", *table, "review", verdict, *about]) for verdict in get_args(Verdict))
