"""A disk that is full, for the lake, the journal and Dagster's storage: old data is intact, and the message says so."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from orders_monitor.core.errors import StoreUnavailable
from orders_monitor.pipeline.landed import land
from orders_monitor_tests.chaos.rig import (
    DAY,
    DAY_BEFORE,
    Dying,
    Place,
    Reader,
    approve,
    approved,
    commits,
    printed,
    receipts,
    rows_of,
    waits,
)
from orders_monitor_tests.live import program
from orders_monitor_tests.small_shop import csv_of
from orders_monitor_tests.small_shop import rows_of as rows_of_shop

pytestmark = pytest.mark.chaos

DISK = "size=16m"
FULL = ("No space left on device", "database or disk is full")


@pytest.fixture
def mounted(tmp_path) -> Iterator[contextlib.ExitStack]:
    """Small disks of their own, unmounted at the end. Only root may mount one."""
    if os.geteuid() != 0:
        pytest.skip("a small disk is mounted by root alone")
    with contextlib.ExitStack() as stack:
        yield stack


def disk(stack: contextlib.ExitStack, at: Path) -> Path:
    """An empty disk of sixteen megabytes in that folder."""
    at.mkdir(parents=True, exist_ok=True)
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", DISK, "tmpfs", str(at)], check=False, capture_output=True)
    if made.returncode != 0:
        pytest.skip("this machine lets nobody mount a disk")
    stack.callback(subprocess.run, ["umount", "-l", str(at)], check=True)
    return at


@contextlib.contextmanager
def full(at: Path) -> Iterator[None]:
    """Nothing fits on it any more."""
    ballast = at / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    try:
        yield
    finally:
        ballast.unlink()


def says_so(sentence: object) -> bool:
    return any(words in str(sentence) for words in FULL) and "\n" not in str(sentence)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_full_lake(tmp_path, mounted, request, kind):
    """Neither a candidate nor a commit is written, what readers see stays, and with room again it is published once."""
    url = request.getfixturevalue("postgres_url") if kind == "postgresql" else None
    place = Place(tmp_path, url)
    lake = disk(mounted, place.settings.lake_root)
    (place.home / "upstream").mkdir()
    (place.home / "upstream" / f"{DAY_BEFORE}.csv").write_text(csv_of(rows_of_shop(DAY_BEFORE)))
    with Dying(place) as publisher:
        with place.desk() as desk:
            approved(desk, 0, DAY_BEFORE)
            approved(desk, 1)
        assert [1, 2] == [publisher.publish(day=day)["said"] for day in (DAY_BEFORE, DAY)]
        with Reader(place) as reader:
            with place.desk() as desk:
                approve(desk, waits(desk, 2))
            with full(lake):
                refused = [publisher.publish()["said"] for _ in range(2)]
                with place.desk() as desk, pytest.raises(StoreUnavailable) as landing:
                    land(desk, DAY_BEFORE)
            again = publisher.publish()["said"]
            with place.desk() as desk:
                approve(desk, waits(desk, 3))
            last = publisher.publish()["said"]
            _, views = reader.saw()

    printed(f"lake full ({kind})", refused=refused, landing=landing.value, again=again)
    assert [True] * 3 == [says_so(sentence) for sentence in (*refused, landing.value)]
    assert commits(place) == receipts(place, DAY_BEFORE, DAY)
    assert [int, int] == [type(said) for said in (again, last)]
    assert [(g, g, rows_of(g)) for g in (1, 2, 3)] == [tuple(view[DAY]) for view in views]


def test_a_full_journal(tmp_path, mounted):
    """Nothing is decided, claimed or published; what was recorded is there, and with room again it goes on."""
    place = Place(tmp_path / "home")
    home = disk(mounted, place.home)
    disk(mounted, place.settings.lake_root)
    with Dying(place) as publisher:
        with place.desk() as desk:
            approved(desk, 0, DAY_BEFORE)
            approved(desk, 1)
        assert [1, 2] == [publisher.publish(day=day)["said"] for day in (DAY_BEFORE, DAY)]
        with place.desk() as desk:
            waiting = waits(desk, 2)
            said = []
            with full(home):
                for _ in range(3):
                    with pytest.raises(StoreUnavailable) as refused:
                        approve(desk, waiting)
                    said.append(refused.value)
            approve(desk, waiting)
            with full(home):
                said += [publisher.publish()["said"] for _ in range(3)]
            still = receipts_or_claims(place)
        again = publisher.publish()["said"]

    printed("journal full", said=[str(sentence) for sentence in said], again=again)
    assert [True] * 6 == [says_so(sentence) for sentence in said]
    assert (2, int) == (len(still), type(again))
    assert commits(place) == receipts(place, DAY_BEFORE, DAY)


def receipts_or_claims(place: Place) -> list[int | None]:
    """The versions of what was claimed so far."""
    with place.desk() as desk:
        return [p.delta_version for day in (DAY_BEFORE, DAY) for p in desk.case(day).publications]


def test_full_storage_of_dagsters_own(tmp_path, mounted):
    """A command ends in one sentence that says so, nothing is half done, and with room again it goes on."""
    place = Place(tmp_path)
    storage = disk(mounted, place.home / "dagster")
    command = [program("orders-monitor"), "run", "--partition"]
    ran = subprocess.run([*command, "2026-06-26"], env=place.environment, capture_output=True, text=True, check=False)
    assert 0 == ran.returncode, ran.stdout + ran.stderr
    with full(storage):
        stopped = subprocess.run(
            [*command, "2026-06-27"], env=place.environment, capture_output=True, text=True, check=False
        )
    again = subprocess.run([*command, "2026-06-27"], env=place.environment, capture_output=True, text=True, check=False)

    printed("Dagster's storage full", code=stopped.returncode, said=stopped.stdout[-2000:] + stopped.stderr[-1500:])
    assert 1 == stopped.returncode
    assert any(words in stopped.stdout + stopped.stderr for words in FULL)
    assert "Traceback" not in stopped.stdout + stopped.stderr
    assert 0 == again.returncode, again.stdout + again.stderr
