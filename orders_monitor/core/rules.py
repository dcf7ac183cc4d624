"""What held on every earlier day, or nearly: relations between the columns of a table, learned and not declared.

A rule is about rows (a row breaks it or not) or about the whole partition (it is a number of that day). What a row
should look like given another column of it finds what no statistic of one column can. No rule names a value: what was
seen on earlier days is in the partitions' memories, by hash.
"""

from abc import abstractmethod
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import quote

from pydantic import Field, model_validator

from orders_monitor.core.value import Value, digest_of

FacetKind = Literal["value", "format", "sign", "missing"]


class _Rule(Value):
    """`ordinary` is the share of rows, 0 to 1, that broke it on the days that it was learned from."""

    ordinary: float = Field(default=0.0, ge=0, le=1)
    says: ClassVar[str] = ""
    is_number: ClassVar[bool] = False

    @property
    def id(self) -> str:
        """Stable and readable: the kind, then the columns. What could be read as a separator is percent-encoded."""
        return ":".join([self._named(), *(quote(part, safe=" ") for part in self.about())])

    @property
    def metric(self) -> str:
        """The name of its number among a partition's measures."""
        return self.id if self.is_number else f"broken:{self.id}"

    @property
    def sentence(self) -> str:
        """What it says, for a person."""
        return self.says.format(**self._words())

    @abstractmethod
    def about(self) -> tuple[str, ...]:
        """The columns, the one that is judged first."""

    def _named(self) -> str:
        return str(self._words()["kind"])

    def _words(self) -> dict[str, Any]:
        return dict(self)


class _OfOne(_Rule):
    column: str

    def about(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)


class _OfTwo(_Rule):
    """`given` is the column whose value says what `column` should be."""

    column: str
    given: str

    def about(self) -> tuple[str, ...]:
        """The column that is judged, then the one that says how."""
        return (self.column, self.given)


class _OfMany(_Rule):
    columns: tuple[str, ...] = Field(min_length=1)

    def about(self) -> tuple[str, ...]:
        """The columns of the key."""
        return self.columns

    def _words(self) -> dict[str, Any]:
        return dict(self) | {"columns": " and ".join(repr(column) for column in self.columns)}


# Rules about rows


class RowRepeats(_Rule):
    """The row repeats an earlier one of its partition in every column."""

    kind: Literal["row_repeats"] = "row_repeats"
    says: ClassVar[str] = "no row repeats an earlier one"

    def about(self) -> tuple[str, ...]:
        """No column: all of them."""
        return ()


class KeyRepeats(_OfMany):
    """The key, declared or found, was on an earlier row of the partition."""

    kind: Literal["repeats"] = "repeats"
    says: ClassVar[str] = "{columns} name one row of a day"


class SeenBefore(_OfMany):
    """The key was on an earlier day: a row was delivered again. Judged on a sample of the keys, by their hash."""

    kind: Literal["again"] = "again"
    says: ClassVar[str] = "a value of {columns} does not come back on a later day"


class Missing(_OfTwo):
    """No value, where other rows of the same group on the same day have one."""

    kind: Literal["missing"] = "missing"
    says: ClassVar[str] = "where one row of a {given!r} has {column!r}, all of them have it"


class Differs(_OfTwo):
    """Another value than most rows of the same group on the same day have."""

    kind: Literal["differs"] = "differs"
    says: ClassVar[str] = "the rows of one {given!r} agree about {column!r}"


class Unlike(_OfTwo):
    """A value (or none) that this item never had on earlier days, though the item is known."""

    kind: Literal["unlike"] = "unlike"
    says: ClassVar[str] = "{column!r} is one that its {given!r} had on earlier days"


class Usual(_OfTwo):
    """A number more than `factor` times away from what the item had on earlier days."""

    kind: Literal["usual"] = "usual"
    factor: float = Field(gt=1)
    says: ClassVar[str] = "{column!r} is within {factor:.3g} times what its {given!r} usually has"


class OutOfRange(_OfOne):
    """A number further outside of all earlier values than `margin` times their span."""

    kind: Literal["range"] = "range"
    margin: float = Field(default=0.5, ge=0)
    says: ClassVar[str] = "{column!r} is at most {margin:.0%} outside of its range on all earlier days"


class Facet(Value):
    """One thing to see about a value: itself, its sign, whether there is one, or which of the `formats` it has.

    `formats` are regular expressions (RE2) over the whole text, the most frequent first.
    """

    kind: FacetKind
    column: str
    formats: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As in an id."""
        return f"{self.kind}({quote(self.column, safe=' ')})"

    @property
    def sentence(self) -> str:
        """As in a sentence."""
        return f"{self.column!r}" if self.kind == "value" else f"the {self.kind} of {self.column!r}"


class Odd(_Rule):
    """A facet that earlier rows never had, or fewer than `below` of them, alone or among those with the same `given`.

    With `below` 0 it must never have been seen.
    """

    kind: Literal["odd"] = "odd"
    facet: Facet
    given: Facet | None = None
    below: float = Field(default=0.0, ge=0, lt=1)
    says: ClassVar[str] = "{facet.sentence} {seen} on earlier days{among}"

    @property
    def id(self) -> str:
        """The kind (never or rare), then the facets."""
        given = "" if self.given is None else f"|{self.given.name}"
        return f"{'never' if self.below == 0 else 'rare'}:{self.facet.name}{given}"

    def about(self) -> tuple[str, ...]:
        """The column that is judged, then the one that says how."""
        return (self.facet.column, *(() if self.given is None else (self.given.column,)))

    def _words(self) -> dict[str, Any]:
        seen = "was seen" if self.below == 0 else f"was that of at least {self.below:.1%} of the rows"
        return dict(self) | {"seen": seen, "among": "" if self.given is None else f" beside {self.given.sentence}"}


class OutsideDay(_OfOne):
    """A time outside of the day: not from `low_s` to `high_s` seconds after the partition's midnight in UTC."""

    kind: Literal["day"] = "day"
    low_s: float
    high_s: float
    says: ClassVar[str] = "{column!r} lies from {low_h:.3g} h to {high_h:.3g} h after the day began"

    def _words(self) -> dict[str, Any]:
        return dict(self) | {"low_h": self.low_s / 3600, "high_h": self.high_s / 3600}


class NotProduct(_OfOne):
    """Not the product of `factors` (times one minus `less`), give or take `slack` in the column's own unit."""

    kind: Literal["product"] = "product"
    factors: tuple[str, ...] = Field(min_length=1)
    less: str | None = None
    slack: float = Field(ge=0)
    says: ClassVar[str] = "{column!r} = {product}"

    def about(self) -> tuple[str, ...]:
        """The product, then the factors."""
        return (self.column, *self.factors, *(() if self.less is None else (self.less,)))

    def _words(self) -> dict[str, Any]:
        less = "" if self.less is None else f" x (1 - {self.less!r})"
        return dict(self) | {"product": " x ".join(repr(factor) for factor in self.factors) + less}


class NotInOrder(_OfTwo):
    """`column` is before `given`, though it should not be."""

    kind: Literal["order"] = "order"
    says: ClassVar[str] = "{column!r} is not before {given!r}"


class Damaged(_OfOne):
    """A text with what a wrong encoding leaves: UTF-8 read as Latin-1, replacement or control characters."""

    kind: Literal["damaged"] = "damaged"
    says: ClassVar[str] = "{column!r} has no characters that a wrong encoding leaves"


class Untrimmed(_OfOne):
    """A text that begins or ends with white space."""

    kind: Literal["untrimmed"] = "untrimmed"
    says: ClassVar[str] = "{column!r} neither begins nor ends with white space"


# Rules about the partition: their metric is a number of the day


class HoursEmpty(_OfOne):
    """The share of the usual hours (those with rows on nine days in ten) in which no time of the column lies."""

    kind: Literal["hours_empty"] = "hours_empty"
    says: ClassVar[str] = "every usual hour has rows by {column!r}"


class Vanished(_OfOne):
    """The number of values that had rows on nearly every earlier day and have none now."""

    kind: Literal["vanished"] = "vanished"
    says: ClassVar[str] = "every usual value of {column!r} is there"


class Level(_OfTwo):
    """The logarithm of the median ratio of a number to its item's usual one: a price index that ignores the mix."""

    kind: Literal["level"] = "level"
    is_number: ClassVar[bool] = True
    says: ClassVar[str] = "{column!r} is on the level that each {given!r} usually has"


class TopShare(_OfOne):
    """The share of the rows with a value that have the most frequent one (a default that spreads)."""

    kind: Literal["top_share"] = "top_share"
    is_number: ClassVar[bool] = True
    says: ClassVar[str] = "the most frequent value of {column!r} has its usual share"


class RowsPer(_OfOne):
    """The rows of the partition per different value of the column (lines per order)."""

    kind: Literal["rows_per"] = "rows_per"
    is_number: ClassVar[bool] = True
    says: ClassVar[str] = "a {column!r} has its usual number of rows"


AboutPartition = HoursEmpty | Vanished | Level | TopShare | RowsPer
AboutRows = (
    RowRepeats | KeyRepeats | SeenBefore | Missing | Differs | Unlike | Usual | OutOfRange | Odd | OutsideDay
    | NotProduct | NotInOrder | Damaged | Untrimmed
)  # fmt: skip  # a set of kinds, not a column of them
Rule = Annotated[AboutRows | AboutPartition, Field(discriminator="kind")]


class Rules(Value):
    """What was learned from so many days; `digest` names it."""

    rules: tuple[Rule, ...] = ()
    days: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _ids_differ(self) -> "Rules":
        ids = [rule.id for rule in self.rules]
        if len(set(ids)) < len(ids):
            raise ValueError("two rules have the same id")
        return self

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the rules, 64 hexadecimal characters."""
        return digest_of(self)

    def about_rows(self) -> Iterator[AboutRows]:
        """The rules that a row can break."""
        return (rule for rule in self.rules if not isinstance(rule, AboutPartition))


class Reason(Value):
    """Why a row is flagged: a rule that it breaks, and how much that says (natural logarithms of odds)."""

    rule: str
    evidence: float


class FlaggedRow(Value):
    """One suspicious row: its number in the file from 0, and its reasons, the strongest first.

    `score` sums the evidence of the reasons that do not say the same. No value of the row is in it.
    """

    row: int = Field(ge=0)
    score: float
    reasons: tuple[Reason, ...]
