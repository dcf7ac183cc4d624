"""Is a run's process alive? Told from its heartbeats alone, and by the watcher's own patience alone.

A process that runs counts up every BEAT_S seconds. A watcher looks again and again: a count that stands still while it
watched for SILENCE_S seconds belongs to a process that is gone. No clock of another machine is read, so that an hour
of skew between two hosts kills nobody; and a watcher that was away (asleep, restarted, cut off from the database)
cannot tell what it did not watch: a gap counts for GAP_S at most. (Why leases are watched and not dated: Gray and
Cheriton, "Leases", SOSP 1989, section 5, on clocks that fail.)
"""

from orders_monitor.core.value import Value

BEAT_S = 10.0
SILENCE_S = 60.0
GAP_S = 20.0


class Watch(Value):
    """What a watcher knows of one run: its last count (None: it never beat), for how long that stood still, when seen.

    `seen_s` is the watcher's own monotonic clock, in seconds.
    """

    beats: int | None
    silent_s: float
    seen_s: float

    @property
    def is_over(self) -> bool:
        """Whether the process is gone, as far as heartbeats tell."""
        return self.silent_s >= SILENCE_S


def watched(before: Watch | None, *, beats: int | None, now_s: float) -> Watch:
    """What is known after one more look. The first look, and one that finds another count, begin anew."""
    if before is None or before.beats != beats:
        return Watch(beats=beats, silent_s=0.0, seen_s=now_s)
    waited = min(max(0.0, now_s - before.seen_s), GAP_S)
    return Watch(beats=beats, silent_s=before.silent_s + waited, seen_s=now_s)
