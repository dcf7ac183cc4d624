"""Every error this package raises on purpose: we are broken, or the caller asked for something refused.

* OrdersMonitorError
  x SettingsInvalid        an environment variable does not make sense; a person edits it
  x DeclarationInvalid     a table's YAML is wrong; a person edits it
  x ReleaseInvalid         the agent's release under prompts/ is wrong; a person edits it
  x SourceUnavailable      the upstream cannot be reached or refuses; tonight's data is unknown
  x StoreUnavailable       the journal or the lake cannot be reached; nothing was lost, nothing was published
  x StageMissing           a stage was asked for before the one it needs
  x PlanInapplicable       a plan names something that these bytes do not have, or would lose a value
  x BudgetExhausted        the run may not buy another request
  x ModelUnavailable       the model did not answer, or not as itself
  x BreakerOpen            something failed too often just now; it is left alone until a probe is allowed
  x ReplayDiverged         the same run played again is not the same: the code, the release or the data is another
  x ToolRefused            the only error that the model may read
  x ReviewRefused          a decision names something else than what waits
    x DecidedAlready       somebody else was first
    x AllowanceSpent       the policy has settled as much by itself as its team is allowed; a person decides
  x SigningRefused         a key that cannot sign, or a name that nobody vouches for
  x PublicationRefused     the gate did not say yes
  x RestoreRefused         there is no such version to give back, or its bytes are not what they were
  x ReconciliationRefused  a reservation that is not settled by hand
  x CalibrationRefused     there is too little history to learn from
  x NotDelivered           a message did not arrive, or may not have; it is tried again

What the *data* did is never an error: it is a value (a Missing, a TypeNarrowed, a failed expectation).
"""

from typing import Literal

from orders_monitor.core.times import said


class OrdersMonitorError(Exception):
    """Base class: catch this to catch everything we raise on purpose."""


class SettingsInvalid(OrdersMonitorError):
    """An environment variable does not make sense."""

    def __init__(self, *, variable: str, why: str) -> None:
        self.variable, self.why = variable, why
        super().__init__(f"{variable}: {why}")


class DeclarationInvalid(OrdersMonitorError):
    """A table's declaration is wrong; the message names file, line and field."""

    def __init__(self, *, path: str, field: str, why: str, line: int | None = None) -> None:
        self.path, self.line, self.field, self.why = path, line, field, why
        place = path if line is None else f"{path}:{line}"
        super().__init__(f"{place}: {field}: {why}")


class ReleaseInvalid(OrdersMonitorError):
    """The agent's release (prompts and settings) is wrong."""

    def __init__(self, *, path: str, why: str) -> None:
        self.path, self.why = path, why
        super().__init__(f"{path}: {why}")


class SourceUnavailable(OrdersMonitorError):
    """The upstream cannot be reached, or refuses."""

    def __init__(self, *, source: str, why: str) -> None:
        self.source, self.why = source, why
        super().__init__(f"source {source}: {why}")


class StoreUnavailable(OrdersMonitorError):
    """The journal or the lake cannot be reached or written."""

    def __init__(self, *, store: str, why: str) -> None:
        self.store, self.why = store, why
        super().__init__(f"{store}: {why}")


class StageMissing(OrdersMonitorError):
    """A stage was asked for before the one it needs."""

    def __init__(self, *, table: str, partition: str, stage: str) -> None:
        self.table, self.partition, self.stage = table, partition, stage
        super().__init__(f"{table} {partition}: no {stage} yet; materialize {table}/{stage} for this partition first")


class PlanInapplicable(OrdersMonitorError):
    """A plan, or a part of it, that cannot be applied to the landed bytes without losing or inventing something."""

    def __init__(self, *, why: str) -> None:
        self.why = why
        super().__init__(f"the plan cannot be applied to these bytes: {why}")


class BudgetExhausted(OrdersMonitorError):
    """The run may not buy another request."""

    def __init__(self, *, scope: str, wanted: int, remaining: int, unit: str) -> None:
        self.scope, self.wanted, self.remaining, self.unit = scope, wanted, remaining, unit
        super().__init__(f"budget of {scope}: wanted {wanted:,} {unit}, {remaining:,} remain")


class ModelUnavailable(OrdersMonitorError):
    """The model did not answer, did not answer as itself, or billed more than was possible."""

    def __init__(
        self, *, model: str, why: str, reason: Literal["unavailable", "impostor", "overbilled"] = "unavailable"
    ) -> None:
        self.model, self.why, self.reason = model, why, reason
        super().__init__(f"model {model}: {why}")


class BreakerOpen(OrdersMonitorError):
    """Something failed too often just now, and nobody tries it before a certain time (milliseconds since 1970)."""

    def __init__(self, *, zone: str, table: str, until_ms: int, why: str) -> None:
        self.zone, self.table, self.until_ms, self.why = zone, table, until_ms, why
        until = said(until_ms)
        super().__init__(f"the breaker of {table}'s {zone} is open ({why}); the next probe is allowed at {until}")


class ToolRefused(OrdersMonitorError):
    """A tool call that is not done; the message goes back to the model, so it holds nothing secret.

    `kind` is for the detectors: `reach` asked for something outside of the room, `limit` for too much of it.
    """

    def __init__(self, *, tool: str, why: str, kind: Literal["mistake", "reach", "limit"] = "mistake") -> None:
        self.tool, self.why, self.kind = tool, why, kind
        super().__init__(f"{tool}: {why}")


class ReplayDiverged(OrdersMonitorError):
    """A recorded run that is played again asks for something else than it did."""

    def __init__(self, *, step: int, what: str) -> None:
        self.step, self.what = step, what
        super().__init__(f"the replay leaves the record at step {step}: {what}")


class ReviewRefused(OrdersMonitorError):
    """A decision that is not recorded: it names another digest, another partition, or comes too late."""

    def __init__(self, *, table: str, partition: str, why: str) -> None:
        self.table, self.partition, self.why = table, partition, why
        super().__init__(f"{table} {partition}: {why}")


class DecidedAlready(ReviewRefused):
    """Somebody decided on this digest before: who, what and when."""

    def __init__(self, *, table: str, partition: str, why: str, reviewer: str, verdict: str, recorded_at: str) -> None:
        self.reviewer, self.verdict, self.recorded_at = reviewer, verdict, recorded_at
        super().__init__(table=table, partition=partition, why=why)


class AllowanceSpent(ReviewRefused):
    """The policy may settle no more by itself in this week or month."""


class SigningRefused(OrdersMonitorError):
    """A key that cannot sign, or a name that nobody vouches for."""

    def __init__(self, *, why: str) -> None:
        self.why = why
        super().__init__(why)


class PublicationRefused(OrdersMonitorError):
    """The gate did not say yes; nothing was written."""

    def __init__(self, *, table: str, partition: str, why: str) -> None:
        self.table, self.partition, self.why = table, partition, why
        super().__init__(f"{table} {partition}: not published: {why}")


class RestoreRefused(OrdersMonitorError):
    """An earlier version that cannot be given back; nothing was proposed."""

    def __init__(self, *, table: str, partition: str, why: str) -> None:
        self.table, self.partition, self.why = table, partition, why
        super().__init__(f"{table} {partition}: not restored: {why}")


class CalibrationRefused(OrdersMonitorError):
    """There is too little history to learn from, or to measure by."""

    def __init__(self, *, table: str, why: str) -> None:
        self.table, self.why = table, why
        super().__init__(f"{table}: {why}")


class ReconciliationRefused(OrdersMonitorError):
    """A reservation that is not settled by hand: settled already, never made, or for more than it could cost."""

    def __init__(self, *, key: tuple[str, int, int], why: str) -> None:
        self.key, self.why = key, why
        run_id, step, attempt = key
        super().__init__(f"run {run_id} step {step} attempt {attempt}: {why}")


class NotDelivered(OrdersMonitorError):
    """A message that did not arrive. `unclear`: it may have, the answer was lost. The text holds no address's secret.

    `alone`: only this message did not, for a setting or its recipient is not right; the channel is not to blame.
    """

    def __init__(self, *, channel: str, why: str, unclear: bool = False, alone: bool = False) -> None:
        self.channel, self.why, self.unclear, self.alone = channel, why, unclear, alone
        super().__init__(f"{channel}: {why}")
