"""What goes wrong on the way to a model: errors of the API, silence, a connection that is cut.

It follows from the conversation's step and from how often the same request came, so that a retry may succeed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from orders_monitor.adapters.stand_in.wire import Refused, Silent

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Moment:
    """`step` counts a conversation's requests from 1; `attempt` how often this one came, from 1."""

    step: int
    attempt: int


Weather = Callable[[Moment], bool]
"""Whether the reply is cut in the middle. Raises Refused, Silent."""


def calm(_: Moment) -> bool:
    """Nothing happens."""
    return False


def changing(now: Moment) -> bool:
    """Every first attempt fails and the second is answered; the second step is never answered."""
    if now.step > 1:
        return overloaded(now)
    return rate_limited(now)


def rate_limited(now: Moment) -> bool:
    """429 with a short retry-after; whoever waits and asks again is answered."""
    if now.attempt % 2:
        raise Refused(429, "this would exceed your rate limit", headers={"retry-after": "1"})
    return False


def overloaded(_: Moment) -> bool:
    """529, always."""
    raise Refused(529, "Overloaded")


def recovering(now: Moment) -> bool:
    """529 or 500 first, and an answer to who asks again."""
    if now.attempt % 2:
        raise Refused(*((529, "Overloaded") if now.step % 2 else (500, "Internal server error")))
    return False


def silent(_: Moment) -> bool:
    """No answer, ever: what it used is not known."""
    raise Silent


def cut(_: Moment) -> bool:
    """The answer breaks off: what it used is not known."""
    return True


def a_day(_: Moment) -> bool:
    """429 that asks to wait for a day."""
    raise Refused(429, "this would exceed your rate limit", headers={"retry-after": str(DAY_S)})


def spend_limit(_: Moment) -> bool:
    """The organization's spend limit is reached: no retry helps before next month."""
    details = {"error_code": "enforced_spend_limit_reached"}
    message = "You have reached your specified API usage limits."
    raise Refused(429, message, headers={"x-should-retry": "false"}, details=details)


def forbidden(_: Moment) -> bool:
    """403: the key may not use this model."""
    raise Refused(403, "Your API key does not have permission to use the specified resource.")


VARIANTS: Mapping[str, Weather] = {
    "rate_limit": rate_limited,
    "overloaded": overloaded,
    "recovering": recovering,
    "timeout": silent,
    "cut": cut,
    "retry_after_a_day": a_day,
    "spend_limit": spend_limit,
    "forbidden": forbidden,
}
