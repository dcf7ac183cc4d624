"""`dagster dev` of this repository with state of its own, used as people use it: processes, GraphQL, commands."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orders_monitor.component import read_declaration
from orders_monitor.core.review import Gate
from orders_monitor.pipeline.resources import open_desk
from orders_monitor.settings import PROJECT_ROOT, read_settings

TABLE = read_declaration(PROJECT_ROOT / "orders_monitor" / "defs" / "orders_daily" / "defs.yaml")
REPOSITORY = {"repositoryName": "__repository__", "repositoryLocationName": "orders_monitor"}
NOTHING_RUNS = ("SUCCESS", "FAILURE", "CANCELED")
PATIENCE_S = 300


@dataclass
class Location:
    """`dagster dev` of this repository, with state of its own."""

    home: Path
    port: int
    log: Path
    database_url: str | None = field(default_factory=lambda: os.environ.get("ORDERS_MONITOR_DATABASE_URL"))
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def environment(self) -> dict[str, str]:
        """What the location and the commands beside it get: nothing set but the home (and Dagster's, for some)."""
        bare = {k: v for k, v in os.environ.items() if not k.startswith(("DAGSTER_", "ORDERS_MONITOR_"))}
        url = self.database_url
        return {
            **bare,
            "ORDERS_MONITOR_HOME": str(self.home),
            **({"ORDERS_MONITOR_DATABASE_URL": url} if url else {}),
        }

    def start(self) -> None:
        """Start it in a process group of its own, and wait until it has loaded the definitions."""
        command = ["dev", "--workspace", "workspace.yaml", "--host", "127.0.0.1", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [program("dagster"), *command, "--log-level", "warning"],
                cwd=PROJECT_ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for(self._is_loaded, "the location is loaded")

    def kill(self) -> None:
        """The power cut: every process of it at once, none asked."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """One GraphQL request, as the UI sends it."""
        answer = json.loads(self.post("/graphql", {"query": query, "variables": variables})[1])
        assert "errors" not in answer, answer["errors"]
        return dict(answer["data"])

    def post(self, path: str, body: Mapping[str, Any]) -> tuple[int, str]:
        """Status and text of a request."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", json.dumps(body).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - http on loopback
            return answer.status, answer.read().decode()

    def command(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A command in a shell at the repository's root."""
        return subprocess.run(
            [program(words[0]), *words[1:]],
            cwd=PROJECT_ROOT,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )

    def gate(self, partition: str) -> Gate:
        """What the gate says."""
        with open_desk(TABLE, run_id="test", settings=read_settings(self.environment)) as desk:
            return desk.gate(partition)

    def runs(self, *, partition: str, job: str | None = None) -> list[dict[str, Any]]:
        """The runs of a partition, newest first."""
        query = """query($filter: RunsFilter) { runsOrError(filter: $filter) { ... on Runs {
            results { runId jobName status tags { key value } } } } }"""
        where: dict[str, Any] = {"tags": [{"key": "dagster/partition", "value": partition}]}
        if job is not None:
            where["pipelineName"] = job
        return list(self.ask(query, filter=where)["runsOrError"]["results"])

    def ended(self, run_id: str) -> str:
        """The status in which a run ends."""
        query = "query($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"

        def status() -> str | None:
            now = self.ask(query, id=run_id)["runOrError"]["status"]
            return str(now) if now in NOTHING_RUNS else None

        return wait_for(status, f"run {run_id} ends")

    def launch(self, job: str, partition: str, **more: Any) -> str:
        """A run, as `Launch run` or `Materialize` in the UI start it. Its id."""
        selector = {**REPOSITORY, "jobName": job, **more.pop("selector", {})}
        tags = [{"key": "dagster/partition", "value": partition}] if partition else []
        tags += [{"key": key, "value": value} for key, value in more.pop("tags", {}).items()]
        metadata = {"tags": tags, **more.pop("lineage", {})}
        query = """mutation($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
            __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
        params = {"selector": selector, "mode": "default", "executionMetadata": metadata, **more}
        answer = self.ask(query, params=params)["launchPipelineExecution"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    def launch_again(self, run_id: str, strategy: str) -> str:
        """`Re-execute` in the UI. The id of the new run."""
        query = """mutation($params: ReexecutionParams!) { launchRunReexecution(reexecutionParams: $params) {
            __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
        answer = self.ask(query, params={"parentRunId": run_id, "strategy": strategy})["launchRunReexecution"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return str(answer["run"]["runId"])

    def backfill(self, partitions: Sequence[str], **what: Any) -> str:
        """A backfill, as the UI launches it. Its id."""
        query = """mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
            __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
        answer = self.ask(query, params={"partitionNames": list(partitions), **what})["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
        return str(answer["backfillId"])

    def backfill_ended(self, backfill_id: str) -> str:
        """The status in which a backfill ends."""
        query = (
            "query($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } } }"
        )

        def status() -> str | None:
            now = self.ask(query, id=backfill_id)["partitionBackfillOrError"]["status"]
            return None if now in ("REQUESTED", "CANCELING", "FAILING") else str(now)

        return wait_for(status, f"backfill {backfill_id} ends")

    def tick_after(self, moment: float) -> dict[str, Any]:
        """The first tick of the decisions sensor that began after a moment (a Unix time)."""
        query = """query($s: SensorSelector!, $after: Float) { sensorOrError(sensorSelector: $s) { ... on Sensor {
            sensorState { ticks(afterTimestamp: $after) { timestamp status skipReason } } } } }"""
        selector = {**REPOSITORY, "sensorName": "orders_daily_decisions"}

        def tick() -> dict[str, Any] | None:
            ticks = self.ask(query, s=selector, after=moment)["sensorOrError"]["sensorState"]["ticks"]
            done = [t for t in ticks if t["status"] != "STARTED"]
            return min(done, key=lambda t: float(t["timestamp"])) if done else None

        return wait_for(tick, "the decisions sensor ticks")

    def newest_review(self) -> dict[str, Any]:
        """The newest evaluation of `human_review`, as the check's page shows it."""
        query = """query($key: AssetKeyInput!) { assetCheckExecutions(
            assetKey: $key, checkName: "human_review", limit: 1) { partition evaluation { success } } }"""
        (newest,) = self.ask(query, key={"path": ["orders_daily", "candidate"]})["assetCheckExecutions"]
        return {"success": newest["evaluation"]["success"], "partition": newest["partition"]}

    def _is_loaded(self) -> bool:
        try:
            nodes = self.ask("{ repositoriesOrError { ... on RepositoryConnection { nodes { name } } } }")
        except (OSError, urllib.error.URLError, AssertionError):
            return False
        return bool(nodes["repositoriesOrError"].get("nodes"))


def program(name: str) -> Path:
    """A console script of this environment."""
    return Path(sys.executable).with_name(name)


def wait_for(answer: Callable[[], Any], what: str) -> Any:
    """The first answer that is one. A live system has no event to wait on but its own answers."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        found = answer()
        if found:
            return found
        time.sleep(0.5)
    raise AssertionError(f"after {PATIENCE_S} s, still not so: {what}")


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def processes_of(home: Path) -> list[str]:
    """The command lines of the processes that were given this home."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"ORDERS_MONITOR_HOME={home}".encode() in process.joinpath("environ").read_bytes():
                found.append(process.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found
