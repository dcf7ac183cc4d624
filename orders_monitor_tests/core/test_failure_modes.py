import re
from importlib.util import find_spec
from typing import get_args

import click
import pytest

from orders_monitor.agent import detectors
from orders_monitor.core.failure_modes import AGENTIC, FAILURE_MODES, MEANINGS, OPERATIONAL
from orders_monitor.core.investigation import Ending

COVERS = [cover for mode in FAILURE_MODES.values() for cover in mode.covered_by]


def test_each_of_the_agents_own_ways_to_fail_has_the_detector_of_its_name():
    """The five modes, their detectors and the endings that those cause are the same names."""
    names = {mode.name for mode in AGENTIC}

    assert names == set(get_args(detectors.Mode)) == {mode.detector for mode in AGENTIC}
    assert names < set(get_args(Ending))


def test_every_mode_is_seen_by_a_detector_or_covered_by_the_system():
    """No mode is only named: it has a detector, or parts of the system that cover it."""
    assert 11 == len(FAILURE_MODES) == len(AGENTIC) + len(OPERATIONAL)
    assert [] == [mode.name for mode in OPERATIONAL if not mode.covered_by or mode.detector]


@pytest.mark.parametrize("name", sorted({cover.name for cover in COVERS if cover.kind == "module"}))
def test_a_module_that_covers_a_mode_exists(name):
    """A cover that was renamed or removed is found here."""
    assert find_spec(name) is not None


def test_a_command_that_covers_a_mode_or_is_told_to_be_run_exists():
    """What a person is told to run can be run."""
    from orders_monitor.cli.main import commands  # noqa: PLC0415  # it imports Dagster

    told = {name for meaning in MEANINGS.values() for name in re.findall(r"`([^`]+)`", meaning.to_do)}
    named = told | {cover.name for cover in COVERS if cover.kind == "command"}
    assert [] == sorted(name for name in named if not _is_command(commands, name.split()))


def _is_command(group: click.Command, words: list[str]) -> bool:
    if not words:
        return True
    found = group.get_command(click.Context(group), words[0]) if isinstance(group, click.Group) else None
    return found is not None and _is_command(found, words[1:])


def test_the_checks_that_cover_a_mode_exist():
    """They are checks of the code location, by the names that it shows."""
    from orders_monitor.pipeline import keys  # noqa: PLC0415  # it imports Dagster

    shown = {keys.QUALITY_GATE, keys.HUMAN_REVIEW, keys.SCHEMA_DRIFT, keys.BUDGET}
    assert {cover.name for cover in COVERS if cover.kind == "check"} <= shown


def test_every_ending_says_what_it_means_and_what_to_do():
    """The table is total: a person who finds an ending finds its sentence too."""
    assert set(get_args(Ending)) == set(MEANINGS)
    assert [] == [name for name, meaning in MEANINGS.items() if not (meaning.what and meaning.to_do)]
