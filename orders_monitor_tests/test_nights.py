"""The stories: what lands one night, and everything that must come of it. A new story is a new folder, and no code.

A folder of `nights/` holds `landing.csv` (that night's file of the small shop), `expected.json` (what comes of it and
why the story is told) and, where readers have something already, `before.csv`: the day before, run and published first.
What is out of the ordinary is in `given`: the `model` as the settings name it, other attributes that the table
`declares`, other `guardrails` of the release, the control `totals` that come with the landing, a landed file that
somebody changes after it was examined (`landed_file_changes`).
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
import yaml

from orders_monitor.core.candidate import Candidate
from orders_monitor.core.investigation import Investigation
from orders_monitor.core.landing import Landing
from orders_monitor.core.plan import Plan
from orders_monitor.core.quality import Quality
from orders_monitor.pipeline import keys
from orders_monitor_tests.cases import PROMPTS
from orders_monitor_tests.small_shop import DAY, DAY_BEFORE, Shop, open_shop, published_days

NIGHTS = Path(__file__).with_name("nights")
STORIES = sorted(folder.name for folder in NIGHTS.iterdir() if folder.is_dir())
FILES = {"landing.csv", "before.csv", "expected.json"}
# Each tells in another dress what another story tells.
SLOW = {
    "amounts_a_hundredth",
    "bad_emails",
    "closed_day",
    "dropped_column",
    "duplicated_batch",
    "emails_in_capitals",
    "hostile_column_name",
    "injected_note",
    "injected_status",
    "last_word",
    "liar_numbers_and_ids",
    "missing_key",
    "new_status_everywhere",
    "nullable_column_added",
    "promise_broken",
    "renamed_column_with_no_history",
    "reordered_columns",
    "rows_lost_on_the_way",
    "two_renamed_columns",
    "two_renamed_columns_with_no_history",
    "type_changed",
    "type_changed_lossy",
}


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """Opens a small shop with stores of its own and an empty instance, with what a story gives it."""
    with dg.DagsterInstance.ephemeral() as instance:

        def shop(given: dict[str, Any]) -> Shop:
            monkeypatch.setenv("ORDERS_MONITOR_HOME", str(tmp_path))
            monkeypatch.setenv("ORDERS_MONITOR_MODEL", given.get("model", "stand-in"))
            monkeypatch.setenv("ORDERS_MONITOR_PROMPTS", str(released(tmp_path, given.get("guardrails", {}))))
            monkeypatch.delenv("ORDERS_MONITOR_DATABASE_URL", raising=False)
            source = {"source": with_totals(tmp_path, given["totals"])} if "totals" in given else {}
            return open_shop(tmp_path, instance, **source, **given.get("declares", {}))

        yield shop


def with_totals(home: Path, totals: dict[str, object]) -> dict[str, object]:
    """The small shop's source, which writes a control file beside its rows."""
    upstream = home / "upstream"
    upstream.mkdir()
    (upstream / f"{DAY}.json").write_text(json.dumps(totals), encoding="utf-8")
    files = {"path": f"{upstream}/{{partition}}.csv", "totals": f"{upstream}/{{partition}}.json"}
    return {"kind": "files", "format": "csv", **files}


def released(folder: Path, guardrails: dict[str, object]) -> Path:
    """The repository's releases, of the one of orders_daily with other guardrails."""
    if not guardrails:
        return PROMPTS
    prompts = Path(shutil.copytree(PROMPTS, folder / "prompts"))
    file = prompts / "orders_daily" / "release.yaml"
    release = yaml.safe_load(file.read_text(encoding="utf-8"))
    release["guardrails"] |= guardrails
    file.write_text(json.dumps(release), encoding="utf-8")
    return prompts


def told(shop: Shop, story: Path, *, given: dict[str, Any]) -> dict[str, object]:
    """The story from its landing to its publication, as the stores know it in the end."""
    before = story / "before.csv"
    if before.exists():
        shop.arrives(DAY_BEFORE, before.read_bytes())
        shop.night(DAY_BEFORE)
        assert shop.publication(DAY_BEFORE).success
    shop.arrives(DAY, (story / "landing.csv").read_bytes())
    night = changed_night(shop) if given.get("landed_file_changes") else shop.night(DAY)
    gate = shop.gate(DAY).status
    publication = shop.publication(DAY) if gate == "approved" else None
    return {
        "night_succeeds": night.success,
        "gate": gate,
        **_found(shop),
        "publication_succeeds": None if publication is None else publication.success,
    }


def changed_night(shop: Shop) -> dg.ExecuteInProcessResult:
    """The night in two parts, and between them somebody writes into the landed file."""
    key = keys.stage(shop.table, "quality")
    shop.selected(DAY, dg.AssetSelection.assets(key).upstream().materializable())
    with shop.desk() as desk:
        file = desk.lake.path(desk.read(DAY, "landed", Landing).path)
        duckdb.sql(f"COPY (SELECT * FROM read_parquet('{file}') LIMIT 39) TO '{file}.other' (FORMAT parquet)")
        Path(f"{file}.other").replace(file)
    later = [keys.stage(shop.table, stage) for stage in ("investigation", "plan", "candidate")]
    return shop.selected(DAY, dg.AssetSelection.assets(*later))


def _found(shop: Shop) -> dict[str, object]:
    with shop.desk() as desk:
        quality, plan = desk.read(DAY, "quality", Quality), desk.read(DAY, "plan", Plan)
        candidate = desk.find(DAY, "candidate", Candidate)
        investigation = desk.read(DAY, "investigation", Investigation)
        decision = desk.gate(DAY).decision
        published = published_days(desk, [DAY])[DAY] is not None
    return {
        "signals": {signal.id: signal.severity for signal in quality.signals},
        "agent_was_paid": investigation.spend.spent_tokens > 0,
        "ending": investigation.ending,
        "origin": plan.origin,
        "actions": [_said(action.model_dump(mode="json")) for action in plan.actions],
        "unexplained": list(plan.unexplained),
        "decided_by": None if decision is None else decision.reviewer,
        "rows": None if candidate is None else _rows(candidate),
        "published": published,
    }


def _said(action: dict[str, object]) -> dict[str, object]:
    """An action without what it cites (the signals are compared on their own), and without a run's own name."""
    told = {key: value for key, value in action.items() if key != "evidence"}
    return told | ({"why": re.sub("budget of run .*", "budget of RUN", str(told["why"]))} if "why" in told else {})


def _rows(candidate: Candidate) -> dict[str, int]:
    return {
        "landed": candidate.landed_rows,
        "to_publish": candidate.rows,
        "quarantined": candidate.quarantined_rows,
        "duplicates": candidate.duplicate_rows,
    }


@pytest.mark.parametrize("story", [pytest.param(s, marks=pytest.mark.slow) if s in SLOW else s for s in STORIES])
def test_a_night_ends_as_its_story_says(opened, story):
    """Every story comes true from its first byte to its publication, in all of it."""
    expected = json.loads((NIGHTS / story / "expected.json").read_text(encoding="utf-8"))
    why, given = expected.pop("why"), expected.pop("given", {})

    assert expected == told(opened(given), NIGHTS / story, given=given), why


def test_every_story_is_whole():
    """Every folder has a landing and an end, and no file that nobody reads."""
    found = {name: {path.name for path in (NIGHTS / name).iterdir()} for name in STORIES}

    assert {} == {name: names for name, names in found.items() if not FILES - {"before.csv"} <= names <= FILES}
    assert SLOW <= found.keys()
    assert all(json.loads((NIGHTS / name / "expected.json").read_text())["why"] for name in STORIES)
