"""The plan of a partition: a frozen list of typed actions, each citing the evidence that asks for it."""

from typing import Annotated, Literal

from pydantic import Field

from orders_monitor.core.predicate import Predicate
from orders_monitor.core.value import Value, digest_of


class PublishAsIs(Value):
    """Publish the landed rows, projected onto the contract's columns."""

    kind: Literal["publish_as_is"] = "publish_as_is"
    evidence: tuple[str, ...] = ()


class RenameColumn(Value):
    """Read the contract's column `to` from the landed column `column`."""

    kind: Literal["rename_column"] = "rename_column"
    column: str
    to: str
    evidence: tuple[str, ...] = ()


class CastColumn(Value):
    """Cast a column to its contract type; a value that cannot be cast fails the candidate, it never becomes NULL."""

    kind: Literal["cast_column"] = "cast_column"
    column: str
    type: str
    evidence: tuple[str, ...] = ()


class ScaleColumn(Value):
    """Divide a column by a whole factor (amounts that came in cents: 100)."""

    kind: Literal["scale_column"] = "scale_column"
    column: str
    divide_by: int = Field(ge=2)
    evidence: tuple[str, ...] = ()


class QuarantineRows(Value):
    """Keep the rows that the predicate names out of the table, in the quarantine beside it."""

    kind: Literal["quarantine_rows"] = "quarantine_rows"
    where: Predicate
    evidence: tuple[str, ...] = ()


class DropDuplicates(Value):
    """Keep one of each group of rows that are equal in every column."""

    kind: Literal["drop_duplicates"] = "drop_duplicates"
    evidence: tuple[str, ...] = ()


class AcceptChange(Value):
    """Go on with a change of the schema that takes nothing from a reader; the new column is landed, not published."""

    kind: Literal["accept_change"] = "accept_change"
    column: str
    evidence: tuple[str, ...] = ()


class Hold(Value):
    """Publish nothing: the source must be repaired and the partition landed again."""

    kind: Literal["hold"] = "hold"
    why: str
    evidence: tuple[str, ...] = ()


class RestoreVersion(Value):
    """Give readers an earlier publication of the partition again: its very file, by its number and digest.

    A person asks for it; an agent cannot: it is no `Action`.
    """

    kind: Literal["restore_version"] = "restore_version"
    publication: int = Field(ge=1)
    version: int
    candidate_digest: str
    evidence: tuple[str, ...] = ()


Action = Annotated[
    PublishAsIs | RenameColumn | CastColumn | ScaleColumn | QuarantineRows | DropDuplicates | AcceptChange | Hold,
    Field(discriminator="kind"),
]
PlannedAction = Annotated[
    PublishAsIs
    | RenameColumn
    | CastColumn
    | ScaleColumn
    | QuarantineRows
    | DropDuplicates
    | AcceptChange
    | Hold
    | RestoreVersion,
    Field(discriminator="kind"),
]
ActionKind = Literal[
    "publish_as_is",
    "rename_column",
    "cast_column",
    "scale_column",
    "quarantine_rows",
    "drop_duplicates",
    "accept_change",
    "hold",
    "restore_version",
]


class Plan(Value):
    """What is to be done with one landed partition, and on whose word. Its digest is over all of it.

    `origin`: `clean` (nothing to explain, the agent was not called), `agent` (the accepted part of its proposal),
    `doubted` (the same, where a claim or its evidence did not hold or it had to finish early), `code` (nothing
    landed, or the agent could not finish; code holds the partition for a person) or `reviewer` (a person narrowed
    another plan, or asks for an earlier version again). `author` is that reviewer's name.
    """

    table: str
    partition: str
    landed_digest: str
    release: str
    origin: Literal["clean", "agent", "doubted", "code", "reviewer"]
    actions: tuple[PlannedAction, ...] = Field(min_length=1)
    unexplained: tuple[str, ...] = ()
    author: str = Field(default="", exclude_if=lambda author: not author)

    @property
    def digest(self) -> str:
        """SHA-256 of the whole plan."""
        return digest_of(self)

    @property
    def hold(self) -> Hold | None:
        """The action that keeps the partition from being published, if any."""
        return next((action for action in self.actions if isinstance(action, Hold)), None)

    @property
    def restore(self) -> RestoreVersion | None:
        """The action that gives an earlier version back, if any: it is alone then."""
        return next((action for action in self.actions if isinstance(action, RestoreVersion)), None)
