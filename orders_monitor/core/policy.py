"""Who decides: one table from the class of action to automatic, human or never. Unknown means human."""

from typing import Literal

from pydantic import Field

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
