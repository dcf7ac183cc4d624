"""What a model's tokens cost. Integer micro-dollars for a million tokens; every rounding is upwards."""

from pydantic import Field

from orders_monitor.core.value import Value


class Usage(Value):
    """The tokens of one reply. `input_tokens` excludes what was read from or written to the prompt cache."""

    input_tokens: int = Field(ge=0)
    output_tokens: int = Field(ge=0)
    cache_read_tokens: int = Field(default=0, ge=0)
    cache_write_5m_tokens: int = Field(default=0, ge=0)
    cache_write_1h_tokens: int = Field(default=0, ge=0)

    @property
    def prompt_tokens(self) -> int:
        """Everything that went in, at whatever rate."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_5m_tokens + self.cache_write_1h_tokens

    @property
    def tokens(self) -> int:
        """Everything, in and out: what a token budget counts."""
        return self.prompt_tokens + self.output_tokens


class Rates(Value):
    """Micro-dollars for a million tokens of each kind."""

    input: int = Field(gt=0)
    output: int = Field(gt=0)
    cache_write_5m: int = Field(gt=0)
    cache_write_1h: int = Field(gt=0)
    cache_read: int = Field(gt=0)

    @property
    def worst_input(self) -> int:
        """The most that a token of input can cost."""
        return max(self.input, self.cache_write_5m, self.cache_write_1h, self.cache_read)


class LongPrompt(Value):
    """Other rates, for all of a request, once its prompt has more than `above_tokens`."""

    above_tokens: int = Field(gt=0)
    rates: Rates


class Price(Value):
    """The rates of one pinned model, where they were read and when."""

    model: str
    rates: Rates
    long_prompt: LongPrompt | None = None
    source: str
    checked_on: str

    def rates_at(self, prompt_tokens: int) -> Rates:
        """The rates of a request with a prompt of that size."""
        if self.long_prompt is not None and prompt_tokens > self.long_prompt.above_tokens:
            return self.long_prompt.rates
        return self.rates

    def cost_of(self, usage: Usage) -> int:
        """What that usage costs, in micro-dollars."""
        rates = self.rates_at(usage.prompt_tokens)
        return _micro_usd(
            usage.input_tokens * rates.input
            + usage.cache_read_tokens * rates.cache_read
            + usage.cache_write_5m_tokens * rates.cache_write_5m
            + usage.cache_write_1h_tokens * rates.cache_write_1h
            + usage.output_tokens * rates.output
        )

    def worst_cost_of(self, *, prompt_tokens_max: int, output_tokens_max: int) -> int:
        """The most that a request within these bounds can cost, in micro-dollars."""
        rates = self.rates_at(prompt_tokens_max)
        return _micro_usd(prompt_tokens_max * rates.worst_input + output_tokens_max * rates.output)


_PER = 1_000_000


def _micro_usd(rated_tokens: int) -> int:
    return -(-rated_tokens // _PER)
