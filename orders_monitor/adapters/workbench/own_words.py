"""What a query says of itself: the constants that it hands through to its answer. They are nobody's evidence.

`SELECT 0 AS broken` has an answer, and the answer is the asker's. What is counted, summed or found in rows is not
here, also where a literal takes part in it; so what a number means is still for who reads the query.
"""

from collections.abc import Iterator

from sqlglot import exp

from orders_monitor.adapters.workbench.allowlist import Refusal, parsed, written

# What only asks about rows, and hands nothing through.
_ASIDE = (exp.Exists, exp.Having, exp.In, exp.Join, exp.Qualify, exp.Where)
# What makes a number of its own of how many rows there are.
_COUNTS = (exp.Count, exp.CountIf, exp.Sum)
# What hands one of its arguments through as it is, or moved by it.
_HANDS_THROUGH = (
    *(exp.Alias, exp.Paren, exp.Cast, exp.TryCast, exp.Neg, exp.Add, exp.Sub, exp.Round, exp.Abs),
    *(exp.Coalesce, exp.Greatest, exp.Least, exp.Nullif, exp.If, exp.Case),
    *(exp.Max, exp.Min, exp.ArgMax, exp.ArgMin, exp.AnyValue, exp.FirstValue, exp.LastValue, exp.Median, exp.Mode),
)
# Of those, the argument that only says which or how.
_SAYS_WHICH: dict[type[exp.Expr], str] = {
    exp.Round: "decimals",
    exp.ArgMax: "expression",
    exp.ArgMin: "expression",
    exp.Case: "this",
    exp.If: "this",
}


def constants(sql: str) -> tuple[str, ...]:
    """Each constant that the query hands through, as SQL; none where it is no single SELECT."""
    try:
        selects = list(parsed(sql).find_all(exp.Select))
        answering = (select for select in selects if select.find_ancestor(*_ASIDE) is None)
        found = (node for select in answering for projection in select.expressions for node in _handed(projection))
        return tuple(dict.fromkeys(written(node) for node in found))
    except (Refusal, RecursionError):
        return ()


def _handed(node: exp.Expr) -> Iterator[exp.Expr]:
    """The constants in a value, the largest that are one."""
    if isinstance(node, exp.Window | exp.Filter):
        yield from _handed(node.this)
    elif isinstance(node, _COUNTS) or node.find(exp.Literal) is None:
        return
    elif node.find(exp.Column, exp.Star, exp.Query, exp.Window) is None:
        yield node.unalias()
    elif isinstance(node, _HANDS_THROUGH):
        values = [part for name, part in node.args.items() if name != _SAYS_WHICH.get(type(node))]
        for part in [each for value in values for each in (value if isinstance(value, list) else [value])]:
            if isinstance(part, exp.Expr) and not isinstance(part, exp.Query):
                yield from _handed(part)
