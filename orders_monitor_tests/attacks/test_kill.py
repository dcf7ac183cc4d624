"""Killed at any moment, a night and a publication lose nothing and do nothing twice. `make chaos`."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest
from deltalake import DeltaTable

from orders_monitor_tests.attacks.stages import decided, night, published
from orders_monitor_tests.small_shop import DAY, Shop, csv_of, rows_of

ROUNDS = 15
CHILD = f"""
import sys
from pathlib import Path
import dagster as dg
import deltalake
import orders_monitor.adapters.expectations.validate
from orders_monitor_tests.attacks.stages import night, published
from orders_monitor_tests.small_shop import open_shop
with dg.DagsterInstance.ephemeral() as instance:
    shop = open_shop(Path(sys.argv[1]), instance)
    print("ready", flush=True)
    {{"night": night, "publish": published}}[sys.argv[2]](shop, {DAY!r})
"""


@pytest.mark.chaos
def test_killed_at_random_the_journal_and_the_delta_log_agree(shop):
    """After each kill the next attempt finishes: one file of the decided rows, one commit for each publication."""
    moments = random.Random(7)  # noqa: S311 - moments, not secrets
    for number in range(ROUNDS):
        shop.arrives(DAY, csv_of(rows_of(DAY, 20 + number)))
        _killed(shop, "night", after_s=moments.uniform(0, 3))
        _approved(shop)
        _killed(shop, "publish", after_s=moments.uniform(0, 0.5))
        assert (20 + number, 1) == (published(shop, DAY).rows, len(_table(shop).file_uris()))

    with shop.desk() as desk:
        written = [p.number for p in desk.case(DAY).publications if p.delta_version is not None]
    commits = [entry.get("orders_monitor.publication") for entry in _table(shop).history()]
    assert sorted(map(str, written)) == sorted(commit for commit in commits if commit is not None)


def _approved(shop: Shop) -> None:
    if night(shop, DAY).status in ("awaiting", "stale"):
        decided(shop, DAY)


def _killed(shop: Shop, what: str, *, after_s: float) -> None:
    command = [sys.executable, "-c", CHILD, str(shop.settings.home), what]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ) as child:
        assert b"ready\n" == child.stdout.readline()
        time.sleep(after_s)
        child.send_signal(signal.SIGKILL)


def _table(shop: Shop) -> DeltaTable:
    return DeltaTable(str(shop.settings.lake_root / shop.table.name))
