"""What is shown: templates in which every value is escaped, and nothing in it can be seen wrongly or be missing."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import quote, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from orders_monitor.core.policy import Route
from orders_monitor.core.review import Status
from orders_monitor.page import chart
from orders_monitor.pipeline.sentences import visible

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
SOON_S = 4 * HOUR_S
SAID_OF_STATUS: dict[Status, str] = {
    "no_plan": "not run",
    "closed": "closed day",
    "held": "held",
    "unvalidated": "not checked yet",
    "failed": "failed its checks",
    "awaiting": "waits for a decision",
    "stale": "waits again: it changed",
    "rejected": "rejected",
    "approved": "approved",
    "published": "published",
}
SAID_OF_ROUTE: dict[Route, str] = {
    "automatic": "the policy decides",
    "human": "one person decides",
    "two_humans": "two people decide",
    "never": "the policy never allows it",
}


class Pages:
    """The templates, with what every page needs: the clock, the environment's name and the way to Dagster's UI."""

    def __init__(self, *, now: Callable[[], datetime], environment: str, ui_url: str) -> None:
        self._now = now
        self._always = {
            "environment": environment,
            "ui_url": ui_url,
            "age": self._age,
            "left": self._left,
            "urgency": self._urgency,
        }

    def page(self, name: str, *, status: int = 200, **shown: Any) -> HTMLResponse:
        """The page of a template."""
        text = _templates().get_template(f"{name}.html").render(self._always | shown)
        return HTMLResponse(text, status_code=status)

    def message(self, status: int, sentence: str, *, title: str = "", back: str = "/") -> HTMLResponse:
        """A page of one sentence, with a way on."""
        heading = title or {404: "Not found", 405: "Not possible here"}.get(status, "Refused")
        return self.page("message", status=status, title=heading, sentence=sentence, back=back)

    def style(self) -> str:
        """The one style sheet."""
        return _templates().get_template("style.css").render()

    def _age(self, moment: str) -> str:
        """How long ago that was: `2 h 5 min`."""
        return span((self._now() - _time(moment)).total_seconds())

    def _left(self, moment: str) -> str:
        """How long it is until then; `over` where it is past."""
        left_s = (_time(moment) - self._now()).total_seconds()
        return "over" if left_s <= 0 else f"{span(left_s)} left"

    def _urgency(self, moment: str) -> str:
        """How soon that is: the class by which it is painted, beside its words."""
        left_s = (_time(moment) - self._now()).total_seconds()
        return "soon" if left_s < SOON_S else "later"


@cache
def _templates() -> Environment:
    """The templates, each compiled once in a process."""
    made = Environment(
        loader=PackageLoader("orders_monitor.page"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(status_word=SAID_OF_STATUS.__getitem__, route_word=SAID_OF_ROUTE.__getitem__)
    made.globals.update(case_path=case_path, shares=chart.shares, WIDTH=chart.WIDTH, HEIGHT=chart.HEIGHT)
    made.filters.update(utc=_utc, lines=_lines, typed=_typed, reached=_reached)
    return made


def case_path(table: str, partition: str) -> str:
    """Where the page of a case is."""
    return f"/cases/{quote(table, safe='')}/{quote(partition, safe='')}"


def span(seconds: float) -> str:
    """A span of time in its two largest units."""
    whole = max(0, int(seconds))
    if whole < HOUR_S:
        return f"{whole // MINUTE_S} min"
    if whole < DAY_S:
        return f"{whole // HOUR_S} h {whole % HOUR_S // MINUTE_S} min"
    return f"{whole // DAY_S} d {whole % DAY_S // HOUR_S} h"


def _shown(value: Any) -> Any:
    """Every value on its way into a page: none turns the line around or hides; it is escaped after this."""
    return value if isinstance(value, Markup) or not isinstance(value, str) else visible(value)


def _time(moment: str) -> datetime:
    found = datetime.fromisoformat(moment)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _utc(moment: str) -> Markup:
    """A moment as a person reads it; in UTC, as everything here is."""
    at = _time(moment).astimezone(UTC)
    return Markup('<time datetime="{}">{} UTC</time>').format(at.isoformat(), at.strftime("%Y-%m-%d %H:%M"))


def _lines(text: str) -> Markup:
    """A text of several lines, which stay lines."""
    return Markup("<br>").join(escape(visible(line)) for line in text.splitlines())


def _typed(text: str) -> Markup:
    """What somebody typed, as it goes back into its field."""
    return escape(text)


def _reached(url: str) -> str:
    """An address that a link may have; empty for any that is more than a place."""
    return url if urlsplit(url).scheme in ("http", "https") else ""
