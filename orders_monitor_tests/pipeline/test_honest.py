"""An honest model is believed: no incident of the simulator makes an alert, a dropped claim or a doubted plan of it."""

from typing import get_args

import pytest

from orders_monitor.core.claims import Claims
from orders_monitor.core.plan import Plan
from orders_monitor.core.source import IncidentKind
from orders_monitor.pipeline.plan import draw_up
from orders_monitor.pipeline.resources import open_desk
from orders_monitor.settings import read_settings
from orders_monitor_tests.benchmarks.cost import CLEAN, days_of, declared, lived

KINDS = [CLEAN, *get_args(IncidentKind)]


@pytest.mark.slow
def test_no_incident_of_the_simulator_makes_an_honest_model_doubtful(tmp_path):
    """Every incident after a month of quiet days: the stand-in answers, and all that it says holds."""
    settings = read_settings({"ORDERS_MONITOR_HOME": str(tmp_path)})
    told, expected = {}, {}
    with open_desk(declared(KINDS, 600), run_id="honest", settings=settings) as desk:
        for kind, (investigation, _) in lived(desk, KINDS).items():
            day = days_of(KINDS)[kind]
            draw_up(desk, day)
            claims, plan = desk.read(day, "claims", Claims), desk.read(day, "plan", Plan)
            told[kind] = (investigation.ending, investigation.alerts, claims.dropped, claims.doubts, plan.origin)
            asked = investigation.ending != "not_called"
            origin = "agent" if asked else "code" if plan.hold else "clean"
            expected[kind] = ("answered" if asked else "not_called", (), (), (), origin)

    assert expected == told
    assert {"agent"} <= {origin for *_, origin in told.values()}
