"""Publish, killed with SIGKILL at every step: readers see old or new, the next attempt finishes, nothing is twice."""

import random
import time

import pytest

from orders_monitor_tests.chaos.rig import (
    DAY,
    DAY_BEFORE,
    STEPS,
    Dying,
    Place,
    Reader,
    approved,
    commits,
    printed,
    receipts,
    rows_of,
)

pytestmark = pytest.mark.chaos

SEED = 5
TIMES = 25
KILLED = {"signal": 9}
# By what a step leaves: nothing in the log, or a commit. During the commit it is the kill that decides.
UNWRITTEN = ("before the claim", "within the claim", "after the claim", "before the commit")
CLAIMED = tuple(step for step in STEPS if step not in UNWRITTEN[:2])


@pytest.fixture(params=["sqlite", "postgresql"])
def place(tmp_path, request) -> Place:
    """A home, with a day before that is published and stays."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    found = Place(tmp_path, url)
    with Dying(found) as publisher:
        with found.desk() as desk:
            approved(desk, 0, DAY_BEFORE)
        assert 1 == publisher.publish(day=DAY_BEFORE)["said"]
    return found


def generation_seen(view: dict[str, list[float]]) -> float | None:
    """The generation of the day in a reader's view; a mixed, halved or vanished one is an assertion."""
    assert [0.0, 0.0, rows_of(0)] == view.get(DAY_BEFORE), view
    low, high, rows = view.get(DAY, [None, None, None])
    if low is None:
        return None
    assert (low, rows_of(int(low))) == (high, rows), view
    return low


def test_killed_at_every_step(place):
    """Twenty-five kills at each step: nothing mixed, nothing lost, nothing doubled; journal and log agree each time."""
    chance = random.Random(SEED)  # noqa: S311 - moments, not secrets
    generation, written, slowest, began = 0, dict.fromkeys(STEPS, 0), 0.0, time.monotonic()
    with Dying(place) as publisher, Reader(place) as reader:
        commit_s = 0.02
        for step in STEPS:
            for _ in range(TIMES):
                generation += 1
                with place.desk() as desk:
                    approved(desk, generation)
                before = len(commits(place))
                after_s = chance.uniform(0, 1.2 * commit_s) if step == "during the commit" else 0.0
                assert KILLED == publisher.publish(step, after_s=after_s), step
                left = len(commits(place)) - before
                written[step] += left
                again_at = time.monotonic()
                again = publisher.publish()
                slowest = max(slowest, time.monotonic() - again_at)
                commit_s = again["commit_s"] or commit_s
                assert isinstance(again["said"], int), again
                assert commits(place) == receipts(place, DAY_BEFORE, DAY)
                assert (before + 1, "published") == (len(commits(place)), place.gate().status)
        reads, views = reader.saw()

    seen = [generation_seen(view) for view in views]
    printed(
        f"publish killed ({'postgresql' if place.database_url else 'sqlite'})",
        seed=SEED,
        kills=generation,
        reads=reads,
        views=len(views),
        during=f"{written['during the commit']} of {TIMES} written",
        slowest_rerun=f"{slowest:.2f} s",
        took=f"{time.monotonic() - began:.0f} s",
    )
    order = [g for g in seen if g is not None]
    assert order == sorted(order)
    assert generation == order[-1]
    expected = {step: 0 if step in UNWRITTEN else TIMES for step in STEPS}
    assert {**expected, "during the commit": written["during the commit"]} == written
