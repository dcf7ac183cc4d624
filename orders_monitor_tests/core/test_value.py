import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from orders_monitor.core.schema import ColumnSchema
from orders_monitor.core.value import canonical_json, digest_of

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=9)
NAMES = st.text(max_size=9)


@given(st.dictionaries(NAMES, SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(NAMES, SCALARS, max_size=2)))
def test_the_order_of_keys_does_not_matter(body):
    """Two equal bodies have one text and one digest, however they were put together."""
    other = dict(reversed(body.items()))

    assert (canonical_json(body), digest_of(body)) == (canonical_json(other), digest_of(other))


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_what_json_cannot_say_has_no_digest(number):
    """A digest over NaN would not be the same on every machine."""
    with pytest.raises(ValueError, match="Out of range float values"):
        digest_of({"share": number})


def test_a_value_and_its_json_have_one_digest():
    """A digest may be taken before and after the journey."""
    column = ColumnSchema(name="naïve", type="BIGINT")

    assert digest_of({"type": "BIGINT", "required": None, "name": "naïve"}) == digest_of(column)
    assert 64 == len(digest_of(column))


def test_a_value_stays_as_it_is():
    """Values are frozen, and a misspelt field is refused."""
    column = ColumnSchema(name="a", type="BIGINT")

    with pytest.raises(ValidationError, match="frozen"):
        column.name = "b"
    with pytest.raises(ValidationError, match="Extra inputs"):
        ColumnSchema(name="a", type="BIGINT", typ="BIGINT")
