"""The kinds of incidents, as data."""

import pytest

from orders_monitor.core.injection import HELD_OUT, KINDS, TUNED, kinds_named


def test_kinds_have_names_of_their_own():
    """At least 21 kinds are tuned on and 12 held out, and no two are called the same."""
    assert len({kind.name for kind in KINDS}) == len(KINDS) == len(TUNED) + len(HELD_OUT)
    assert (True, True) == (len(TUNED) >= 21, len(HELD_OUT) >= 12)
    assert ({True}, {False}) == ({kind.tuned for kind in TUNED}, {kind.tuned for kind in HELD_OUT})


def test_kinds_are_found_by_name():
    """Without a name all of them are meant; a stranger is none."""
    assert KINDS == kinds_named([])
    assert ["volume_half", "time_zone"] == [kind.name for kind in kinds_named(["time_zone", "volume_half"])]
    with pytest.raises(KeyError):
        kinds_named(["earthquake"])


def test_what_drifts_grows_by_the_week():
    """After two weeks twice the effect of one has been done, compounded; other kinds stay as they are."""
    level, lost, fallen = kinds_named(["volume_drift", "amounts_drift", "level_up"])

    assert pytest.approx(1 - 0.98**2) == lost.after(13).effect.share
    assert pytest.approx(0.98**2) == fallen.after(13).effect.amount
    assert level == level.after(6)
