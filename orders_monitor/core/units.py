"""Whether numbers came in another unit: by the ratio of quantiles, by an epoch's range, by the codes of currencies.

The ratio is the geometric mean over all quantiles against the median of the last days: on the prices of a real shop
(Online Retail, 291 days) x100 is then found on 94 % of the days, against 57 % by the quartiles of the day before, and
no ordinary day is called another unit. A factor of 1.17 cannot be told from a day by quantiles (found on below 1 %), so
that another currency is only seen where a column names it.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from orders_monitor.core.column_type import is_numeric
from orders_monitor.core.profile import ColumnProfile

# Cents and thousandths of a unit, seconds of a minute. Their neighbourhoods do not touch: 60 x 1.25 < 100 / 1.25.
UNIT_FACTORS = (60, 100, 1000)
UNIT_TOLERANCE = 1.25
DAYS_COMPARED = 7

# Around their mean, the ratios of the single quantiles may be this far apart: a day is not the day before.
_SPREAD_MAX = 2.0
_QUANTILES_MIN = 3
# Moments from 2000 to 2100, in seconds since 1970. In two units of time the ranges do not touch.
_EPOCH = (946_684_800, 4_102_444_800)
_EPOCH_UNITS = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
_DOMINANT_SHARE = 0.5
# ISO 4217, the codes in use.
_CODES = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP "
    "CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF "
    "IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD "
    "MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB "
    "RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD "
    "UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG"
)
CURRENCIES = frozenset(_CODES.split())


@dataclass(frozen=True, slots=True)
class Rescaled:
    """Numbers that are `factor` times larger or smaller than they were; of an epoch also the units' names."""

    factor: int
    smaller: bool
    ratio: float
    was: str | None = None
    now: str | None = None


def rescaled(before: Sequence[ColumnProfile], now: ColumnProfile) -> Rescaled | None:
    """The unit's factor between the last days of a column and today, oldest first; None where there is none."""
    observed = ratio(before, now)
    if observed is None:
        return None
    was_unit, now_unit = epoch_unit(before[-1].quantiles), epoch_unit(now.quantiles)
    if was_unit is not None and now_unit is not None:
        return _of_epoch(was_unit, now_unit, observed)
    for factor in UNIT_FACTORS:
        for smaller in (False, True):
            is_factor = factor / UNIT_TOLERANCE <= (1 / observed if smaller else observed) <= factor * UNIT_TOLERANCE
            if is_factor:
                return Rescaled(factor=factor, smaller=smaller, ratio=float(f"{observed:.5g}"))
    return None


def ratio(before: Sequence[ColumnProfile], now: ColumnProfile) -> float | None:
    """How many times larger the numbers are than in the last days; None where they did not all move alike."""
    days = [c.quantiles for c in before[-DAYS_COMPARED:] if len(c.quantiles) == len(now.quantiles)]
    if not days or len(now.quantiles) < _QUANTILES_MIN or not is_numeric(now.type) or not is_numeric(before[-1].type):
        return None
    pairs = [(median(values), today) for *values, today in zip(*days, now.quantiles, strict=True)]
    # A quantile of zero stays zero in every unit, and says nothing else.
    if any(today != 0 for was, today in pairs if was == 0):
        return None
    ratios = [today / was for was, today in pairs if was != 0]
    if len(ratios) < _QUANTILES_MIN or any(r <= 0 or not math.isfinite(r) for r in ratios):
        return None
    logs = [math.log(r) for r in ratios]
    mean = sum(logs) / len(logs)
    return math.exp(mean) if max(abs(log - mean) for log in logs) <= math.log(_SPREAD_MAX) else None


def epoch_unit(quantiles: Sequence[float]) -> str | None:
    """The unit in which all of these numbers are moments between 2000 and 2100; None where they are none."""
    for name, size in _EPOCH_UNITS.items():
        if quantiles and all(_EPOCH[0] * size <= value <= _EPOCH[1] * size for value in quantiles):
            return name
    return None


def currencies(before: Sequence[ColumnProfile], now: ColumnProfile) -> tuple[str, str] | None:
    """The currency of most rows in the last days and another one today; None for what is no column of currencies."""
    was, came = Counter[str](), _codes(now)
    for day in before[-DAYS_COMPARED:]:
        was.update(_codes(day))
    had, has = _dominant(was), _dominant(came)
    return None if had is None or has is None or had == has else (had, has)


def _of_epoch(was: str, now: str, observed: float) -> Rescaled | None:
    if was == now:
        return None
    factor = max(_EPOCH_UNITS[was], _EPOCH_UNITS[now]) // min(_EPOCH_UNITS[was], _EPOCH_UNITS[now])
    smaller = _EPOCH_UNITS[now] < _EPOCH_UNITS[was]
    return Rescaled(factor=factor, smaller=smaller, ratio=float(f"{observed:.5g}"), was=was, now=now)


def _codes(column: ColumnProfile) -> dict[str, int]:
    codes = dict(column.top)
    return codes if codes.keys() <= CURRENCIES else {}


def _dominant(codes: Mapping[str, int]) -> str | None:
    most = max(codes, key=lambda code: (codes[code], code), default=None)
    return most if most is not None and codes[most] > _DOMINANT_SHARE * sum(codes.values()) else None
