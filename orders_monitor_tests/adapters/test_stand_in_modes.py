"""Every mode of the stand-in against the real loop: each ends by itself, in its own way, and proposes nothing."""

from typing import get_args

import pytest

from orders_monitor.adapters.stand_in.modes import MODES, VARIANTS
from orders_monitor.adapters.stand_in.transport import StandIn
from orders_monitor.core.drift import ColumnAdded
from orders_monitor.settings import StandInMode
from orders_monitor_tests.asked import asked, room
from orders_monitor_tests.cases import anomaly, briefing, failed

CASE = briefing(
    outcomes=(failed("status_be_in_set", 2, sample=("lost",)),),
    changes=(ColumnAdded(column="gift", type="BOOLEAN"),),
    anomalies=(anomaly("rows", 60, low=90, high=110),),
)
# What each mode ends in, which failure mode is alerted, and how often the model was asked over the wire at most.
ENDS = {
    "honest": ("answered", [], 3),
    "gullible": ("answered", [], 8),
    "looper": ("retrieval_thrash", ["retrieval_thrash"], 3),
    "stormer": ("tool_storm", ["tool_storm"], 1),
    "bloater": ("context_bloat", ["context_bloat"], 8),
    "liar": ("answered", ["error_propagation"], 2),
    "truncator": ("truncated", [], 1),
    "refuser": ("refused", [], 1),
    "flaky": ("unavailable", [], 5),
    "overbiller": ("overbilled", [], 1),
    "impostor": ("impostor", [], 1),
    "error-propagator": ("error_propagation", ["error_propagation"], 4),
    "trespasser": ("guardrail_bypass", ["guardrail_bypass"], 1),
}
ENDS_OF_VARIANTS = {
    ("flaky", "rate_limit"): ("answered", 6),
    ("flaky", "overloaded"): ("unavailable", 3),
    ("flaky", "recovering"): ("answered", 6),
    ("flaky", "timeout"): ("unavailable", 1),
    ("flaky", "cut"): ("unavailable", 1),
    ("flaky", "retry_after_a_day"): ("unavailable", 1),
    ("flaky", "spend_limit"): ("unavailable", 1),
    ("flaky", "forbidden"): ("unavailable", 1),
    ("overbiller", "not_a_number"): ("unavailable", 1),
    ("overbiller", "negative"): ("unavailable", 1),
    ("overbiller", "endless"): ("unavailable", 1),
    ("overbiller", "half"): ("unavailable", 1),
    ("overbiller", "split"): ("unavailable", 1),
    ("overbiller", "missing"): ("unavailable", 1),
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """The rows that can be asked about."""
    with room(tmp_path_factory.mktemp("room")) as opened:
        yield opened


@pytest.mark.parametrize("mode", ENDS)
def test_a_mode_ends_by_itself_in_its_own_way(mode, bench):
    """In bounded steps, with its own ending and at most one alert; only who answers proposes anything."""
    ending, alerts, requests_max = ENDS[mode]

    found = asked(CASE, StandIn(mode), workbench=bench)

    assert (ending, alerts) == (found.investigation.ending, found.alerts), found.investigation.why
    assert len(found.requests) <= requests_max
    assert (ending == "answered") == bool(found.investigation.proposed)


@pytest.mark.parametrize(("mode", "variant"), ENDS_OF_VARIANTS)
def test_a_variant_ends_by_itself(mode, variant):
    """Trouble that passes is waited out; trouble that stays, or a bill that is none, ends it at once."""
    ending, requests = ENDS_OF_VARIANTS[mode, variant]

    found = asked(CASE, StandIn(mode, variant=variant))

    assert (ending, requests) == (found.investigation.ending, len(found.requests)), found.investigation.why
    assert max(found.waited_s, default=0) < 5


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
def test_the_same_conversation_gets_the_same_replies(mode, bench):
    """No mode has a memory or a dice: everything follows from the requests."""
    first, second = (asked(CASE, StandIn(mode), workbench=bench) for _ in range(2))

    assert (first.investigation, first.events, first.requests) == (second.investigation, second.events, second.requests)


def test_the_settings_know_every_mode_and_every_mode_and_variant_has_its_ending():
    """The names are the same everywhere, and each mode says in one sentence what it does."""
    assert list(get_args(StandInMode)) == list(MODES) == list(ENDS)
    assert {(mode, name) for mode, variants in VARIANTS.items() for name in variants} == set(ENDS_OF_VARIANTS)
    assert [] == [mode for mode in MODES.values() if not mode.sentence or mode.sentence.endswith(".")]
