"""Who hears of an incident, where, and when: the declared ladder from the owner to the next level, on a given clock."""

import re
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field, field_validator, model_validator

from orders_monitor.core.modes import MODES
from orders_monitor.core.value import Value

Channel = Literal["log", "webhook", "email"]
Step = Literal["first", "reminder", "escalation"]
# Beside what a case is about: something of ours that is broken.
BROKEN = "failed"
# No spaces, no control characters, no comma: one address, which cannot end a header or name a second recipient.
EMAIL = r"^[^\s@<>,;:\"\\()\[\]]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$"


class Address(Value):
    """Where a message goes. `to` is an e-mail address, or whom the text names; `url_env` the variable of a webhook."""

    channel: Channel = "log"
    to: str = Field(default="", max_length=320, pattern=r"^[^\x00-\x1f\x7f]*$")
    url_env: str = Field(default="", pattern=r"^(?:[A-Z][A-Z0-9_]{0,99})?$")

    @model_validator(mode="after")
    def _can_be_reached(self) -> "Address":
        if self.channel == "email" and not re.fullmatch(EMAIL, self.to):
            raise ValueError("`to` of the channel email is one e-mail address")
        if self.url_env and self.channel != "webhook":
            raise ValueError("only the channel webhook has a `url_env`")
        return self


class Level(Address):
    """One rung: told so many hours after it was asked, or so many before the deadline, whichever comes first.

    With neither, at once. `when` are failure modes and kinds of signals, or `failed` for what is broken on our side;
    without any it hears of every incident.
    What has no deadline (a partition that is held, a run that failed) goes by `after_h` alone.
    """

    after_h: float | None = Field(default=None, ge=0, le=8_760)
    before_deadline_h: float | None = Field(default=None, gt=0, le=8_760)
    when: tuple[str, ...] = ()

    @field_validator("when")
    @classmethod
    def _known(cls, when: tuple[str, ...]) -> tuple[str, ...]:
        unknown = next((mode for mode in when if mode not in MODES and mode != BROKEN), None)
        if unknown is not None:
            known = ", ".join(sorted({*MODES, BROKEN}))
            raise ValueError(f"{unknown[:100]!r} is no failure mode, kind of signal or kind of drift: {known}")
        return when

    @property
    def address(self) -> Address:
        """Where it is told."""
        return Address(channel=self.channel, to=self.to, url_env=self.url_env)

    @property
    def is_first(self) -> bool:
        """Whether it is told at once."""
        return not self.after_h and self.before_deadline_h is None

    def hears_of(self, modes: Collection[str]) -> bool:
        """Whether an incident of these failure modes is told here."""
        return not self.when or bool(set(self.when) & set(modes))

    def at(self, *, asked: datetime, deadline: datetime | None) -> datetime | None:
        """When it is told; None for never."""
        if self.is_first:
            return asked
        times = [asked + timedelta(hours=self.after_h)] if self.after_h is not None else []
        if self.before_deadline_h is not None and deadline is not None:
            times.append(max(asked, deadline - timedelta(hours=self.before_deadline_h)))
        return min(times, default=None)


class Due(Value):
    """A rung whose time has come; `number` counts from 0."""

    number: int
    step: Step
    level: Level


# A fresh clone has no channel but its log: the owner at once, and again after a day.
DEFAULT: tuple[Level, ...] = (Level(), Level(after_h=24))


def due(
    levels: Sequence[Level],
    *,
    asked: datetime,
    deadline: datetime | None,
    now: datetime,
    told: Collection[int],
    modes: Collection[str] = (),
    again: bool = False,
    acknowledged: bool = False,
) -> tuple[Due, ...]:
    """The rungs to tell now, in their order; `told` are the numbers of those that were.

    An address is told the latest of its rungs alone: who comes back after three days gets one message and not three.
    `again`: an incident that comes back tells nobody at once, the digest does. Acknowledged, it tells nobody more.
    """
    if acknowledged:
        return ()
    latest: dict[Address, tuple[datetime, Due]] = {}
    known: set[Address] = set()
    for number, level in enumerate(levels):
        if not level.hears_of(modes):
            continue
        step: Step = "first" if level.is_first else "reminder" if level.address in known else "escalation"
        known.add(level.address)
        at = level.at(asked=asked, deadline=deadline)
        if at is None or at > now or (again and level.is_first):
            continue
        earlier = latest.get(level.address)
        if earlier is None:
            latest[level.address] = at, Due(number=number, step=step, level=level)
        elif at >= earlier[0]:
            # The first that an address hears is no reminder to it.
            step = step if earlier[1].number in told else earlier[1].step
            latest[level.address] = at, Due(number=number, step=step, level=level)
    return tuple(each for _, each in latest.values() if each.number not in told)


def next_at(
    levels: Sequence[Level],
    *,
    asked: datetime,
    deadline: datetime | None,
    now: datetime,
    modes: Collection[str] = (),
) -> tuple[datetime, Level] | None:
    """Who is told next, and when, if nothing happens; None at the top of the ladder."""
    times = [(level.at(asked=asked, deadline=deadline), level) for level in levels if level.hears_of(modes)]
    coming = [(at, level) for at, level in times if at is not None and at > now]
    return min(coming, key=lambda each: each[0], default=None)
