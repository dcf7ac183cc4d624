"""The days on which nothing is expected: weekly ones, public holidays of a country or market, and declared ones."""

from datetime import date
from typing import Literal

from pydantic import Field, model_validator

from orders_monitor.core.value import Value

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Calendar(Value):
    """When the upstream is closed. `country` is an ISO 3166 code, `subdivision` one of its parts, `market` an ISO MIC.

    `open` wins over everything, `closed` over the rest: a shop that works on one holiday says so.
    """

    country: str | None = Field(default=None, pattern=r"^[A-Z]{2}$")
    subdivision: str | None = None
    market: str | None = Field(default=None, pattern=r"^[A-Z]{4}$")
    closed_weekdays: tuple[Weekday, ...] = ()
    closed: tuple[date, ...] = ()
    open: tuple[date, ...] = ()

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "Calendar":
        both = sorted({*self.closed} & {*self.open})
        if both:
            raise ValueError(f"{both[0]} is both open and closed")
        if self.subdivision is not None and self.country is None:
            raise ValueError(f"subdivision {self.subdivision!r} needs a country")
        return self

    def weekly(self, day: date) -> str | None:
        """Why a day is closed by the declaration alone; None where it is not."""
        if day in self.closed:
            return "declared closed"
        weekday = WEEKDAYS[day.weekday()]
        return weekday.capitalize() if weekday in self.closed_weekdays else None
