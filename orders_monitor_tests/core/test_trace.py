"""Which trace a run belongs to."""

from orders_monitor.core.trace import continued, traceparent_of

TAG = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_seed_has_one_traceparent():
    """The same seed has the same trace everywhere; another seed has another one."""
    traceparent = traceparent_of("run-1")

    assert traceparent == traceparent_of("run-1")
    assert traceparent != traceparent_of("run-2")
    assert traceparent == continued(traceparent, run_id="run-2")


def test_a_run_goes_on_with_its_tag():
    """A run's tag is its trace; without one, or with something that is none, the run has a trace of its own."""
    own = traceparent_of("run-1")

    assert TAG == continued(TAG, run_id="run-1")
    assert own == continued(None, run_id="run-1")
    assert own == continued("00-" + "0" * 32 + "-b7ad6b7169203331-01", run_id="run-1")
    assert own == continued(TAG + "\n", run_id="run-1")
    assert own == continued("'; drop table runs", run_id="run-1")
