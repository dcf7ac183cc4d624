"""An imaginary shop: what its orders system would hand over for one ordinary day.

The day's rows follow from the seed and the date alone. Volume has a weekday, a season, growth, promotions and a
few per cent of noise; the rows carry the small, stable dirt that every real table has.
"""

import datetime as dt
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from orders_monitor.adapters.sources.dice import Dice, digest_of_words, weighted
from orders_monitor.adapters.sources.notes import EVERYDAY

ORDER_IDS_A_DAY = 10_000_000

_FIRST_DAY = dt.date(1970, 1, 1)
_CENT = Decimal("0.01")

# The level of a year's months, in the middle of each; between them it moves in a straight line.
_SEASON = (1.00, 0.96, 0.96, 0.99, 1.01, 0.99, 0.95, 0.94, 0.98, 1.02, 1.06, 1.07)
_WEEKDAY = (1.10, 1.04, 1.00, 0.98, 0.94, 0.82, 1.12)
_GROWTH_A_YEAR = 0.08
_GROWTH_FROM = dt.date(2026, 1, 1)
_LEVEL_MIN = 0.3
_NOISE = 0.02
_PROMOTION_WEEKS = 0.2
_PROMOTION_LIFT = 1.05

# 45 % of the orders come between eight and fourteen o'clock.
# fmt: off
_HOURS = (
    (0, 0.8), (1, 0.5), (2, 0.3), (3, 0.2), (4, 0.2), (5, 0.4), (6, 1.2), (7, 2.8),
    (8, 7.0), (9, 8.5), (10, 9.0), (11, 8.5), (12, 8.0), (13, 7.0),
    (14, 6.0), (15, 5.5), (16, 5.5), (17, 6.0), (18, 6.5), (19, 7.0), (20, 6.5), (21, 5.0), (22, 3.0), (23, 1.6),
)
# fmt: on
_LINES = ((1, 0.38), (2, 0.28), (3, 0.19), (4, 0.10), (5, 0.05))
_QUANTITIES = ((1, 0.72), (2, 0.18), (3, 0.06), (4, 0.03), (5, 0.01))
_FATES = (("pending", 0.05), ("cancelled", 0.035), ("refunded", 0.015), ("goes on", 0.9))
_CHANNELS = (("web", 0.55), ("app", 0.27), ("store", 0.10), ("partner", 0.08))
_COUNTRIES = (
    (("DE", "EUR"), 0.27),
    (("FR", "EUR"), 0.13),
    (("NL", "EUR"), 0.08),
    (("AT", "EUR"), 0.05),
    (("ES", "EUR"), 0.06),
    (("US", "USD"), 0.09),
    (("GB", "GBP"), 0.12),
    (("PL", "PLN"), 0.09),
    (("SE", "SEK"), 0.06),
    (("CZ", "CZK"), 0.05),
)
# Hundredths of a currency for one euro: list prices of the shop, not rates of a day.
_PRICE_LEVEL = {"EUR": 100, "USD": 110, "GBP": 86, "PLN": 430, "SEK": 1140, "CZK": 2500}
_STANDING_CODES = (("WELCOME10", Decimal("0.1000")), ("FRIENDS5", Decimal("0.0500")), ("NEWS15", Decimal("0.1500")))

_LATE = 0.003
_EMAIL_MISSING = 0.003
_PAID_AT_MISSING = 0.007
_COUNTRY_ODD = 0.003
_NOTED = 0.07

_FIRST_NAMES = ("anna", "ben", "carla", "david", "eva", "felix", "greta", "hugo", "ines", "jan", "karin", "leo")
_LAST_NAMES = ("novak", "smith", "muller", "dupont", "garcia", "jansen", "kowalska", "svensson", "rossi", "gruber")
_DOMAINS = ("example.com", "example.org", "example.net", "mail.example", "post.example")


class Line(NamedTuple):
    """One order line, in the order of the table's columns. Times are in the shop's own clock."""

    order_id: int
    line_number: int
    customer_id: int
    status: str
    currency: str
    unit_price: Decimal
    quantity: int
    amount: Decimal
    discount: Decimal
    customer_email: str | None
    country: str
    channel: str
    promo_code: str | None
    customer_note: str | None
    created_at: dt.datetime
    paid_at: dt.datetime | None
    shipped_at: dt.datetime | None
    updated_at: dt.datetime


class _Promotion(NamedTuple):
    code: str
    discount: Decimal


class _Progress(NamedTuple):
    """How far an order had come when the night's load was taken."""

    status: str
    paid_at: dt.datetime | None
    shipped_at: dt.datetime | None
    updated_at: dt.datetime


class Shop:
    """A shop of that seed and size. `orders_per_day` is the level at the start of 2026, before weekday and season."""

    def __init__(self, *, seed: int, orders_per_day: int) -> None:
        self.seed, self.orders_per_day = seed, orders_per_day

    def lines(self, day: dt.date) -> list[Line]:
        """The order lines loaded for that day, by time; order ids are the day's own and never used again."""
        dice = Dice(self.seed, day, "orders")
        orders = self._orders(day)
        # Drawn as a count, not order by order: dirt of an ordinary day has to stay below one per cent on every day.
        late = round(orders * _LATE * (0.5 + dice.share()))
        created = sorted(_created(dice, day, late=number < late) for number in range(orders))
        promotion = self._promotion(day)
        first_id = (day - _FIRST_DAY).days * ORDER_IDS_A_DAY + 1
        return [
            line
            for order_id, at in enumerate(created, start=first_id)
            for line in self._order(dice, day=day, promotion=promotion, order_id=order_id, created_at=at)
        ]

    def _orders(self, day: dt.date) -> int:
        noise = 1.0 + _NOISE * Dice(self.seed, day, "volume").normal()
        promotion = 1.0 if self._promotion(day) is None else _PROMOTION_LIFT
        return round(self.orders_per_day * _WEEKDAY[day.weekday()] * _season(day) * _growth(day) * promotion * noise)

    def _promotion(self, day: dt.date) -> _Promotion | None:
        """The code and discount of the week's promotion, if it has one."""
        year, week, _ = day.isocalendar()
        dice = Dice(self.seed, year, week, "promotion")
        if not dice.happens(_PROMOTION_WEEKS):
            return None
        percent = dice.one_of((10, 15, 20))
        return _Promotion(f"WEEK{week:02d}-{percent}", Decimal(percent).scaleb(-2))

    def _order(
        self, dice: Dice, *, day: dt.date, promotion: "_Promotion | None", order_id: int, created_at: dt.datetime
    ) -> Iterator[Line]:
        customer_id = 100_000 + int(dice.share() * dice.share() * max(50, 30 * self.orders_per_day))
        email, country, currency = self._customer(customer_id)
        channel = dice.weighted(_CHANNELS)
        progress = _progress(dice, channel=channel, created_at=created_at, loaded_at=_midnight(day) + _HOUR * 27)
        promo_code, discount = _discount(dice, promotion)
        note = dice.one_of(EVERYDAY).format(number=1000 + dice.below(9000)) if dice.happens(_NOTED) else None
        for line_number in range(1, dice.weighted(_LINES) + 1):
            quantity = dice.weighted(_QUANTITIES)
            unit_price = self._price(dice, currency)
            yield Line(
                order_id=order_id,
                line_number=line_number,
                customer_id=customer_id,
                status=progress.status,
                currency=currency,
                unit_price=unit_price,
                quantity=quantity,
                amount=(unit_price * quantity * (1 - discount)).quantize(_CENT, ROUND_HALF_UP),
                discount=discount,
                customer_email=None if dice.happens(_EMAIL_MISSING) else email,
                country=_oddly(dice, country) if dice.happens(_COUNTRY_ODD) else country,
                channel=channel,
                promo_code=promo_code,
                customer_note=note if line_number == 1 else None,
                created_at=created_at,
                paid_at=progress.paid_at,
                shipped_at=progress.shipped_at,
                updated_at=progress.updated_at,
            )

    def _customer(self, customer_id: int) -> tuple[str, str, str]:
        """A customer's e-mail, country and currency: theirs for good."""
        chance = digest_of_words(self.seed, "customer", customer_id)
        country, currency = weighted(_COUNTRIES, int.from_bytes(chance[:4], "big") / 2**32)
        first = _FIRST_NAMES[chance[4] % len(_FIRST_NAMES)]
        last = _LAST_NAMES[chance[5] % len(_LAST_NAMES)]
        return f"{first}.{last}{customer_id}@{_DOMAINS[chance[6] % len(_DOMAINS)]}", country, currency

    def _price(self, dice: Dice, currency: str) -> Decimal:
        """The list price of one of the catalogue's 240 items; most are cheap, and all end in 9."""
        item = digest_of_words(self.seed, "item", dice.below(240))
        share = int.from_bytes(item[:4], "big") / 2**32
        cents = (400 + int(18_000 * share * share * share)) * _PRICE_LEVEL[currency] // 100
        return Decimal(cents // 10 * 10 + 9).scaleb(-2)


_HOUR = dt.timedelta(hours=1)
_MINUTE = dt.timedelta(minutes=1)


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time())


def _season(day: dt.date) -> float:
    """The season's level, 1 on average."""
    since_middle = day.month - 1 + (day.day - 15) / 30
    before = int(since_middle // 1)
    part = since_middle - before
    return _SEASON[before % 12] * (1 - part) + _SEASON[(before + 1) % 12] * part


def _growth(day: dt.date) -> float:
    return max(_LEVEL_MIN, 1.0 + _GROWTH_A_YEAR * (day - _GROWTH_FROM).days / 365)


def _created(dice: Dice, day: dt.date, *, late: bool) -> dt.datetime:
    """When an order was placed. The late ones missed the load of the night before."""
    if late:
        return _midnight(day) - dt.timedelta(milliseconds=1 + dice.below(7_200_000))
    hour = dice.weighted(_HOURS)
    return _midnight(day) + _HOUR * hour + dt.timedelta(milliseconds=dice.below(3_600_000))


def _progress(dice: Dice, *, channel: str, created_at: dt.datetime, loaded_at: dt.datetime) -> _Progress:
    fate = dice.weighted(_FATES)
    paid_at = created_at + _MINUTE * (1 + dice.below(30))
    shown_paid_at = None if dice.happens(_PAID_AT_MISSING) else paid_at
    shipped_at = paid_at + _MINUTE * (2 if channel == "store" else 90 + dice.below(480))
    later = min(paid_at + _MINUTE * (10 + dice.below(300)), loaded_at)
    if fate == "pending":
        return _Progress("pending", None, None, created_at)
    if fate == "cancelled":
        return _Progress("cancelled", None, None, later)
    if fate == "refunded":
        return _Progress("refunded", shown_paid_at, None, later)
    if shipped_at > loaded_at:
        return _Progress("paid", shown_paid_at, None, paid_at)
    return _Progress("delivered" if channel == "store" else "shipped", shown_paid_at, shipped_at, shipped_at)


def _discount(dice: Dice, promotion: _Promotion | None) -> tuple[str | None, Decimal]:
    """The code that an order was placed with, if any, and what it takes off."""
    if not dice.happens(0.12 if promotion is None else 0.15):
        return None, Decimal("0.0500") if dice.happens(0.05) else Decimal(0)
    if promotion is not None and dice.happens(0.7):
        return promotion
    return dice.one_of(_STANDING_CODES)


def _oddly(dice: Dice, country: str) -> str:
    return dice.one_of((country.lower(), f" {country}", f"{country}."))
