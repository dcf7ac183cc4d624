"""Closed days by date, with the public holidays that the `holidays` library knows."""

from collections.abc import Mapping
from datetime import date, timedelta

from orders_monitor.core.calendar import Calendar


def closed_days(calendar: Calendar, first: date, last: date) -> Mapping[date, str]:
    """The closed days from `first` to `last`, both included, each with why it is closed.

    Raises ValueError for a country, subdivision or market that the library does not know.
    """
    holidays = _holidays(calendar, range(first.year, last.year + 1))
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    why = {day: calendar.weekly(day) or holidays.get(day) for day in days if day not in calendar.open}
    return {day: reason for day, reason in why.items() if reason is not None}


def _holidays(calendar: Calendar, years: range) -> Mapping[date, str]:
    if calendar.country is None and calendar.market is None:
        return {}
    import holidays  # noqa: PLC0415 - a tenth of a second, and most tables are never closed

    known: dict[date, str] = {}
    try:
        if calendar.country is not None:
            known |= holidays.country_holidays(calendar.country, subdiv=calendar.subdivision, years=years)
        if calendar.market is not None:
            known |= holidays.financial_holidays(calendar.market, years=years)
    except NotImplementedError as error:
        raise ValueError(f"the holidays of {_place(calendar)} are not known") from error
    return known


def _place(calendar: Calendar) -> str:
    return " ".join(part for part in (calendar.country, calendar.subdivision, calendar.market) if part is not None)
