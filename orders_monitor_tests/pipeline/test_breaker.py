"""The breaker around the stages: three failures leave a zone alone, a person gets the case, and money is no failure."""

from dataclasses import replace
from typing import get_args

import pytest

from orders_monitor.core.breaker import Closed, Zone
from orders_monitor.core.errors import BreakerOpen, BudgetExhausted, SourceUnavailable
from orders_monitor.core.investigation import Investigation, Spend
from orders_monitor.core.plan import Plan
from orders_monitor.core.source import Fetched
from orders_monitor.pipeline import breaker
from orders_monitor.pipeline.investigation import tell
from orders_monitor_tests.small_shop import DAY, checks_of, csv_of, failure_of, materialized, rows_of

MINUTE = 60_000
RENAMED = "order_id,order_status,quantity,email,amount,created_at"


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def desk(shop):
    with shop.desk() as opened:
        yield opened


def ended(ending: str, *, calls: int = 1) -> Investigation:
    return Investigation(
        landed_digest="L",
        ending=ending,
        why=f"it was {ending}",
        release="orders_daily@1",
        model="stand-in",
        spend=Spend(budget_tokens=9, budget_micro_usd=9, calls=calls),
    )


def tries(desk, clock, meanwhile=lambda: None) -> None:
    """Something that cannot be reached, in the zone of the source."""
    with breaker.guarded(desk, "source", SourceUnavailable, clock=clock):
        meanwhile()
        raise SourceUnavailable(source="the shop", why="no route")


def fails(desk, clock) -> str:
    """What is told to who tries it."""
    with pytest.raises((SourceUnavailable, BreakerOpen)) as caught:
        tries(desk, clock)
    return type(caught.value).__name__


def kinds(desk, clock) -> dict[str, str]:
    return {zone: state.kind for zone, state in breaker.states(desk, clock=clock).items()}


ALL_CLOSED = dict.fromkeys(get_args(Zone), "closed")


@pytest.mark.parametrize(
    ("after_ms", "fourth"), [(150_000, "BreakerOpen"), (150_500, "SourceUnavailable")], ids=["5:00", "5:01"]
)
def test_three_failures_in_five_minutes_open_one_zone(desk, clock, after_ms, fourth):
    """The third within 5:00 opens this zone and no other; at 5:01 the first one is forgotten."""
    seen = []
    for _ in range(3):
        seen.append(fails(desk, clock))
        clock.now += after_ms
    clock.now -= after_ms
    before = kinds(desk, clock)

    assert ["SourceUnavailable"] * 3 == seen
    assert ALL_CLOSED | ({"source": "open"} if fourth == "BreakerOpen" else {}) == before
    assert fourth == fails(desk, clock)


def test_a_run_that_tries_again_fails_once(desk, clock):
    """The retries of a step are one failure of its run; a probe's failure counts whichever try it is."""
    again = replace(desk, retry=1)
    fails(desk, clock)
    seen = [fails(again, clock) for _ in range(5)]
    before = breaker.states(desk, clock=clock)["source"]
    breaker.enter(desk, "source", clock=clock).tripped("no route")
    clock.now += 5 * MINUTE
    fails(again, clock)

    assert (["SourceUnavailable"] * 5, Closed(failures=1)) == (seen, before)
    assert "open" == kinds(desk, clock)["source"]


def test_a_probe_tries_alone_and_closes_or_opens(desk, clock):
    """After its time one is let in: who comes beside it is refused; its failure opens again, its success closes."""
    for _ in range(3):
        fails(desk, clock)
    clock.now += 5 * MINUTE
    beside = []
    with pytest.raises(SourceUnavailable):
        tries(desk, clock, lambda: beside.append(fails(desk, clock)))
    after_failure = kinds(desk, clock)["source"]
    clock.now += 5 * MINUTE
    with breaker.guarded(desk, "source", SourceUnavailable, clock=clock):
        pass

    assert (["BreakerOpen"], "open", "closed") == (beside, after_failure, kinds(desk, clock)["source"])


def test_another_error_says_nothing_of_the_zone(desk, clock):
    """An error that is not the zone's neither opens nor closes, and leaves the probe to the next."""
    for _ in range(3):
        fails(desk, clock)
    clock.now += 5 * MINUTE
    with pytest.raises(ZeroDivisionError), breaker.guarded(desk, "source", SourceUnavailable, clock=clock):
        raise ZeroDivisionError

    assert "half_open" == kinds(desk, clock)["source"]
    assert breaker.enter(desk, "source", clock=clock).probe


def test_a_person_closes(desk, clock):
    """A person's word lets the next one in before the time is up."""
    for _ in range(3):
        fails(desk, clock)
    breaker.close(desk, "source", who="ada", note="rebooted", clock=clock)

    assert ALL_CLOSED == kinds(desk, clock)


MODEL = {
    "unavailable": "open",
    "overbilled": "open",
    "impostor": "open",
    "budget_exhausted": "closed",
    "finalised": "closed",
    "refused": "closed",
    "answered": "closed",
}


@pytest.mark.parametrize(("ending", "state"), MODEL.items(), ids=MODEL.keys())
def test_what_the_model_did_is_a_failure_or_none(desk, clock, ending, state):
    """An outage and a false bill open at the third time, an impostor at the first; an exhausted budget never does."""
    for _ in range(1 if ending == "impostor" else 3):
        tell(breaker.enter(desk, "model", clock=clock), ended(ending))

    assert state == kinds(desk, clock)["model"]


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (ended("answered"), "closed"),
        (ended("tool_storm"), "closed"),
        (ended("budget_exhausted"), "half_open"),
        (ended("answered", calls=0), "half_open"),
        (ended("unavailable"), "open"),
    ],
    ids=["answered", "stormed", "no money", "from the cache", "unavailable"],
)
def test_only_a_reply_closes_a_half_open_model(desk, clock, found, state):
    """A probe that could not pay, or that asked nobody, leaves the breaker half-open; budget and breaker are apart."""
    breaker.enter(desk, "model", clock=clock).tripped("somebody else answered")
    clock.now += 5 * MINUTE
    tell(breaker.enter(desk, "model", clock=clock), found)

    assert state == kinds(desk, clock)["model"]
    assert not issubclass(BudgetExhausted, BreakerOpen)


def test_an_open_model_is_codes_verdict_and_a_persons_case(shop):
    """With the model left alone a drifted night is amber: no token, nothing published, a plan that waits."""
    shop.arrives(DAY, csv_of(rows_of(DAY), RENAMED))
    with shop.desk() as desk:
        breaker.enter(desk, "model").tripped("somebody else answered")
    result = shop.night(DAY)
    with shop.desk() as desk:
        found, plan = desk.read(DAY, "investigation", Investigation), desk.read(DAY, "plan", Plan)
    events = {e.asset_key.path[-1]: e.materialization.metadata for e in result.get_asset_materialization_events()}
    shown = events["investigation"]

    assert result.success
    assert ("breaker_open", 0, "code") == (found.ending, found.spend.spent_tokens, plan.origin)
    assert found.why.startswith("the breaker of small_shop's model is open (somebody else answered); the next probe")
    assert shown["breaker"].value.startswith("open until 20")
    assert (True, "WARN") == checks_of(result)["budget"]
    assert shop.gate(DAY).status in ("awaiting", "held")
    assert "small_shop" not in materialized(result)


def test_an_open_source_is_one_clear_sentence(shop):
    """A night whose source is left alone fails with when the next probe is allowed, and asks nobody."""
    shop.arrives(DAY, csv_of(rows_of(DAY)))
    with shop.desk() as desk:
        breaker.enter(desk, "source").tripped("no route")
        assert isinstance(desk.source.fetch(DAY, desk.settings.home / "x.parquet"), Fetched)
    said = failure_of(shop.night(DAY))

    assert said.startswith("the breaker of small_shop's source is open (no route); the next probe is allowed at 20")
