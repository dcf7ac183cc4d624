"""The code location on one screen: every table declared under `defs/`, on one set of stores, in one process a run."""

from pathlib import Path

import dagster as dg

from orders_monitor.pipeline.resources import Stores

PROJECT_ROOT = Path(__file__).resolve().parents[1]


@dg.definitions
def defs() -> dg.Definitions:
    """Assets, checks, jobs, schedules and sensors of every `defs/<table>/defs.yaml`."""
    return dg.Definitions.merge(
        dg.load_from_defs_folder(path_within_project=PROJECT_ROOT),
        dg.Definitions(resources={"stores": Stores()}, executor=dg.in_process_executor),
    )
