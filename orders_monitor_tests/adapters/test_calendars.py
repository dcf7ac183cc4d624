"""Closed days: weekly ones, public holidays and declared ones."""

from datetime import date

import pytest
from pydantic import ValidationError

from orders_monitor.adapters.calendars import closed_days
from orders_monitor.core.calendar import Calendar

FIRST, LAST = date(2010, 12, 24), date(2011, 1, 3)


def test_a_calendar_that_declares_nothing_is_never_closed():
    """Without a calendar a day without rows is never ordinary."""
    assert {} == closed_days(Calendar(), FIRST, LAST)


def test_public_holidays_weekdays_and_declared_days_are_closed():
    """The Christmas of an English shop that works on no Saturday, with its own fortnight and one exception."""
    shop = Calendar(
        country="GB",
        subdivision="ENG",
        closed_weekdays=("saturday",),
        closed=(date(2010, 12, 29),),
        open=(date(2010, 12, 28),),
    )

    assert {
        date(2010, 12, 25): "Saturday",
        date(2010, 12, 26): "Boxing Day",
        date(2010, 12, 27): "Christmas Day (observed)",
        date(2010, 12, 29): "declared closed",
        date(2011, 1, 1): "Saturday",
        date(2011, 1, 3): "New Year's Day (observed)",
    } == closed_days(shop, FIRST, LAST)


def test_a_market_has_holidays_of_its_own():
    """A market's code is an ISO 10383 MIC."""
    assert {date(2010, 12, 24): "Christmas Day (observed)"} == closed_days(Calendar(market="XNYS"), FIRST, LAST)


@pytest.mark.parametrize(
    ("calendar", "place"),
    [
        (Calendar(country="ZZ"), "ZZ"),
        (Calendar(country="GB", subdivision="XX"), "GB XX"),
        (Calendar(market="ZZZZ"), "ZZZZ"),
    ],
)
def test_a_place_that_nobody_knows_is_refused_by_name(calendar, place):
    """A misspelt country would make every holiday an alarm."""
    with pytest.raises(ValueError, match=f"the holidays of {place} are not known"):
        closed_days(calendar, FIRST, LAST)


@pytest.mark.parametrize(
    "body",
    [
        {"closed": ["2026-01-01"], "open": ["2026-01-01"]},
        {"subdivision": "ENG"},
        {"country": "gb"},
        {"closed_weekdays": ["caturday"]},
    ],
)
def test_a_calendar_that_contradicts_itself_is_refused(body):
    """What cannot be meant is refused when the declaration is read."""
    with pytest.raises(ValidationError):
        Calendar.model_validate(body)
