"""Fifty people and clocks at one case, each a process: one outcome, and everybody else is told which."""

import json
import os
import random
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orders_monitor.core.errors import DecidedAlready, OrdersMonitorError
from orders_monitor.core.people import Reviewer
from orders_monitor.core.review import Decision
from orders_monitor.settings import PROJECT_ROOT
from orders_monitor_tests.chaos.rig import printed
from orders_monitor_tests.deciders import TWO, Room, decides, waits

SEED, PEOPLE = 11, 50
NAMES = tuple(f"reviewer{number}" for number in range(PEOPLE // 2))  # each may be asked twice
ONE = {"policy": {"decide_within_h": 24}}


@pytest.fixture(params=["sqlite", "postgresql"])
def room(tmp_path, request) -> Room:
    """Production, on each database."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    room = Room(tmp_path, database_url=url)
    room.hires(*(Reviewer(name=name) for name in NAMES))
    return room


@pytest.mark.parametrize("route", ["one", "two"])
@pytest.mark.parametrize("rounds", [pytest.param(1, marks=pytest.mark.slow), pytest.param(10, marks=pytest.mark.chaos)])
def test_fifty_at_once(room, route, rounds):
    """Whatever the order: what is recorded is a run of the sequential model, and each answer fits into it."""
    room.changes = TWO if route == "two" else ONE
    chance = random.Random(SEED)  # noqa: S311 - an order, not a secret
    ended: dict[str, int] = {}
    for number in range(rounds):
        day = f"2026-03-{number + 1:02d}"
        with room.desk() as desk:
            waits(desk, day=day)
        answers = at_once(room, day, [drawn(chance) for _ in range(PEOPLE)])
        with room.desk() as desk:
            recorded, status = desk.journal.case("small_shop", day, environment="prod").decisions, desk.gate(day).status
        last = sequential(recorded, needed=2 if route == "two" else 1)
        assert {"approve": "approved", "reject": "rejected"}.get(last.verdict) == status
        told(answers, recorded, last)
        ended[f"{last.reviewer if last.reviewer == 'expiry' else last.verdict}"] = (
            ended.get(f"{last.reviewer if last.reviewer == 'expiry' else last.verdict}", 0) + 1
        )
    printed(f"{PEOPLE} at once", seed=SEED, rounds=rounds, needed=route, journal=room.settings.journal_url[:6], **ended)


def drawn(chance: random.Random) -> dict[str, str]:
    """Most approve or reject; every sixth is a clock past the deadline."""
    verdict = chance.choice(("approve", "approve", "approve", "reject", "reject", "expire"))
    return {"name": chance.choice(NAMES), "verdict": verdict}


def sequential(recorded: tuple[Decision, ...], *, needed: int) -> Decision:
    """The model, a decision at a time: nothing may follow what ended it. The one that did."""
    agreed: list[str] = []
    for position, decision in enumerate(recorded):
        over = decision.verdict == "reject"
        if not over:
            assert decision.reviewer not in agreed
            agreed.append(decision.reviewer)
            over = len(agreed) == needed
        assert over == (position == len(recorded) - 1), recorded
    return recorded[-1]


def told(answers: list[dict[str, Any]], recorded: tuple[Decision, ...], last: Decision) -> None:
    """Who is recorded was told so; everybody else who ended it, or that they have approved it already."""
    assert PEOPLE == len(answers)
    mine = sorted(answer["recorded"] for answer in answers if answer["recorded"])
    assert [decision.id for decision in recorded] == mine
    for answer in answers:
        if not answer["recorded"] and answer["who"] is not None:
            assert [last.reviewer, last.verdict] == answer["who"], answer
        elif not answer["recorded"] and answer["said"]:
            assert answer["said"].endswith(f"{answer['name']} has approved it; another person is needed"), answer
            assert answer["name"] in [decision.reviewer for decision in recorded]


def at_once(room: Room, day: str, asked: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Each in a process of its own, let go at one moment."""
    order = {
        "home": str(room.home),
        "database_url": room.database_url,
        "changes": room.changes,
        "keys": room.keys,
        "day": day,
        "asked": asked,
    }
    ran = subprocess.run(
        [sys.executable, "-m", "orders_monitor_tests.chaos.test_decisions"],
        cwd=PROJECT_ROOT,
        input=json.dumps(order),
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in ran.stdout.splitlines()]


def _all_of_them() -> None:
    """Fork one for each answer that is asked for; all wait for one pipe to close; print what each was told."""
    order = json.loads(sys.stdin.read())
    waiting, release = os.pipe()
    pipes = []
    for asked in order["asked"]:
        reading, writing = os.pipe()
        if os.fork() == 0:
            os.close(release)
            os.close(reading)
            os.read(waiting, 1)
            os.write(writing, json.dumps(_one(order, **asked)).encode())
            os._exit(0)
        os.close(writing)
        pipes.append(reading)
    os.close(waiting)
    os.close(release)
    for reading in pipes:
        with os.fdopen(reading) as pipe:
            sys.stdout.write(pipe.read() + "\n")


def _one(order: dict[str, Any], *, name: str, verdict: str) -> dict[str, Any]:
    room = Room(Path(order["home"]), database_url=order["database_url"], changes=order["changes"], keys=order["keys"])
    answer: dict[str, Any] = {"name": name, "recorded": None, "who": None, "said": None}
    if verdict == "expire":
        room.now += timedelta(hours=24, seconds=1)
    try:
        with room.desk(run_id=f"process-{os.getpid()}") as desk:
            if verdict == "expire":
                made = desk.journal.expire("small_shop", order["day"], environment="prod")
            else:
                made = decides(desk, room.identity(name), verdict, day=order["day"])  # type: ignore[arg-type]  # one of two
        answer["recorded"] = None if made is None else made.id
    except DecidedAlready as error:
        answer |= {"who": [error.reviewer, error.verdict], "said": str(error)}
    except OrdersMonitorError as error:
        answer["said"] = str(error)
    return answer


if __name__ == "__main__":
    _all_of_them()
