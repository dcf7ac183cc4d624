"""links: where in the UI a person looks and decides."""

import json
from urllib.parse import quote, urlencode


def launchpad_url(table: str, ui_url: str) -> str:
    """Where a person decides in the UI."""
    return f"{ui_url}/locations/orders_monitor/jobs/{table}_review/playground"


def partition_url(table: str, stage: str, partition: str, ui_url: str) -> str:
    """The page of one partition of a stage."""
    return f"{ui_url}/assets/{table}/{stage}?view=partitions&partition={partition}"


def case_url(table: str, partition: str, review_url: str) -> str:
    """The review page of one case."""
    return f"{review_url}/cases/{quote(table)}/{quote(partition)}"


def run_url(run_id: str, ui_url: str) -> str:
    """The page of a run."""
    return f"{ui_url}/runs/{quote(run_id)}"


def decide_url(
    table: str,
    partition: str,
    ui_url: str,
    *,
    digest: str,
    verdict: str = "approve",
    reviewer: str = "",
    signed: bool = False,
) -> str:
    """The Launchpad with a decision filled in, for this partition: one click here, one on Launch.

    Dagster's UI reads `config` (YAML) and `tags` of `playground/setup` (as its own links do); the tag chooses the
    partition. Where decisions are `signed` there is a place for what `review sign` prints.
    """
    lines = [
        "ops:",
        f"  {table}_decide:",
        "    config:",
        f"      digest: {json.dumps(digest)}",
        f"      decision: {verdict}  # approve or reject",
        f"      reviewer: {json.dumps(reviewer)}  # your name",
        '      note: ""',
        *(['      signature: ""  # as `orders-monitor review sign` prints it'] if signed else []),
    ]
    asked = {"config": "\n".join(lines), "tags[0][key]": "dagster/partition", "tags[0][value]": partition}
    return f"{launchpad_url(table, ui_url)}/setup?{urlencode(asked, quote_via=quote)}"
