import pytest

from orders_monitor.agent import tools
from orders_monitor.agent.prompts import answer_schema, read_answer
from orders_monitor.agent.schema import strict_schema
from orders_monitor_tests.cases import release

SCHEMAS = [answer_schema(), *(dict(spec.input_schema) for spec in tools.specs(release()))]


def objects(schema):
    """Every object in a schema."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for part in schema.values():
            yield from objects(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from objects(part)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_sdk_has_nothing_to_change_in_our_schemas(schema):
    """The SDK's own transformation to what the API takes leaves them as they are."""
    from anthropic import transform_schema  # noqa: PLC0415  # heavy

    assert schema == transform_schema(schema)


@pytest.mark.parametrize("schema", SCHEMAS)
def test_every_property_is_required_and_nothing_else_is_allowed(schema):
    """Strict mode needs it, and it leaves the model no room for fields that nobody reads."""
    found = list(objects(schema))

    assert found
    assert all(set(part["properties"]) == set(part["required"]) for part in found)
    assert all(part["additionalProperties"] is False for part in found)


def test_a_bound_that_the_api_does_not_take_is_checked_when_the_answer_comes():
    """`divide_by` must be 2 or more: the schema cannot say so, the reading does."""
    scale = '{"kind": "scale_column", "column": "amount", "divide_by": 1, "evidence": []}'

    assert "divide_by" in read_answer(f'{{"findings": [], "proposed": [{scale}]}}')


def test_a_keyword_that_is_a_property_stays_a_property():
    """A property that is called like a keyword is not mistaken for one."""
    schema = {"type": "object", "properties": {"minimum": {"type": "string", "minLength": 1}}}

    expected = {
        "type": "object",
        "properties": {"minimum": {"type": "string"}},
        "additionalProperties": False,
        "required": ["minimum"],
    }
    assert expected == strict_schema(schema)
