"""A monitored table as declared. One YAML is one value; everything else in the pipeline is derived from it."""

from datetime import date
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from orders_monitor.core.breaker import Breaker
from orders_monitor.core.budget import Cap, Limits
from orders_monitor.core.calendar import Calendar
from orders_monitor.core.contract import Contract
from orders_monitor.core.escalation import DEFAULT, Level
from orders_monitor.core.expectation import Expectation
from orders_monitor.core.people import Review
from orders_monitor.core.policy import Policy
from orders_monitor.core.promises import unasked, uncontrollable
from orders_monitor.core.retention import Retention
from orders_monitor.core.source import SourceDeclaration
from orders_monitor.core.totals import Control
from orders_monitor.core.value import Value

PARTITION_COLUMN = "partition_date"


class Partitions(Value):
    """The daily partitions: the first one, and the time zone in which a day begins and ends.

    `end` is the last partition, itself included; without it there is a new partition every day.
    """

    start: date
    end: date | None = None
    timezone: str = "UTC"

    @field_validator("timezone")
    @classmethod
    def _known(cls, timezone: str) -> str:
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{timezone!r} is not a time zone of the IANA database") from error
        return timezone

    @model_validator(mode="after")
    def _end_is_not_before_start(self) -> "Partitions":
        if self.end is not None and self.end < self.start:
            raise ValueError(f"the last partition {self.end} is before the first one {self.start}")
        return self


class Tolerances(Value):
    """When a day is unusual. `deviations` counts robust standard deviations; a baseline needs `days_min` days.

    `duplicate_share_cold`: up to this share of repeated rows is ordinary while there is no baseline.
    """

    volume_deviations: float = Field(default=4.0, gt=0)
    null_share_deviations: float = Field(default=6.0, gt=0)
    null_share_min_change: float = Field(default=0.02, ge=0, le=1)
    duplicate_share_cold: float = Field(default=0.01, ge=0, le=1)
    days_min: int = Field(default=8, ge=2)
    days_max: int = Field(default=56, ge=2)

    @model_validator(mode="after")
    def _a_baseline_can_be_had(self) -> "Tolerances":
        if self.days_min > self.days_max:
            raise ValueError(
                f"days_min {self.days_min} is above days_max {self.days_max}: no baseline would ever be had"
            )
        return self


class Budget(Value):
    """Hard limits on the agent: of one run, of this table in a UTC day, of its agent and of its team in a UTC month."""

    run_tokens: int = Field(default=60_000, ge=0)
    run_micro_usd: int = Field(default=250_000, ge=0)
    day_tokens: int = Field(default=1_200_000, ge=0)
    day_micro_usd: int = Field(default=5_000_000, ge=0)
    agent_month_tokens: int = Field(default=12_000_000, ge=0)
    agent_month_micro_usd: int = Field(default=50_000_000, ge=0)
    team_month_tokens: int = Field(default=24_000_000, ge=0)
    team_month_micro_usd: int = Field(default=100_000_000, ge=0)

    @property
    def limits(self) -> Limits:
        """The caps of every scope."""
        return Limits(
            run=Cap(tokens=self.run_tokens, micro_usd=self.run_micro_usd),
            pipeline_day=Cap(tokens=self.day_tokens, micro_usd=self.day_micro_usd),
            agent_month=Cap(tokens=self.agent_month_tokens, micro_usd=self.agent_month_micro_usd),
            team_month=Cap(tokens=self.team_month_tokens, micro_usd=self.team_month_micro_usd),
        )


class Owners(Value):
    """Who answers for the table: the team that pays, the people or channel to call, and who is told when.

    `digest_h` is the hour, in the table's time zone, from which on the day before is told of in one message.
    """

    team: str
    contacts: tuple[str, ...] = ()
    escalation: tuple[Level, ...] = Field(default=DEFAULT, min_length=1)
    digest_h: int = Field(default=8, ge=0, le=23)


class MonitoredTable(Value):
    """Everything that the monitor of one table needs to know.

    `late_days` is for how many of the last partitions a change of the source is noticed after they have landed.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")
    description: str = ""
    source: SourceDeclaration
    partitions: Partitions
    cron: str = "0 2 * * *"
    calendar: Calendar = Calendar()
    contract: Contract
    expectations: tuple[Expectation, ...] = ()
    controls: tuple[Control, ...] = ()
    tolerances: Tolerances = Tolerances()
    owners: Owners
    budget: Budget = Budget()
    breaker: Breaker = Breaker()
    policy: Policy = Policy()
    review: Review = Review()
    late_days: int = Field(default=7, ge=0, le=366)
    retention: Retention = Retention()
    agent: str = Field(default="orders_daily", pattern=r"^[a-z][a-z0-9_]*$")
    sample_values: Literal["masked", "none"] = "masked"

    @property
    def asked(self) -> tuple[Expectation, ...]:
        """Every expectation: the declared ones, then what the contract promises and none of them asks."""
        return (*self.expectations, *unasked(self.contract, self.expectations))

    @model_validator(mode="after")
    def _checks_have_names_of_their_own(self) -> "MonitoredTable":
        names = [expectation.check_name for expectation in self.asked]
        reserved = {"quality_gate", "human_review"}
        for name in names:
            if names.count(name) > 1 or name in reserved:
                raise ValueError(f"two checks would be called {name!r}; give one of the expectations an `id`")
        return self

    @model_validator(mode="after")
    def _controls_can_be_compared(self) -> "MonitoredTable":
        names = [control.name for control in self.controls]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"two controls are called {twice!r}")
        for control in self.controls:
            why = uncontrollable(control, self.contract)
            if why is not None:
                raise ValueError(f"control {control.name!r}: {why}")
        return self

    @model_validator(mode="after")
    def _the_day_has_a_name_of_its_own(self) -> "MonitoredTable":
        if any(column.name.lower() == PARTITION_COLUMN for column in self.contract.columns):
            raise ValueError(
                f"a column of the contract is called {PARTITION_COLUMN!r}, as the published table calls its own day; "
                "give it another name with `source.columns`"
            )
        return self
