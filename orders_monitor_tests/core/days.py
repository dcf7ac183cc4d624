"""A little shop for the tests of core: days of order lines as plain lists, profiled by hand-written code."""

import datetime as dt
import functools
import hashlib
import random
import re
from collections import Counter
from decimal import Decimal

from orders_monitor.core import drift, signals
from orders_monitor.core.anomaly import tolerances
from orders_monitor.core.contract import Column, Contract
from orders_monitor.core.expectation import Expectation, Outcome
from orders_monitor.core.landing import Landing
from orders_monitor.core.profile import ColumnProfile, Profile
from orders_monitor.core.quality import Quality
from orders_monitor.core.schema import ColumnSchema, Schema
from orders_monitor.core.table import Tolerances

TYPES = {
    "order_id": "BIGINT",
    "customer_id": "BIGINT",
    "status": "VARCHAR",
    "currency": "VARCHAR",
    "quantity": "INTEGER",
    "amount": "DECIMAL(12,2)",
    "email": "VARCHAR",
    "note": "VARCHAR",
    "created_at": "TIMESTAMP",
}
CONTRACT = Contract(
    columns=tuple(Column(name=name, type=type_) for name, type_ in TYPES.items()),
    key=("order_id",),
)
STATUSES = ("pending", "paid", "shipped")
STATUS = Expectation(type="expect_column_values_to_be_in_set", kwargs={"column": "status", "value_set": list(STATUSES)})
EMAIL = Expectation(type="expect_column_values_to_match_regex", kwargs={"column": "email", "regex": "^[^@]+@[^@]+$"})
NOTE = Expectation(type="expect_column_value_lengths_to_be_between", kwargs={"column": "note", "max_value": 280})
AMOUNT = Expectation(
    type="expect_column_values_to_be_between", kwargs={"column": "amount", "min_value": 0, "max_value": 1000}
)
EMAIL_KNOWN = Expectation(
    type="expect_column_values_to_not_be_null", kwargs={"column": "email", "mostly": 0.95}, severity="warn"
)
UNIQUE = Expectation(type="expect_column_values_to_be_unique", kwargs={"column": "order_id"})
EXPECTATIONS = (STATUS, EMAIL, NOTE, AMOUNT, EMAIL_KNOWN, UNIQUE)

PARTITION = "2026-03-02"
Rows = list[dict[str, object]]


def day(partition: str = PARTITION, orders: int = 800) -> Rows:
    """The rows of an ordinary day: the same for the same date."""
    dice = random.Random(partition)  # noqa: S311 - the same day again, nothing secret
    date = dt.date.fromisoformat(partition)
    midnight = dt.datetime.combine(date, dt.time())
    return [
        {
            "order_id": date.toordinal() * 100_000 + number,
            "customer_id": 100 + dice.randrange(3_000),
            "status": dice.choices(STATUSES, (1, 5, 14))[0],
            "currency": dice.choices(("EUR", "GBP", "USD"), (6, 3, 1))[0],
            "quantity": dice.choices((1, 2, 3), (7, 2, 1))[0],
            "amount": Decimal(dice.randrange(500, 20_000)) / 100,
            "email": f"user{dice.randrange(3_000)}@example.com",
            "note": "please ring twice" if dice.random() < 0.1 else None,
            "created_at": midnight + dt.timedelta(seconds=dice.randrange(86_400)),
        }
        for number in range(orders)
    ]


def profile_of(rows: Rows, types: dict[str, str] = TYPES) -> Profile:
    """The profile of these rows."""
    repeated = len(rows) - len({tuple(row.items()) for row in rows})
    return Profile(
        rows=len(rows),
        duplicate_rows=repeated,
        columns=tuple(column_of(name, type_, [row.get(name) for row in rows]) for name, type_ in types.items()),
    )


def column_of(name: str, type_: str, values: list[object]) -> ColumnProfile:
    """The profile of one column."""
    known = [value for value in values if value is not None]
    counts = Counter(map(str, known))
    numbers = sorted(float(value) for value in known if isinstance(value, int | Decimal))
    texts = [len(value) for value in known if isinstance(value, str)]
    times = [value for value in known if isinstance(value, dt.datetime)]
    return ColumnProfile(
        name=name,
        type=type_,
        nulls=len(values) - len(known),
        distinct=len(counts),
        minimum=str(min(times)) if times else None,
        maximum=str(max(times)) if times else None,
        quantiles=tuple(numbers[int(q * (len(numbers) - 1))] for q in (0.05, 0.25, 0.5, 0.75, 0.95)) if numbers else (),
        lengths=(min(texts), sum(texts) / len(texts), max(texts)) if texts else None,
        top=tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:10]) if len(counts) <= 20 else (),
        sketch=tuple(sorted(_hash(text) for text in counts)[:64]),
        patterns=_patterns([value for value in known if isinstance(value, str)]),
    )


def schema_of(types: dict[str, str]) -> Schema:
    """The schema with these columns."""
    return Schema(columns=tuple(ColumnSchema(name=name, type=type_) for name, type_ in types.items()))


@functools.cache
def history(days: int = 28, before: str = PARTITION) -> tuple[tuple[str, Profile], ...]:
    """The published days before a partition, weekends being quieter."""
    past = [dt.date.fromisoformat(before) - dt.timedelta(days=back) for back in range(days, 0, -1)]
    return tuple((str(date), profile_of(day(str(date), orders=_ordinary(date)))) for date in past)


def outcome(expectation: Expectation, rows: int, unexpected: int = 0, raised: str | None = None) -> Outcome:
    """What that expectation said."""
    limit = 0.05 * rows if "mostly" in expectation.kwargs else 0
    return Outcome(
        check_name=expectation.check_name,
        type=expectation.type,
        column=expectation.column,
        severity=expectation.severity,
        passed=raised is None and unexpected <= limit,
        observed=f"{unexpected} unexpected",
        rows=rows,
        unexpected=unexpected,
        raised=raised,
    )


def landing_of(rows: int, types: dict[str, str] = TYPES, problem: str | None = None) -> Landing:
    """A landing with that many rows."""
    return Landing(
        table="orders_daily",
        partition=PARTITION,
        path="landed/a.parquet",
        digest="a" * 64,
        rows=rows,
        landed_schema=schema_of(types),
        problem=problem,
    )


def judged(
    rows: Rows,
    types: dict[str, str] = TYPES,
    *,
    contract: Contract = CONTRACT,
    past: tuple[tuple[str, Profile], ...] | None = None,
    problem: str | None = None,
) -> Quality:
    """The quality of a landed day, all parts of core put together as the pipeline does it."""
    past = history() if past is None else past
    landing, profile = landing_of(len(rows), types, problem), profile_of(rows, types)
    changes = drift.compare(contract, landing.landed_schema, profile=profile, reference=past[-1][1] if past else None)
    baselines, anomalies = tolerances.judge(profile, past, partition=PARTITION, tolerances=Tolerances())
    return signals.assemble(
        landing,
        contract=contract,
        expectations=EXPECTATIONS,
        profile=profile,
        changes=changes,
        outcomes=[asked(expectation, rows, types) for expectation in EXPECTATIONS],
        baselines=baselines,
        anomalies=anomalies,
    )


def asked(expectation: Expectation, rows: Rows, types: dict[str, str]) -> Outcome:
    """The outcome of an expectation on these rows, as Great Expectations would have it."""
    column, kwargs = expectation.column or "", expectation.kwargs
    if column not in types:
        return outcome(expectation, len(rows), raised=f"there is no column {column}")
    values = [row.get(column) for row in rows]
    known = [value for value in values if value is not None]
    match expectation.type.removeprefix("expect_column_"):
        case "values_to_be_in_set":
            bad = sum(value not in kwargs["value_set"] for value in known)
        case "values_to_match_regex":
            bad = sum(str(value).count("@") != 1 for value in known)
        case "value_lengths_to_be_between":
            bad = sum(len(str(value)) > kwargs["max_value"] for value in known)
        case "values_to_be_between":
            bad = sum(not kwargs["min_value"] <= value <= kwargs["max_value"] for value in known)
        case "values_to_not_be_null":
            bad = len(values) - len(known)
        case _:
            bad = sum(count for count in Counter(known).values() if count > 1)
    return outcome(expectation, len(rows), bad)


def _ordinary(date: dt.date) -> int:
    return (560 if date.weekday() >= 5 else 800) + date.toordinal() * 37 % 23


def _patterns(texts: list[str]) -> tuple[tuple[str, int], ...]:
    shapes = Counter(re.sub("[a-z]", "a", re.sub("[A-Z]", "A", re.sub("[0-9]", "9", text))) for text in texts)
    return tuple(sorted(shapes.items(), key=lambda item: (-item[1], item[0]))[:10])


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
