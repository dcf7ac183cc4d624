"""The simulated shop: reproducible, alive, and wrong exactly where its calendar says so."""

import datetime as dt
import hashlib
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from statistics import fmean
from typing import get_args

import duckdb
import pytest
from pydantic import ValidationError

from orders_monitor.adapters.engine.engine import Engine
from orders_monitor.adapters.sources import incidents, notes
from orders_monitor.adapters.sources.dice import Dice
from orders_monitor.adapters.sources.shop import Line, Shop
from orders_monitor.adapters.sources.simulator import ORDERS_PER_DAY_MAX, Simulator
from orders_monitor.core.controls import verdicts
from orders_monitor.core.schema import ColumnSchema, Schema
from orders_monitor.core.source import Fetched, Incident, IncidentKind, SimulatorSource
from orders_monitor.core.totals import Control

DAY = dt.date(2026, 3, 2)
KINDS = get_args(IncidentKind)
PINNED = "4707158a6c1574171b0d343c7f9a99a27348c9fc2d935b21856e0ef6ca77bb80"
ORDINARY = Schema(
    columns=tuple(
        ColumnSchema(name=name, type=type_)
        for name, type_ in (
            ("order_id", "BIGINT"),
            ("line_number", "INTEGER"),
            ("customer_id", "BIGINT"),
            ("status", "VARCHAR"),
            ("currency", "VARCHAR"),
            ("unit_price", "DECIMAL(12,2)"),
            ("quantity", "INTEGER"),
            ("amount", "DECIMAL(12,2)"),
            ("discount", "DECIMAL(5,4)"),
            ("customer_email", "VARCHAR"),
            ("country", "VARCHAR"),
            ("channel", "VARCHAR"),
            ("promo_code", "VARCHAR"),
            ("customer_note", "VARCHAR"),
            ("created_at", "TIMESTAMP"),
            ("paid_at", "TIMESTAMP"),
            ("shipped_at", "TIMESTAMP"),
            ("updated_at", "TIMESTAMP"),
        )
    )
)


def simulator(*kinds: IncidentKind, seed: int = 7, orders_per_day: int = 600) -> Simulator:
    """A simulator on whose DAY these incidents happen."""
    calendar = tuple(Incident(kind=kind, date=DAY.isoformat()) for kind in kinds)
    return Simulator(SimulatorSource(kind="simulator", seed=seed, orders_per_day=orders_per_day, incidents=calendar))


def fetched(source: Simulator, folder: Path, *, day: dt.date = DAY) -> tuple[Schema, list[Mapping[str, object]]]:
    """The schema and the rows that the source writes for a day."""
    path = folder / f"{len(list(folder.iterdir()))}.parquet"
    answer = source.fetch(day.isoformat(), path)
    with duckdb.connect() as connection:
        relation = connection.read_parquet(str(path))
        types = zip(relation.columns, map(str, relation.types), strict=True)
        schema = Schema(columns=tuple(ColumnSchema(name=name, type=type_) for name, type_ in types))
        rows = [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]
    assert Fetched(rows=len(rows)) == answer
    return schema, rows


def differing(before: list[Mapping[str, object]], after: list[Mapping[str, object]]) -> dict[str, list[int]]:
    """By column, the numbers of the rows whose value is another one."""
    found: dict[str, list[int]] = {}
    for number, (one, other) in enumerate(zip(before, after, strict=True)):
        for name in one:
            if one[name] != other[name]:
                found.setdefault(name, []).append(number)
    return found


@pytest.fixture(scope="module")
def ordinary(tmp_path_factory):
    return fetched(simulator(), tmp_path_factory.mktemp("ordinary"))[1]


# Reproducible


def test_same_seed_and_day_give_the_same_bytes_in_another_process(tmp_path):
    """A fresh process with another hash seed writes the same file to the byte, and another seed or day does not."""
    simulator("prompt_injection").fetch("2026-03-02", tmp_path / "here")
    there = (
        "from pathlib import Path\n"
        "from orders_monitor.adapters.sources.simulator import Simulator\n"
        "from orders_monitor.core.source import Incident, SimulatorSource\n"
        "planted = Incident(kind='prompt_injection', date='2026-03-02')\n"
        "source = Simulator(SimulatorSource(kind='simulator', incidents=(planted,)))\n"
        f"source.fetch('2026-03-02', Path({str(tmp_path / 'there')!r}))\n"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", there], check=True, cwd=root, env={"PYTHONHASHSEED": "123"})
    simulator("prompt_injection", seed=8).fetch("2026-03-02", tmp_path / "other seed")
    simulator("prompt_injection").fetch("2026-03-03", tmp_path / "other day")

    here, same, *others = (
        hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        for name in ("here", "there", "other seed", "other day")
    )
    assert here == same
    assert here not in others


def test_rows_are_the_same_in_every_version_of_python():
    """The pinned digest of a day's values does not depend on Python, DuckDB or the platform."""
    lines = Shop(seed=7, orders_per_day=100).lines(DAY)

    assert PINNED == hashlib.sha256(repr([tuple(map(str, line)) for line in lines]).encode()).hexdigest()


def test_schema_is_known_without_rows():
    """An ordinary day has the table's columns, in order, whatever the size of the shop."""
    assert ORDINARY == simulator(orders_per_day=ORDERS_PER_DAY_MAX).schema("2026-03-02")


@pytest.mark.parametrize("kind", [None, *KINDS])
def test_schema_equals_that_of_the_file(tmp_path, kind):
    """What schema() says before is what fetch() writes after, for each kind of incident."""
    source = simulator(*([] if kind is None else [kind]), orders_per_day=20)

    assert fetched(source, tmp_path)[0] == source.schema("2026-03-02")


def test_all_incidents_on_one_day(tmp_path):
    """Every incident at once is still a table, with the columns of all of them; an empty shop stays empty."""
    everything = simulator(*KINDS)
    not_emptied = simulator(*(kind for kind in KINDS if kind != "empty_partition"))

    schema, rows = fetched(everything, tmp_path)
    assert (everything.schema("2026-03-02"), []) == (schema, rows)
    schema, rows = fetched(not_emptied, tmp_path)
    assert everything.schema("2026-03-02") == schema
    assert len(rows) > 500
    assert [] == fetched(simulator(*KINDS, orders_per_day=0), tmp_path)[1]


def test_a_shop_beyond_the_limit_is_refused():
    """More orders than a day has ids for are refused before anything is made."""
    with pytest.raises(ValueError, match=r"orders_per_day is 1,000,001, at most 1,000,000 are made"):
        simulator(orders_per_day=ORDERS_PER_DAY_MAX + 1)


# An ordinary day


@pytest.mark.slow
def test_key_is_unique_across_days(tmp_path):
    """Order and line number are unique over several days, and later days have higher order ids."""
    days = [fetched(simulator(), tmp_path, day=DAY + dt.timedelta(days=n))[1] for n in range(3)]

    keys = Counter((row["order_id"], row["line_number"]) for rows in days for row in rows)
    assert {1} == set(keys.values())
    ids = [sorted({row["order_id"] for row in rows}) for rows in days]
    assert ids[0][-1] < ids[1][0]
    assert ids[1][-1] < ids[2][0]


def test_amounts_follow_from_price_quantity_and_discount(ordinary):
    """Every amount is the rounded product, and positive."""
    expected = [
        (row["unit_price"] * row["quantity"] * (1 - row["discount"])).quantize(Decimal("0.01"), ROUND_HALF_UP)
        for row in ordinary
    ]

    assert expected == [row["amount"] for row in ordinary]
    assert min(expected) > 0


def test_values_stay_within_their_sets(ordinary):
    """Statuses, currencies and channels are the promised ones, and each currency belongs to its countries."""
    assert {"pending", "paid", "shipped", "delivered", "cancelled", "refunded"} == {r["status"] for r in ordinary}
    assert {"web", "app", "store", "partner"} == {row["channel"] for row in ordinary}
    countries = {"EUR": {"DE", "FR", "NL", "AT", "ES"}, "USD": {"US"}}
    countries |= {"GBP": {"GB"}, "PLN": {"PL"}, "SEK": {"SE"}, "CZK": {"CZ"}}
    strays = [row for row in ordinary if row["country"].strip(" .").upper() not in countries[row["currency"]]]
    assert [] == strays


def test_times_follow_each_other(ordinary):
    """An order is created, then paid, then shipped, then perhaps updated, and loaded by three the next morning."""
    loaded_at = dt.datetime(2026, 3, 3, 3)  # noqa: DTZ001 - the shop's clock has no zone
    for row in ordinary:
        times = [row[name] for name in ("created_at", "paid_at", "shipped_at", "updated_at") if row[name] is not None]
        assert times == sorted(times)
        assert times[-1] <= loaded_at
    assert all(row["shipped_at"] is not None for row in ordinary if row["status"] in {"shipped", "delivered"})
    assert all(row["paid_at"] is None for row in ordinary if row["status"] in {"pending", "cancelled"})


def test_customers_are_stable():
    """A customer has one e-mail and one country on every day."""
    known: dict[int, set[tuple[str | None, str]]] = {}
    shop = Shop(seed=7, orders_per_day=600)
    for offset in range(5):
        for line in shop.lines(DAY + dt.timedelta(days=offset)):
            if line.customer_email is not None:
                known.setdefault(line.customer_id, set()).add((line.customer_email, line.country.strip(" .").upper()))

    assert {1} == {len(values) for values in known.values()}
    assert len(known) > 1000


@pytest.mark.slow
def test_dirt_is_small_and_stable():
    """On each of sixty days: fewer than 1 % missing e-mails, odd countries and late rows, and all of them occur."""
    shop = Shop(seed=7, orders_per_day=600)
    shares = []
    for offset in range(60):
        day = DAY + dt.timedelta(days=offset)
        lines = shop.lines(day)
        missing = sum(line.customer_email is None for line in lines)
        odd = sum(len(line.country) != 2 or not line.country.isupper() for line in lines)
        late = sum(line.created_at.date() == day - dt.timedelta(days=1) for line in lines)
        outside = sum(line.created_at.date() not in {day, day - dt.timedelta(days=1)} for line in lines)
        shares.append(tuple(count / len(lines) for count in (missing, odd, late, outside)))

    assert all(share < 0.01 for day in shares for share in day)
    missing, odd, late, outside = (fmean(values) for values in zip(*shares, strict=True))
    assert (0.003, 0.003, 0.003, 0.0) == pytest.approx((missing, odd, late, outside), abs=0.001)


def test_everyday_notes_are_short():
    """No ordinary note is longer than 200 characters; every planted one is longer than 280."""
    everyday = [note.format(number=9999) for note in notes.EVERYDAY]
    planted = [note.format(order_id=1) for family in notes.PLANTED.values() for note in family]

    assert [] == [note for note in everyday if len(note) > 200]
    assert [] == [note for note in planted if len(note) <= 280]


# A living business


def volumes(*, start: dt.date, days: int) -> dict[dt.date, int]:
    shop = Shop(seed=7, orders_per_day=200)
    return {day: len(shop.lines(day)) for day in (start + dt.timedelta(days=n) for n in range(days))}


@pytest.mark.slow
def test_weekdays_differ():
    """Over eight weeks Saturday is the weakest day and Sunday and Monday are the strongest."""
    counts = volumes(start=dt.date(2026, 1, 5), days=56)
    by_weekday = {n: fmean(rows for day, rows in counts.items() if day.weekday() == n) for n in range(7)}

    assert 5 == min(by_weekday, key=by_weekday.__getitem__)
    assert {0, 6} == set(sorted(by_weekday, key=by_weekday.__getitem__)[-2:])


@pytest.mark.slow
def test_seasons_and_growth_are_visible():
    """December has more orders than August, and a year later there are more in both."""
    means = [
        fmean(volumes(start=start, days=14).values())
        for start in (dt.date(2025, 8, 1), dt.date(2026, 8, 1), dt.date(2025, 12, 1), dt.date(2026, 12, 1))
    ]

    assert means == sorted(means)
    assert means[2] / means[0] > 1.1


@pytest.mark.slow
def test_days_do_not_jump():
    """Beside weekday and season, the row counts of five weeks vary by a few per cent."""
    shop = Shop(seed=7, orders_per_day=400)
    counts = {day: len(shop.lines(day)) for day in (DAY + dt.timedelta(days=n) for n in range(35))}
    level = {n: fmean(rows for day, rows in counts.items() if day.weekday() == n) for n in range(7)}
    ratios = [rows / level[day.weekday()] for day, rows in counts.items()]

    assert fmean((ratio - 1) ** 2 for ratio in ratios) ** 0.5 < 0.05
    assert 0.85 < min(ratios) < max(ratios) < 1.15


@pytest.mark.slow
def test_some_weeks_have_a_promotion():
    """A promotion's code is used all week and in no other week, and most weeks have none."""
    shop = Shop(seed=7, orders_per_day=80)
    weeks: dict[str, set[str]] = {}
    for offset in range(20 * 7):
        day = dt.date(2026, 1, 5) + dt.timedelta(days=offset)
        codes = {line.promo_code for line in shop.lines(day) if line.promo_code and line.promo_code.startswith("WEEK")}
        weeks.setdefault(f"WEEK{day.isocalendar().week:02d}", set()).update(codes)

    assert all(code.startswith(week) for week, codes in weeks.items() for code in codes)
    assert 0 < sum(bool(codes) for codes in weeks.values()) < 10
    assert {0, 1} == {len(codes) for codes in weeks.values()}


# Incidents, each against the same day without it


def test_every_kind_is_made_in_exactly_one_way():
    """Each kind of incident changes either the lines or the shape; none is forgotten."""
    assert sorted(KINDS) == sorted([*incidents.LINE_CHANGES, *incidents.SHAPE_CHANGES])


def test_column_renamed(tmp_path, ordinary):
    """The e-mail comes under another name, in the same place."""
    schema, rows = fetched(simulator("column_renamed"), tmp_path)

    assert [("email_address" if n == "customer_email" else n) for n in ORDINARY.names] == list(schema.names)
    assert [tuple(row.values()) for row in ordinary] == [tuple(row.values()) for row in rows]


def test_type_changed(tmp_path, ordinary):
    """The quantity comes as text."""
    schema, rows = fetched(simulator("type_changed"), tmp_path)

    assert "VARCHAR" == schema.type_of("quantity")
    assert ORDINARY.names == schema.names
    assert [{**row, "quantity": str(row["quantity"])} for row in ordinary] == rows


def test_column_dropped(tmp_path, ordinary):
    """The currency does not come."""
    _, rows = fetched(simulator("column_dropped"), tmp_path)

    assert [{name: value for name, value in row.items() if name != "currency"} for row in ordinary] == rows


def test_nullable_column_added(tmp_path, ordinary):
    """A mostly empty loyalty tier comes last, and is a customer's own."""
    schema, rows = fetched(simulator("nullable_column_added"), tmp_path)

    assert (*ORDINARY.columns, ColumnSchema(name="loyalty_tier", type="VARCHAR")) == schema.columns
    assert ordinary == [{name: row[name] for name in ORDINARY.names} for row in rows]
    assert {None, "bronze", "silver", "gold"} == {row["loyalty_tier"] for row in rows}
    assert 0.8 < sum(row["loyalty_tier"] is None for row in rows) / len(rows) < 0.95
    assert len({row["customer_id"] for row in rows}) == len({(r["customer_id"], r["loyalty_tier"]) for r in rows})


def test_amounts_in_cents(tmp_path, ordinary):
    """Prices and amounts are a hundred times as high, in the same type."""
    schema, rows = fetched(simulator("amounts_in_cents"), tmp_path)

    assert ORDINARY == schema
    assert [{**r, "unit_price": r["unit_price"] * 100, "amount": r["amount"] * 100} for r in ordinary] == rows


def test_duplicated_batch(tmp_path, ordinary):
    """A contiguous batch of 8 % of the rows comes once more, exactly."""
    _, rows = fetched(simulator("duplicated_batch"), tmp_path)

    repeated = rows[len(ordinary) :]
    start = ordinary.index(repeated[0])
    assert ordinary == rows[: len(ordinary)]
    assert ordinary[start : start + len(repeated)] == repeated
    assert round(len(ordinary) * 0.08) == len(repeated)


def test_missing_hours(tmp_path, ordinary):
    """What was ordered from eight to fourteen o'clock is missing: nearly half of the day."""
    _, rows = fetched(simulator("missing_hours"), tmp_path)

    assert [row for row in ordinary if not 8 <= row["created_at"].hour < 14] == rows
    assert 0.4 < 1 - len(rows) / len(ordinary) < 0.5


def test_null_burst(tmp_path, ordinary):
    """Most e-mails are missing, and nothing else."""
    _, rows = fetched(simulator("null_burst"), tmp_path)

    assert ["customer_email"] == list(differing(ordinary, rows))
    assert pytest.approx(0.6, abs=0.01) == sum(row["customer_email"] is None for row in rows) / len(rows)


def test_new_enum_value(tmp_path, ordinary):
    """Some 3 % of the orders, with all their lines, are on hold, which no order was before."""
    _, rows = fetched(simulator("new_enum_value"), tmp_path)

    changed = differing(ordinary, rows)
    held = {row["order_id"] for row in rows if row["status"] == "on_hold"}
    assert ["status"] == list(changed)
    assert [number for number, row in enumerate(rows) if row["order_id"] in held] == changed["status"]
    assert round(0.03 * len({row["order_id"] for row in rows})) == len(held)


def test_bad_emails(tmp_path, ordinary):
    """Some 0.6 % of the e-mails have a # where the @ should be; missing ones stay missing."""
    _, rows = fetched(simulator("bad_emails"), tmp_path)

    changed = differing(ordinary, rows)
    known = [row for row in ordinary if row["customer_email"] is not None]
    assert {"customer_email"} == set(changed)
    assert round(0.006 * len(known)) == len(changed["customer_email"])
    for number in changed["customer_email"]:
        assert f"user{rows[number]['customer_id']}#example.com" == rows[number]["customer_email"]
        assert ordinary[number]["customer_email"] is not None
    assert all("@" in row["customer_email"] for row in known)


def test_empty_partition(tmp_path):
    """No row comes, in the ordinary columns."""
    assert (ORDINARY, []) == fetched(simulator("empty_partition"), tmp_path)


def test_prompt_injection(tmp_path, ordinary):
    """A few notes are long planted instructions, of every family; all others stay as they were."""
    _, rows = fetched(simulator("prompt_injection"), tmp_path)

    changed = differing(ordinary, rows)
    assert {"customer_note"} == set(changed)
    assert round(0.003 * len(rows)) == len(changed["customer_note"])
    families = {
        family
        for number in changed["customer_note"]
        for family, texts in notes.PLANTED.items()
        if rows[number]["customer_note"] in [text.format(order_id=rows[number]["order_id"]) for text in texts]
    }
    assert set(notes.PLANTED) == families
    long = [number for number, row in enumerate(rows) if len(row["customer_note"] or "") > 280]
    assert long == changed["customer_note"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in incidents.SHAPE_CHANGES])
def test_an_incident_is_seen_in_a_tiny_shop(kind):
    """A declared incident changes at least one line, however few there are, and leaves other days alone."""
    lines = Shop(seed=7, orders_per_day=30).lines(DAY)

    assert lines != incidents.change_lines(lines, frozenset({kind}), seed=7, day=DAY)
    assert lines == incidents.change_lines(lines, frozenset(), seed=7, day=DAY)


def test_columns_are_the_lines_own():
    """The ordinary shape shows every field of a line, in its order."""
    assert Line._fields == tuple(column.name for column in incidents.ORDINARY_SHAPE)


# The calendar


def test_an_incident_happens_on_its_date_only():
    """A dated incident has one day."""
    incident = Incident(kind="null_burst", date="2026-03-02")

    assert [DAY] == [day for day in (DAY + dt.timedelta(days=n) for n in range(-400, 400)) if incident.happens_on(day)]


def test_an_incident_repeats_by_days_since_1970():
    """A repeated incident counts days from 1970-01-01, before it too."""
    incident = Incident(kind="null_burst", every_days=7, on_day=4)
    epoch = dt.date(1970, 1, 1)

    happening = [offset for offset in range(-14, 15) if incident.happens_on(epoch + dt.timedelta(days=offset))]
    assert [-10, -3, 4, 11] == happening
    assert frozenset({"null_burst"}) == incidents.kinds_on((incident, incident), dt.date(2026, 3, 2))
    assert frozenset() == incidents.kinds_on((incident,), dt.date(2026, 3, 3))


def test_an_unquoted_date_of_yaml_is_a_date():
    """YAML's own date is the same declaration as its text."""
    assert Incident(kind="null_burst", date="2026-03-02") == Incident.model_validate(
        {"kind": "null_burst", "date": dt.date(2026, 3, 2)}
    )


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({}, "null_burst: say either `date`, or `every_days` and `on_day`"),
        ({"date": "2026-03-02", "every_days": 7, "on_day": 1}, "say either `date`"),
        ({"date": "2026-03-02", "on_day": 1}, "say either `date`"),
        ({"every_days": 7}, "`every_days` and `on_day` belong together"),
        ({"on_day": 1}, "`every_days` and `on_day` belong together"),
        ({"every_days": 7, "on_day": 7}, "a day modulo 7 is never 7"),
        ({"every_days": 0, "on_day": 0}, "greater than or equal to 1"),
        ({"date": "20260302"}, "is not a date of the form YYYY-MM-DD"),
        ({"date": "2026-02-30"}, "date"),
    ],
)
def test_an_incident_with_neither_or_both_forms_is_refused(form, why):
    """A calendar entry that would never happen, or twice, is not an incident."""
    with pytest.raises(ValidationError, match=why):
        Incident.model_validate({"kind": "null_burst", **form})


# Chance


def test_some_of_chooses_exactly_as_many():
    """The wanted number of different places comes back, in order, up to all of them."""
    for wanted in range(11):
        chosen = Dice("test", wanted).some_of(10, wanted)
        assert sorted(set(chosen)) == chosen
        assert wanted == len(chosen)
        assert set(chosen) <= set(range(10))


@pytest.mark.parametrize(
    ("incident", "differing"),
    [
        (None, []),
        ("missing_hours", ["rows", "sum_amount_by_currency", "distinct_order_id"]),
        ("duplicated_batch", ["rows", "sum_amount_by_currency"]),
        ("amounts_in_cents", ["sum_amount_by_currency"]),
        ("bad_emails", []),
    ],
)
def test_the_shops_books_differ_from_what_landed_where_something_was_lost_or_changed_on_the_way(
    tmp_path, incident, differing
):
    """The control totals are of the day's orders as they were placed, whatever then happens to the delivery."""
    controls = (
        Control(measure="rows"),
        Control(measure="sum", column="amount", by="currency"),
        Control(measure="distinct", column="order_id"),
    )
    happens = () if incident is None else (Incident(kind=incident, date=DAY.isoformat()),)
    declaration = SimulatorSource(kind="simulator", orders_per_day=50, incidents=happens)
    fetched_ = Simulator(declaration, controls=controls).fetch(DAY.isoformat(), tmp_path / "landed.parquet")
    landed = Engine().totals(tmp_path / "landed.parquet", controls)
    verdicts_ = verdicts(controls, said=fetched_.totals, landed=landed, floating=frozenset())

    assert differing == [b.metric.removeprefix("control:") for b, anomaly in verdicts_ if anomaly is not None]
