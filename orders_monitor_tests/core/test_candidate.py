import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from orders_monitor.core.candidate import Candidate
from orders_monitor_tests.core.cases import candidate, plan, validation

ROWS = st.integers(min_value=0, max_value=50)


@given(landed=ROWS, rows=ROWS, quarantined=ROWS, repeated=ROWS)
def test_rows_are_conserved(landed, rows, quarantined, repeated):
    """A candidate that lost or made a row cannot be made."""
    fields = candidate(plan()).model_dump() | {
        "landed_rows": landed,
        "rows": rows,
        "quarantined_rows": quarantined,
        "duplicate_rows": repeated,
    }
    if landed == rows + quarantined + repeated:
        assert landed == Candidate(**fields).landed_rows
    else:
        with pytest.raises(ValidationError, match="the candidate is not the plan's"):
            Candidate(**fields)


def test_only_failed_gates_keep_bytes_from_being_published():
    """A failed warning and a passed gate do not."""
    asked = validation(candidate(plan()), "a")
    failed, passed = asked.outcomes
    warned = failed.model_copy(update={"severity": "warn"})

    assert (failed,) == asked.model_copy(update={"outcomes": (failed, passed, warned)}).failures
