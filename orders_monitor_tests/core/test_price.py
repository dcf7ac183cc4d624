import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders_monitor.core.price import LongPrompt, Price, Rates, Usage

RATES = Rates(
    input=2_000_000, output=10_000_000, cache_write_5m=2_500_000, cache_write_1h=4_000_000, cache_read=100_000
)
LONG = Rates(
    input=10_000_000, output=50_000_000, cache_write_5m=12_500_000, cache_write_1h=20_000_000, cache_read=500_000
)
PRICE = Price(
    model="m",
    rates=RATES,
    long_prompt=LongPrompt(above_tokens=1_000, rates=LONG),
    source="a test",
    checked_on="2026-11-20",
)
USAGES = st.builds(
    Usage,
    input_tokens=st.integers(0, 900),
    output_tokens=st.integers(0, 900),
    cache_read_tokens=st.integers(0, 900),
    cache_write_5m_tokens=st.integers(0, 900),
    cache_write_1h_tokens=st.integers(0, 900),
)


@pytest.mark.parametrize(
    ("usage", "micro_usd"),
    [
        (Usage(input_tokens=0, output_tokens=0), 0),
        (Usage(input_tokens=100, output_tokens=10), 300),
        (Usage(input_tokens=1, output_tokens=0, cache_read_tokens=1), 3),  # 2.1, rounded up
        (Usage(input_tokens=0, output_tokens=0, cache_write_5m_tokens=2, cache_write_1h_tokens=3), 17),
        (Usage(input_tokens=1_000, output_tokens=0), 2_000),
        (Usage(input_tokens=1_000, output_tokens=1, cache_read_tokens=1), 10_051),  # the cliff: all of it costs more
    ],
)
def test_every_kind_of_token_has_its_rate(usage, micro_usd):
    """Cost is integer micro-dollars, rounded up, at the rates of the prompt's size."""
    assert micro_usd == PRICE.cost_of(usage)


@settings(derandomize=True)
@given(usage=USAGES, more_prompt=st.integers(0, 2_000), more_output=st.integers(0, 2_000))
def test_no_usage_within_the_bounds_costs_more_than_the_worst(usage, more_prompt, more_output):
    """What was reserved for a bound covers every usage that keeps to the bound."""
    worst = PRICE.worst_cost_of(
        prompt_tokens_max=usage.prompt_tokens + more_prompt, output_tokens_max=usage.output_tokens + more_output
    )

    assert PRICE.cost_of(usage) <= worst
