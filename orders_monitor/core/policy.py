"""Who decides: one table from class of action and environment to automatic, human, two humans or never.

Unknown means human.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Literal

from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from orders_monitor.core.environment import Environment
from orders_monitor.core.plan import ActionKind, Plan
from orders_monitor.core.value import Value

Route = Literal["automatic", "human", "two_humans", "never"]
ActionClass = Literal[
    "publish_as_is",
    "rename_column",
    "cast_column",
    "scale_column",
    "quarantine_rows",
    "drop_duplicates",
    "accept_change",
    "publish_unexplained",
    "overwrite",
    "restore_version",
]

REVERSIBLE: dict[ActionClass, Route] = {
    "publish_as_is": "automatic",
    "drop_duplicates": "automatic",
    "quarantine_rows": "automatic",
    "accept_change": "automatic",
}


def _said_plainly(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    """A union's own complaint names its branches, which nobody who edits YAML has heard of."""
    try:
        return handler(value)
    except ValidationError:
        raise ValueError(
            "it is automatic, human, two_humans or never, or one of these for each of dev, staging and prod"
        ) from None


Routes = Annotated[Route | dict[Environment, Route], WrapValidator(_said_plainly)]


class Allowance(Value):
    """How much a team's tables may be mended without a person, in an ISO week and in a month (UTC, of the decision).

    `fixes` are partitions that the policy let through with anything but `publish_as_is`, `rows` what those fixes set
    aside or dropped as duplicates. Past it the next fix is for a person, until the week or month is over.
    """

    week_fixes: int = Field(default=50, ge=0)
    month_fixes: int = Field(default=150, ge=0)
    week_rows: int = Field(default=100_000, ge=0)
    month_rows: int = Field(default=300_000, ge=0)


class Used(Value):
    """What the policy has settled by itself for a team, in the ISO week and the month of now: fixes and their rows."""

    week_fixes: int = 0
    month_fixes: int = 0
    week_rows: int = 0
    month_rows: int = 0


class Settled(Value):
    """What the policy settles by itself in one partition: whose allowance it is, and how much of it."""

    team: str
    allowance: Allowance
    fixes: int = 0
    rows: int = 0

    def why_not(self, used: Used) -> str | None:
        """Why the allowance does not reach, after what is used of it; None where it does.

        What mends nothing needs no allowance.
        """
        if not self.fixes:
            return None
        for span, unit, before, more, limit in (
            ("week", "fixes", used.week_fixes, self.fixes, self.allowance.week_fixes),
            ("month", "fixes", used.month_fixes, self.fixes, self.allowance.month_fixes),
            ("week", "rows", used.week_rows, self.rows, self.allowance.week_rows),
            ("month", "rows", used.month_rows, self.rows, self.allowance.month_rows),
        ):
            if before + more > limit:
                return (
                    f"{self.team} has used {before:,} of {limit:,} {unit} of this {span}, and this takes {more:,} more"
                )
        return None


class Policy(Value):
    """The declared table. `routes` overrides the defaults; what neither names is for a person.

    A route is one word, or one for each environment; an environment that is not named there is for a person.
    `quarantine_share_automatic`: above this share of rows a quarantine needs a person.
    `review_share_max`: above this share (S0: 5 % of data volume) the partition is held as one case.
    `decide_within_h`: a case that nobody decides in so many hours is rejected.
    """

    routes: dict[ActionClass, Routes] = Field(default_factory=dict)
    quarantine_share_automatic: float = Field(default=0.01, ge=0, le=1)
    review_share_max: float = Field(default=0.05, ge=0, le=1)
    decide_within_h: int = Field(default=168, ge=1)
    allowance: Allowance = Allowance()

    def route(self, action: ActionClass, environment: Environment = "dev") -> Route:
        """Who decides on this class of action."""
        declared = self.routes.get(action, REVERSIBLE.get(action, "human"))
        return declared.get(environment, "human") if isinstance(declared, dict) else declared


class Ruling(Value):
    """Who decides on a plan, and why: one sentence for each class and rule, the strictest first."""

    route: Route
    reasons: tuple[str, ...]


STRICTNESS: Mapping[Route, int] = {"automatic": 0, "human": 1, "two_humans": 2, "never": 3}

# Every kind of action once. None: a hold publishes nothing, so no table can allow it anything.
CLASS_OF: Mapping[ActionKind, ActionClass | None] = {
    "publish_as_is": "publish_as_is",
    "rename_column": "rename_column",
    "cast_column": "cast_column",
    "scale_column": "scale_column",
    "quarantine_rows": "quarantine_rows",
    "drop_duplicates": "drop_duplicates",
    "accept_change": "accept_change",
    "hold": None,
    "restore_version": "restore_version",
}


def settled_by(plan: Plan, *, rows: int, team: str, policy: Policy) -> Settled:
    """What of a team's allowance a plan takes that the policy lets through; `rows` it sets aside or drops."""
    mends = any(action.kind not in ("publish_as_is", "accept_change") for action in plan.actions)
    return Settled(team=team, allowance=policy.allowance, fixes=int(mends), rows=rows if mends else 0)


def decide(
    plan: Plan,
    *,
    quarantined_share: float,
    overwrites: bool,
    policy: Policy,
    environment: Environment = "dev",
    still_failing: Sequence[str] = (),
) -> Ruling:
    """Who decides on this plan: the strictest of all that is in it.

    `quarantined_share` is 0 to 1 of the landed rows as counted in the candidate; `overwrites` says that readers
    already see other bytes of this partition; `still_failing` are the expectations that the candidate fails: whatever
    the plan explains, there they are.
    """
    table = partial(_by_table, policy=policy, environment=environment)
    said = list(_rules(plan, quarantined_share=quarantined_share, overwrites=overwrites, policy=policy, table=table))
    if still_failing:
        said.append(table("publish_unexplained", why=f" ({', '.join(still_failing)} in the candidate)"))
    said.sort(key=lambda rule: -STRICTNESS[rule[0]])
    return Ruling(route=said[0][0], reasons=tuple(reason for _, reason in said))


def _rules(
    plan: Plan, *, quarantined_share: float, overwrites: bool, policy: Policy, table: "partial[tuple[Route, str]]"
) -> Iterator[tuple[Route, str]]:
    if plan.hold is not None:
        yield "never", f"held: {plan.hold.why}"
    for action_class in dict.fromkeys(CLASS_OF.get(action.kind) for action in plan.actions):
        if action_class is not None:
            yield table(action_class)
    if plan.unexplained:
        yield table("publish_unexplained", why=f" ({', '.join(plan.unexplained)})")
    if overwrites and plan.restore is None:  # a restore always overwrites, and has a class of its own
        yield table("overwrite")
    if plan.origin == "code":
        yield "human", "the agent could not finish: human"
    if plan.origin == "doubted":
        yield "human", "a claim of the agent or its evidence did not hold, or it had to finish early: human"
    if plan.origin == "reviewer":
        yield "human", f"{plan.author} changed the plan: human"
    # Written so that a share which is not a number is for a person too.
    if not quarantined_share <= policy.quarantine_share_automatic:
        limit = policy.quarantine_share_automatic
        yield "human", f"quarantine of {quarantined_share:.2%} of the rows, above {limit:.2%}: human"


def _by_table(
    action_class: ActionClass, *, policy: Policy, environment: Environment, why: str = ""
) -> tuple[Route, str]:
    route = policy.route(action_class, environment)
    return route, f"{action_class}{why}: {route}"
