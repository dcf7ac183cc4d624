"""How a contract's column is computed from a landed one, and which values that would lose.

A cast may not round, cut or empty anything in silence: money would change and nobody would know. Every computed
column comes with an SQL condition that is true for the values that do not survive.
"""

from dataclasses import dataclass

from orders_monitor.adapters.engine.types import decimal_size, family, widest_decimal
from orders_monitor.core.errors import PlanInapplicable

_EXACT = ("integer", "decimal")


@dataclass(frozen=True, slots=True)
class Computed:
    """SQL of a value of type `type`, and SQL that is true where a landed value would be lost (None: never)."""

    sql: str
    type: str
    lost: str | None


def as_landed(sql: str, *, type_name: str) -> Computed:
    """The landed column as it is."""
    return Computed(sql=sql, type=type_name, lost=None)


def cast(sql: str, *, was: str, now: str) -> Computed:
    """The landed column as another type; both types in DuckDB's spelling."""
    value = f"TRY_CAST({sql} AS {now})"
    return Computed(sql=value, type=now, lost=_lost(sql, f"{value} IS NULL OR {_differs(sql, value, was, now)}"))


def divided(sql: str, *, was: str, now: str, by: int) -> Computed:
    """The landed number divided by a whole factor, exactly. Raises PlanInapplicable for what is not a number."""
    if family(was) not in (*_EXACT, "floating") or family(now) not in (*_EXACT, "floating"):
        raise PlanInapplicable(why=f"a {was} cannot be divided by {by} to give a {now}")
    value = f"TRY_CAST(CAST({sql} AS DOUBLE) / {by} AS {now})"
    if family(now) == "floating":
        return Computed(sql=value, type=now, lost=_lost(sql, f"{value} IS NULL"))
    # The quotient goes through a DOUBLE; multiplying it back exactly proves that nothing was rounded on the way.
    scale = max(decimal_size(now)[1], decimal_size(was)[1] if family(was) in _EXACT else 0)
    back = f"TRY_CAST({value} AS DECIMAL(38,{scale})) * {by}"
    whole = f"TRY_CAST({sql} AS DECIMAL(38,{scale}))" if family(was) in _EXACT else sql
    same = back if family(was) in _EXACT else f"TRY_CAST({back} AS {was})"
    return Computed(sql=value, type=now, lost=_lost(sql, f"{value} IS NULL OR {same} IS DISTINCT FROM {whole}"))


def _lost(sql: str, what: str) -> str:
    return f"({sql} IS NOT NULL AND ({what}))"


def _differs(sql: str, value: str, was: str, now: str) -> str:
    if family(now) == "text":
        return "false"
    if family(was) not in ("text", "other"):
        return f"TRY_CAST({value} AS {was}) IS DISTINCT FROM {sql}"
    if family(now) in _EXACT:
        # A text has no round trip ('7.50' comes back as '7.5'): it is read once more with every digit kept.
        wide = widest_decimal(now)
        return f"TRY_CAST({sql} AS {wide}) IS DISTINCT FROM TRY_CAST({value} AS {wide})"
    if now == "DATE":
        return f"TRY_CAST({sql} AS TIMESTAMP) IS DISTINCT FROM CAST({value} AS TIMESTAMP)"
    return "false"
