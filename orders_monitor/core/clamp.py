"""How much of a reply the room buys: the reply is made shorter, never the budget longer."""

from collections.abc import Sequence
from dataclasses import dataclass

from orders_monitor.core.budget import Amount, Room, require_room
from orders_monitor.core.price import Price

# What the API adds to a prompt for tools and a structured answer, that is not in our bytes. Generous on purpose: with
# it the bytes of a request are a bound on its tokens, because a token has at least one byte.
PROMPT_OVERHEAD_TOKENS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A request as it is wanted. With `finalisation_tokens` more is held back beside it: enough for a last word after.

    The last word's prompt is this one, the reply, and `growth_tokens`; not less than `finalisation_tokens` is held.
    A reply shorter than `output_tokens_min` is not worth asking for: thinking alone would use it up.
    """

    price: Price
    prompt_tokens_max: int
    output_tokens_wanted: int
    output_tokens_min: int
    finalisation_tokens: int = 0
    growth_tokens: int = 0

    def fit(self, room: Room) -> Sequence[Amount]:
        """The longest reply that fits, and what is held back: one amount, or two. Raises BudgetExhausted."""
        most = self.output_tokens_wanted
        wanted = self.amounts(most)
        if _fits(room, wanted):
            return wanted
        least = min(self.output_tokens_min, most)
        require_room(room, *self.amounts(least))
        while most - least > 1:  # `least` fits, `most` does not
            middle = (least + most) // 2
            least, most = (middle, most) if _fits(room, self.amounts(middle)) else (least, middle)
        return self.amounts(least)

    def amounts(self, output_tokens: int) -> Sequence[Amount]:
        """What a reply of at most that many tokens costs at worst, and what must be held back for after it."""
        request = self._worst(self.prompt_tokens_max, output_tokens)
        if not self.finalisation_tokens:
            return (request,)
        grown = self.prompt_tokens_max + output_tokens + self.growth_tokens
        last_prompt = max(self.finalisation_tokens - self.output_tokens_min, grown)
        return (request, self._worst(last_prompt, self.output_tokens_min))

    def _worst(self, prompt_tokens: int, output_tokens: int) -> Amount:
        cost = self.price.worst_cost_of(prompt_tokens_max=prompt_tokens, output_tokens_max=output_tokens)
        return Amount(tokens=prompt_tokens + output_tokens, micro_usd=cost)


def _fits(room: Room, amounts: Sequence[Amount]) -> bool:
    tokens, micro_usd = sum(a.tokens for a in amounts), sum(a.micro_usd for a in amounts)
    return tokens <= room.tokens and micro_usd <= room.micro_usd
