"""Who decides: one table from the class of action to automatic, human or never. Unknown means human."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from pydantic import Field

from orders_monitor.core.plan import ActionKind, Plan
from orders_monitor.core.value import Value

Route = Literal["automatic", "human", "never"]
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
]

REVERSIBLE: dict[ActionClass, Route] = {
    "publish_as_is": "automatic",
    "drop_duplicates": "automatic",
    "quarantine_rows": "automatic",
    "accept_change": "automatic",
}


class Policy(Value):
    """The declared table. `routes` overrides the defaults; what neither names is for a person.

    `quarantine_share_automatic`: above this share of rows a quarantine needs a person.
    `review_share_max`: above this share (S0: 5 % of data volume) the partition is held as one case.
    """

    routes: dict[ActionClass, Route] = Field(default_factory=dict)
    quarantine_share_automatic: float = Field(default=0.01, ge=0, le=1)
    review_share_max: float = Field(default=0.05, ge=0, le=1)

    def route(self, action: ActionClass) -> Route:
        """Who decides on this class of action."""
        return self.routes.get(action, REVERSIBLE.get(action, "human"))


class Ruling(Value):
    """Who decides on a plan, and why: one sentence for each class and rule, the strictest first."""

    route: Route
    reasons: tuple[str, ...]


STRICTNESS: Mapping[Route, int] = {"automatic": 0, "human": 1, "never": 2}

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
}


def decide(
    plan: Plan, *, quarantined_share: float, overwrites: bool, policy: Policy, still_failing: Sequence[str] = ()
) -> Ruling:
    """Who decides on this plan: the strictest of all that is in it.

    `quarantined_share` is 0 to 1 of the landed rows as counted in the candidate; `overwrites` says that readers
    already see other bytes of this partition; `still_failing` are the expectations that the candidate fails: whatever
    the plan explains, there they are.
    """
    said = list(_rules(plan, quarantined_share=quarantined_share, overwrites=overwrites, policy=policy))
    if still_failing:
        said.append(_by_table("publish_unexplained", policy, why=f" ({', '.join(still_failing)} in the candidate)"))
    said.sort(key=lambda rule: -STRICTNESS[rule[0]])
    return Ruling(route=said[0][0], reasons=tuple(reason for _, reason in said))


def _rules(plan: Plan, *, quarantined_share: float, overwrites: bool, policy: Policy) -> Iterator[tuple[Route, str]]:
    if plan.hold is not None:
        yield "never", f"held: {plan.hold.why}"
    for action_class in dict.fromkeys(CLASS_OF.get(action.kind) for action in plan.actions):
        if action_class is not None:
            yield _by_table(action_class, policy)
    if plan.unexplained:
        yield _by_table("publish_unexplained", policy, why=f" ({', '.join(plan.unexplained)})")
    if overwrites:
        yield _by_table("overwrite", policy)
    if plan.origin == "code":
        yield "human", "the agent could not finish: human"
    if plan.origin == "doubted":
        yield "human", "a claim of the agent or its evidence did not hold, or it had to finish early: human"
    # Written so that a share which is not a number is for a person too.
    if not quarantined_share <= policy.quarantine_share_automatic:
        limit = policy.quarantine_share_automatic
        yield "human", f"quarantine of {quarantined_share:.2%} of the rows, above {limit:.2%}: human"


def _by_table(action_class: ActionClass, policy: Policy, *, why: str = "") -> tuple[Route, str]:
    route = policy.route(action_class)
    return route, f"{action_class}{why}: {route}"
