"""Reserve before you spend: who pays, the caps on each scope, the ledger's entries, and the room that they leave.

An HTTP attempt is reserved at its worst case before it is sent and settled at its real cost after. An attempt whose
outcome is not known (a timeout) is never settled by itself: its reservation stays held until a person reconciles it.
Step 0 of a run is no attempt: it is what is held back so that the run can end with a last word.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from pydantic import Field

from orders_monitor.core.errors import BudgetExhausted
from orders_monitor.core.value import Value

# From the wide to the narrow: the order in which they are locked.
ScopeKind = Literal["team_month", "agent_month", "pipeline_day", "run"]
SCOPE_KINDS: tuple[ScopeKind, ...] = get_args(ScopeKind)
_NARROW_FIRST = SCOPE_KINDS[::-1]
Key = tuple[str, int, int]
HOLD = 0  # the step whose reservations are held back and never sent


class RunScope(Value):
    """Who runs. `retry` counts the earlier executions of the same step in the same run, whose entries stay."""

    run_id: str
    table: str
    partition: str
    team: str
    retry: int = Field(default=0, ge=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a cap is on: a run, or a table, agent or team within a period (a UTC day or month; a run has none)."""

    kind: ScopeKind
    name: str
    period: str

    @property
    def sentence(self) -> str:
        """How it is named in a sentence."""
        match self.kind:
            case "run":
                return f"run {self.name}"
            case "pipeline_day":
                return f"table {self.name} on {self.period}"
            case "agent_month":
                return f"agent {self.name} in {self.period}"
            case "team_month":
                return f"team {self.name} in {self.period}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """So many tokens and micro-dollars."""

    tokens: int
    micro_usd: int


class Cap(Value):
    """The most that may be held and spent of a scope."""

    tokens: int = Field(ge=0)
    micro_usd: int = Field(ge=0)


class Limits(Value):
    """The caps of every scope."""

    run: Cap
    pipeline_day: Cap
    agent_month: Cap
    team_month: Cap

    def cap(self, kind: ScopeKind) -> Cap:
        """The cap of that kind of scope."""
        cap: Cap = getattr(self, kind)
        return cap

    def within_run(self, cap: Cap) -> "Limits":
        """The same limits, the run's not above that cap: a release has a run budget of its own."""
        run = Cap(tokens=min(self.run.tokens, cap.tokens), micro_usd=min(self.run.micro_usd, cap.micro_usd))
        return self.model_copy(update={"run": run})


def month_of(day: str) -> str:
    """The month that a day is in."""
    return day[: len("2026-11")]


class Account(Value):
    """Who pays for a reservation that is made on `day` (UTC). The period is that of the moment, not the partition's."""

    run_id: str
    table: str
    team: str
    agent: str
    day: str

    @property
    def month(self) -> str:
        """The UTC month of the day."""
        return month_of(self.day)

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """The scopes that it is charged to, from the wide to the narrow."""
        return tuple(self.scope(kind) for kind in SCOPE_KINDS)

    def scope(self, kind: ScopeKind) -> Scope:
        """The scope of that kind that it is charged to."""
        match kind:
            case "team_month":
                return Scope(kind=kind, name=self.team, period=self.month)
            case "agent_month":
                return Scope(kind=kind, name=self.agent, period=self.month)
            case "pipeline_day":
                return Scope(kind=kind, name=self.table, period=self.day)
            case "run":
                return Scope(kind=kind, name=self.run_id, period="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What is left: the smallest remainder over all scopes in each currency, and whose it is."""

    tokens: int
    tokens_of: Scope
    micro_usd: int
    micro_usd_of: Scope


class Purchase(Value):
    """One HTTP attempt (or what a run holds back), before its amount is known. Its key is (run_id, step, attempt)."""

    run_id: str
    step: int = Field(ge=0)
    attempt: int = Field(ge=1)
    table: str
    partition: str
    team: str
    agent: str
    model: str
    release: str

    @property
    def key(self) -> Key:
        """What a settlement names."""
        return (self.run_id, self.step, self.attempt)

    def on(self, day: str) -> Account:
        """Who pays for it on that day."""
        return Account(run_id=self.run_id, table=self.table, team=self.team, agent=self.agent, day=day)


class Reservation(Purchase):
    """The worst that a purchase can cost, held since that UTC day."""

    day: str
    tokens: int = Field(ge=0)
    micro_usd: int = Field(ge=0)

    @property
    def account(self) -> Account:
        """Who pays for it, however late it is settled."""
        return self.on(self.day)


class Settlement(Value):
    """What a reserved attempt really cost; it takes the place of its reservation, in the period of the reservation."""

    run_id: str
    step: int = Field(ge=0)
    attempt: int = Field(ge=1)
    tokens: int = Field(ge=0)
    micro_usd: int = Field(ge=0)

    @property
    def key(self) -> Key:
        """The reservation that it closes."""
        return (self.run_id, self.step, self.attempt)


class RunSpend(Value):
    """The sum of the entries of a scope (most often a run).

    `reserved_*` is still held, `spent_*` is settled, `calls` counts HTTP attempts.
    """

    reserved_tokens: int = 0
    reserved_micro_usd: int = 0
    spent_tokens: int = 0
    spent_micro_usd: int = 0
    calls: int = 0

    @property
    def held_tokens(self) -> int:
        """Tokens that nobody else may reserve: settled, or still open."""
        return self.reserved_tokens + self.spent_tokens

    @property
    def held_micro_usd(self) -> int:
        """Micro-dollars that nobody else may reserve: settled, or still open."""
        return self.reserved_micro_usd + self.spent_micro_usd


Fit = Callable[[Room], Sequence[Amount]]


class Ledger(Protocol):
    """Where entries are kept. Several processes may write; each call is one transaction. Raises StoreUnavailable."""

    def reserve(
        self, *wanted: Purchase, limits: Limits, fit: Fit, settles: Sequence[Settlement] = ()
    ) -> tuple[Reservation, ...]:
        """Hold all of what is wanted (of one run), or nothing. Raises BudgetExhausted.

        `fit` is pure: it is given the room as it is in this transaction, and answers with one amount for each
        purchase, or raises BudgetExhausted. What is to be settled by then (`settles`: earlier attempts, and holds that
        are given up) is settled in the same transaction, before the room is looked at; or not, where it raises.
        The same key twice is a ValueError, never a free second request: a repeated send is another attempt.
        """
        ...

    def settle(self, *, run_id: str, step: int, attempt: int, tokens: int, micro_usd: int) -> None:
        """Replace the reservation with its real cost. The first settlement stays; a repeated one changes nothing.

        A settlement of something that was never reserved is a ValueError.
        """
        ...

    def spend(self, run_id: str) -> RunSpend:
        """What the run's entries add up to; all zero for a run without any."""
        ...


def require_room(room: Room, *amounts: Amount) -> None:
    """Raise BudgetExhausted unless all the amounts together fit, in both currencies."""
    tokens, micro_usd = sum(a.tokens for a in amounts), sum(a.micro_usd for a in amounts)
    if tokens > room.tokens:
        raise BudgetExhausted(scope=room.tokens_of.sentence, wanted=tokens, remaining=room.tokens, unit="tokens")
    if micro_usd > room.micro_usd:
        raise BudgetExhausted(
            scope=room.micro_usd_of.sentence, wanted=micro_usd, remaining=room.micro_usd, unit="micro-USD"
        )


def room_of(account: Account, *, limits: Limits, held: Mapping[ScopeKind, tuple[int, int]]) -> Room:
    """The room of an account, given what is held (tokens, micro-USD) of each scope; the narrower of two is named."""
    nothing = (0, 0)
    by_tokens = min(_NARROW_FIRST, key=lambda kind: limits.cap(kind).tokens - held.get(kind, nothing)[0])
    by_money = min(_NARROW_FIRST, key=lambda kind: limits.cap(kind).micro_usd - held.get(kind, nothing)[1])
    return Room(
        tokens=max(0, limits.cap(by_tokens).tokens - held.get(by_tokens, nothing)[0]),
        tokens_of=account.scope(by_tokens),
        micro_usd=max(0, limits.cap(by_money).micro_usd - held.get(by_money, nothing)[1]),
        micro_usd_of=account.scope(by_money),
    )
