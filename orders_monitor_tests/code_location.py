"""The code location as readable lines: what somebody who works with it relies on. As a script it prints JSON."""

import json
import sys

import dagster as dg

from orders_monitor.definitions import defs


def shown() -> dict[str, list[str]]:
    """Assets with what they need, checks, jobs with their steps, schedules and sensors, each as sorted lines."""
    definitions = defs()
    graph, repository = definitions.resolve_asset_graph(), definitions.get_repository_def()
    jobs = (job for job in repository.get_all_jobs() if not job.name.startswith("__"))
    return {
        "assets": sorted(_asset(graph.get(key)) for key in graph.get_all_asset_keys()),
        "checks": sorted(_check(graph.get(key)) for key in graph.asset_check_keys),
        "jobs": sorted(f"{job.name}: {', '.join(sorted(node.name for node in job.nodes))}" for job in jobs),
        "schedules": sorted(
            f"{s.name} -> {s.job_name} at {s.cron_schedule} {s.execution_timezone}, {s.default_status.value}"
            for s in repository.schedule_defs
        ),
        "sensors": sorted(
            f"{s.name} -> {s.job_name if s.targets else 'no run'} every {s.minimum_interval_seconds} s, "
            f"{s.default_status.value}"
            for s in repository.sensor_defs
        ),
    }


def _asset(node) -> str:
    needs = ", ".join(sorted(key.to_user_string() for key in node.parent_keys)) or "nothing"
    whose = "ours" if node.is_executable else "somebody else's"
    return f"{node.key.to_user_string()} <- {needs} ({_partitions(node.partitions_def)}, {whose})"


def _check(node) -> str:
    said = "blocks" if node.blocking else "shows"
    return f"{node.key.asset_key.to_user_string()}: {node.key.name} ({said}, {_partitions(node.partitions_def)})"


def _partitions(declared: dg.PartitionsDefinition | None) -> str:
    if declared is None:
        return "one for all partitions"
    return f"daily {declared.timezone}" if isinstance(declared, dg.DailyPartitionsDefinition) else str(declared)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(shown(), indent=1))
