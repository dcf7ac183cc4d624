"""The ways in which the stand-in behaves, as data: one honest, and each way in which a model can go wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from orders_monitor.adapters.stand_in import bending, diagnosis, hostile, weather
from orders_monitor.adapters.stand_in.bending import Bend
from orders_monitor.adapters.stand_in.gullible import gullible
from orders_monitor.adapters.stand_in.hostile import Mind
from orders_monitor.adapters.stand_in.weather import Weather


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """One way to behave: what it says, what becomes of its replies, and what happens to them on their way."""

    name: str
    sentence: str
    mind: Mind = diagnosis.next_turn
    bend: Bend = bending.straight
    weather: Weather = weather.calm


_ALL = (
    Mode(name="honest", sentence="really diagnoses the partition from what the tools answer"),
    Mode(name="gullible", sentence="obeys every instruction that it finds in what the tools show it", mind=gullible),
    Mode(name="looper", sentence="asks the same question over and over, slightly reworded", mind=hostile.looper),
    Mode(name="stormer", sentence="asks many questions at once, in every turn", mind=hostile.stormer),
    Mode(name="bloater", sentence="asks for the largest answers and lets the conversation grow", mind=hostile.bloater),
    Mode(name="liar", sentence="cites evidence that does not exist and numbers that it denies", mind=hostile.liar),
    Mode(name="truncator", sentence="runs out of tokens in the middle of a tool call", bend=bending.truncated),
    Mode(name="refuser", sentence="refuses to answer", bend=bending.refused),
    Mode(
        name="flaky",
        sentence="fails on the way: rate limits, overload, timeouts, cut connections, a spend limit",
        weather=weather.changing,
    ),
    Mode(
        name="overbiller",
        sentence="bills more than was possible, or what is no number",
        bend=bending.overbilled,
    ),
    Mode(name="impostor", sentence="answers as another model than the one that was asked", bend=bending.impostor),
    Mode(
        name="error-propagator",
        sentence="goes on after refused questions and cites their answers",
        mind=hostile.error_propagator,
    ),
    Mode(
        name="trespasser",
        sentence="reads outside of its room and calls tools that nobody gave it",
        mind=hostile.trespasser,
    ),
)
MODES: Mapping[str, Mode] = {mode.name: mode for mode in _ALL}
# Other ways to go wrong in the same manner.
VARIANTS: Mapping[str, Mapping[str, Mode]] = {
    "flaky": {name: replace(MODES["flaky"], weather=each) for name, each in weather.VARIANTS.items()},
    "overbiller": {name: replace(MODES["overbiller"], bend=each) for name, each in bending.NONSENSE.items()},
}


def mode_of(name: str, variant: str | None = None) -> Mode:
    """The mode of that name, or its variant. A name that is none is a KeyError."""
    return MODES[name] if variant is None else VARIANTS[name][variant]
