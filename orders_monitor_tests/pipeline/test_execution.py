import os
import signal

import dagster as dg
import pytest

from orders_monitor.pipeline.execution import run_job

DAYS = dg.DailyPartitionsDefinition("2026-03-01")


def job_of(body):
    """A partitioned job of one step."""

    @dg.op
    def step() -> None:
        body()

    @dg.job(partitions_def=DAYS)
    def job() -> None:
        step()

    return job


def fails():
    raise dg.Failure("the source is not there", allow_retries=False)


def is_broken():
    raise LookupError("first line\nsecond line")


@pytest.mark.parametrize(
    ("body", "said"),
    [(lambda: None, None), (fails, "the source is not there"), (is_broken, "LookupError: first line")],
)
def test_a_failure_is_one_sentence(body, said):
    """What failed on purpose says its own sentence, what failed otherwise its first line."""
    with dg.DagsterInstance.ephemeral() as instance:
        assert said == run_job(job_of(body), "2026-03-04", instance)


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_is_no_failure_of_a_partition(asked):
    """Whoever stops the command stops it, and not only the partition that was running."""
    job = job_of(lambda: os.kill(os.getpid(), asked))
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(KeyboardInterrupt):
        run_job(job, "2026-03-04", instance)
