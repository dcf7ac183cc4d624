"""Heartbeats: a count that stands still while somebody watches is a process that is gone, whatever the clocks say."""

from orders_monitor.core.heartbeat import BEAT_S, GAP_S, SILENCE_S, Watch, watched


def after(looks: list[tuple[float, int | None]]) -> Watch:
    """What a watcher knows after these looks, each a moment of its clock and the count that it found."""
    watch = None
    for now_s, beats in looks:
        watch = watched(watch, beats=beats, now_s=now_s)
    assert watch is not None
    return watch


def test_a_count_that_goes_up_is_alive_for_ever():
    """A process that beats is alive, also when it does so slower than it should."""
    assert not after([(15.0 * n, n // 3) for n in range(1_000)]).is_over


def test_a_count_that_stands_still_is_over_after_the_silence():
    """The last look before the limit still believes, the one at the limit does not; so too where nothing ever beat."""
    looks = [(15.0 * n, 7) for n in range(5)]

    assert (45.0, False) == (after(looks[:4]).silent_s, after(looks[:4]).is_over)
    assert (60.0, True) == (after(looks).silent_s, after(looks).is_over)
    assert after([(now_s, None) for now_s, _ in looks]).is_over


def test_what_was_not_watched_does_not_count():
    """A watcher that was away for a night, or whose clock jumped back, has watched for one interval, or none."""
    assert Watch(beats=7, silent_s=GAP_S, seen_s=30_000.0) == after([(0.0, 7), (30_000.0, 7)])
    assert Watch(beats=7, silent_s=0.0, seen_s=-3_600.0) == after([(0.0, 7), (-3_600.0, 7)])


def test_a_beat_in_between_begins_anew():
    """A process that was slow and is back is not remembered as silent."""
    assert Watch(beats=8, silent_s=0.0, seen_s=60.0) == after([(0.0, 7), (45.0, 7), (60.0, 8)])


def test_several_beats_are_missed_before_anybody_is_given_up():
    """The silence is several beats and several looks long: one lost beat, or one slow transaction, kills nobody."""
    assert SILENCE_S >= 5 * BEAT_S
    assert SILENCE_S >= 3 * GAP_S
